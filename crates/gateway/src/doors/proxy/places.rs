//! Places for requests and for streams: how many there are at a time, and who may take one.
//!
//! Nothing waits for a place. A client may hold as many places as remain free for others: a single
//! client gets half of them, and every later client finds some. So a greedy client blocks nobody, and
//! below half of the cap the rule has no effect. Shares follow from two numbers, so none has to be
//! configured.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::fast::RandomState;

use crate::doors::client::Client;
use crate::lock::lock;

/// How many places there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Most {
    pub(crate) requests: u32,
    pub(crate) streams: u32,
}

impl Most {
    const fn of(self, purpose: Purpose) -> u32 {
        match purpose {
            Purpose::Request => self.requests,
            Purpose::Stream => self.streams,
        }
    }
}

/// The same numbers, which a reload can replace.
#[derive(Debug)]
pub(crate) struct SharedMost {
    requests: AtomicU32,
    streams: AtomicU32,
}

impl SharedMost {
    pub(super) const fn new(most: Most) -> Self {
        Self {
            requests: AtomicU32::new(most.requests),
            streams: AtomicU32::new(most.streams),
        }
    }

    pub(crate) fn replace(&self, most: Most) {
        self.requests.store(most.requests, Ordering::Relaxed);
        self.streams.store(most.streams, Ordering::Relaxed);
    }

    pub(super) fn load(&self) -> Most {
        Most {
            requests: self.requests.load(Ordering::Relaxed),
            streams: self.streams.load(Ordering::Relaxed),
        }
    }
}

/// The purpose of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It has an end of its own.
    Request,
    /// It goes on until one side ends it: a WebSocket, events, a gRPC call.
    Stream,
}

/// The places that are taken, at the gateway or at one upstream.
#[derive(Debug, Default)]
pub(super) struct Room {
    requests: Places,
    streams: Places,
}

impl Room {
    pub(super) fn taken(&self, purpose: Purpose) -> u32 {
        self.of(purpose).taken.load(Ordering::Relaxed)
    }

    const fn of(&self, purpose: Purpose) -> &Places {
        match purpose {
            Purpose::Request => &self.requests,
            Purpose::Stream => &self.streams,
        }
    }
}

/// A place, freed when dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    client: Client,
    purpose: Purpose,
}

impl Place {
    /// A place for this client, if there is one.
    pub(super) fn take(
        room: &Arc<Room>,
        client: Client,
        purpose: Purpose,
        most: Most,
    ) -> Option<Self> {
        let is_taken = room.of(purpose).take(client, most.of(purpose), 0);
        is_taken.then(|| Self {
            room: Arc::clone(room),
            client,
            purpose,
        })
    }

    /// Turns this place into a stream's. Returns whether a stream's place was free.
    #[must_use]
    pub(super) fn turn_into_stream(&mut self, most: Most) -> bool {
        if self.purpose == Purpose::Stream {
            return true;
        }
        let is_taken = self.room.streams.take(self.client, most.streams, 0);
        if is_taken {
            self.room.requests.leave(self.client);
            self.purpose = Purpose::Stream;
        }
        is_taken
    }

    /// Whether this place could become a stream's now.
    pub(super) fn may_stream(&self, most: Most) -> bool {
        let streams = &self.room.streams;
        let is_free = streams.take(self.client, most.streams, 0);
        if is_free {
            streams.leave(self.client);
        }
        is_free
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.of(self.purpose).leave(self.client);
    }
}

/// Counts a client's connection while it is open.
#[derive(Debug)]
pub(super) struct Guest {
    crowd: Arc<Places>,
    client: Client,
}

impl Guest {
    /// One more connection, if this client may have another of `most`.
    pub(super) fn admit(crowd: &Arc<Places>, client: Client, most: u32) -> Option<Self> {
        let is_admitted = crowd.take(client, most, CONNECTIONS_GRANTED);
        is_admitted.then(|| Self {
            crowd: Arc::clone(crowd),
            client,
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.crowd.leave(self.client);
    }
}

/// How many connections a client may have as long as any are free: enough for a household or an office.
const CONNECTIONS_GRANTED: u32 = 64;

/// Counts the places taken, in total and by client. A client that holds none is not in the map, so the
/// map never exceeds the cap.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: AtomicU32,
    /// Split into shards, so that threads seldom wait for one another.
    clients: [Mutex<HashMap<Client, u32, RandomState>>; 16],
}

impl Places {
    /// Takes one of `most` places for a client. Up to `least` of them do not depend on how many remain
    /// for others.
    pub(super) fn take(&self, client: Client, most: u32, least: u32) -> bool {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let is_taken = taken <= most && {
            // A client may hold no more than are free, counting its new one.
            let free = most.saturating_sub(taken).saturating_add(1);
            let mut clients = self.part(client);
            let entry = clients.entry(client);
            let own = match &entry {
                Entry::Occupied(own) => own.get().saturating_add(1),
                Entry::Vacant(_) => 1,
            };
            let may = own <= free.max(least);
            if may {
                entry.insert_entry(own);
            }
            may
        };
        if !is_taken {
            self.taken.fetch_sub(1, Ordering::Relaxed);
        }
        is_taken
    }

