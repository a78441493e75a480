//! The streams of an HTTP/2 connection: one whose client takes nothing of its answer is ended, while
//! the others go on.
//!
//! hyper polls the body of an answer only when the window of its stream is open, so the body cannot
//! notice that it stays closed. Our executor, which runs the stream, notices and drops it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::Instant;

use crate::lock::lock;

use super::idle::silence;

/// How much of an HTTP/2 answer is handed over at once, at most: a frame of the usual size. A client
/// must read this much within the limit, and this much is held for it.
pub(super) const PIECE: usize = 16 * 1024;

tokio::task_local! {
    // hyper hands a stream to its executor and polls the body for frames, but passes nothing from one
    // to the other. Read by `Taking::of_stream`, for `activity::PendingResponse`.
    static STREAM: Arc<Taking>;
}

/// Runs the streams of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    /// How long a client may take for each [`PIECE`] of an answer.
    pub(super) limit: Duration,
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
            // A stream dropped before its end is reset.
            tokio::select! {
                biased;
                () = served => {}
                () = taking.overdue(limit) => {}
            }
        });
    }
}

/// A client's progress in reading one answer.
#[derive(Debug, Default)]
pub(super) struct Taking {
    /// Since when something has been waiting for the client.
    since: Mutex<Option<Instant>>,
    is_overdue: AtomicBool,
}

impl Taking {
    /// The value of the stream that calls this, if a stream does: `Streams::execute` set it.
    pub(super) fn of_stream() -> Option<Arc<Self>> {
        STREAM.try_with(Arc::clone).ok()
    }

    /// The client has taken everything so far; `is_more` if more waits from now on.
    pub(super) fn taken(&self, is_more: bool) {
        *lock(&self.since) = is_more.then(Instant::now);
    }

    /// Whether the client took too long, so that the stream was ended.
    pub(super) fn is_overdue(&self) -> bool {
        self.is_overdue.load(Ordering::Relaxed)
    }

    async fn overdue(&self, limit: Duration) {
        let waiting_since = || lock(&self.since).unwrap_or_else(Instant::now);
        silence(limit, waiting_since).await;
        self.is_overdue.store(true, Ordering::Relaxed);
    }
}
