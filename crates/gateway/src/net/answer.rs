//! Serves the doors that answer by themselves, from the head of a request: HTTP/1.1 for forward
//! auth and the admin endpoints, HTTP/2 for gRPC.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bearward_gate::peer::Peer;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, Request, Response};
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::time::{sleep, timeout};

use crate::net::date;
use crate::net::framing::Filter;
use crate::net::listener::Accepted;
use crate::net::read_through::ReadThrough;
use crate::net::serve::{HEAD_BUFFER, HEAD_LIMIT, KEEP_ALIVE, LAST_CALL, PENDING_RESETS, Slot};
use crate::net::unread;

/// The protocol of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    /// By prior knowledge, or over TLS.
    Http2,
}

/// Serves connections with a door that answers in this protocol.
pub(crate) fn opener<A, F, B>(
    protocol: Protocol,
    answer: A,
) -> impl Fn(Accepted, Slot) -> Option<Served>
where
    A: Fn(Peer, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    move |accepted, slot| Some(Box::pin(drive(accepted, protocol, answer.clone(), slot)))
}

/// A connection that is served to its end.
type Served = Pin<Box<dyn Future<Output = ()> + Send>>;

async fn drive<A, F, B>(accepted: Accepted, protocol: Protocol, answer: A, slot: Slot)
where
    A: Fn(Peer, Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let peer = accepted.peer;
    let stream = match accepted.open(HEAD_TIMEOUT).await {
        Ok((stream, _)) => stream,
        Err(reason) => {
            tracing::debug!(reason = reason.code(), "a connection was cut");
            return;
        }
    };
    let turns = Arc::new(Turns::default());
    let shared = Arc::new((answer, slot.clone(), Arc::clone(&turns)));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move {
            let (answer, slot, turns) = &*shared;
            turns.next();
            // Only gRPC carries the question in its body. If part of another body has not arrived yet, no
            // question can follow.
            let is_left = protocol == Protocol::Http1
                && !request.body().is_end_stream()
                && !unread::is_over(request.headers().contains_key(EXPECT), request.body_mut())
                    .await;
            let mut response = answer(peer, request).await;
            date::add(response.headers_mut());
            // HTTP/2 has GOAWAY instead of this field.
            if is_left || (protocol == Protocol::Http1 && slot.is_draining()) {
                let last = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, last);
            }
            turns.next();
            Ok::<_, Infallible>(response)
        }
    });
    match protocol {
        Protocol::Http1 => {
            // As strictly as at the reverse proxy: a client chose the target after `/auth/envoy`.
            let mut filter = Filter::without_upgrades();
            let stream = ReadThrough::new(stream, move |io, cx, buf| filter.poll_read(io, cx, buf));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // hyper would set a timer for each head; `end` has one for all.
                .header_read_timeout(None)
                .max_buf_size(HEAD_BUFFER)
                .serve_connection(TokioIo::new(stream), service);
            end(connection, protocol, &turns, slot).await;
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(HEAD_LIMIT)
                .max_pending_accept_reset_streams(PENDING_RESETS)
                .keep_alive_interval(KEEP_ALIVE)
                .keep_alive_timeout(KEEP_ALIVE)
                .serve_connection(TokioIo::new(stream), service);
            end(connection, protocol, &turns, slot).await;
        }
    }
}

/// Whose turn it is on a connection: the peer's at first and after each answer, ours after each
/// question.
#[derive(Debug, Default)]
struct Turns(AtomicU64);

impl Turns {
    fn next(&self) {
        // Over HTTP/1.1 there is no other writer; over HTTP/2 only zero or not zero matters.
        let next = self.count().wrapping_add(1);
        self.0.store(next, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Drives a connection to its end; once its listener stops, ends it soon.
async fn end<C>(connection: C, protocol: Protocol, turns: &Turns, mut slot: Slot)
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut served = Box::pin(connection);
    let ended = tokio::select! {
        biased;
        ended = served.as_mut() => ended,
        () = silence(protocol, turns) => {
            tracing::debug!(reason = "client_timeout", "a connection was cut");
            return;
        }
        () = slot.draining() => {
            if protocol == Protocol::Http1 {
                // A proxy may already have sent a question over a connection that it keeps open.
                let _ = timeout(LAST_CALL, served.as_mut()).await;
            }
            served.as_mut().graceful_shutdown();
            tokio::select! {
                ended = served.as_mut() => ended,
                () = slot.closed() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// Resolves when the next head does not come in time. Over HTTP/2, which has pings, only the first head
/// counts.
async fn silence(protocol: Protocol, turns: &Turns) {
    let (mut seen, mut looks) = (0, 0_u32);
    while looks < LOOKS {
        sleep(LOOKED_AT).await;
        let count = turns.count();
        if protocol == Protocol::Http2 && count > 0 {
            return std::future::pending().await;
        }
        let is_silent = count == seen && count.is_multiple_of(2);
        looks = if is_silent {
            looks.saturating_add(1)
        } else {
            0
        };
        seen = count;
    }
}

/// How long a TLS handshake or the next head may take, at least. Proxies and scrapers send a head at
/// once.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a connection is checked while a head is due, and how many checks may find none. The limit
/// may be exceeded by half, no more.
const LOOKED_AT: Duration = Duration::from_secs(15);
const LOOKS: u32 = 2;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{Request, Response};
    use http_body_util::Full;
    use hyper::body::{Bytes, Incoming};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::{Protocol, opener};
    use crate::config::Address;
    use crate::net::listener::Listener;
    use crate::net::serve::{Capacity, serve};
    use bearward_gate::peer::Peer;

    #[tokio::test]
    async fn t_dos_01_connections_past_the_cap_wait() {
        let any = Address::Tcp("127.0.0.1:0".parse().unwrap());
        let listener = Listener::bind(&any).await.unwrap();
        let Address::Tcp(address) = listener.address() else {
            panic!("not on TCP");
        };
        let answer = |_: Peer, _: Request<Incoming>| {
            std::future::ready(Response::new(Full::<Bytes>::default()))
        };
        let capacity = Capacity {
            connections: 2,
            drain: Duration::ZERO,
        };
        let open = opener(Protocol::Http1, answer);
        let served = serve(listener, capacity, open, std::future::pending());
        tokio::spawn(served);
        let first = TcpStream::connect(address).await.unwrap();
        let _second = TcpStream::connect(address).await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        third
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let short = Duration::from_millis(100);
        assert!(timeout(short, third.read_u8()).await.is_err());
        drop(first);
        let soon = Duration::from_secs(20);
        assert_eq!(timeout(soon, third.read_u8()).await.unwrap().unwrap(), b'H');
    }
}