    pub(super) fn leave(&self, client: Client) {
        if let Entry::Occupied(mut own) = self.part(client).entry(client) {
            match own.get().checked_sub(1) {
                None | Some(0) => own.remove(),
                Some(rest) => own.insert(rest),
            };
        }
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }

    fn part(&self, client: Client) -> MutexGuard<'_, HashMap<Client, u32, RandomState>> {
        let [first, rest @ ..] = &self.clients;
        // Spread by multiplication. A client that knows the factor gains only contention.
        let part = client.number().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
        let part = usize::try_from(part).unwrap_or_default();
        let part = part.checked_sub(1).and_then(|part| rest.get(part));
        lock(part.unwrap_or(first))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use super::{Client, Most, Place, Places, Purpose, Room};

    fn client(number: u32) -> Client {
        Client::V4(Ipv4Addr::from(number))
    }

    /// How many of 50 a client gets before it is refused.
    fn as_many_as_it_gets(places: &Places, number: u32) -> u32 {
        let taken = std::iter::repeat_with(|| places.take(client(number), 50, 0));
        u32::try_from(taken.take_while(|is_taken| *is_taken).count()).unwrap()
    }

    #[test]
    fn t_dos_08_a_client_gets_as_many_as_stay_free_for_others() {
        let places = Places::default();
        assert_eq!(as_many_as_it_gets(&places, 1), 25);
        // The next client gets some, and the first no more.
        assert_eq!(as_many_as_it_gets(&places, 2), 13);
        assert!(!places.take(client(1), 50, 0));
        assert!(places.take(client(3), 50, 0));
        // A freed place goes to a client that has fewer.
        places.leave(client(1));
        assert!(!places.take(client(1), 50, 0));
        assert!(places.take(client(3), 50, 0));
    }

    #[test]
    fn t_dos_08_the_cap_holds_whoever_asks() {
        let places = Places::default();
        for number in 0..50 {
            assert!(places.take(client(number), 50, 0), "{number}");
        }
        assert!(!places.take(client(99), 50, 0));
        assert!(!places.take(client(99), 50, 9));
        for number in 0..50 {
            places.leave(client(number));
        }
        assert!(
            places
                .clients
                .iter()
                .all(|part| part.lock().unwrap().is_empty())
        );
        // A cap of one admits one.
        assert!(places.take(client(1), 1, 0));
        assert!(!places.take(client(2), 1, 0));
    }

    #[test]
    fn a_dos_01_a_few_are_always_granted_while_there_are_any() {
        let places = Places::default();
        let taken = std::iter::repeat_with(|| places.take(client(1), 50, 40));
        assert_eq!(taken.take_while(|is_taken| *is_taken).count(), 40);
    }

    #[test]
    fn t_dos_08_a_place_is_free_again_when_it_is_dropped_whatever_it_became() {
        let room = Arc::new(Room::default());
        let most = Most {
            requests: 2,
            streams: 1,
        };
        let take = || Place::take(&room, client(1), Purpose::Request, most);
        let mut first = take().unwrap();
        assert!(take().is_none());
        assert!(first.may_stream(most));
        assert!(first.turn_into_stream(most));
        assert!(first.turn_into_stream(most), "it is one");
        let mut second = take().unwrap();
        assert!(!second.may_stream(most));
        assert!(!second.turn_into_stream(most));
        assert_eq!(room.taken(Purpose::Request), 1, "it stays what it was");
        drop(first);
        assert!(second.turn_into_stream(most));
        assert_eq!(room.taken(Purpose::Request), 0);
        drop(second);
        assert_eq!(room.taken(Purpose::Stream), 0);
    }

    #[test]
    fn t_dos_08_threads_that_come_and_go_leave_nothing_behind() {
        let places = Places::default();
        let come_and_go = |number: u32| {
            let turns = 0..10_000;
            for _ in turns.filter(|_| places.take(client(number % 2), 3, 0)) {
                places.leave(client(number % 2));
            }
        };
        std::thread::scope(|scope| {
            for number in 0..4 {
                scope.spawn(move || come_and_go(number));
            }
        });
        assert_eq!(places.taken.into_inner(), 0);
        assert!(
            places
                .clients
                .iter()
                .all(|part| part.lock().unwrap().is_empty())
        );
    }
}
