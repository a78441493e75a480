//! Stage 3, select: the issuer's keys, kept fresh. The only part of the pipeline that awaits.
//!
//! Readers take the current keys without a lock and never wait if they find their key. A separate
//! task fetches when `schedule` says so. The only part of a token that reaches this file is the
//! header, with a `kid` to look up.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bearward_core::jwk::UnusableJwk;
use bearward_core::jwk_set::{Candidates, UnusableKey};
use bearward_core::jws::Header;
use bearward_core::rejection::{InvalidToken, Rejection, Unavailable};
use bearward_core::{Algorithm, JwkSet, UnixTime};

use crate::clock::Clock;
use crate::fetch::{Egress, FetchError, TIMEOUT, Transport};
use crate::key_source::{Fetched, Found, KeySource};
use crate::schedule::{Answer, Freshness, GoneKids, Jitter, Plan, Replacement, Schedule, after};
use crate::snapshot::{Latest, Restored, Snapshot};
use crate::sync::{
    ArcSwapOption, Instant, JoinHandle, JoinSet, Mutex, MutexGuard, Notify, spawn, timeout_at,
    watch,
};

mod by_kid;
mod tenants;

pub(crate) use self::by_kid::KidKeys;
pub(crate) use self::tenants::{TenantKeys, Tenants};

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) enum KeyStore {
    /// Fetched one by one, as tokens name them.
    ByKid(KidKeys),
    /// From configuration; they never change.
    Static(JwkSet),
    /// Fetched repeatedly.
    Fetched(FetchedKeys),
    /// Fetched repeatedly while tokens of the tenant arrive.
    Tenant(TenantKeys),
}

#[derive(Debug)]
pub(crate) struct FetchedKeys {
    /// In a box, since requests do not need it.
    origin: Box<Origin>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// The settings for fetching keys. Two stores with the same origin eventually have the same keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) source: KeySource,
    pub(crate) freshness: Freshness,
    pub(crate) snapshot: Option<PathBuf>,
    pub(crate) egress: Egress,
}

impl FetchedKeys {
    /// Starts fetching into `shared`, in a task that ends when this is dropped.
    fn start(
        origin: Origin,
        transport: Arc<dyn Transport>,
        clock: &Clock,
        shared: Shared,
        keys: Option<Arc<Keys>>,
    ) -> Self {
        let source = origin.source.clone();
        let fetcher = Fetcher {
            snapshot: origin.snapshot.clone().map(|path| Snapshot {
                path,
                issuer: source.issuer.to_string(),
                url: source.url().to_string(),
                kind: source.document,
            }),
            source,
            transport,
            freshness: origin.freshness,
            clock: Arc::clone(clock),
        };
        let shared = Arc::new(shared);
        if keys.is_some() {
            shared.current.store(keys);
        } else if let Some(restored) = fetcher.restore() {
            shared.restore(restored, fetcher.freshness, Instant::now());
        }
        let task = spawn(Arc::new(fetcher).fetch_for_ever(Arc::clone(&shared)));
        Self {
            origin: Box::new(origin),
            shared,
            task,
        }
    }

    pub(crate) fn is_current(&self, selected: &Selected) -> bool {
        self.shared.is_current(selected.generation)
    }

    pub(crate) fn state(&self) -> KeyState {
        self.shared.state()
    }

    /// As [`KeyStore::select`].
    pub(crate) async fn select(
        &self,
        header: &Header,
        is_plausible: impl Fn() -> bool,
    ) -> Result<Selected, Rejection> {
        match self.shared.look_up(header) {
            Ok(key) => Ok(key),
            Err(Miss::Refused(reason)) => Err(reason.into()),
            Err(Miss::AlgKeyMismatch | Miss::KidUnknown | Miss::NoKeys) => {
                self.shared.wait(header, is_plausible).await
            }
        }
    }

    /// As [`KeyStore::replacement`].
    pub(crate) async fn replacement(
        &self,
        header: &Header,
        tried: &Selected,
        is_plausible: impl Fn() -> bool,
    ) -> Option<Replaced> {
        self.shared
            .replacement(header, Some(tried), is_plausible)
            .await
    }

    /// As [`KeyStore::brought`].
    pub(crate) fn brought(&self, replaced: &Replaced) {
        if replaced.is_charged {
            self.shared.schedule().give_back();
        }
    }
}

