//! What tasks share and how they wait for each other: the one place that names these types.
//!
//! `tests/concurrency` builds this crate with models in their place, under which a scheduler tries
//! the orders in which things can happen.

#[cfg(not(bearward_model))]
pub(crate) use {
    arc_swap::ArcSwapOption,
    quick_cache::sync::Cache as QuickCache,
    std::sync::{Mutex, MutexGuard},
    tokio::spawn,
    tokio::sync::{Notify, watch},
    tokio::task::{JoinHandle, JoinSet, spawn_blocking},
    tokio::time::{Instant, timeout, timeout_at},
};

#[cfg(bearward_model)]
pub(crate) use bearward_model::{
    ArcSwapOption, Instant, JoinHandle, JoinSet, Mutex, MutexGuard, Notify, QuickCache, spawn,
    spawn_blocking, timeout, timeout_at, watch,
};

/// Whether there is a runtime to spawn tasks on.
pub(crate) fn has_runtime() -> bool {
    cfg!(bearward_model) || tokio::runtime::Handle::try_current().is_ok()
}
