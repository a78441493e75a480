//! A limit on lines that anyone can cause: a flood of them would fill the disk and hide what matters.

use std::time::{Duration, Instant};

/// Limits the lines per second. The caller passes the time.
#[derive(Debug, Default)]
pub(super) struct Limit {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Limit {
    /// Whether one more may be written now, and how many were left out in earlier seconds.
    pub(super) fn take(&mut self, now: Instant) -> (bool, u64) {
        let before = self.flush(now);
        if self.since.is_none() {
            self.since = Some(now);
        }
        if self.written < LINES {
            self.written = self.written.saturating_add(1);
            return (true, before);
        }
        self.left_out = self.left_out.saturating_add(1);
        (false, before)
    }

    /// Starts again once the second is over, and returns how many were left out in it.
    pub(super) fn flush(&mut self, now: Instant) -> u64 {
        let is_over = |since: Instant| now.saturating_duration_since(since) >= SECOND;
        if !self.since.is_some_and(is_over) {
            return 0;
        }
        let left_out = self.left_out;
        *self = Self::default();
        left_out
    }
}

/// Enough to see what goes on; at 200 bytes a line it is 20 KB a second.
const LINES: u32 = 100;

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{LINES, Limit};

    #[test]
    fn t_dos_06_a_flood_is_cut_off_and_its_size_told() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut limit = Limit::default();
        for _ in 0..LINES {
            assert_eq!(limit.take(start), (true, 0));
        }
        for _ in 0..7 {
            assert_eq!(limit.take(after(999)), (false, 0));
        }
        assert_eq!(limit.flush(after(999)), 0);
        // The next second: they are reported once, and lines are written again.
        assert_eq!(limit.take(after(1000)), (true, 7));
        assert_eq!(limit.take(after(1001)), (true, 0));
    }

    #[test]
    fn t_dos_06_the_end_of_a_flood_is_told_without_another_line() {
        let start = Instant::now();
        let mut limit = Limit::default();
        for _ in 0..=LINES {
            limit.take(start);
        }
        let later = start + Duration::from_secs(60);
        assert_eq!(limit.flush(later), 1);
        assert_eq!(limit.flush(later), 0);
    }
}