impl Drop for FetchedKeys {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The state that requests and the fetching task share.
#[derive(Debug)]
struct Shared {
    current: ArcSwapOption<Keys>,
    /// The generation before the first.
    generation: u64,
    /// Locked during a calculation, never while waiting; requests that find their key do not touch
    /// it.
    schedule: Mutex<Schedule>,
    wake: Notify,
    /// The ended flights; notifies everyone who waits for the end of one.
    flights: watch::Sender<Flights>,
}

/// The results of flights. One value, so that no reader sees the failure of a flight before it is
/// counted.
#[derive(Debug, Default)]
struct Flights {
    ended: u64,
    /// How many of them failed.
    failed: u64,
    /// Why the last one failed.
    last_error: Option<FetchError>,
}

/// A key set and its state.
#[derive(Debug)]
pub(crate) struct Keys {
    set: Arc<JwkSet>,
    document: Arc<[u8]>,
    generation: u64,
    fetched_at: UnixTime,
    fresh_until: Instant,
    usable_until: Instant,
}

/// The fetching task's own data, in addition to the shared state.
struct Fetcher {
    source: KeySource,
    transport: Arc<dyn Transport>,
    freshness: Freshness,
    snapshot: Option<Snapshot>,
    clock: Clock,
}

/// The state of an issuer's keys, for health endpoints and metrics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyState {
    /// The names of the usable keys.
    pub kids: Vec<String>,
    /// The algorithms that they verify.
    pub algorithms: Vec<Algorithm>,
    /// Those of them for which a token can select a key: names may be ambiguous, and nameless keys too many.
    pub selectable: Vec<Algorithm>,
    /// The keys left out of the set.
    pub unusable: Vec<UnusableKey>,
    /// The names of several keys for one algorithm: tokens that name one of them are refused.
    pub ambiguous: Vec<String>,
    /// The algorithms that more keys without a name are for than are tried: their tokens are refused.
    pub too_many_nameless: Vec<Algorithm>,
    /// Counts the changes of the key set; 0 before there is one.
    pub generation: u64,
    /// When the keys were fetched, or found unchanged; `None` for keys from configuration.
    pub fetched_at: Option<UnixTime>,
    /// Whether tokens can be verified with them.
    pub is_usable: bool,
    /// Whether they are past the freshness that the issuer gave.
    pub is_stale: bool,
    /// How many fetches have ended, successfully or not.
    pub fetches: u64,
    /// How many of them failed.
    pub failed_fetches: u64,
    /// Why the last fetch failed; `None` after a success.
    pub last_error: Option<FetchError>,
}

impl KeyStore {
    /// Starts fetching, in a task that ends when the store is dropped. Needs a tokio runtime. Uses what is
    /// known from before until then.
    pub(crate) fn start(
        origin: Origin,
        transport: Arc<dyn Transport>,
        clock: &Clock,
        former: Option<Former>,
    ) -> Self {
        let now = Instant::now();
        let (shared, keys) = match former {
            None => (Shared::new(now), None),
            Some(Former { keys, gone }) => {
                let schedule = Schedule::knowing(now, gone);
                (Shared::with(schedule, 0), keys)
            }
        };
        Self::Fetched(FetchedKeys::start(origin, transport, clock, shared, keys))
    }

    /// What a tenant's store shares with those of other tenants.
    pub(crate) const fn tenants(&self) -> Option<&Arc<Tenants>> {
        match self {
            Self::Tenant(tenant) => Some(&tenant.tenants),
            Self::ByKid(_) | Self::Fetched(_) | Self::Static(_) => None,
        }
    }

    /// Whether the keys are fetched one by one, when tokens name them.
    pub(crate) const fn is_by_kid(&self) -> bool {
        matches!(self, Self::ByKid(_))
    }

    /// Whether the store has this origin.
    pub(crate) fn is_of(&self, origin: &Origin) -> bool {
        match self {
            Self::Static(_) => false,
            Self::ByKid(keys) => *keys.origin == *origin,
            Self::Fetched(keys) => *keys.origin == *origin,
            Self::Tenant(tenant) => *tenant.origin == *origin,
        }
    }

