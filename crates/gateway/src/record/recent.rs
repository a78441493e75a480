//! The requests that were refused lately, or failed: an operator who has the id of one asks the admin listener.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::lock::lock;

/// The last lines of the access log about requests that were refused or failed, as JSON.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    id: Box<str>,
    line: Vec<u8>,
}

impl Recent {
    /// Forgets all of them.
    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    pub(super) fn keep(&self, id: &str, line: Vec<u8>) {
        let kept = Kept {
            id: id.into(),
            line,
        };
        let mut lines = lock(&self.0);
        if lines.len() >= KEPT {
            lines.pop_front();
        }
        lines.push_back(kept);
    }

    /// The lines about the requests with this id: a proxy may send the same one more than once.
    pub(crate) fn find(&self, id: &str) -> Vec<serde_json::Value> {
        let lines = lock(&self.0);
        let lines = lines.iter().filter(|kept| *kept.id == *id);
        let parsed = lines.filter_map(|kept| serde_json::from_slice(&kept.line).ok());
        parsed.collect()
    }
}

/// Ten seconds of the most refusals that the log writes. A line has some 300 bytes, and at most 3 KiB.
const KEPT: usize = 1000;

#[cfg(test)]
mod tests {
    use super::{KEPT, Recent};

    #[test]
    fn t_dos_05_the_oldest_line_makes_room() {
        let recent = Recent::default();
        for number in 0..=KEPT {
            let line = format!("{{\"number\":{number}}}\n");
            recent.keep(&number.to_string(), line.into_bytes());
        }
        assert!(recent.find("0").is_empty());
        assert_eq!(recent.find("1")[0]["number"], 1);
        assert_eq!(recent.find(&KEPT.to_string()).len(), 1);
        recent.keep("7", b"{}".to_vec());
        assert_eq!(recent.find("7").len(), 2);
        assert!(recent.find("").is_empty());
        recent.clear();
        assert!(recent.find("7").is_empty());
    }
}
