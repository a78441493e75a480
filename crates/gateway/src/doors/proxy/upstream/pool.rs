//! The connections to one address: idle ones for HTTP/1.1, shared ones for HTTP/2.
//!
//! Clients that share a connection must not be able to stall one another. So its window has room for
//! all that its streams may hold back together, and further requests get another connection.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep};

use crate::lock::lock;
use crate::net::read_through::ReadThrough;
use crate::net::serve::{HEAD_BUFFER, HEAD_LIMIT, KEEP_ALIVE};

use super::super::upload::Upload;
use super::UpstreamError;
use super::address::Address;
use super::connect::{Tls, connect, read_piece};

/// How many idle connections are kept to one address.
pub(crate) const IDLE_MAX: usize = 64;

/// How many requests share a connection. Applications allow at least 100 ([RFC 9113 §6.5.2]); any
/// further request would wait for one of them to end.
///
/// [RFC 9113 §6.5.2]: https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2
const SHARED_MAX: usize = 100;

/// An application that closes each connection after one answer has closed it by then. If a connection
/// is still open, the application keeps connections open.
const CLOSED_BY_THEN: Duration = Duration::from_millis(100);

/// How much of one answer is held for a client that does not read it, in addition to what waits on the
/// client's connection.
const STREAM_WINDOW: u32 = 80 * 1024;

/// How many fields the head of an answer may have over HTTP/1.1. Over HTTP/2 no more fit into
/// `HEAD_LIMIT`, since each field counts 32 bytes more than its length.
const ANSWER_FIELDS: usize = 2048;

/// The same for all requests on a shared connection: `SHARED_MAX` times as much, and some. Otherwise a
/// few clients that read nothing would use it up, and no other would get an answer.
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) address: Address,
    idle: Arc<Pool>,
    shared: Mutex<Vec<Shared>>,
    /// After a failed connection attempt: until when the address is skipped.
    resting: Mutex<Option<Instant>>,
}

/// The idle connections to one address, the most recently used at the end.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<VecDeque<Connection>>,
    /// Less than `IDLE_MAX` if file descriptors are scarce.
    most: AtomicUsize,
    /// Whether the application has been seen to keep a connection open between requests. Over HTTP/1.1
    /// an application that does not answer `Connection: close` should, but some close the connection
    /// unannounced, such as uWSGI's `http-socket`.
    keeps_open: AtomicBool,
}

/// Which idle connections a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// Any: if the connection turns out to be closed, the request is sent once more.
    Any,
    /// The request cannot be repeated, so the application must be known to keep connections open.
    KeptOpen,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            idle: Mutex::default(),
            most: AtomicUsize::new(IDLE_MAX),
            keeps_open: AtomicBool::default(),
        }
    }
}

/// A connection that carries one request at a time.
#[derive(Debug)]
pub(super) struct Connection {
    sender: http1::SendRequest<Upload>,
    timer: Option<Timer>,
    /// When it was put into the pool, or opened.
    idle_since: Instant,
}

/// The timer for a request's time limit. Nearly every request ends before it fires. So the next request
/// takes the timer as it is and extends it only if it fires too early: setting it for each costs more.
/// Until then it keeps the remains of the last task that waited on it.
pub(super) type Timer = Pin<Box<Sleep>>;

impl Pool {
    /// The most recently used connection. Closes those that have been idle for longer than `limit`.
    fn take(&self, limit: Duration, reuse: Reuse) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        let now = Instant::now();
        let waited = |idle: &Connection| now.saturating_duration_since(idle.idle_since);
        while idle.front().is_some_and(|idle| waited(idle) >= limit) {
            idle.pop_front();
        }
        if reuse == Reuse::KeptOpen && !self.keeps_open.load(Ordering::Relaxed) {
            // Not known yet. The connection that has been idle longest decides.
            idle.retain(|idle| idle.sender.is_ready());
            let kept = idle.front().filter(|idle| waited(idle) >= CLOSED_BY_THEN);
            kept?;
            self.note(true);
        }
        std::iter::from_fn(|| idle.pop_back()).find(|connection| connection.sender.is_ready())
    }

    /// Records whether a connection was still open when it was reused.
    fn note(&self, was_open: bool) {
        // Written only when it changes: every request reads it.
        if self.keeps_open.load(Ordering::Relaxed) != was_open {
            self.keeps_open.store(was_open, Ordering::Relaxed);
        }
    }

    fn put(&self, mut connection: Connection) {
        let most = self.most.load(Ordering::Relaxed);
        let mut idle = lock(&self.idle);
        if idle.len() >= most {
            idle.retain(|idle| !idle.sender.is_closed());
        }
        if idle.len() < most {
            connection.idle_since = Instant::now();
            idle.push_back(connection);
        }
    }
}

