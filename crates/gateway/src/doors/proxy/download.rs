//! The body of an upstream's answer: one frame at a time, and none ahead of what the client takes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bearward_gate::original;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep};

use super::body_error::BodyError;
use super::idle::Idle;
use super::upstream::ConnectionLease;

/// The body of an upstream's answer, on its way to the client.
#[derive(Debug)]
pub(super) struct Download {
    body: Option<Incoming>,
    /// The rest of a frame that was longer than a piece, or that came with the head.
    rest: Bytes,
    /// Trailers that came with the head.
    trailers: Option<HeaderMap>,
    /// It broke, which is passed on after a moment.
    failed: Option<(BodyError, Pin<Box<Sleep>>)>,
    #[expect(dead_code, reason = "held, not read")]
    lease: ConnectionLease,
    idle: Idle,
    kind: Kind,
    expires: Option<Pin<Box<Sleep>>>,
    pub(super) is_expired: bool,
    pub(super) is_broken: bool,
}

/// The kind of an answer, which determines how it is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its status is in the trailers.
    Grpc,
    /// Its trailers are dropped.
    Plain,
}

impl Kind {
    /// The kind of the answer to a request with these fields.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match original::is_grpc(headers) {
            true => Self::Grpc,
            false => Self::Plain,
        }
    }
}

impl Download {
    /// An answer that ends after `remaining`, and holds its connection until its end.
    pub(super) fn new(
        body: Incoming,
        kind: Kind,
        idle: Duration,
        remaining: Option<Duration>,
        lease: ConnectionLease,
    ) -> Self {
        Self {
            body: Some(body),
            rest: Bytes::new(),
            trailers: None,
            failed: None,
            lease,
            idle: Idle::new(idle),
            kind,
            expires: remaining.map(|remaining| Box::pin(sleep(remaining))),
            is_expired: false,
            is_broken: false,
        }
    }

    /// Takes whatever arrived with the head. If the answer breaks at this point, none of it has been
    /// sent, and another answer can replace it. This does not wait: a stream's first event may be an
    /// hour away.
    pub(super) async fn begin(&mut self) -> Result<(), BodyError> {
        let mut has_yielded = false;
        while !self.is_over() {
            match poll_fn(|cx| Poll::Ready(self.poll(cx))).await {
                Poll::Ready(Some(Ok(frame))) => {
                    match frame.into_data() {
                        Ok(data) => self.rest = data,
                        Err(frame) => self.trailers = frame.into_trailers().ok(),
                    }
                    return Ok(());
                }
                Poll::Ready(Some(Err(error))) => return Err(error),
                Poll::Ready(None) => self.body = None,
                Poll::Pending if has_yielded => return Ok(()),
                // The connection may already have read more.
                Poll::Pending => {
                    has_yielded = true;
                    yield_now().await;
                }
            }
        }
        Ok(())
    }

    pub(super) fn is_over(&self) -> bool {
        self.rest.is_empty()
            && self.trailers.is_none()
            && self.failed.is_none()
            && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    /// How much is still to come, if known.
    pub(super) fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let Some(body) = self.body.as_ref().map(Body::size_hint) else {
            return SizeHint::with_exact(rest);
        };
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }

    /// The next frame, cut to `most` bytes.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.rest.is_empty() {
            if let Some((_, delay)) = &mut self.failed {
                ready!(delay.as_mut().poll(cx));
                let failed = self.failed.take();
                return Poll::Ready(failed.map(|(error, _)| Err(error)));
            }
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            let frame = match ready!(self.poll(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    self.failed = Some((error, Box::pin(sleep(FLUSHED))));
                    return self.poll_piece(cx, most);
                }
                None => return Poll::Ready(None),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = self.rest.split_to(most.min(self.rest.len()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        if let Some(expires) = &mut self.expires
            && expires.as_mut().poll(cx).is_ready()
        {
            self.is_expired = true;
            self.body = None;
            return Poll::Ready(self.expired());
        }
        let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
            ready!(self.idle.poll(cx));
            return Poll::Ready(Some(Err(self.break_off(BodyError::UpstreamTimeout))));
        };
        self.idle.reset();
        Poll::Ready(match frame {
            Some(Ok(frame)) if frame.is_data() || self.kind == Kind::Grpc => Some(Ok(frame)),
            // Trailers are never merged into the head, and only gRPC uses them.
            Some(Ok(_)) | None => None,
            Some(Err(_)) => Some(Err(self.break_off(BodyError::Upstream))),
        })
    }

    fn break_off(&mut self, error: BodyError) -> BodyError {
        self.is_broken = true;
        self.body = None;
        error
    }

    /// The end of an expired stream: a stream of events ends, a gRPC call gets its status.
    fn expired(&self) -> Option<Result<Frame<Bytes>, BodyError>> {
        if self.kind != Kind::Grpc {
            return None;
        }
        let mut status = HeaderMap::with_capacity(1);
        status.insert("grpc-status", HeaderValue::from_static("16"));
        Some(Ok(Frame::trailers(status)))
    }
}

/// How long an error waits. hyper drops what it has not written when a body breaks, so the client would
/// get neither the head nor what came before.
const FLUSHED: Duration = Duration::from_millis(10);
