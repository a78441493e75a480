//! The keys of an issuer that has a name for each tenant: a list of issuers, of which only those are
//! fetched from whose tokens arrive.
//!
//! The operator lists the tenants, so a token chooses none that is not known. What tokens may trigger
//! is bounded for all tenants together: the tenants whose keys are held, and the fetches for
//! unknown keys.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bearward_core::jws::Header;
use bearward_core::rejection::{InvalidToken, Rejection, Unavailable};

use crate::clock::Clock;
use crate::fetch::Transport;
use crate::schedule::{Budgets, Schedule};
use crate::sync::{ArcSwapOption, Instant, Mutex, MutexGuard};

use super::{FetchedKeys, KeyState, Origin, Selected, Shared};

/// What all tenants of an issuer share.
pub(crate) struct Tenants {
    /// The issuer with its placeholder.
    pub(crate) issuer: Arc<str>,
    transport: Arc<dyn Transport>,
    clock: Clock,
    budgets: Budgets,
    /// Those whose keys are held. Locked to start and to stop fetching, not to find a key.
    held: Mutex<Vec<Arc<Slot>>>,
    /// How often fetching was started: no two starts count the same generations.
    starts: AtomicU64,
}

/// The keys of one tenant.
#[derive(Debug)]
pub(crate) struct TenantKeys {
    /// Boxed: four times the size of all else.
    pub(super) origin: Box<Origin>,
    pub(crate) tenants: Arc<Tenants>,
    slot: Arc<Slot>,
}

/// The place for a tenant's keys, while they are held.
#[derive(Debug)]
struct Slot {
    keys: ArcSwapOption<FetchedKeys>,
    /// When a token of the tenant was valid last, in seconds since 1970; 0 before the first. A token
    /// that nobody has verified does not count: anybody can make one up.
    used: AtomicU64,
    /// Those of all tenants, as this one takes from them.
    budgets: Budgets,
}

impl Tenants {
    pub(crate) fn new(issuer: Arc<str>, transport: Arc<dyn Transport>, clock: &Clock) -> Arc<Self> {
        Arc::new(Self {
            issuer,
            transport,
            clock: Arc::clone(clock),
            budgets: Budgets::new(Instant::now()),
            held: Mutex::new(Vec::new()),
            starts: AtomicU64::new(0),
        })
    }

    /// The state of all tenants whose keys are held, as one. It is usable if no tenant has asked for
    /// keys yet, or if those of one are usable.
    pub(crate) fn state(&self) -> KeyState {
        let keys: Vec<_> = self
            .held()
            .iter()
            .filter_map(|slot| slot.keys.load_full())
            .collect();
        let states: Vec<_> = keys.iter().map(|keys| keys.state()).collect();
        let of_all = |names: fn(&KeyState) -> &Vec<String>| {
            let names: BTreeSet<_> = states.iter().flat_map(names).cloned().collect();
            names.into_iter().collect()
        };
        let sum = |count: fn(&KeyState) -> u64| {
            let counts = states.iter().map(count);
            counts.fold(0_u64, u64::saturating_add)
        };
        let last = states.first();
        KeyState {
            kids: of_all(|state| &state.kids),
            algorithms: last.map_or_else(Vec::new, |state| state.algorithms.clone()),
            selectable: last.map_or_else(Vec::new, |state| state.selectable.clone()),
            unusable: last.map_or_else(Vec::new, |state| state.unusable.clone()),
            ambiguous: of_all(|state| &state.ambiguous),
            too_many_nameless: last.map_or_else(Vec::new, |state| state.too_many_nameless.clone()),
            generation: self.starts.load(Ordering::Relaxed),
            fetched_at: states.iter().filter_map(|state| state.fetched_at).max(),
            is_usable: states.is_empty() || states.iter().any(|state| state.is_usable),
            is_stale: states.iter().any(|state| state.is_stale),
            fetches: sum(|state| state.fetches),
            failed_fetches: sum(|state| state.failed_fetches),
            last_error: states.iter().find_map(|state| state.last_error.clone()),
        }
    }

