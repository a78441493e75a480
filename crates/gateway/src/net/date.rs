//! The `Date` of answers ([RFC 9110 §6.6.1]), according to the current clock.
//!
//! hyper adds a date at almost no cost, but caches the latest it wrote. If the clock is set back by an
//! hour, its answers would be dated in the future for an hour. This module dates them then.
//!
//! [RFC 9110 §6.6.1]: https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{DATE, Entry};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

thread_local! {
    /// The last second that was formatted, and its value.
    static LAST: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
}

/// The latest second of the clock, in Unix time.
static LATEST: AtomicU64 = AtomicU64::new(0);

/// Adds a date to an answer that has none, unless hyper's will be right.
pub(crate) fn add(headers: &mut HeaderMap) {
    add_at(headers, SystemTime::now(), &LATEST);
}

fn add_at(headers: &mut HeaderMap, now: SystemTime, latest: &AtomicU64) {
    let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let known = latest.load(Ordering::Relaxed);
    if second >= known {
        // Written once a second: every answer reads it.
        if second > known {
            latest.fetch_max(second, Ordering::Relaxed);
        }
        return;
    }
    if let Entry::Vacant(date) = headers.entry(DATE)
        && let Some(value) = value(second)
    {
        date.insert(value);
    }
}

/// `None` if no date can express the clock's time; hyper then adds its own value.
fn value(second: u64) -> Option<HeaderValue> {
    LAST.with_borrow_mut(|last| {
        if let Some((of, value)) = last
            && *of == second
        {
            return Some(value.clone());
        }
        let at = Timestamp::from_second(i64::try_from(second).ok()?).ok()?;
        let text = DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&at)
            .ok()?;
        let value = HeaderValue::try_from(text).ok()?;
        *last = Some((second, value.clone()));
        Some(value)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use http::header::DATE;
    use http::{HeaderMap, HeaderValue};

    use super::add_at;

    /// The date added at `now`, after answers up to `latest`.
    fn date_at(now: SystemTime, latest: &AtomicU64) -> Option<String> {
        let mut headers = HeaderMap::new();
        add_at(&mut headers, now, latest);
        let date = headers.get(DATE)?;
        Some(date.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_date_follows_the_clock_back() {
        let latest = AtomicU64::new(0);
        let noon = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(date_at(noon, &latest), None);
        let next = noon + Duration::from_secs(1);
        assert_eq!(date_at(next, &latest), None);
        let date = |now| date_at(now, &latest).unwrap();
        assert_eq!(date(noon), "Sun, 06 Nov 1994 08:49:37 GMT");
        let within = noon + Duration::from_millis(999);
        assert_eq!(date(within), "Sun, 06 Nov 1994 08:49:37 GMT");
        let set_back = noon - Duration::from_secs(3600);
        assert_eq!(date(set_back), "Sun, 06 Nov 1994 07:49:37 GMT");
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(date(before), "Thu, 01 Jan 1970 00:00:00 GMT");
        // Until the clock has caught up.
        assert_eq!(date_at(next, &latest), None);
    }

    #[test]
    fn an_application_says_itself_when_it_answered() {
        let theirs = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        let mut headers = HeaderMap::from_iter([(DATE, theirs.clone())]);
        add_at(&mut headers, UNIX_EPOCH, &AtomicU64::new(1));
        assert_eq!(headers.get_all(DATE).iter().collect::<Vec<_>>(), [&theirs]);
    }
}
