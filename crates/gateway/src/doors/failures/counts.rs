//! The failures of many clients in little memory: a table of fixed size.
//!
//! Readers take no lock, and only a failure writes. A client that is not in the table has no failures,
//! so good clients never need room in it. If all places that a client may have are taken, it gets the
//! place of the one with the fewest failures, *and these failures*: a flood from more addresses than
//! there are places cannot make any of them begin again at zero. A client that inherits too many is
//! below its limit again as soon as one failure is forgiven.

use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::lock::lock;

use super::super::client::Client;
use super::bucket::Bucket;

/// How many clients can have failures at a time.
const CLIENTS: usize = 4096;

/// How many of these places a client may have: those of one set.
const WAYS: usize = 8;

/// The counts of clients.
#[derive(Debug)]
pub(super) struct Counts {
    sets: Box<[[Count; WAYS]]>,
    /// Clients may not choose their set, or that of others.
    names: RandomState,
    /// Held while a failure is counted.
    writing: Mutex<()>,
    /// What is left of the checks that all clients over their limit share.
    pub(super) shared_checks: Level,
}

/// The count of one client.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// Its number; 0 if the place is free.
    name: AtomicU64,
    failures: Level,
    pub(super) checks: Level,
}

impl Count {
    /// The level of its bucket of failures.
    pub(super) fn failures(&self) -> u64 {
        self.failures.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            sets: std::iter::repeat_with(Default::default)
                .take(CLIENTS / WAYS)
                .collect(),
            names: RandomState::new(),
            writing: Mutex::default(),
            shared_checks: Level::default(),
        }
    }

    /// The count of a client that has had failures.
    pub(super) fn find(&self, client: Client) -> Option<&Count> {
        let (name, set) = self.places(client)?;
        set.iter()
            .find(|count| count.name.load(Ordering::Relaxed) == name)
    }

    /// Counts a failure of a client.
    pub(super) fn add_failure(&self, client: Client, bucket: Bucket, now: u64) {
        let Some((name, set)) = self.places(client) else {
            return;
        };
        let _writing = lock(&self.writing);
        let own = set
            .iter()
            .find(|count| count.name.load(Ordering::Relaxed) == name);
        let Some(count) = own.or_else(|| set.iter().min_by_key(|count| count.failures())) else {
            return;
        };
        if own.is_none() {
            count.name.store(name, Ordering::Relaxed);
            count.checks.fill();
        }
        let after = bucket.drain(count.failures(), now);
        count.failures.0.store(after, Ordering::Relaxed);
    }

    /// How many of these buckets of failures are empty.
    pub(super) fn count_empty(&self, bucket: Bucket, now: u64) -> usize {
        let counts = self.sets.iter().flatten();
        counts
            .filter(|count| bucket.is_empty(count.failures(), now))
            .count()
    }

    /// The number of a client, and its set.
    fn places(&self, client: Client) -> Option<(u64, &[Count; WAYS])> {
        let name = self.names.hash_one(client).max(1);
        let sets = u64::try_from(self.sets.len()).ok()?;
        let set = usize::try_from(name.checked_rem(sets)?).ok()?;
        Some((name, self.sets.get(set)?))
    }
}

/// What is in a bucket, as the time at which it is full.
#[derive(Debug, Default)]
pub(super) struct Level(AtomicU64);

impl Level {
    /// Fills the bucket.
    pub(super) fn fill(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Takes one. Returns whether there was one.
    pub(super) fn take(&self, bucket: Bucket, now: u64) -> bool {
        let taken = |full_at| bucket.take(full_at, now);
        let taken = (self.0).fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        taken.is_ok()
    }

    pub(super) fn give_back(&self, bucket: Bucket) {
        let given = |full_at| Some(bucket.give_back(full_at));
        // It always succeeds.
        let _ = (self.0).fetch_update(Ordering::Relaxed, Ordering::Relaxed, given);
    }

    pub(super) fn next_in(&self, bucket: Bucket, now: u64) -> std::time::Duration {
        bucket.next_in(self.0.load(Ordering::Relaxed), now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::{Bucket, CLIENTS, Client, Counts};

    const SECOND: u64 = 1_000_000_000;

    fn client(number: u32) -> Client {
        Client::V4(Ipv4Addr::from(number))
    }

    /// Three failures, and one more each second.
    fn three() -> Bucket {
        Bucket::new(3, Duration::from_secs(3))
    }

    fn is_over(counts: &Counts, number: u32, now: u64) -> bool {
        let count = counts.find(client(number));
        count.is_some_and(|count| three().is_empty(count.failures(), now))
    }

    fn fail(counts: &Counts, number: u32, times: usize) {
        for _ in 0..times {
            counts.add_failure(client(number), three(), SECOND);
        }
    }

    #[test]
    fn t_dos_12_each_client_has_its_own_count() {
        let counts = Counts::new();
        fail(&counts, 1, 2);
        assert!(!is_over(&counts, 1, SECOND));
        fail(&counts, 1, 1);
        assert!(is_over(&counts, 1, SECOND));
        assert!(!is_over(&counts, 2, SECOND), "it has not failed");
        assert_eq!(counts.count_empty(three(), SECOND), 1);
        assert!(!is_over(&counts, 1, 2 * SECOND), "one is forgiven");
        assert_eq!(counts.count_empty(three(), 2 * SECOND), 0);
    }

    #[test]
    fn t_dos_03_a_flood_of_addresses_grows_nothing_and_makes_nobody_begin_again() {
        let counts = Counts::new();
        let flood = u32::try_from(20 * CLIENTS).unwrap();
        for number in 0..flood {
            fail(&counts, number, 3);
        }
        let places = counts.sets.iter().flatten().count();
        assert_eq!(places, CLIENTS);
        assert_eq!(counts.count_empty(three(), SECOND), places, "all are taken");
        // Those who lost their place get one with a single failure, and are over their limit again.
        for number in 0..flood {
            fail(&counts, number, 1);
            assert!(is_over(&counts, number, SECOND), "{number}");
        }
        // Who has not failed is not counted, and who inherits failures is open again with the next.
        assert!(!is_over(&counts, flood, SECOND));
        fail(&counts, flood, 1);
        assert!(is_over(&counts, flood, SECOND));
        assert!(!is_over(&counts, flood, 2 * SECOND));
    }

    #[test]
    fn a_place_whose_failures_are_all_forgiven_is_taken_without_them() {
        let counts = Counts::new();
        let flood = u32::try_from(20 * CLIENTS).unwrap();
        for number in 0..flood {
            fail(&counts, number, 3);
        }
        let later = 10 * SECOND;
        counts.add_failure(client(flood), three(), later);
        counts.add_failure(client(flood), three(), later);
        assert!(!is_over(&counts, flood, later));
        counts.add_failure(client(flood), three(), later);
        assert!(is_over(&counts, flood, later));
    }
}
