//! Bodies on their way: one frame at a time, and none ahead of what the other side takes.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep};

use crate::doors::in_force::InForce;
use crate::net::unread;
use crate::record::interruption::Interruption;

use super::Exchange;
use super::activity::{Active, Owed};
use super::fields;
use super::upstream::Held;

/// Why a body ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The client was too slow.
    #[error("client_timeout: the next piece of the request took too long")]
    ClientTimeout,
    /// The request broke off, or its framing is wrong.
    #[error("client_body: the body of the request broke off or is malformed")]
    Request,
    /// The answer of the upstream broke off.
    #[error("upstream_failed: the answer of the upstream broke off")]
    Upstream,
    /// The upstream was too slow.
    #[error("upstream_timeout: the next piece of the answer took too long")]
    UpstreamTimeout,
}

/// The body of a request: held here until it goes to the upstream; after that, only how much of it
/// has arrived.
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

    /// The same on its way to the upstream.
    pub(super) fn upload(&mut self, limit: Duration, trailers: Option<Arc<InForce>>) -> Upload {
        let progress = Arc::new(Progress::start(self.is_empty()));
        self.progress = Some(Arc::clone(&progress));
        Upload {
            body: self.body.take(),
            progress,
            idle: Idle::new(limit),
            trailers,
        }
    }

    /// Whether it was read to its end, so that another request may follow over HTTP/1.1. If the
    /// body is still here, discards what has arrived of it.
    pub(super) async fn is_over(&mut self, headers: &HeaderMap) -> bool {
        let is_expected = headers.contains_key(EXPECT);
        if let Some(progress) = &self.progress {
            return progress.is_whole.load(Ordering::Relaxed);
        }
        match &mut self.body {
            Some(body) => unread::is_over(is_expected, body).await,
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
    trailers: Option<Arc<InForce>>,
}

impl Upload {
    /// Nothing, for a second attempt.
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

    fn filter(&self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let mut trailers = match frame.into_trailers() {
            Ok(trailers) => trailers,
            Err(data) => return Some(data),
        };
        let in_force = self.trailers.as_ref()?;
        fields::clean_trailers(&mut trailers);
        in_force.gate().identity().strip(&mut trailers);
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
            self.progress
                .waits_for_client
                .store(true, Ordering::Relaxed);
            ready!(self.idle.poll(cx));
            self.body = None;
            self.progress.fail(BodyError::ClientTimeout);
            return Poll::Ready(Some(Err(BodyError::ClientTimeout)));
        };
        let is_whole = frame.is_none() || body.is_end_stream();
        self.idle.reset();
        self.progress.advance(is_whole);
        match frame {
            Some(Ok(frame)) => Poll::Ready(self.filter(frame).map(Ok)),
            Some(Err(_)) => {
                self.body = None;
                self.progress.fail(BodyError::Request);
                Poll::Ready(Some(Err(BodyError::Request)))
            }
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

/// How far a request's body has come, for whoever waits for the answer.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    /// When the last frame passed, in milliseconds since the start.
    last: AtomicU64,
    waits_for_client: AtomicBool,
    is_whole: AtomicBool,
    fault: AtomicU8,
}

impl Progress {
    fn start(is_whole: bool) -> Self {
        Self {
            started: Instant::now(),
            last: AtomicU64::new(0),
            waits_for_client: AtomicBool::new(false),
            is_whole: AtomicBool::new(is_whole),
            fault: AtomicU8::new(0),
        }
    }

    /// The fault of the client, if it is the client's.
    pub(super) fn fault(&self) -> Option<BodyError> {
        match self.fault.load(Ordering::Acquire) {
            1 => Some(BodyError::ClientTimeout),
            2 => Some(BodyError::Request),
            _ => None,
        }
    }

    /// Resolves when for `limit` nothing has passed, and it was not the client who kept us waiting.
    /// The timer may ring before: then it is put off.
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
            // Too late it would be if it had been set for a longer limit.
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

    fn fail(&self, error: BodyError) {
        let code = if error == BodyError::ClientTimeout {
            1
        } else {
            2
        };
        self.fault.store(code, Ordering::Release);
        self.waits_for_client.store(false, Ordering::Relaxed);
    }
}

/// The body of an answer.
#[derive(Debug)]
pub struct ProxyBody {
    inner: Inner,
    /// A tunnel has its own.
    exchange: Option<Exchange>,
    /// The connection is at work until the answer is over.
    _active: Option<Active>,
    /// There as long as the client has to take more.
    owed: Option<Owed>,
}

#[derive(Debug)]
enum Inner {
    Fixed(Option<Bytes>),
    Relayed(Box<Download>),
}

impl ProxyBody {
    /// What goes before a tunnel.
    pub(super) const fn tunnelled() -> Self {
        Self {
            inner: Inner::Fixed(None),
            exchange: None,
            _active: None,
            owed: None,
        }
    }

    pub(super) fn fixed(text: Bytes, exchange: Exchange, active: Option<Active>) -> Self {
        let text = Some(text).filter(|text| !text.is_empty());
        Self::of(Inner::Fixed(text), exchange, active)
    }

    pub(super) fn relayed(download: Download, exchange: Exchange, active: Option<Active>) -> Self {
        Self::of(Inner::Relayed(Box::new(download)), exchange, active)
    }

    fn of(inner: Inner, exchange: Exchange, active: Option<Active>) -> Self {
        Self {
            inner,
            exchange: Some(exchange),
            owed: active.as_ref().map(Owed::new),
            _active: active,
        }
    }
}

impl Body for ProxyBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let frame = match &mut this.inner {
            Inner::Fixed(text) => text.take().map(|text| Ok(Frame::data(text))),
            Inner::Relayed(download) => {
                if this.owed.as_ref().is_some_and(|owed| owed.must_wait(cx)) {
                    return Poll::Pending;
                }
                let piece = this.owed.as_ref().map_or(usize::MAX, Owed::piece);
                let polled = download.poll_piece(cx, piece);
                if let Some(owed) = &mut this.owed {
                    owed.taken(matches!(polled, Poll::Ready(Some(Ok(_)))));
                    owed.handed(length(&polled));
                }
                let frame = ready!(polled);
                if let Some(exchange) = &mut this.exchange
                    && download.is_expired
                {
                    exchange.interrupted(Interruption::StreamExpired);
                }
                frame
            }
        };
        if let Some(exchange) = &mut this.exchange {
            match &frame {
                Some(Err(error)) => exchange.interrupted((*error).into()),
                Some(Ok(_)) => {}
                None => exchange.complete(),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Fixed(text) => text.is_none(),
            Inner::Relayed(download) => download.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Fixed(text) => {
                let length = text.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Inner::Relayed(download) => download.size_hint(),
        }
    }
}

/// How much there is of the next frame.
fn length(polled: &Poll<Option<Result<Frame<Bytes>, BodyError>>>) -> usize {
    match polled {
        Poll::Ready(Some(Ok(frame))) => frame.data_ref().map_or(0, Bytes::len),
        Poll::Ready(_) | Poll::Pending => 0,
    }
}

impl Drop for ProxyBody {
    fn drop(&mut self) {
        if let (Some(exchange), Some(owed)) = (&mut self.exchange, &self.owed)
            && owed.is_overdue()
        {
            exchange.interrupted(Interruption::ClientTimeout);
            return;
        }
        // What has no body is never polled: HEAD, 204, 304, and an empty answer.
        let is_broken = matches!(&self.inner, Inner::Relayed(download) if download.is_broken);
        let is_over = self.is_end_stream() && !is_broken;
        if let Some(exchange) = &mut self.exchange
            && is_over
        {
            exchange.complete();
        }
    }
}

impl From<BodyError> for Interruption {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::ClientTimeout => Self::ClientTimeout,
            BodyError::Request => Self::ClientBody,
            BodyError::Upstream => Self::UpstreamFailed,
            BodyError::UpstreamTimeout => Self::UpstreamTimeout,
        }
    }
}

