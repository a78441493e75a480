//! What tasks share and how they wait, as shuttle sees it: in the place of types of arc-swap,
//! quick_cache and tokio, with the parts that crates/server uses and the names that they have there.
//!
//! A model is as atomic as the original is documented to be and no more: each call is one critical
//! section of a lock of shuttle's, before which any other task may run. What the originals do inside
//! is not tried here; they have tests of their own (loom in tokio's case).
//!
//! | model | of | taken for granted |
//! |---|---|---|
//! | [`ArcSwapOption`] | `arc_swap` | loads and stores have one order, and a load gives all of a value |
//! | [`QuickCache`] | `quick_cache::sync::Cache` | `get`, `insert`, `remove_if` hold the lock of the key's shard, the last one while it asks its predicate, too. The oldest entry goes first |
//! | [`watch`], [`Notify`] | `tokio::sync` | as documented; one permit, receivers that see the latest |
//! | [`spawn`], [`JoinSet`], [`spawn_blocking`] | `tokio::task` | a task ends at its next await when it is aborted. A panic ends the test |
//! | [`Instant`], [`timeout`], [`timeout_at`] | `tokio::time` | time passes by [`time::pass`] alone, which any task may call at any time |
//! | [`Mutex`] | `std::sync` | shuttle's own |

mod arc_swap;
mod cache;
mod notify;
mod task;
pub mod time;
pub mod watch;

pub use shuttle::future::{JoinHandle, spawn};
pub use shuttle::sync::{Mutex, MutexGuard};

pub use crate::arc_swap::ArcSwapOption;
pub use crate::cache::QuickCache;
pub use crate::notify::Notify;
pub use crate::task::{JoinSet, spawn_blocking};
pub use crate::time::{Instant, timeout, timeout_at};

/// Whether a test has failed and its tasks are torn down: whoever waits then hides why.
fn is_over() -> bool {
    std::thread::panicking()
}

/// A panic is the end of a test, so nobody sees what it has left.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
