//! `tokio::task`.

use shuttle::future::{JoinError, JoinHandle, spawn};

use crate::is_over;

/// Tasks that end with the set.
#[derive(Debug)]
pub struct JoinSet<T>(Vec<JoinHandle<T>>);

impl<T: Send + 'static> JoinSet<T> {
    #[expect(clippy::new_without_default, reason = "as the original is used")]
    pub fn new() -> Self {
        Self(Vec::new())
    }

    pub fn spawn(&mut self, task: impl Future<Output = T> + Send + 'static) {
        self.0.push(spawn(task));
    }

    /// The outcome of the first one; there is one at most.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        let outcome = self.0.first_mut()?.await;
        self.0.remove(0);
        Some(outcome)
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        if is_over() {
            return;
        }
        for task in &self.0 {
            task.abort();
        }
    }
}

/// A task of its own: a thread that may block is one as well.
pub fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    spawn(async move { work() })
}
