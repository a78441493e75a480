//! Work that may hang, on other threads than those that serve: a network file system that is gone
//! never answers, and a thread that waits for it cannot be interrupted.
//!
//! The runtime's blocking threads are not suitable either, since the runtime waits for them when it
//! ends.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

/// Runs such work. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Away(Arc<Semaphore>);

impl Away {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(THREADS)))
    }

    /// Runs the work on a separate thread, within the context of the runtime.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`] if it takes too long, or if too many threads already hang; the
    /// system's error if no thread can be started.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let Ok(place) = Arc::clone(&self.0).try_acquire_owned() else {
            let message = "earlier attempts to read files still hang";
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        };
        let runtime = Handle::current();
        let (done, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("files".to_owned());
        thread.spawn(move || {
            let entered = runtime.enter();
            let result = work();
            drop((entered, place));
            // The caller may have stopped waiting.
            let _ = done.send(result);
        })?;
        match tokio::time::timeout(WITHIN, ended).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) => Err(io::Error::other("it ended with a panic")),
            Err(_) => {
                let message = format!("it took longer than {} s", WITHIN.as_secs());
                Err(io::Error::new(io::ErrorKind::TimedOut, message))
            }
        }
    }
}

/// How long reading and parsing may take: ten thousand issuers are read in less than a second.
const WITHIN: Duration = Duration::from_secs(10);

/// How many pieces of work may hang, each with its thread. Files in one place may hang while those
/// in another are read.
const THREADS: usize = 4;

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc;

    use super::{Away, THREADS};

    #[tokio::test(start_paused = true)]
    async fn t_dos_11_what_hangs_is_given_up_and_does_not_pile_up() {
        let away = Away::new();
        let mut hanging = Vec::new();
        for _ in 0..THREADS {
            let (release, released) = mpsc::channel::<()>();
            let hung = away.run(move || released.recv().is_ok()).await;
            let error = hung.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(error.to_string(), "it took longer than 10 s");
            hanging.push(release);
        }
        let error = away.run(|| ()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("still hang"), "{error}");
        // A thread that ends frees its place.
        hanging.pop();
        while away.0.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        let (_kept, never) = mpsc::channel::<()>();
        let hung = away.run(move || never.recv().is_ok()).await;
        assert_eq!(hung.unwrap_err().to_string(), "it took longer than 10 s");
    }

    #[tokio::test]
    async fn what_ends_is_answered() {
        let away = Away::new();
        for number in 0..=THREADS {
            assert_eq!(away.run(move || number).await.unwrap(), number);
        }
        let runtime = away.run(|| tokio::runtime::Handle::try_current().is_ok());
        assert!(runtime.await.unwrap());
    }
}
