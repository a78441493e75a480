//! The accept loop of every listener: as many connections as it may have, and their end in order.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::listener::{Accepted, Listener};

/// How many connections a listener has, and how long they may take to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// How many may be open at a time; further ones wait to be accepted.
    pub(crate) connections: u32,
    /// How long requests in progress may still take once the listener stops.
    pub(crate) drain: Duration,
}

/// Has `open` serve each connection until `stop` resolves, then waits for the remaining ones. If `open`
/// returns `None`, the connection is closed at once.
pub(crate) async fn serve<F>(
    listener: Listener,
    capacity: Capacity,
    open: impl Fn(Accepted, Slot) -> Option<F>,
    stop: impl Future<Output = ()>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (phase, phases) = watch::channel(Phase::Serving);
    let is_draining = Arc::new(AtomicBool::new(false));
    let slots = usize::try_from(capacity.connections).unwrap_or(Semaphore::MAX_PERMITS);
    let slots = Arc::new(Semaphore::new(slots));
    tokio::pin!(stop);
    let mut waiting = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop, if waiting.is_none() => {
                is_draining.store(true, Ordering::Release);
                phase.send_replace(Phase::Draining);
                waiting = Some(BACKLOG);
                // Lets the runtime ask the system which clients have connected.
                tokio::task::yield_now().await;
                continue;
            }
            accepted = accept(&listener, &slots), if waiting != Some(0) => accepted,
            // Clients that connected before the stop are served as well.
            () = std::future::ready(()), if waiting.is_some() => break,
        };
        waiting = waiting.map(|waiting: u32| waiting.saturating_sub(1));
        let Some((accepted, permit)) = accepted else {
            if waiting.is_some() {
                break;
            }
            // Most likely out of file descriptors: other connections have to end first.
            sleep(PAUSE).await;
            continue;
        };
        let slot = Slot {
            permit: Arc::new(permit),
            is_draining: Arc::clone(&is_draining),
            phase: phases.clone(),
        };
        if let Some(served) = open(accepted, slot) {
            tokio::spawn(served);
        }
    }
    drop(listener);
    let all = slots.acquire_many(capacity.connections);
    if timeout(capacity.drain, all).await.is_err() {
        tracing::warn!("requests in progress were not answered in time");
    }
    phase.send_replace(Phase::Closed);
}

async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
) -> Option<(Accepted, OwnedSemaphorePermit)> {
    let permit = Arc::clone(slots).acquire_owned().await.ok()?;
    Some((listener.accept().await?, permit))
}

/// A connection's place at its listener, freed with the last clone; and the phase of the listener.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    #[expect(dead_code, reason = "held, not read")]
    permit: Arc<OwnedSemaphorePermit>,
    /// Also in `phase`, but every answer reads it, and reading `phase` takes a lock.
    is_draining: Arc<AtomicBool>,
    phase: watch::Receiver<Phase>,
}

impl Slot {
    /// Whether the connection has to end, so that an answer says so.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    /// Resolves when the connection has to end.
    pub(crate) async fn draining(&mut self) {
        let _ = self.phase.wait_for(|phase| *phase != Phase::Serving).await;
    }

    /// Resolves when the listener stops waiting for its connections to end.
    pub(crate) async fn closed(&mut self) {
        let _ = self.phase.wait_for(|phase| *phase == Phase::Closed).await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
    Closed,
}

/// How long a connection may be silent when all have to end. A request may already be in flight, and
/// its sender could not know whether to send it again ([RFC 9112 §9.3.1]).
///
/// [RFC 9112 §9.3.1]: https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1
pub(crate) const LAST_CALL: Duration = Duration::from_secs(1);

/// The limit for the fields of an HTTP/2 head: room for a token of 16 KiB, cookies, and the fields that
/// proxies add. The usual 16 KiB would refuse such a token.
pub(crate) const HEAD_LIMIT: u32 = 64 * 1024;

/// The same for HTTP/1.1, where it limits the buffer.
pub(crate) const HEAD_BUFFER: usize = 64 * 1024;

/// How often an HTTP/2 peer is pinged.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How many streams the peer may reset before we accept them: rapid reset ([CVE-2023-44487]).
///
/// [CVE-2023-44487]: https://nvd.nist.gov/vuln/detail/CVE-2023-44487
pub(crate) const PENDING_RESETS: usize = 20;

/// How many connections may wait to be accepted; we ask the system for this many.
const BACKLOG: u32 = 1024;

/// How long to wait after an error before accepting the next connection.
const PAUSE: Duration = Duration::from_millis(20);
