//! Locks for values that are consistent between any two statements: a thread that panics while it holds
//! one leaves nothing to repair.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also after a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