    /// What is known, if a store with this origin would fetch the same documents and only reach them in
    /// another way. A new certificate or proxy is no reason to forget keys, nor which are gone.
    pub(crate) fn known_for(&self, origin: &Origin) -> Option<Former> {
        match self {
            Self::Fetched(keys)
                if keys.origin.source.is_same_place(&origin.source)
                    && keys.origin.freshness == origin.freshness =>
            {
                Some(Former {
                    keys: keys.shared.current.load_full(),
                    gone: keys.shared.schedule().gone(),
                })
            }
            // A key comes back with the next token that names it.
            Self::ByKid(_) | Self::Fetched(_) | Self::Static(_) | Self::Tenant(_) => None,
        }
    }

    /// Whether the same header would select this key again: the set has not changed and is not too
    /// old to be used.
    pub(crate) fn is_current(&self, selected: &Selected) -> bool {
        match self {
            Self::Static(_) => true,
            Self::ByKid(keys) => keys.is_current(selected),
            Self::Fetched(keys) => keys.is_current(selected),
            Self::Tenant(tenant) => tenant.is_current(selected),
        }
    }

    /// The key that fits `header`.
    ///
    /// An unknown `kid` triggers a fetch within the budget, if the token `is_plausible`; the
    /// request then waits for it, for at most one second.
    pub(crate) async fn select(
        &self,
        header: &Header,
        is_plausible: impl Fn() -> bool,
    ) -> Result<Selected, Rejection> {
        match self {
            Self::Static(set) => Ok(Selected {
                keys: set.select(header)?,
                generation: STATIC_GENERATION,
            }),
            Self::Fetched(keys) => match keys.shared.look_up(header) {
                Ok(key) => Ok(key),
                Err(Miss::Refused(reason)) => Err(reason.into()),
                // Boxed, so that the path of every valid token stays small.
                Err(Miss::AlgKeyMismatch | Miss::KidUnknown | Miss::NoKeys) => {
                    Box::pin(keys.shared.wait(header, is_plausible)).await
                }
            },
            Self::ByKid(keys) => Box::pin(keys.select(header, is_plausible)).await,
            Self::Tenant(tenant) => Box::pin(tenant.select(header, is_plausible)).await,
        }
    }

    /// The keys that the issuer has meanwhile under the name of those that were `tried`, if there
    /// are others: it may have replaced a key under its old name.
    ///
    /// May trigger a fetch from what the budget can spare, if the token `is_plausible`; the request
    /// then waits for it, for at most one second.
    pub(crate) async fn replacement(
        &self,
        header: &Header,
        tried: &Selected,
        is_plausible: impl Fn() -> bool,
    ) -> Option<Replaced> {
        match self {
            // A key that has a URL of its own never changes.
            Self::ByKid(_) | Self::Static(_) => None,
            Self::Fetched(keys) => keys.replacement(header, tried, is_plausible).await,
            Self::Tenant(tenant) => {
                let keys = tenant.started()?;
                keys.replacement(header, tried, is_plausible).await
            }
        }
    }

    /// The keys verified the token for which they were fetched.
    pub(crate) fn brought(&self, replaced: &Replaced) {
        match self {
            Self::ByKid(_) | Self::Static(_) => {}
            Self::Fetched(keys) => keys.brought(replaced),
            Self::Tenant(tenant) => {
                if let Some(keys) = tenant.started() {
                    keys.brought(replaced);
                }
            }
        }
    }

    /// A token was valid with these keys.
    #[inline]
    pub(crate) fn mark_used(&self, selected: &Selected) {
        match self {
            Self::ByKid(keys) => keys.mark_used(selected),
            Self::Tenant(tenant) => tenant.mark_used(),
            Self::Fetched(_) | Self::Static(_) => {}
        }
    }

    /// Waits until the first attempt has ended, successfully or not.
    pub(crate) async fn attempted(&self) {
        if let Self::Fetched(keys) = self {
            let mut flights = keys.shared.flights.subscribe();
            // The sender lives in `keys`, so this does not fail.
            let _ = flights.wait_for(|flights| flights.ended > 0).await;
        }
    }

    pub(crate) fn state(&self) -> KeyState {
        match self {
            Self::Static(set) => KeyState {
                kids: set.kids().map(str::to_owned).collect(),
                algorithms: set.algorithms().collect(),
                selectable: set.selectable().collect(),
                unusable: set.unusable().to_vec(),
                ambiguous: set.ambiguous().map(str::to_owned).collect(),
                too_many_nameless: set.too_many_nameless().collect(),
                generation: STATIC_GENERATION,
                fetched_at: None,
                is_usable: true,
                is_stale: false,
                fetches: 0,
                failed_fetches: 0,
                last_error: None,
            },
            Self::ByKid(keys) => keys.state(),
            Self::Fetched(keys) => keys.state(),
            Self::Tenant(tenant) => tenant.tenants.state(),
        }
    }
}

