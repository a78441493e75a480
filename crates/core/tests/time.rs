//! Points in time.

use std::time::{Duration, SystemTime};

use bearward_core::UnixTime;

#[test]
fn a_point_in_time_is_seconds_and_fractions() {
    let time = UnixTime::from_secs(5);
    assert_eq!(time.as_secs(), 5);
    assert_eq!(time, UnixTime::from_duration(Duration::from_secs(5)));
    let half = UnixTime::from_duration(Duration::from_millis(5_999));
    assert_eq!(half.as_secs(), 5);
    assert!(half > time);
    assert_eq!(UnixTime::default(), UnixTime::from_secs(0));
    assert_eq!(UnixTime::MAX.as_secs(), 253_402_300_799);
}

#[test]
fn later_and_earlier_stop_at_the_ends() {
    let time = UnixTime::from_secs(5);
    assert_eq!(time.plus(Duration::from_secs(3)), UnixTime::from_secs(8));
    assert_eq!(time.minus(Duration::from_secs(3)), UnixTime::from_secs(2));
    assert_eq!(time.minus(Duration::from_secs(5)), UnixTime::default());
    assert_eq!(time.minus(Duration::from_secs(6)), UnixTime::default());
    let end = time.plus(Duration::MAX);
    assert_eq!(end, UnixTime::from_duration(Duration::MAX));
}

#[test]
fn how_long_ago() {
    let earlier = UnixTime::from_secs(5);
    let later = UnixTime::from_secs(8);
    assert_eq!(later.since(earlier), Some(Duration::from_secs(3)));
    assert_eq!(later.since(later), Some(Duration::ZERO));
    assert_eq!(earlier.since(later), None);
}

#[test]
fn the_system_clock_counts_from_1970() {
    let epoch = SystemTime::UNIX_EPOCH;
    let since = Duration::from_millis(1_700_000_000_250);
    assert_eq!(
        UnixTime::from(epoch + since),
        UnixTime::from_duration(since)
    );
    assert_eq!(UnixTime::from(epoch), UnixTime::default());
    assert_eq!(UnixTime::from(epoch - since), UnixTime::default());
}
