//! Who was admitted lately from which address: some checks are kept for their tokens, so that others at
//! the same address cannot use up all of them.
//!
//! A table of fixed size without locks. Only a token that was verified writes to it, so nobody gets in
//! without a good token, and the oldest of a set makes room.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use bearward::failures::Subject;

use super::super::client::Client;
use super::bucket::Bucket;
use super::counts::Level;

/// How many subjects are remembered.
const SUBJECTS: usize = 8192;

/// How many of these places a subject may have: those of one set.
const WAYS: usize = 4;

/// The subjects.
#[derive(Debug)]
pub(super) struct Admitted {
    sets: Box<[[Place; WAYS]]>,
    names: RandomState,
}

#[derive(Debug, Default)]
struct Place {
    /// The number of client and subject; 0 if the place is free.
    name: AtomicU64,
    admitted_at: AtomicU64,
    checks: Level,
}

impl Admitted {
    pub(super) fn new() -> Self {
        Self {
            sets: std::iter::repeat_with(Default::default)
                .take(SUBJECTS / WAYS)
                .collect(),
            names: RandomState::new(),
        }
    }

    /// Remembers a subject that was admitted from this client's address.
    pub(super) fn remember(&self, client: Client, subject: Subject<'_>, now: u64) {
        let Some((name, set)) = self.places(client, subject) else {
            return;
        };
        let admitted_at = |place: &&Place| place.admitted_at.load(Ordering::Relaxed);
        let own = set.iter().find(|place| place.is_of(name));
        let Some(place) = own.or_else(|| set.iter().min_by_key(admitted_at)) else {
            return;
        };
        if own.is_none() {
            place.name.store(name, Ordering::Relaxed);
            place.checks.fill();
        }
        place.admitted_at.store(now, Ordering::Relaxed);
    }

    /// Takes a check of this subject, if it is remembered. Returns whether there was one.
    pub(super) fn take(
        &self,
        client: Client,
        subject: Subject<'_>,
        bucket: Bucket,
        now: u64,
    ) -> bool {
        let place = self.find(client, subject);
        place.is_some_and(|place| place.checks.take(bucket, now))
    }

    pub(super) fn give_back(&self, client: Client, subject: Subject<'_>, bucket: Bucket) {
        if let Some(place) = self.find(client, subject) {
            place.checks.give_back(bucket);
        }
    }

    fn find(&self, client: Client, subject: Subject<'_>) -> Option<&Place> {
        let (name, set) = self.places(client, subject)?;
        set.iter().find(|place| place.is_of(name))
    }

    fn places(&self, client: Client, subject: Subject<'_>) -> Option<(u64, &[Place; WAYS])> {
        let name = self.names.hash_one((client, subject)).max(1);
        let sets = u64::try_from(self.sets.len()).ok()?;
        let set = usize::try_from(name.checked_rem(sets)?).ok()?;
        Some((name, self.sets.get(set)?))
    }
}

impl Place {
    fn is_of(&self, name: u64) -> bool {
        self.name.load(Ordering::Relaxed) == name
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::{Admitted, Bucket, Client, SUBJECTS, Subject};

    const OFFICE: Client = Client::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn named(subject: &str) -> Subject<'_> {
        let issuer = "https://id.example";
        Subject { issuer, subject }
    }

    fn two() -> Bucket {
        Bucket::new(2, Duration::from_secs(1))
    }

    #[test]
    fn t_dos_12_only_who_was_admitted_from_an_address_has_checks_there() {
        let admitted = Admitted::new();
        let may = |client, subject| admitted.take(client, subject, two(), 0);
        assert!(!may(OFFICE, named("alice")));
        admitted.remember(OFFICE, named("alice"), 0);
        assert!(may(OFFICE, named("alice")));
        assert!(!may(OFFICE, named("bob")));
        assert!(!may(Client::V4(Ipv4Addr::LOCALHOST), named("alice")));
        let issuer = "https://other.example";
        let subject = "alice";
        assert!(!may(OFFICE, Subject { issuer, subject }));
        // As many as there are, and those that were given back.
        assert!(may(OFFICE, named("alice")));
        assert!(!may(OFFICE, named("alice")));
        admitted.give_back(OFFICE, named("alice"), two());
        assert!(may(OFFICE, named("alice")));
        assert!(!may(OFFICE, named("alice")));
        // Another admission adds none.
        admitted.remember(OFFICE, named("alice"), 1);
        assert!(!may(OFFICE, named("alice")));
    }

    #[test]
    fn t_dos_03_subjects_without_number_take_no_more_room() {
        let admitted = Admitted::new();
        let crowd = 5 * SUBJECTS;
        for number in 0..crowd {
            let now = u64::try_from(number).unwrap();
            admitted.remember(OFFICE, named(&number.to_string()), now);
        }
        let places = admitted.sets.iter().flatten().count();
        assert_eq!(places, SUBJECTS);
        let is_known = |number: &usize| {
            let subject = number.to_string();
            admitted.find(OFFICE, named(&subject)).is_some()
        };
        assert_eq!((0..crowd).filter(is_known).count(), places);
        // The latest are still there.
        assert!((crowd - 4..crowd).all(|number| is_known(&number)));
    }
}