/// What an earlier store knew of the same keys.
pub(crate) struct Former {
    keys: Option<Arc<Keys>>,
    gone: GoneKids,
}

/// The key for a token, or the few that may be.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    pub(crate) keys: Candidates,
    /// The generation of its set.
    pub(crate) generation: u64,
}

/// The keys that took the place of others under the same name.
pub(crate) struct Replaced {
    pub(crate) selected: Selected,
    /// Whether the budget paid for them, at the expense of this request.
    is_charged: bool,
}

/// Why a lookup found no key.
enum Miss {
    AlgKeyMismatch,
    NoKeys,
    KidUnknown,
    Refused(InvalidToken),
}

impl Shared {
    fn new(now: Instant) -> Self {
        Self::with(Schedule::new(now), 0)
    }

    /// Generations are counted from `generation`.
    fn with(schedule: Schedule, generation: u64) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            generation,
            schedule: Mutex::new(schedule),
            wake: Notify::new(),
            flights: watch::Sender::new(Flights::default()),
        }
    }

    fn is_current(&self, generation: u64) -> bool {
        let current = self.current.load();
        let is_of_now =
            |keys: &Arc<Keys>| keys.generation == generation && Instant::now() < keys.usable_until;
        current.as_ref().is_some_and(is_of_now)
    }

    fn look_up(&self, header: &Header) -> Result<Selected, Miss> {
        let current = self.current.load();
        let keys = current.as_ref().ok_or(Miss::NoKeys)?;
        if Instant::now() >= keys.usable_until {
            return Err(Miss::NoKeys);
        }
        match keys.set.select(header) {
            Ok(candidates) => Ok(Selected {
                keys: candidates,
                generation: keys.generation,
            }),
            Err(InvalidToken::AlgKeyMismatch) => Err(Miss::AlgKeyMismatch),
            Err(InvalidToken::KidUnknown) => Err(Miss::KidUnknown),
            Err(reason) => Err(Miss::Refused(reason)),
        }
    }

    /// The key after waiting: for the first flight if there are no keys, then for a flight that can
    /// prove whether the key exists.
    async fn wait(
        &self,
        header: &Header,
        is_plausible: impl Fn() -> bool,
    ) -> Result<Selected, Rejection> {
        let arrived = Instant::now();
        let mut found = self.look_up(header);
        if matches!(found, Err(Miss::NoKeys)) {
            self.first_flight(arrived).await;
            found = self.look_up(header);
        }
        match found {
            Ok(key) => Ok(key),
            Err(Miss::Refused(reason)) => Err(reason.into()),
            Err(Miss::AlgKeyMismatch) => {
                let replaced = self.replacement(header, None, is_plausible).await;
                let replaced = replaced.ok_or(InvalidToken::AlgKeyMismatch)?;
                Ok(replaced.selected)
            }
            Err(Miss::KidUnknown) if is_plausible() => self.wait_for_kid(header, arrived).await,
            Err(Miss::KidUnknown) => Err(InvalidToken::KidUnknown.into()),
            Err(Miss::NoKeys) => {
                let next = self.schedule().next_attempt();
                let retry_after = next.saturating_duration_since(Instant::now());
                Err(Unavailable::new(retry_after).into())
            }
        }
    }

    /// Waits for the end of the first flight, but not during an outage.
    async fn first_flight(&self, arrived: Instant) {
        let mut flights = self.flights.subscribe();
        let is_near = self.schedule().is_first_attempt();
        if is_near {
            // Only the keys afterwards matter, not how the wait ended.
            let _ = timeout_at(after(arrived, TIMEOUT), flights.changed()).await;
        }
    }

    async fn wait_for_kid(&self, header: &Header, arrived: Instant) -> Result<Selected, Rejection> {
        let deadline = after(arrived, KID_WAIT);
        let kid = header.key_name().unwrap_or_default();
        loop {
            let mut flights = self.flights.subscribe();
            let answer = self.schedule().ask(kid, arrived, Instant::now());
            if answer == Answer::Wait {
                self.wake.notify_one();
                let ended = timeout_at(deadline, flights.changed()).await;
                // The sender lives as long as we do, so this only fails with a timeout.
                let _ = ended.map_err(|_| Unavailable::new(KID_WAIT))?;
            }
            // Looks up again whatever the answer: a flight may have ended since.
            match (self.look_up(header), answer) {
                (Ok(key), _) => return Ok(key),
                (Err(Miss::Refused(reason)), _) => return Err(reason.into()),
                (Err(Miss::AlgKeyMismatch), _) => return Err(InvalidToken::AlgKeyMismatch.into()),
                (Err(_), Answer::Wait) => {}
                (Err(_), Answer::Unknown) => return Err(InvalidToken::KidUnknown.into()),
                (Err(_), Answer::Unavailable(retry_after)) => {
                    return Err(Unavailable::new(retry_after).into());
                }
            }
        }
    }

    /// Waits for one flight at most: what it brings is tried once.
    async fn replacement(
        &self,
        header: &Header,
        tried: Option<&Selected>,
        is_plausible: impl Fn() -> bool,
    ) -> Option<Replaced> {
        let deadline = after(Instant::now(), KID_WAIT);
        let is_other = |now: &Selected| tried.is_none_or(|old| !old.keys.is_same(&now.keys));
        let look_up = || self.look_up(header).ok().filter(is_other);
        let replaced = |selected, is_charged| Replaced {
            selected,
            is_charged,
        };
        // A flight may have ended since the token was tried.
        if let Some(selected) = look_up() {
            return Some(replaced(selected, false));
        }
        if !is_plausible() {
            return None;
        }
        let mut flights = self.flights.subscribe();
        let answer = self.schedule().ask_for_replacement(Instant::now());
        if answer != Replacement::None {
            self.wake.notify_one();
            // A key that comes later than that is found by the next request: this token was tried,
            // so the issuer's silence does not change its verdict.
            let _ = timeout_at(deadline, flights.changed()).await;
        }
        // Looks up again whatever the answer: a flight may have ended since.
        let selected = look_up()?;
        Some(replaced(selected, answer == Replacement::Charged))
    }

    fn restore(&self, restored: Restored, freshness: Freshness, now: Instant) {
        let ttl = freshness.hard_ttl(Freshness::soft_ttl(None));
        let Some(left) = ttl.checked_sub(restored.age).filter(|left| !left.is_zero()) else {
            return;
        };
        self.current.store(Some(Arc::new(Keys {
            set: Arc::new(restored.keys),
            document: restored.document.into(),
            generation: self.generation.saturating_add(1),
            fetched_at: restored.fetched_at,
            fresh_until: now,
            usable_until: after(now, left),
        })));
    }

    /// Installs the result of a flight: new keys, or the old ones unchanged.
    fn renew(
        &self,
        fetched: Fetched,
        fetched_at: UnixTime,
        freshness: Freshness,
    ) -> Option<Arc<Keys>> {
        let now = Instant::now();
        let soft_ttl = Freshness::soft_ttl(fetched.max_age);
        let old = self.current.load_full();
        let (document, set, generation) = match (fetched.keys, &old) {
            (keys, Some(old)) if keys.as_ref().is_none_or(|(it, _)| **it == *old.document) => (
                Arc::clone(&old.document),
                Arc::clone(&old.set),
                old.generation,
            ),
            (Some((document, set)), Some(old)) => (
                document.into(),
                Arc::new(set.sharing(&old.set)),
                old.generation.saturating_add(1),
            ),
            (Some((document, set)), None) => (
                document.into(),
                Arc::new(set),
                self.generation.saturating_add(1),
            ),
            (None, _) => return None,
        };
        let keys = Arc::new(Keys {
            set,
            document,
            generation,
            fetched_at,
            fresh_until: after(now, soft_ttl),
            usable_until: after(now, freshness.hard_ttl(soft_ttl)),
        });
        self.current.store(Some(Arc::clone(&keys)));
        let former = old.iter().flat_map(|old| old.set.names());
        let mut schedule = self.schedule();
        schedule.replaced(former, keys.set.names());
        schedule.succeeded(now, soft_ttl, Jitter::random());
        drop(schedule);
        Some(keys)
    }

    fn state(&self) -> KeyState {
        let now = Instant::now();
        let current = self.current.load_full();
        let keys = current.as_deref();
        let flights = self.flights.borrow();
        KeyState {
            kids: keys.map_or_else(Vec::new, |keys| {
                keys.set.kids().map(str::to_owned).collect()
            }),
            algorithms: keys.map_or_else(Vec::new, |keys| keys.set.algorithms().collect()),
            selectable: keys.map_or_else(Vec::new, |keys| keys.set.selectable().collect()),
            unusable: keys.map_or_else(Vec::new, |keys| keys.set.unusable().to_vec()),
            ambiguous: keys.map_or_else(Vec::new, |keys| {
                keys.set.ambiguous().map(str::to_owned).collect()
            }),
            too_many_nameless: keys
                .map_or_else(Vec::new, |keys| keys.set.too_many_nameless().collect()),
            generation: keys.map_or(0, |keys| keys.generation),
            fetched_at: keys.map(|keys| keys.fetched_at),
            is_usable: keys.is_some_and(|keys| now < keys.usable_until),
            is_stale: keys.is_some_and(|keys| now >= keys.fresh_until),
            fetches: flights.ended,
            failed_fetches: flights.failed,
            last_error: flights.last_error.clone(),
        }
    }

    /// Counts a successful flight, and wakes those who wait for it.
    fn flight_succeeded(&self) {
        self.flights.send_modify(|flights| {
            flights.ended = flights.ended.wrapping_add(1);
            flights.last_error = None;
        });
    }

    /// Counts a failed flight; after a panic there is no error.
    fn flight_failed(&self, error: Option<FetchError>) {
        self.schedule().failed(Instant::now(), Jitter::random());
        self.flights.send_modify(|flights| {
            flights.ended = flights.ended.wrapping_add(1);
            flights.failed = flights.failed.wrapping_add(1);
            if error.is_some() {
                flights.last_error = error;
            }
        });
    }

    /// After a panic during a calculation, there is at worst one fetch too many or too few.
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs what fetches keys again after each panic, which only a custom transport or clock can cause.
async fn restarted<R>(issuer: &str, run: impl Fn() -> R, panicked: impl Fn())
where
    R: Future<Output = ()> + Send + 'static,
{
    loop {
        // A set, because it aborts its task when dropped.
        let mut task = JoinSet::new();
        task.spawn(run());
        task.join_next().await;
        tracing::error!(%issuer, "fetching keys panicked; trying again");
        panicked();
    }
}

