//! Keys that each have a URL of their own, as those of Application Load Balancers: each is fetched when
//! the first token with its `kid` arrives.
//!
//! The URL is the operator's; of a token it has the `kid`, and only if that is a UUID. What tokens may
//! trigger is bounded by one budget for all `kid`s. The keys of a region are those of everybody's load
//! balancers there, so that a key was found proves nothing: only one that has verified a token gives
//! back what it cost, is fetched again, and keeps its place.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bearward_core::jws::Header;
use bearward_core::rejection::{InvalidToken, Rejection, Unavailable};
use bearward_core::{JwkSet, UnixTime};

use crate::clock::Clock;
use crate::fetch::{FetchError, Transport};
use crate::key_source::{Fetched, KeySource};
use crate::schedule::{Answer, Freshness, Jitter, KidPlan, KidSchedule, after};
use crate::sync::{
    ArcSwapOption, Instant, JoinHandle, Mutex, MutexGuard, Notify, spawn, timeout_at, watch,
};

use super::{Flights, KID_WAIT, KeyState, Origin, Selected, restarted};

/// The keys of one issuer, each held from its first token on.
pub(crate) struct KidKeys {
    /// Boxed, since requests do not need it.
    pub(super) origin: Box<Origin>,
    clock: Clock,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// The state that requests and the fetching task share.
struct Shared {
    /// The keys. Few, so that a search is as quick as a map; replaced as a whole, so that readers take
    /// no lock. INVARIANT: only the fetching task replaces them.
    held: ArcSwapOption<Vec<Arc<Held>>>,
    /// Locked during a calculation, never while waiting; requests that find their key do not touch it.
    schedule: Mutex<KidSchedule>,
    wake: Notify,
    flights: watch::Sender<Flights>,
    /// Counts the keys: no two have the same generation.
    generation: AtomicU64,
}

/// A key and its state.
struct Held {
    kid: Box<str>,
    /// Only this key.
    set: JwkSet,
    document: Vec<u8>,
    generation: u64,
    fetched_at: UnixTime,
    fresh_until: Instant,
    usable_until: Instant,
    usage: Arc<Usage>,
}

/// What a key was good for. The key keeps it when it is fetched again.
#[derive(Default)]
struct Usage {
    /// When a token was valid with it last, in seconds since 1970; 0 before the first.
    last: AtomicU64,
    /// Whether the budget gets back what the key cost, with the first such token.
    is_charged: AtomicBool,
    /// Whether the last attempt to renew it was answered as if there were no such key.
    is_denied: AtomicBool,
}

/// The fetching task's own data.
struct Fetcher {
    source: KeySource,
    transport: Arc<dyn Transport>,
    freshness: Freshness,
    clock: Clock,
}

impl KidKeys {
    /// Starts a task that fetches what tokens ask for, and ends when this is dropped. Needs a tokio
    /// runtime.
    pub(crate) fn start(origin: Origin, transport: Arc<dyn Transport>, clock: &Clock) -> Self {
        let shared = Arc::new(Shared {
            held: ArcSwapOption::empty(),
            schedule: Mutex::new(KidSchedule::new(Instant::now())),
            wake: Notify::new(),
            flights: watch::Sender::new(Flights::default()),
            generation: AtomicU64::new(0),
        });
        let fetcher = Arc::new(Fetcher {
            source: origin.source.clone(),
            transport,
            freshness: origin.freshness,
            clock: Arc::clone(clock),
        });
        let task = spawn(fetcher.fetch_for_ever(Arc::clone(&shared)));
        Self {
            origin: Box::new(origin),
            clock: Arc::clone(clock),
            shared,
            task,
        }
    }

    /// As [`KeyStore::select`](super::KeyStore::select).
    pub(crate) async fn select(
        &self,
        header: &Header,
        is_plausible: impl Fn() -> bool,
    ) -> Result<Selected, Rejection> {
        let kid = header.kid().ok_or(InvalidToken::KidMissing)?;
        if let Some(held) = self.shared.find(kid) {
            return held.select(header);
        }
        let is_name = self.origin.source.url_of(kid).is_some();
        if !is_name || !is_plausible() {
            return Err(InvalidToken::KidUnknown.into());
        }
        self.shared.wait(kid, header).await
    }

    pub(crate) fn is_current(&self, selected: &Selected) -> bool {
        let held = self.shared.of_generation(selected.generation);
        // Only verified tokens are remembered, and this is one of them.
        held.inspect(|held| self.mark(held)).is_some()
    }

    /// A token was valid with this key.
    pub(crate) fn mark_used(&self, selected: &Selected) {
        if let Some(held) = self.shared.of_generation(selected.generation) {
            self.mark(&held);
        }
    }