    /// After a panic, the list is as it was before or after one change.
    fn held(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenants")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl TenantKeys {
    pub(crate) fn new(origin: Origin, tenants: Arc<Tenants>) -> Self {
        let slot = Slot {
            keys: ArcSwapOption::empty(),
            used: AtomicU64::new(0),
            budgets: tenants.budgets.for_another(),
        };
        Self {
            origin: Box::new(origin),
            tenants,
            slot: Arc::new(slot),
        }
    }

    /// The keys, if they are held.
    pub(crate) fn started(&self) -> Option<Arc<FetchedKeys>> {
        self.slot.keys.load_full()
    }

    pub(crate) fn is_current(&self, selected: &Selected) -> bool {
        let keys = self.slot.keys.load();
        let is_current = keys.as_ref().is_some_and(|keys| keys.is_current(selected));
        if is_current {
            // Only verified tokens are remembered, and this is one of them.
            self.mark_used();
        }
        is_current
    }

    /// A token of the tenant was valid.
    pub(crate) fn mark_used(&self) {
        let now = (self.tenants.clock)().as_secs();
        self.slot.used.store(now, Ordering::Relaxed);
    }

    /// As [`KeyStore::select`](super::KeyStore::select). The first plausible token starts
    /// fetching.
    pub(crate) async fn select(
        &self,
        header: &Header,
        is_plausible: impl Fn() -> bool,
    ) -> Result<Selected, Rejection> {
        let keys = match self.started() {
            Some(keys) => keys,
            None if !is_plausible() => return Err(InvalidToken::KidUnknown.into()),
            None => self.start().ok_or_else(|| Unavailable::new(NO_ROOM))?,
        };
        keys.select(header, is_plausible).await
    }

    /// Starts fetching. If the keys of too many tenants are held, this one takes the place of the one
    /// whose last valid token is the oldest, at the expense of the common budget. A tenant that has
    /// had a valid token takes the place of one that has had none for free: otherwise made-up
    /// tokens could keep it out.
    fn start(&self) -> Option<Arc<FetchedKeys>> {
        let mut held = self.tenants.held();
        // Another request may have been first.
        if let Some(keys) = self.started() {
            return Some(keys);
        }
        let now = Instant::now();
        if held.len() >= TENANTS_HELD {
            let used = |(_, slot): &(usize, &Arc<Slot>)| slot.used.load(Ordering::Relaxed);
            let (oldest, slot) = held.iter().enumerate().min_by_key(used)?;
            let is_proven = self.slot.used.load(Ordering::Relaxed) > 0;
            let is_free = is_proven && slot.used.load(Ordering::Relaxed) == 0;
            if !is_free && !self.slot.budgets.take(now) {
                return None;
            }
            held.swap_remove(oldest).keys.store(None);
        }
        let starts = self.tenants.starts.fetch_add(1, Ordering::Relaxed);
        let schedule = Schedule::sharing(now, self.slot.budgets.clone());
        let shared = Shared::with(schedule, starts.saturating_mul(GENERATIONS));
        let (origin, transport) = (
            Origin::clone(&self.origin),
            Arc::clone(&self.tenants.transport),
        );
        let keys = FetchedKeys::start(origin, transport, &self.tenants.clock, shared, None);
        let keys = Arc::new(keys);
        self.slot.keys.store(Some(Arc::clone(&keys)));
        held.push(Arc::clone(&self.slot));
        Some(keys)
    }
}

impl Drop for TenantKeys {
    fn drop(&mut self) {
        self.slot.keys.store(None);
        self.tenants
            .held()
            .retain(|slot| !Arc::ptr_eq(slot, &self.slot));
    }
}

/// The tenants of one issuer whose keys are held at a time.
const TENANTS_HELD: usize = 1024;

/// More than a store ever has.
const GENERATIONS: u64 = 1 << 32;

/// When to ask again if there is no room for another tenant: when the budget has grown.
const NO_ROOM: Duration = Duration::from_secs(30);
