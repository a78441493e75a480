//! Serves the connections of the reverse proxy: each client gets its share, slow and idle ones end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bearward_gate::peer::Peer;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::net::listener::{Accepted, Listener};
use crate::net::serve::{Capacity, HEAD_BUFFER, HEAD_LIMIT, KEEP_ALIVE, LAST_CALL, PENDING_RESETS};
use crate::net::{self, date};
use crate::record::interruption::Interruption;

use super::Proxy;
use super::activity::{Activity, Overdue};
use super::client::Client;
use super::connection::Connection;
use super::forwarded::PeerName;
use super::guarded::Guarded;
use super::inbound::Inbound;
use super::limits::Limits;
use super::places::{Guest, Places};
use super::streams::Streams;

/// How much of one HTTP/2 answer may wait for its connection, however large a window its client opens.
const SEND_BUFFER: usize = 32 * 1024;
/// How many streams we reset for the peer's errors before the connection is closed.
const OWN_RESETS: usize = 256;
/// How long a connection that is told to end may take to do so.
const GOODBYE: Duration = Duration::from_secs(5);

/// Serves `proxy` until `shutdown` resolves, then finishes the requests whose heads were read.
pub async fn serve(
    listener: Listener,
    proxy: Arc<Proxy>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let crowd = Arc::new(Places::default());
    let capacity = Capacity {
        connections: limits.connections,
        drain: limits.drain,
    };
    let opened = |accepted: Accepted, slot| {
        let Ok(guest) = admit(&proxy, &crowd, accepted.peer, limits.connections) else {
            proxy.observer().cut(Interruption::TooManyConnections);
            return None;
        };
        let connection = Connection {
            scheme: "http",
            peer_name: Arc::new(PeerName::of(accepted.peer)),
            activity: Arc::new(Activity::new(proxy.observer())),
            guest: Arc::new(guest),
            slot,
        };
        Some(open(accepted, Arc::clone(&proxy), limits, connection))
    };
    net::serve::serve(listener, capacity, opened, shutdown).await;
}

/// Admits and counts a connection of a peer. A client that would have more than remain free for others
/// is cut off at no further cost. A trusted proxy is not counted: it carries many clients.
fn admit(
    proxy: &Proxy,
    crowd: &Arc<Places>,
    peer: Peer,
    most: u32,
) -> Result<Option<Guest>, Crowded> {
    if proxy.trusts(peer) {
        return Ok(None);
    }
    let guest = Guest::admit(crowd, Client::of(peer), most);
    guest.map(Some).ok_or(Crowded)
}

/// This client has enough connections.
#[derive(Clone, Copy, Debug)]
struct Crowded;

async fn open(accepted: Accepted, proxy: Arc<Proxy>, limits: Limits, mut connection: Connection) {
    let peer = accepted.peer;
    match accepted.open(limits.head).await {
        Ok((stream, scheme)) => {
            connection.scheme = scheme;
            drive(stream, peer, proxy, limits, connection).await;
        }
        Err(reason) => connection.activity.cut(reason),
    }
}

async fn drive<I>(io: I, peer: Peer, proxy: Arc<Proxy>, limits: Limits, mut connection: Connection)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let activity = Arc::clone(&connection.activity);
    let io = TokioIo::new(Guarded::new(io, Arc::clone(&activity), limits.stall));
    let requests = connection.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (proxy, connection) = (Arc::clone(&proxy), Some(requests.clone()));
        async move {
            let inbound = Inbound::new(peer, connection, &request, &proxy.settings);
            // Boxed only when polled first: thousands of streams may be waiting, and refused ones are
            // over by then.
            let mut response = Box::pin(proxy.answer(inbound, request)).await;
            date::add(response.headers_mut());
            Ok::<_, Infallible>(response)
        }
    });
    let builder = builder(limits);
    let served = builder.serve_connection_with_upgrades(io, service);
    tokio::pin!(served);
    tokio::select! {
        _ = served.as_mut() => return,
        () = connection.slot.draining() => {
            tokio::select! {
                _ = served.as_mut() => return,
                () = connection.slot.closed() => return,
                () = activity.last_call(LAST_CALL) => {}
            }
        }
        slow = activity.overdue(limits) => {
            if slow != Overdue::Idle {
                activity.cut(Interruption::ClientTimeout);
                return;
            }
        }
    }
    served.as_mut().graceful_shutdown();
    tokio::select! {
        _ = served.as_mut() => {}
        () = connection.slot.closed() => {}
        () = activity.idle_for(GOODBYE) => {}
    }
}

fn builder(limits: Limits) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(Streams::new(limits.take));
    builder
        .http1()
        .timer(TokioTimer::new())
        // We time these separately: a head must arrive soon, the next request may take a while.
        .header_read_timeout(None)
        .max_buf_size(HEAD_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(OWN_RESETS)
        .max_header_list_size(HEAD_LIMIT)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE);
    builder
}
