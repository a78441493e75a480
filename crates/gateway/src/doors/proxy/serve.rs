//! Serves the connections of the reverse proxy: each client gets its share, slow and idle ones end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;

use crate::doors::client::Client;
use crate::net::listener::{Accepted, Listener};
use crate::net::serve::{Capacity, HEAD_BUFFER, HEAD_LIMIT, KEEP_ALIVE, LAST_CALL, PENDING_RESETS};
use crate::net::{self, date};
use crate::record::interruption::Interruption;

use super::Proxy;
use super::activity::{Activity, Overdue};
use super::connection::Connection;
use super::forwarded::PeerName;
use super::guarded::Guarded;
use super::inbound::Inbound;
use super::limits::Limits;
use super::places::{Guest, Places};
use super::settings::Settings;
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
    let open = |accepted: Accepted, slot| {
        let Settings {
            trusted, observer, ..
        } = &proxy.settings;
        let peer = accepted.peer;
        // A trusted proxy is not counted: it carries many clients. A client that would have more than
        // remain free for others is cut off at no further cost.
        let guest = (!trusted.contains(peer))
            .then(|| Guest::admit(&crowd, Client::of(peer), limits.connections));
        if matches!(guest, Some(None)) {
            observer.cut(Interruption::TooManyConnections);
            return None;
        }
        let connection = Connection {
            scheme: "http",
            peer_name: Arc::new(PeerName::of(peer)),
            activity: Arc::new(Activity::new(observer)),
            guest: Arc::new(guest.flatten()),
            slot,
        };
        Some(drive(accepted, Arc::clone(&proxy), limits, connection))
    };
    net::serve::serve(listener, capacity, open, shutdown).await;
}

async fn drive(accepted: Accepted, proxy: Arc<Proxy>, limits: Limits, mut connection: Connection) {
    let peer = accepted.peer;
    let io = match accepted.open(limits.head).await {
        Ok((io, scheme)) => {
            connection.scheme = scheme;
            io
        }
        Err(reason) => return connection.activity.observer.cut(reason),
    };
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
                activity.observer.cut(Interruption::ClientTimeout);
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
    let mut builder = auto::Builder::new(Streams { limit: limits.take });
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