impl Fetcher {
    async fn fetch_for_ever(self: Arc<Self>, shared: Arc<Shared>) {
        let run = || Arc::clone(&self).run(Arc::clone(&shared));
        restarted(&self.source.issuer, run, || shared.flight_failed(None)).await;
    }

    async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let mut found = Found::default();
        let latest = watch::Sender::new(None);
        if let Some(snapshot) = self.snapshot.clone() {
            spawn(snapshot.follow(latest.subscribe()));
        }
        loop {
            let plan = shared.schedule().plan(Instant::now());
            match plan {
                Plan::WaitUntil(then) => {
                    // Whichever comes first, plan again.
                    let _ = timeout_at(then, shared.wake.notified()).await;
                }
                Plan::Fetch => match self.fly(&shared, &mut found, &latest).await {
                    Ok(()) => shared.flight_succeeded(),
                    Err(error) => {
                        tracing::warn!(issuer = %self.source.issuer, %error, "keys not fetched");
                        shared.flight_failed(Some(error));
                    }
                },
            }
        }
    }

    /// Makes one flight and installs its result.
    async fn fly(
        &self,
        shared: &Shared,
        found: &mut Found,
        latest: &watch::Sender<Option<Latest>>,
    ) -> Result<(), FetchError> {
        let old = shared.current.load_full();
        let fetched = self.source.fetch(&*self.transport, found).await?;
        let fetched_at = (self.clock)();
        // 304 to a request without an entity tag is useless.
        let keys = shared
            .renew(fetched, fetched_at, self.freshness)
            .ok_or(FetchError::Status(304))?;
        if old.is_none_or(|old| old.generation != keys.generation) {
            self.report(&keys, keys.generation.saturating_sub(shared.generation));
        }
        latest.send_replace(Some(Latest {
            document: Arc::clone(&keys.document),
            fetched_at: keys.fetched_at,
        }));
        Ok(())
    }

    /// `generation` counts from 1, also for a tenant whose keys were held before.
    fn report(&self, keys: &Keys, generation: u64) {
        // One text, separated by spaces: in a JSON log, a list would be text within text.
        let kids = keys.set.kids().map(|kid| kid.escape_debug().to_string());
        let kids = kids.collect::<Vec<_>>().join(" ");
        tracing::info!(issuer = %self.source.issuer, kids, generation, "keys fetched");
        let unusable = keys.set.unusable().iter();
        // Keys for encryption are published on purpose.
        for key in unusable.filter(|key| key.reason != UnusableJwk::OtherUse) {
            tracing::warn!(
                issuer = %self.source.issuer,
                index = key.index,
                kid = key.kid.as_deref(),
                kind = key.kind.as_deref(),
                reason = key.reason.code(),
                fault = key.fault.map(|fault| fault.to_string()),
                "key left out"
            );
        }
        for kid in keys.set.ambiguous() {
            tracing::warn!(
                issuer = %self.source.issuer,
                kid,
                "several keys have this name, so tokens with it are refused"
            );
        }
        for algorithm in keys.set.too_many_nameless() {
            tracing::warn!(
                issuer = %self.source.issuer,
                alg = algorithm.as_str(),
                "too many keys without a kid are for this algorithm, so its tokens are refused"
            );
        }
    }

    fn restore(&self) -> Option<Restored> {
        self.snapshot.as_ref()?.read((self.clock)())
    }
}

