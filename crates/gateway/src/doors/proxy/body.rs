//! The body of an answer, from the upstream or of our own, with what its end says about the request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use crate::record::interruption::Interruption;

use super::Exchange;
use super::activity::{Active, PendingResponse};
use super::body_error::BodyError;
use super::download::Download;

/// The body of an answer.
#[derive(Debug)]
pub struct ProxyBody {
    inner: Inner,
    /// `None` for a tunnel, which holds its own.
    exchange: Option<Exchange>,
    /// The connection counts as active until the answer is over.
    _active: Option<Active>,
    /// Set as long as the client has more to read.
    pending: Option<PendingResponse>,
}

#[derive(Debug)]
enum Inner {
    Fixed(Full<Bytes>),
    Relayed(Box<Download>),
}

impl ProxyBody {
    /// The empty body of the answer that opens a tunnel.
    pub(super) fn tunnelled() -> Self {
        Self {
            inner: Inner::Fixed(Full::default()),
            exchange: None,
            _active: None,
            pending: None,
        }
    }

    pub(super) fn fixed(text: Bytes, exchange: Exchange, active: Option<Active>) -> Self {
        Self::of(Inner::Fixed(Full::new(text)), exchange, active)
    }

    pub(super) fn relayed(download: Download, exchange: Exchange, active: Option<Active>) -> Self {
        Self::of(Inner::Relayed(Box::new(download)), exchange, active)
    }

    fn of(inner: Inner, exchange: Exchange, active: Option<Active>) -> Self {
        Self {
            inner,
            exchange: Some(exchange),
            pending: active.as_ref().map(PendingResponse::new),
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
            Inner::Fixed(text) => {
                let frame = ready!(Pin::new(text).poll_frame(cx));
                frame.map(|frame| frame.map_err(|never| match never {}))
            }
            Inner::Relayed(download) => {
                let pending = this.pending.as_ref();
                if pending.is_some_and(|pending| pending.must_wait(cx)) {
                    return Poll::Pending;
                }
                let piece = pending.map_or(usize::MAX, PendingResponse::piece);
                let polled = download.poll_piece(cx, piece);
                if let Some(pending) = &mut this.pending {
                    pending.taken(matches!(polled, Poll::Ready(Some(Ok(_)))));
                    pending.handed(length(&polled));
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
            Inner::Fixed(text) => text.is_end_stream(),
            Inner::Relayed(download) => download.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Fixed(text) => text.size_hint(),
            Inner::Relayed(download) => download.size_hint(),
        }
    }
}

/// How many bytes of data the polled frame has.
fn length(polled: &Poll<Option<Result<Frame<Bytes>, BodyError>>>) -> usize {
    match polled {
        Poll::Ready(Some(Ok(frame))) => frame.data_ref().map_or(0, Bytes::len),
        Poll::Ready(_) | Poll::Pending => 0,
    }
}

impl Drop for ProxyBody {
    fn drop(&mut self) {
        if let (Some(exchange), Some(pending)) = (&mut self.exchange, &self.pending)
            && pending.is_overdue()
        {
            exchange.interrupted(Interruption::ClientTimeout);
            return;
        }
        // hyper never polls an absent body: HEAD, 204, 304, and an empty answer.
        let is_broken = matches!(&self.inner, Inner::Relayed(download) if download.is_broken);
        let is_over = self.is_end_stream() && !is_broken;
        if let Some(exchange) = &mut self.exchange
            && is_over
        {
            exchange.complete();
        }
    }
}
