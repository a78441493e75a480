//! A connection that was upgraded: bytes pass both ways until one side ends it, its token expires,
//! or nothing passes for too long.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::{Instant, sleep, sleep_until};

use crate::net::forward_write::forward_write;
use crate::record::interruption::Interruption;

use super::Exchange;
use super::connection::Connection;

/// Two connections joined into one.
#[derive(Debug)]
pub(super) struct Tunnel {
    pub(super) client: OnUpgrade,
    pub(super) upstream: OnUpgrade,
    pub(super) idle: Duration,
    /// How long the token remains valid.
    pub(super) remaining: Option<Duration>,
    pub(super) exchange: Exchange,
    /// Counts as a connection until the tunnel ends.
    pub(super) connection: Option<Connection>,
}

impl Tunnel {
    pub(super) async fn run(mut self) {
        let (Ok(client), Ok(upstream)) = tokio::join!(self.client, self.upstream) else {
            self.exchange.interrupted(Interruption::UpstreamFailed);
            return;
        };
        let last = Arc::new(Mutex::new(Instant::now()));
        let mut client = Watched::new(client, &last);
        let mut upstream = Watched::new(upstream, &last);
        tokio::select! {
            biased;
            () = after(self.remaining) => self.exchange.interrupted(Interruption::StreamExpired),
            copied = copy_bidirectional(&mut client, &mut upstream) => {
                if copied.is_ok() {
                    self.exchange.complete();
                }
            }
            () = silence(&last, self.idle) => self.exchange.interrupted(Interruption::TunnelIdle),
            () = closed(self.connection.as_mut()) => self.exchange.interrupted(Interruption::Shutdown),
        }
    }
}

async fn after(remaining: Option<Duration>) {
    match remaining {
        Some(remaining) => sleep(remaining).await,
        None => std::future::pending().await,
    }
}

async fn closed(connection: Option<&mut Connection>) {
    match connection {
        Some(connection) => connection.slot.closed().await,
        None => std::future::pending().await,
    }
}

async fn silence(last: &Mutex<Instant>, limit: Duration) {
    loop {
        let last = *last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.checked_add(limit) {
            Some(due) if due <= Instant::now() => return,
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }
}

/// One side, which reports when it sends something.
#[derive(Debug)]
struct Watched {
    io: TokioIo<Upgraded>,
    last: Arc<Mutex<Instant>>,
}

impl Watched {
    fn new(io: Upgraded, last: &Arc<Mutex<Instant>>) -> Self {
        Self {
            io: TokioIo::new(io),
            last: Arc::clone(last),
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    forward_write!(io);
}