    fn mark(&self, held: &Held) {
        let now = (self.clock)().as_secs().max(1);
        held.usage.last.store(now, Ordering::Relaxed);
        let is_charged = &held.usage.is_charged;
        // Read first: nearly every token finds it given back already.
        if is_charged.load(Ordering::Relaxed) && is_charged.swap(false, Ordering::Relaxed) {
            self.shared.schedule().give_back();
        }
    }

    /// The state of all keys, as one. It is usable if no token has asked for a key yet, or if one is.
    pub(crate) fn state(&self) -> KeyState {
        let now = Instant::now();
        let held = self.shared.held.load_full();
        let held = held.as_ref().map_or(&[][..], |held| held.as_slice());
        let flights = self.shared.flights.borrow();
        let algorithms = held.first().map(|held| held.set.algorithms().collect());
        let algorithms: Vec<_> = algorithms.unwrap_or_default();
        KeyState {
            kids: held.iter().map(|held| held.kid.to_string()).collect(),
            // Each is selected by the `kid` in its URL.
            selectable: algorithms.clone(),
            algorithms,
            unusable: Vec::new(),
            ambiguous: Vec::new(),
            too_many_nameless: Vec::new(),
            generation: self.shared.generation.load(Ordering::Relaxed),
            fetched_at: held.iter().map(|held| held.fetched_at).max(),
            is_usable: held.is_empty() || held.iter().any(|held| now < held.usable_until),
            is_stale: held.iter().any(|held| now >= held.fresh_until),
            fetches: flights.ended,
            failed_fetches: flights.failed,
            last_error: flights.last_error.clone(),
        }
    }
}

impl fmt::Debug for KidKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KidKeys")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Drop for KidKeys {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Held {
    fn select(&self, header: &Header) -> Result<Selected, Rejection> {
        Ok(Selected {
            keys: self.set.select(header)?,
            generation: self.generation,
        })
    }
}

impl Shared {
    /// The key with this name, if it may be used.
    fn find(&self, kid: &str) -> Option<Arc<Held>> {
        self.search(|held| *held.kid == *kid)
    }

    fn of_generation(&self, generation: u64) -> Option<Arc<Held>> {
        self.search(|held| held.generation == generation)
    }

    fn search(&self, is_it: impl Fn(&Held) -> bool) -> Option<Arc<Held>> {
        let held = self.held.load();
        let found = held.as_ref()?.iter().find(|held| is_it(held))?;
        (Instant::now() < found.usable_until).then(|| Arc::clone(found))
    }

    /// Whether a token was ever valid with the key.
    fn was_used(&self, kid: &str) -> bool {
        let keys = self.all();
        let mut named = keys.iter().filter(|held| *held.kid == *kid);
        named.any(|held| held.usage.last.load(Ordering::Relaxed) > 0)
    }

    /// Whether a key in use was not answered so before.
    fn is_denied_first(&self, kid: &str) -> bool {
        let keys = self.all();
        let mut in_use = keys.iter().filter(|held| *held.kid == *kid);
        in_use.any(|held| !held.usage.is_denied.swap(true, Ordering::Relaxed))
    }

    async fn wait(&self, kid: &str, header: &Header) -> Result<Selected, Rejection> {
        let deadline = after(Instant::now(), KID_WAIT);
        loop {
            let mut flights = self.flights.subscribe();
            let answer = self.schedule().ask(kid, Instant::now());
            if answer == Answer::Wait {
                self.wake.notify_one();
                let ended = timeout_at(deadline, flights.changed()).await;
                // The sender lives as long as we do, so this only fails with a timeout.
                let _ = ended.map_err(|_| Unavailable::new(KID_WAIT))?;
            }
            // Looks again whatever the answer: a flight may have ended since.
            if let Some(held) = self.find(kid) {
                return held.select(header);
            }
            match answer {
                Answer::Wait => {}
                Answer::Unknown => return Err(InvalidToken::KidUnknown.into()),
                Answer::Unavailable(retry_after) => {
                    return Err(Unavailable::new(retry_after).into());
                }
            }
        }
    }

