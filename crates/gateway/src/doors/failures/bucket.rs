//! A bucket that fills up by itself: how many of something there may be at once, and how many more as
//! time passes. A rule without state: a bucket's state is the time at which it is full.

use std::time::Duration;

/// The size of a bucket, and how fast it fills. All times are nanoseconds since the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// From one to the next.
    interval: u64,
    /// From an empty bucket to a full one.
    period: u64,
}

impl Bucket {
    /// A bucket of `count`, which is full again `period` after it was empty. Both are at least 1.
    pub(super) fn new(count: u32, period: Duration) -> Self {
        let count = u64::from(count.max(1));
        let interval = nanos(period).checked_div(count).unwrap_or_default().max(1);
        Self {
            interval,
            period: interval.saturating_mul(count),
        }
    }

    /// Whether nothing is left in a bucket that will be full at `full_at`.
    pub(super) const fn is_empty(self, full_at: u64, now: u64) -> bool {
        let missing = full_at.saturating_sub(now);
        missing > self.period.saturating_sub(self.interval)
    }

    /// Takes one. Returns when the bucket is full then; `None` if it is empty.
    pub(super) const fn take(self, full_at: u64, now: u64) -> Option<u64> {
        match self.is_empty(full_at, now) {
            true => None,
            false => Some(self.drain(full_at, now)),
        }
    }

    /// Takes one, or what is left if that is less.
    pub(super) const fn drain(self, full_at: u64, now: u64) -> u64 {
        let full_at = if full_at > now { full_at } else { now };
        let (after, empty) = (
            full_at.saturating_add(self.interval),
            now.saturating_add(self.period),
        );
        if after < empty { after } else { empty }
    }

    /// Gives one back.
    pub(super) const fn give_back(self, full_at: u64) -> u64 {
        full_at.saturating_sub(self.interval)
    }

    /// How long until there is one to take.
    pub(super) const fn next_in(self, full_at: u64, now: u64) -> Duration {
        let missing = full_at.saturating_sub(now);
        let allowed = self.period.saturating_sub(self.interval);
        Duration::from_nanos(missing.saturating_sub(allowed))
    }
}

/// As nanoseconds: enough for five centuries.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::arithmetic_side_effects,
        reason = "an overflow in a test is a failed test"
    )]

    use std::time::Duration;

    use proptest::prelude::*;

    use super::Bucket;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn t_dos_03_a_bucket_has_its_count_and_then_one_for_each_interval() {
        let bucket = Bucket::new(4, Duration::from_secs(8));
        let mut full_at = 0;
        for _ in 0..4 {
            full_at = bucket.take(full_at, 0).unwrap();
        }
        assert_eq!(bucket.take(full_at, 0), None);
        assert_eq!(bucket.next_in(full_at, 0), Duration::from_secs(2));
        assert_eq!(bucket.take(full_at, 2 * SECOND - 1), None);
        let next = bucket.take(full_at, 2 * SECOND).unwrap();
        assert_eq!(bucket.take(next, 2 * SECOND), None);
        assert_eq!(bucket.next_in(full_at, 2 * SECOND), Duration::ZERO);
        // Full again, and no fuller.
        let mut full_at = next;
        for _ in 0..4 {
            full_at = bucket.take(full_at, 100 * SECOND).unwrap();
        }
        assert_eq!(bucket.take(full_at, 100 * SECOND), None);
        let returned = bucket.give_back(full_at);
        assert!(bucket.take(returned, 100 * SECOND).is_some());
    }

    #[test]
    fn t_dos_03_draining_an_empty_bucket_keeps_it_empty_no_longer_than_its_period() {
        let bucket = Bucket::new(3, Duration::from_secs(3));
        let mut full_at = 0;
        for _ in 0..1000 {
            full_at = bucket.drain(full_at, SECOND);
        }
        assert_eq!(full_at, 4 * SECOND);
        assert!(bucket.is_empty(full_at, SECOND));
        assert!(!bucket.is_empty(full_at, 2 * SECOND));
    }

    proptest! {
        /// Whatever the times: as many as the bucket has, and what comes in while it is used.
        #[test]
        fn t_dos_03_no_more_can_be_taken_than_the_bound(
            count in 1_u32..50,
            period in 1_u64..100_000,
            steps in proptest::collection::vec(0_u64..2_000, 1..400),
        ) {
            let bucket = Bucket::new(count, Duration::from_nanos(period));
            let (mut now, mut full_at, mut taken) = (1_000, 0, 0);
            for step in steps {
                now += step;
                if let Some(after) = bucket.take(full_at, now) {
                    full_at = after;
                    taken += 1;
                }
                prop_assert!(full_at <= now + bucket.period);
            }
            let bound = u64::from(count) + (now - 1_000) / bucket.interval;
            prop_assert!(taken <= bound, "{taken} > {bound}");
        }

        /// Who waits as long as it is asked to finds one.
        #[test]
        fn t_dos_12_after_the_time_of_next_in_there_is_one(
            count in 1_u32..50,
            period in 1_u64..100_000,
            drained in 0_u32..200,
        ) {
            let bucket = Bucket::new(count, Duration::from_nanos(period));
            let full_at = (0..drained).fold(0, |full_at, _| bucket.drain(full_at, 5));
            let wait = u64::try_from(bucket.next_in(full_at, 5).as_nanos()).unwrap();
            prop_assert!(bucket.take(full_at, 5 + wait).is_some());
        }
    }
}
