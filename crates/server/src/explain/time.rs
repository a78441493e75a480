//! Points in time for a person: ISO 8601 in UTC, and the distance from now.

use std::time::Duration;

use bearward_core::UnixTime;
use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

/// `2023-11-14T22:13:20Z`.
#[must_use]
pub fn iso(time: UnixTime) -> String {
    // As a civil time: jiff's timestamps end some hours before the year 9999 does.
    let since = i64::try_from(time.as_secs()).map(SignedDuration::from_secs);
    let civil = since.ok().and_then(|since| EPOCH.checked_add(since).ok());
    match civil {
        Some(civil) => format!("{civil}Z"),
        None => format!("{} s after 1970", time.as_secs()),
    }
}

/// `in 29 min`, `5 min ago` or `now`.
#[must_use]
pub fn relative(time: UnixTime, now: UnixTime) -> String {
    match (now.since(time), time.since(now)) {
        (Some(ago), _) if ago.as_secs() > 0 => format!("{} ago", length(ago)),
        (_, Some(ahead)) if ahead.as_secs() > 0 => format!("in {}", length(ahead)),
        _ => "now".to_owned(),
    }
}

/// A duration in the largest unit of which it has at least two, rounded down.
#[must_use]
pub fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let in_unit = |(size, name): &(u64, &'static str)| Some((seconds.checked_div(*size)?, *name));
    let mut lengths = UNITS.iter().filter_map(in_unit);
    let (count, name) = lengths
        .find(|(count, _)| *count >= 2)
        .unwrap_or((seconds, "s"));
    format!("{count} {name}")
}

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// Seconds of each unit, the largest first. Years occur in tokens that use milliseconds.
const UNITS: [(u64, &str); 4] = [
    (31_557_600, "years"),
    (86_400, "days"),
    (3600, "h"),
    (60, "min"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_iso_8601_in_utc() {
        assert_eq!(iso(UnixTime::from_secs(0)), "1970-01-01T00:00:00Z");
        assert_eq!(
            iso(UnixTime::from_secs(1_700_000_000)),
            "2023-11-14T22:13:20Z"
        );
        assert_eq!(
            iso(UnixTime::from_secs(1_709_164_800)),
            "2024-02-29T00:00:00Z"
        );
        assert_eq!(iso(UnixTime::MAX), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn distances_have_one_unit() {
        let now = UnixTime::from_secs(1_000_000_000);
        for (seconds, length) in [
            (1, "1 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (172_800, "2 days"),
            (63_115_200, "2 years"),
        ] {
            let by = Duration::from_secs(seconds);
            assert_eq!(relative(now.plus(by), now), format!("in {length}"));
            assert_eq!(relative(now.minus(by), now), format!("{length} ago"));
        }
        assert_eq!(relative(now, now), "now");
    }
}
