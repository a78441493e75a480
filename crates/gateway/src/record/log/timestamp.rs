//! The time of a line, as `tracing-subscriber` writes it: RFC 3339 in UTC, with microseconds.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Up to the second, `2026-11-29T00:41:57`.
type Second = [u8; 19];

thread_local! {
    /// The calendar is computed once a second.
    static LAST: Cell<(u64, Second)> = const { Cell::new((0, *b"1970-01-01T00:00:00")) };
}

/// Appends the time. Times before 1970 or after 9999 are written as 1970.
pub(super) fn write(to: &mut Vec<u8>, now: SystemTime) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (mut second, mut text) = LAST.get();
    if second != since.as_secs() {
        second = since.as_secs();
        text = format(second);
        LAST.set((second, text));
    }
    to.extend_from_slice(&text);
    to.push(b'.');
    let micros = since.subsec_micros();
    for place in [100_000, 10_000, 1_000, 100, 10, 1] {
        let digit = micros.checked_div(place).unwrap_or_default() % 10;
        to.push(b'0'.saturating_add(u8::try_from(digit).unwrap_or_default()));
    }
    to.push(b'Z');
}

fn format(second: u64) -> Second {
    let second = i64::try_from(second).unwrap_or_default();
    let at = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
    let text = at.to_string();
    let text = text.as_bytes().first_chunk();
    text.copied().unwrap_or(*b"1970-01-01T00:00:00")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn it_is_rfc_3339_with_microseconds() {
        let written = |seconds, nanos| {
            let mut to = Vec::new();
            super::write(&mut to, UNIX_EPOCH + Duration::new(seconds, nanos));
            String::from_utf8(to).unwrap()
        };
        for (seconds, nanos, expected) in [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (1_700_000_000, 123_456_789, "2023-11-14T22:13:20.123456Z"),
            (1_700_000_000, 999_999_999, "2023-11-14T22:13:20.999999Z"),
            (1_709_210_096, 1_000, "2024-02-29T12:34:56.000001Z"),
            (0, 20_000_000, "1970-01-01T00:00:00.020000Z"),
            (253_402_207_200, 0, "9999-12-30T22:00:00.000000Z"),
            (u64::MAX / 4, 0, "1970-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(written(seconds, nanos), expected);
        }
    }
}
