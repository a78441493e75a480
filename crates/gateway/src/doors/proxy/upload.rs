//! The body of a request: one frame at a time, and none ahead of what the upstream takes.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bearward_gate::identity::Identity;
use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::net::unread;

use super::body_error::BodyError;
use super::fields;
use super::idle::Idle;

/// The body of a request until it goes to the upstream; after that, only how much of it has arrived.
#[derive(Debug, Default)]
pub(super) struct Unread {
    body: Option<Incoming>,
    progress: Option<Arc<Progress>>,
}

impl Unread {
    pub(super) const fn new(body: Incoming) -> Self {
        Self {
            body: Some(body),
            progress: None,
        }
    }

    /// Whether the request has none.
    pub(super) fn is_empty(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    /// Takes the body, to send it to the upstream.
    pub(super) fn upload(&mut self, limit: Duration, trailers: Option<Identity>) -> Upload {
        let progress = Arc::new(Progress::start(self.is_empty()));
        self.progress = Some(Arc::clone(&progress));
        Upload {
            body: self.body.take(),
            progress,
            idle: Idle::new(limit),
            trailers,
        }
    }

    /// Whether the body was read to its end, so that another request may follow over HTTP/1.1. If it is
    /// still here, discards the part that has arrived.
    pub(super) async fn is_over(&mut self, headers: &HeaderMap) -> bool {
        if let Some(progress) = &self.progress {
            return progress.is_whole.load(Ordering::Relaxed);
        }
        match &mut self.body {
            Some(body) => unread::is_over(headers.contains_key(EXPECT), body).await,
            None => true,
        }
    }
}

/// The body of a request, on its way to the upstream.
#[derive(Debug)]
pub(super) struct Upload {
    body: Option<Incoming>,
    progress: Arc<Progress>,
    idle: Idle,
    /// Trailers are for gRPC alone, without identity fields in them.
    trailers: Option<Identity>,
}

impl Upload {
    /// An empty body, for a second attempt.
    pub(super) fn empty(progress: Arc<Progress>) -> Self {
        Self {
            body: None,
            progress,
            idle: Idle::new(Duration::MAX),
            trailers: None,
        }
    }

    pub(super) const fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Ends the body. The first error stays: there is no other after it.
    fn break_off(&mut self, error: BodyError) -> BodyError {
        self.body = None;
        let _ = self.progress.fault.set(error);
        let waits = &self.progress.waits_for_client;
        waits.store(false, Ordering::Relaxed);
        error
    }

    fn filter(&self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let mut trailers = match frame.into_trailers() {
            Ok(trailers) => trailers,
            Err(data) => return Some(data),
        };
        let identity = self.trailers.as_ref()?;
        fields::clean_trailers(&mut trailers);
        identity.strip(&mut trailers);
        Some(Frame::trailers(trailers))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
            let waits = &self.progress.waits_for_client;
            waits.store(true, Ordering::Relaxed);
            ready!(self.idle.poll(cx));
            return Poll::Ready(Some(Err(self.break_off(BodyError::ClientTimeout))));
        };
        let is_whole = frame.is_none() || body.is_end_stream();
        self.idle.reset();
        self.progress.advance(is_whole);
        match frame {
            Some(Ok(frame)) => Poll::Ready(self.filter(frame).map(Ok)),
            Some(Err(_)) => Poll::Ready(Some(Err(self.break_off(BodyError::Request)))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// How much of a body has been passed on, for the side that waits for the answer.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    /// When the last frame passed, in milliseconds since the start.
    last: AtomicU64,
    waits_for_client: AtomicBool,
    is_whole: AtomicBool,
    fault: OnceLock<BodyError>,
}

impl Progress {
    fn start(is_whole: bool) -> Self {
        Self {
            started: Instant::now(),
            last: AtomicU64::new(0),
            waits_for_client: AtomicBool::new(false),
            is_whole: AtomicBool::new(is_whole),
            fault: OnceLock::new(),
        }
    }

    /// The client's error, if the client is at fault.
    pub(super) fn fault(&self) -> Option<BodyError> {
        self.fault.get().copied()
    }

    /// Resolves when nothing has passed for `limit` and we were not waiting for the client. If the
    /// timer fires earlier, it is extended.
    pub(super) async fn overdue(&self, limit: Duration, mut timer: Pin<&mut Sleep>) {
        let began = self.started.elapsed();
        let mut now = began;
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed)).max(began);
            let still = limit.saturating_sub(now.saturating_sub(last));
            let waits = self.waits_for_client.load(Ordering::Relaxed);
            let wait = match (waits, still.is_zero()) {
                (true, _) => limit,
                (false, true) => return,
                (false, false) => still,
            };
            let Some(due) = self.started.checked_add(now.saturating_add(wait)) else {
                return std::future::pending().await;
            };
            // It can be too late if it was set for a longer limit.
            if timer.is_elapsed() || timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            timer.as_mut().await;
            now = self.started.elapsed();
        }
    }

    fn advance(&self, is_whole: bool) {
        let elapsed = self.started.elapsed().as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
        self.is_whole.store(is_whole, Ordering::Relaxed);
        self.waits_for_client.store(false, Ordering::Relaxed);
    }
}
