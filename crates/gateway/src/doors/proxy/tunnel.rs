//! A connection that was upgraded: bytes pass both ways until one side ends it, its token expires,
//! or nothing passes for too long.

use std::sync::{Arc, Mutex};
use std::task::{Poll, ready};
use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::time::{Instant, sleep};

use crate::lock::lock;
use crate::net::read_through::ReadThrough;
use crate::record::interruption::Interruption;

use super::Exchange;
use super::connection::Connection;
use super::idle::silence;

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
        let mut client = watch(client, &last);
        let mut upstream = watch(upstream, &last);
        let last_sent = || *lock(&last);
        tokio::select! {
            biased;
            () = sleep(self.remaining.unwrap_or(Duration::MAX)) => self.exchange.interrupted(Interruption::StreamExpired),
            copied = copy_bidirectional(&mut client, &mut upstream) => {
                if copied.is_ok() {
                    self.exchange.complete();
                }
            }
            () = silence(self.idle, last_sent) => self.exchange.interrupted(Interruption::TunnelIdle),
            () = closed(self.connection.as_mut()) => self.exchange.interrupted(Interruption::Shutdown),
        }
    }
}

async fn closed(connection: Option<&mut Connection>) {
    match connection {
        Some(connection) => connection.slot.closed().await,
        None => std::future::pending().await,
    }
}

/// One side, which notes when it sends something.
fn watch(io: Upgraded, last: &Arc<Mutex<Instant>>) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
    let last = Arc::clone(last);
    ReadThrough::new(TokioIo::new(io), move |io, cx, buf| {
        let read = ready!(io.poll_read(cx, buf));
        *lock(&last) = Instant::now();
        Poll::Ready(read)
    })
}