/// The generation of keys that never change.
const STATIC_GENERATION: u64 = 1;

/// How long a request waits for the flight that may bring its key: less than proxies wait.
const KID_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use bearward_core::jws::UnverifiedJws;
    use bearward_core::{Algorithm, JwkSet, UnixTime};
    use bearward_testing::keys::jwk_set;
    use bearward_testing::{SigningKey, Token};
    use tokio::time::{Instant, advance};

    use super::Shared;
    use crate::key_source::Fetched;
    use crate::schedule::{Freshness, Plan};

    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

    /// The state after a flight that started now and fetched `key`.
    fn after_a_flight(key: &SigningKey) -> Shared {
        let now = Instant::now();
        let shared = Shared::new(now);
        assert_eq!(shared.schedule().plan(now), Plan::Fetch);
        let document = jwk_set([key]).to_string().into_bytes();
        let set = JwkSet::parse(&document).unwrap();
        let fetched = Fetched {
            keys: Some((document, set)),
            max_age: None,
        };
        shared.renew(fetched, NOW, Freshness::default()).unwrap();
        shared
    }

    #[tokio::test(start_paused = true)]
    async fn t_cch_01_what_was_selected_counts_for_its_set_until_that_is_too_old() {
        let shared = after_a_flight(&SigningKey::first(Algorithm::EdDsa));
        let generation = shared.state().generation;
        assert!(shared.is_current(generation));
        assert!(!shared.is_current(generation + 1) && !shared.is_current(generation - 1));
        let usable_until = shared.current.load_full().unwrap().usable_until;
        let short = Duration::from_millis(1);
        advance(usable_until - short - Instant::now()).await;
        assert!(shared.is_current(generation));
        advance(short).await;
        assert_eq!(Instant::now(), usable_until);
        assert!(!shared.is_current(generation));
    }

    /// A flight on another thread can end between any two lines of a request.
    #[tokio::test(start_paused = true)]
    async fn a_key_08_a_key_that_came_since_the_last_look_is_found() {
        let key = SigningKey::first(Algorithm::EdDsa);
        let token = Token::user("https://auth.example", "https://api.example", NOW);
        let token = token.key(key.clone()).sign();
        let jws = UnverifiedJws::parse(token.as_bytes()).unwrap();
        let before = Instant::now();
        let shared = after_a_flight(&key);

        // Keys arrive before the request asks whether to wait.
        let mut waiting = pin!(shared.first_flight(before));
        let mut context = Context::from_waker(Waker::noop());
        let waited = waiting.as_mut().poll(&mut context);
        assert_eq!(waited, Poll::Ready(()));
        assert!(shared.wait(jws.header(), || true).await.is_ok());

        // A flight fetches the key before the request asks for one.
        assert!(shared.wait_for_kid(jws.header(), before).await.is_ok());
    }
}
