//! The streams of an HTTP/2 connection: one whose client takes nothing of its answer is ended, while
//! the others go on.
//!
//! The body of an answer is asked for more only when the window of its stream is open, so it cannot
//! see that it stays closed. What runs the stream does: it is an executor of ours, which drops it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::{Instant, sleep_until};

/// The most of an answer over HTTP/2 that is handed over at once: a frame of the usual size. So long
/// is what a client takes within the limit, and what is held for it.
pub(super) const PIECE: usize = 16 * 1024;

tokio::task_local! {
    // hyper hands a stream to its executor and asks the body for frames, and passes nothing from one to the
    // other. Read by `Taking::of_stream`, for `activity::Owed`.
    static STREAM: Arc<Taking>;
}

/// Runs the streams of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    limit: Duration,
}

impl Streams {
    /// A client may take so long for each [`PIECE`] of an answer.
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let limit = self.limit;
        let taking = Arc::new(Taking::default());
        tokio::spawn(async move {
            let served = STREAM.scope(Arc::clone(&taking), stream);
            // What is dropped before its end is reset.
            tokio::select! {
                biased;
                () = served => {}
                () = taking.overdue(limit) => {}
            }
        });
    }
}

/// What a client takes of one answer.
#[derive(Debug, Default)]
pub(super) struct Taking {
    /// Since when there is something to be taken.
    since: Mutex<Option<Instant>>,
    is_overdue: AtomicBool,
}

impl Taking {
    /// That of the stream this is called in, if it is one: `Streams::execute` has set it.
    pub(super) fn of_stream() -> Option<Arc<Self>> {
        STREAM.try_with(Arc::clone).ok()
    }

    /// What there was is taken; whether there is more from now on.
    pub(super) fn taken(&self, is_more: bool) {
        *self.since() = is_more.then(Instant::now);
    }

    /// Whether the client took too long, so that the stream was ended.
    pub(super) fn is_overdue(&self) -> bool {
        self.is_overdue.load(Ordering::Relaxed)
    }

    async fn overdue(&self, limit: Duration) {
        loop {
            let since = *self.since();
            let now = Instant::now();
            let Some(due) = since.unwrap_or(now).checked_add(limit) else {
                return std::future::pending().await;
            };
            if since.is_some() && due <= now {
                self.is_overdue.store(true, Ordering::Relaxed);
                return;
            }
            sleep_until(due).await;
        }
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
