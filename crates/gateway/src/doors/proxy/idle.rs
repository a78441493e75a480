//! Limits on silence: between two frames of a body, and since anything happened.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// A limit between two frames. It runs only while we wait for a frame, not while the other side is slow
/// to take one.
#[derive(Debug)]
pub(super) struct Idle {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        timer.as_mut().poll(cx)
    }

    pub(super) fn reset(&mut self) {
        self.timer = None;
    }
}

/// Resolves once the moment that `last` returns is `limit` ago.
pub(super) async fn silence(limit: Duration, last: impl Fn() -> Instant) {
    loop {
        let left = limit.saturating_sub(last().elapsed());
        if left.is_zero() {
            return;
        }
        sleep(left).await;
    }
}