/// The body of an upstream's answer, on its way to the client.
#[derive(Debug)]
pub(super) struct Download {
    body: Option<Incoming>,
    /// What is left of a frame that was longer than a piece, or came with the head.
    rest: Bytes,
    /// Trailers that came with the head.
    trailers: Option<HeaderMap>,
    /// Whether it has been asked for anything since its head went on.
    is_begun: bool,
    /// It broke before its head had been sent.
    failed: Option<BodyError>,
    /// Its connection.
    held: Option<Held>,
    idle: Idle,
    kind: Kind,
    expires: Option<Pin<Box<Sleep>>>,
    is_expired: bool,
    is_broken: bool,
}

/// What an answer is, as far as that changes how it is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its status stands in trailers.
    Grpc,
    /// Its trailers are dropped.
    Plain,
}

impl Download {
    pub(super) fn new(body: Incoming, limit: Duration, kind: Kind) -> Self {
        Self {
            body: Some(body),
            rest: Bytes::new(),
            trailers: None,
            is_begun: false,
            failed: None,
            held: None,
            idle: Idle::new(limit),
            kind,
            expires: None,
            is_expired: false,
            is_broken: false,
        }
    }

    /// The same, by this connection.
    pub(super) fn holding(mut self, held: Held) -> Self {
        self.held = Some(held);
        self
    }

