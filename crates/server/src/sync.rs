//! The types with which tasks share data and wait for each other; no other file names them.
//!
//! `tests/concurrency` replaces them with models, and a scheduler tries the possible orders of
//! events.

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

/// Whether there is a runtime on which to spawn tasks.
pub(crate) fn has_runtime() -> bool {
    cfg!(bearward_model) || tokio::runtime::Handle::try_current().is_ok()
}