/// An answer's hold on its connection, until the answer has been read to its end.
#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
pub(in super::super) enum ConnectionLease {
    /// It has the connection to itself; afterwards the connection returns to the pool.
    Alone(Returned),
    /// It shares the connection.
    Shared(Load),
}

impl ConnectionLease {
    /// The same, with the timer of its request.
    pub(super) fn with(mut self, timer: Timer) -> Self {
        if let Self::Alone(Returned {
            connection: Some(connection),
            ..
        }) = &mut self
        {
            connection.timer = Some(timer);
        }
        self
    }
}

/// A connection that returns to the pool when this is dropped, if it is reusable.
#[derive(Debug)]
pub(in super::super) struct Returned {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    is_reusable: bool,
}

impl Drop for Returned {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take().filter(|_| self.is_reusable) else {
            return;
        };
        if connection.sender.is_ready() {
            return self.pool.put(connection);
        }
        // The end of the answer may still be in flight; without a runtime, nothing is.
        if !connection.sender.is_closed()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(keep(connection, Arc::clone(&self.pool)));
        }
    }
}

/// A connection of HTTP/2.
#[derive(Debug)]
struct Shared {
    sender: http2::SendRequest<Upload>,
    load: Load,
}

/// Counts as one of the requests that share a connection, until dropped.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Load(Arc<()>);

impl Load {
    /// How many other requests share the connection.
    fn others(&self) -> usize {
        Arc::strong_count(&self.0).saturating_sub(1)
    }
}

impl Endpoint {
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            idle: Arc::default(),
            shared: Mutex::default(),
            resting: Mutex::default(),
        }
    }

    pub(super) fn keep_idle(&self, count: usize) {
        self.idle.most.store(count.min(IDLE_MAX), Ordering::Relaxed);
    }

    pub(super) fn is_up(&self) -> bool {
        let resting = lock(&self.resting);
        resting.is_none_or(|until| Instant::now() >= until)
    }

    /// Skips this address for a while if there are others. Logged once until it is back.
    pub(super) fn rest(&self, cooldown: Duration, upstream: &str, error: &io::Error) {
        let now = Instant::now();
        let until = now.checked_add(cooldown).unwrap_or(now);
        if lock(&self.resting).replace(until).is_none() {
            let address = &self.address;
            tracing::warn!(upstream, %address, %error, "cannot connect to upstream address");
        }
    }

    /// Whether the last attempt to connect succeeded; true before the first.
    pub(super) fn is_connected(&self) -> bool {
        lock(&self.resting).is_none()
    }

    /// A connection that is already open.
    pub(super) fn pooled(&self, version: Version, limit: Duration, reuse: Reuse) -> Option<Sender> {
        if version == Version::HTTP_2 {
            let mut shared = lock(&self.shared);
            keep_needed(&mut shared);
            let free = shared.iter().find(|each| each.load.others() < SHARED_MAX)?;
            let (sender, load) = (free.sender.clone(), free.load.clone());
            return Some(Sender::Http2(sender, Origin::Pool, load));
        }
        let connection = self.idle.take(limit, reuse)?;
        let pool = Arc::clone(&self.idle);
        Some(Sender::Http1(connection, Origin::Pool, pool))
    }

    pub(super) async fn connect(&self, version: Version, tls: Option<&Tls>) -> io::Result<Sender> {
        let io = connect(&self.address, tls, version).await?;
        let sender = if version == Version::HTTP_2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(KEEP_ALIVE)
                .max_header_list_size(HEAD_LIMIT)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .handshake(TokioIo::new(io))
                .await
                .map_err(io::Error::other)?;
            tokio::spawn(connection);
            let load = Load::default();
            let shared = Shared {
                sender: sender.clone(),
                load: load.clone(),
            };
            lock(&self.shared).push(shared);
            Sender::Http2(sender, Origin::New, load)
        } else {
            let (sender, connection) = http1::Builder::new()
                .max_buf_size(HEAD_BUFFER)
                .max_headers(ANSWER_FIELDS)
                .handshake(TokioIo::new(ReadThrough::new(io, read_piece)))
                .await
                .map_err(io::Error::other)?;
            tokio::spawn(connection.with_upgrades());
            let connection = Connection {
                sender,
                timer: None,
                idle_since: Instant::now(),
            };
            Sender::Http1(connection, Origin::New, Arc::clone(&self.idle))
        };
        if lock(&self.resting).take().is_some() {
            tracing::info!(address = %self.address, "upstream address is reachable again");
        }
        Ok(sender)
    }
}