    /// The same, ended after `remaining`.
    pub(super) fn expiring(mut self, remaining: Option<Duration>) -> Self {
        self.expires = remaining.map(|remaining| Box::pin(sleep(remaining)));
        self
    }

    /// Takes what arrived with the head. An answer that breaks there has not been sent yet, and
    /// another one can replace it. This waits for nothing: a stream's first event may be an hour
    /// away.
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
                // Its connection may have more that it has read already.
                Poll::Pending => {
                    has_yielded = true;
                    yield_now().await;
                }
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.rest.is_empty()
            && self.trailers.is_none()
            && self.failed.is_none()
            && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    /// How much comes, as far as that is known.
    fn size_hint(&self) -> SizeHint {
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

    /// The next frame, cut to so many bytes at most.
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let is_first = !mem::replace(&mut self.is_begun, true);
        if self.rest.is_empty() {
            if let Some(error) = self.failed.take() {
                return Poll::Ready(Some(Err(error)));
            }
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            let frame = match ready!(self.poll(cx)) {
                Some(Ok(frame)) => frame,
                // The head is written when it has to wait, and only then.
                Some(Err(error)) if is_first => {
                    self.failed = Some(error);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                other => return Poll::Ready(other),
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
            self.is_broken = true;
            self.body = None;
            return Poll::Ready(Some(Err(BodyError::UpstreamTimeout)));
        };
        self.idle.reset();
        let Some(frame) = frame else {
            return Poll::Ready(None);
        };
        Poll::Ready(match frame {
            Ok(frame) if frame.is_data() || self.kind == Kind::Grpc => Some(Ok(frame)),
            // Never merged into the fields of the head, and of use to gRPC alone.
            Ok(_) => None,
            Err(_) => {
                self.is_broken = true;
                self.body = None;
                Some(Err(BodyError::Upstream))
            }
        })
    }

    /// The end of an expired stream: one of events is just over, a call gets its status.
    fn expired(&self) -> Option<Result<Frame<Bytes>, BodyError>> {
        if self.kind != Kind::Grpc {
            return None;
        }
        let mut status = HeaderMap::with_capacity(1);
        status.insert("grpc-status", HeaderValue::from_static("16"));
        Some(Ok(Frame::trailers(status)))
    }
}

/// A limit between two frames. It runs only while we wait for one: whoever does not take what is
/// there is not the one who is slow here.
#[derive(Debug)]
struct Idle {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    const fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        timer.as_mut().poll(cx)
    }

    fn reset(&mut self) {
        self.timer = None;
    }
}
