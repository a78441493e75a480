//! Points in time: NumericDate ([RFC 7519 §2]).
//!
//! Core has no clock: the caller passes the time. There is no conversion to calendar dates.
//!
//! [RFC 7519 §2]: https://www.rfc-editor.org/rfc/rfc7519#section-2

use std::time::{Duration, SystemTime};

/// A point in time: seconds and fractions since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(Duration);

impl UnixTime {
    /// The last point a NumericDate may name: 9999-12-31T23:59:59Z, the end of RFC 3339's calendar.
    pub const MAX: Self = Self(Duration::from_secs(253_402_300_799));

    /// The point `seconds` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The point `since` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_duration(since: Duration) -> Self {
        Self(since)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }

    /// The point `by` later.
    #[must_use]
    pub const fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// The point `by` earlier, at the earliest 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }

    /// How long ago `earlier` was; `None` if it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0)
    }
}

impl From<SystemTime> for UnixTime {
    /// A clock set before 1970 counts as 1970: every token is then "not yet valid", none is valid.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        Self(since.unwrap_or_default())
    }
}