/// Drops closed connections, and all but one of those that carry no request.
fn keep_needed(shared: &mut Vec<Shared>) {
    let mut has_idle = false;
    shared.retain(|each| {
        if each.sender.is_closed() {
            return false;
        }
        let is_idle = each.load.others() == 0;
        let is_spare = is_idle && has_idle;
        has_idle |= is_idle;
        !is_spare
    });
}

/// A connection, for one request.
#[derive(Debug)]
pub(super) enum Sender {
    Http1(Connection, Origin, Arc<Pool>),
    Http2(http2::SendRequest<Upload>, Origin, Load),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    New,
    Pool,
}

/// The head of an answer, and the hold on its connection.
pub(super) type Answered = (Response<Incoming>, ConnectionLease);

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The connection was closed. Here is the request, if nothing of it was sent.
    Closed(Option<Box<Request<Upload>>>),
    /// It was sent, in whole or in part.
    Failed(UpstreamError),
}

impl Sender {
    pub(super) fn is_reused(&self) -> bool {
        let (Self::Http1(_, origin, _) | Self::Http2(_, origin, _)) = self;
        *origin == Origin::Pool
    }

    /// The timer for its request; a new one is set to `limit`.
    pub(super) fn timer(&mut self, limit: Duration) -> Timer {
        let kept = match self {
            Self::Http1(connection, ..) => connection.timer.take(),
            Self::Http2(..) => None,
        };
        kept.unwrap_or_else(|| Box::pin(sleep(limit)))
    }

    pub(super) async fn send(self, request: Box<Request<Upload>>) -> Result<Answered, Unanswered> {
        match self {
            Self::Http1(mut connection, origin, pool) => {
                let sent = connection.sender.try_send_request(*request).await;
                if origin == Origin::Pool {
                    pool.note(sent.is_ok());
                }
                let response = sent.map_err(unanswered)?;
                let returned = Returned {
                    connection: Some(connection),
                    pool,
                    // An HTTP/1.0 application does not accept chunks (RFC 9112 §6.1), so the next body
                    // of unknown length would be lost.
                    is_reusable: response.version() != Version::HTTP_10,
                };
                Ok((response, ConnectionLease::Alone(returned)))
            }
            Self::Http2(mut sender, _, load) => {
                let sent = sender.try_send_request(*request).await;
                Ok((sent.map_err(unanswered)?, ConnectionLease::Shared(load)))
            }
        }
    }
}

/// Puts a connection back once its answer has been read to the end.
async fn keep(mut connection: Connection, pool: Arc<Pool>) {
    if connection.sender.ready().await.is_ok() {
        pool.put(connection);
    }
}

fn unanswered(mut error: TrySendError<Request<Upload>>) -> Unanswered {
    match error.error().is_parse() {
        true => Unanswered::Failed(UpstreamError::Lost),
        false => Unanswered::Closed(error.take_message().map(Box::new)),
    }
}