    /// Installs what a flight brought, and returns the generation if the key is new.
    fn came(
        &self,
        kid: &str,
        (document, set): (Vec<u8>, JwkSet),
        fetched_at: UnixTime,
        (soft_ttl, hard_ttl): (Duration, Duration),
    ) -> Option<u64> {
        let now = Instant::now();
        let mut keys = self.all();
        let before = keys.iter().position(|held| *held.kid == *kid);
        let before = before.map(|index| keys.swap_remove(index));
        let same = before.as_ref().filter(|held| held.document == document);
        let generation = match same {
            Some(held) => held.generation,
            None => self
                .generation
                .fetch_add(1, Ordering::Relaxed)
                .saturating_add(1),
        };
        let usage = before.as_ref().map(|held| Arc::clone(&held.usage));
        let usage = usage.unwrap_or_default();
        usage.is_denied.store(false, Ordering::Relaxed);
        let mut schedule = self.schedule();
        if schedule.came(kid, now, soft_ttl, Jitter::random()) {
            usage.is_charged.store(true, Ordering::Relaxed);
        }
        if keys.len() >= KEYS_HELD {
            let last = |(_, held): &(usize, &Arc<Held>)| held.usage.last.load(Ordering::Relaxed);
            if let Some((oldest, _)) = keys.iter().enumerate().min_by_key(last) {
                schedule.evict(&keys.swap_remove(oldest).kid);
            }
        }
        keys.push(Arc::new(Held {
            kid: kid.into(),
            set: match same {
                Some(held) => held.set.clone(),
                None => set,
            },
            document,
            generation,
            fetched_at,
            fresh_until: after(now, soft_ttl),
            usable_until: after(now, hard_ttl),
            usage,
        }));
        self.held.store(Some(Arc::new(keys)));
        same.is_none().then_some(generation)
    }

    /// There is no such key, or it is not worth keeping.
    fn remove(&self, kid: &str) {
        let mut keys = self.all();
        keys.retain(|held| *held.kid != *kid);
        self.held.store(Some(Arc::new(keys)));
    }

    fn all(&self) -> Vec<Arc<Held>> {
        let held = self.held.load();
        held.as_ref().map_or_else(Vec::new, |held| held.to_vec())
    }

    /// Counts a flight, and wakes those who wait for it. After a panic, it failed without an error.
    fn ended(&self, outcome: Result<(), Option<FetchError>>) {
        if outcome.is_err() {
            self.schedule().failed(Instant::now(), Jitter::random());
        }
        self.flights.send_modify(|flights| {
            flights.ended = flights.ended.wrapping_add(1);
            match outcome {
                Ok(()) => flights.last_error = None,
                Err(error) => {
                    flights.failed = flights.failed.wrapping_add(1);
                    flights.last_error = error.or_else(|| flights.last_error.take());
                }
            }
        });
    }

    /// After a panic during a calculation, there is at worst one fetch too many or too few.
    fn schedule(&self) -> MutexGuard<'_, KidSchedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fetcher {
    async fn fetch_for_ever(self: Arc<Self>, shared: Arc<Shared>) {
        let run = || Arc::clone(&self).run(Arc::clone(&shared));
        restarted(&self.source.issuer, run, || shared.ended(Err(None))).await;
    }

    async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        loop {
            let plan = shared.schedule().plan(Instant::now());
            let kid = match plan {
                KidPlan::WaitUntil(then) => {
                    // Whichever comes first, plan again.
                    let _ = timeout_at(then, shared.wake.notified()).await;
                    continue;
                }
                // A stranger's key, for all we know: it is not fetched again and again.
                KidPlan::Renew(kid) if !shared.was_used(&kid) => {
                    shared.remove(&kid);
                    shared.schedule().forget(&kid);
                    continue;
                }
                KidPlan::Fetch(kid) | KidPlan::Renew(kid) => kid,
            };
            let outcome = self.fly(&shared, &kid).await;
            if let Err(error) = &outcome {
                tracing::warn!(issuer = %self.source.issuer, %error, "key not fetched");
            }
            shared.ended(outcome.map_err(Some));
        }
    }

    /// Makes one flight and installs its result.
    async fn fly(&self, shared: &Shared, kid: &str) -> Result<(), FetchError> {
        let url = self.source.url_of(kid).ok_or(FetchError::UrlScheme)?;
        let fetched = match self.source.fetch_at(&*self.transport, url).await {
            // A bucket that may not be listed answers 403 for what it does not have.
            Err(FetchError::Status(status @ (403 | 404))) => {
                // One answer may be a mishap, and would lock out everybody whose tokens have the key.
                if shared.is_denied_first(kid) {
                    return Err(FetchError::Status(status));
                }
                tracing::warn!(issuer = %self.source.issuer, kid, status, "the issuer has no such key");
                shared.remove(kid);
                shared.schedule().is_absent(kid, Instant::now());
                return Ok(());
            }
            fetched => fetched?,
        };
        let Fetched { keys, max_age } = fetched;
        // 304 to a request without an entity tag is useless.
        let keys = keys.ok_or(FetchError::Status(304))?;
        let soft_ttl = Freshness::soft_ttl(max_age);
        let ttls = (soft_ttl, self.freshness.hard_ttl(soft_ttl));
        if let Some(generation) = shared.came(kid, keys, (self.clock)(), ttls) {
            tracing::info!(issuer = %self.source.issuer, kids = kid, generation, "keys fetched");
        }
        Ok(())
    }
}

/// The keys of one issuer that are held at a time. A load balancer uses one or two.
const KEYS_HELD: usize = 64;
