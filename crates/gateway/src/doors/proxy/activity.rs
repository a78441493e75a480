//! What goes on on a client's connection, as far as its time limits need to know.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::lock::lock;
use crate::net::framing::Framing;
use crate::record::observer::Observer;

use super::idle::silence;
use super::limits::Limits;
use super::streams::{PIECE, Taking};

/// How often a connection that has to end is checked.
const LOOKED_AT: Duration = Duration::from_millis(100);

/// How many bytes an HTTP/2 client must take within the limit: more than answers to its pings.
const TAKEN_MIN: u64 = 1024;

/// How much of an HTTP/1.1 answer may wait for the connection before no more is handed over.
const WAITING: u64 = 32 * 1024;

/// What happens on a connection, for its time limits.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    /// How many answers wait for the client to read more.
    pending: AtomicUsize,
    /// How many bytes the client has taken. A piece of an answer counts `TAKEN_MIN` more.
    taken: AtomicU64,
    /// How many bytes the operating system has taken for the client.
    written: AtomicU64,
    /// The operating system takes no more until it wakes the connection.
    is_full: AtomicBool,
    pub(super) observer: Observer,
}

#[derive(Clone, Copy, Debug)]
struct State {
    active: usize,
    /// When the last request ended.
    idle: Instant,
    /// When the current head began. The first is due from the start.
    head: Option<Instant>,
    /// Heads are not reported, as over HTTP/2: a new request shows that one was read.
    is_opaque: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    Head,
    Idle,
    /// The client reads nothing of its answers.
    Stall,
}

impl Activity {
    pub(super) fn new(observer: &Observer) -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::new(State {
                active: 0,
                idle: now,
                head: Some(now),
                is_opaque: false,
            }),
            pending: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            written: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
            observer: observer.clone(),
        }
    }

    /// The client has sent something. Before that, this many heads had ended.
    pub(super) fn received(&self, framing: &Framing, heads_before: u64) {
        let has_ended = framing.heads() != heads_before;
        // In a body there is nothing to note, so its reads take no lock.
        if !has_ended && !framing.is_in_head() && !framing.is_opaque() {
            return;
        }
        let mut state = lock(&self.state);
        if has_ended {
            state.head = None;
        }
        state.is_opaque = framing.is_opaque();
        if framing.is_in_head() {
            state.head.get_or_insert_with(Instant::now);
        }
    }

    /// The client has taken this many bytes.
    pub(super) fn took(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        self.written.fetch_add(bytes, Ordering::Relaxed);
        self.is_full.store(false, Ordering::Relaxed);
    }

    /// The system takes no more for the client at the moment.
    pub(super) fn full(&self) {
        self.is_full.store(true, Ordering::Relaxed);
    }

    pub(super) async fn overdue(&self, limits: Limits) -> Overdue {
        let mut stall = Stall::new();
        loop {
            if lock(&self.state).is_opaque && stall.is_over(self, limits.stall) {
                return Overdue::Stall;
            }
            let State {
                active, idle, head, ..
            } = *lock(&self.state);
            let (since, limit, what) = match head {
                _ if active > 0 => (Instant::now(), limits.head.min(limits.idle), None),
                Some(began) => (began, limits.head, Some(Overdue::Head)),
                None => (idle, limits.idle, Some(Overdue::Idle)),
            };
            let left = limit.saturating_sub(since.elapsed());
            match what {
                Some(what) if left.is_zero() => return what,
                // A head may begin before this is over.
                _ => sleep(left.min(soon(limits.head.min(limits.stall)))).await,
            }
        }
    }

    /// Resolves when no request has been in progress for `limit`, counted from now.
    pub(super) async fn idle_for(&self, limit: Duration) {
        let began = Instant::now();
        let idle_since = || match *lock(&self.state) {
            State {
                active: 0, idle, ..
            } => idle.max(began),
            State { .. } => Instant::now(),
        };
        silence(limit, idle_since).await;
    }

    /// Resolves when no further HTTP/1.1 request is expected: none came for `limit`, or the connection
    /// is HTTP/2, whose GOAWAY names the last request.
    pub(super) async fn last_call(&self, limit: Duration) {
        let silent = self.idle_for(limit);
        tokio::pin!(silent);
        loop {
            if lock(&self.state).is_opaque {
                return;
            }
            // It may turn out to be HTTP/2 only now.
            if timeout(LOOKED_AT, silent.as_mut()).await.is_ok() {
                return;
            }
        }
    }
}

/// How long to wait before a limit is checked again, at most: we may exceed it by half, no more.
fn soon(limit: Duration) -> Duration {
    let half = limit.checked_div(2).unwrap_or(limit);
    half.max(Duration::from_millis(10))
}

/// How long a client has taken nothing although answers wait for it. Over HTTP/1.1 the socket shows
/// that. Over HTTP/2 the client may read the socket and still keep a stream's window closed.
#[derive(Debug)]
struct Stall {
    since: Instant,
    taken: u64,
}

impl Stall {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            taken: 0,
        }
    }

    fn is_over(&mut self, activity: &Activity, limit: Duration) -> bool {
        let taken = activity.taken.load(Ordering::Relaxed);
        let takes = taken.wrapping_sub(self.taken) >= TAKEN_MIN;
        if takes || activity.pending.load(Ordering::Relaxed) == 0 {
            *self = Self {
                since: Instant::now(),
                taken,
            };
        }
        self.since.elapsed() >= limit
    }
}

/// An answer that the client has not read to its end.
#[derive(Debug)]
pub(super) struct PendingResponse {
    activity: Arc<Activity>,
    /// Set if the answer has an HTTP/2 stream.
    stream: Option<Arc<Taking>>,
    is_pending: bool,
    /// How much of it was handed over; `began` is how much the connection had written before.
    handed: u64,
    began: u64,
}

impl PendingResponse {
    pub(super) fn new(active: &Active) -> Self {
        let mut pending = Self {
            activity: Arc::clone(&active.0),
            stream: Taking::of_stream(),
            is_pending: false,
            handed: 0,
            began: active.0.written.load(Ordering::Relaxed),
        };
        pending.set(true);
        pending
    }

    /// The client has taken everything so far. `is_pending`: more is ready, without waiting for the
    /// upstream.
    pub(super) fn taken(&mut self, is_pending: bool) {
        self.activity.taken.fetch_add(TAKEN_MIN, Ordering::Relaxed);
        self.set(is_pending);
    }

    /// Whether so much of the answer waits for the connection that no more is handed over now. Over
    /// HTTP/2 the stream's window limits that.
    pub(super) fn must_wait(&self, cx: &Context<'_>) -> bool {
        let written = self.activity.written.load(Ordering::Relaxed);
        let written = written.wrapping_sub(self.began);
        if self.stream.is_some() || self.handed.saturating_sub(written) < WAITING {
            return false;
        }
        // The connection writes next, which shows whether there is room.
        if !self.activity.is_full.load(Ordering::Relaxed) {
            cx.waker().wake_by_ref();
        }
        true
    }

    /// This many more bytes were handed over.
    pub(super) fn handed(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.handed = self.handed.saturating_add(bytes);
    }

    /// The most that may be handed over at once.
    pub(super) fn piece(&self) -> usize {
        self.stream.as_ref().map_or(usize::MAX, |_| PIECE)
    }

    /// Whether the client took too long with this answer, so that its stream was ended.
    pub(super) fn is_overdue(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(|stream| stream.is_overdue())
    }

    fn set(&mut self, is_pending: bool) {
        if let Some(stream) = &self.stream {
            stream.taken(is_pending);
        }
        match (self.is_pending, is_pending) {
            (false, true) => self.activity.pending.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.activity.pending.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
        self.is_pending = is_pending;
    }
}

impl Drop for PendingResponse {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// A request in progress.
#[derive(Debug)]
pub(super) struct Active(Arc<Activity>);

impl Active {
    pub(super) fn new(activity: Arc<Activity>) -> Self {
        {
            let mut state = lock(&activity.state);
            state.active = state.active.saturating_add(1);
            if state.is_opaque {
                state.head = None;
            }
        }
        Self(activity)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.active = state.active.saturating_sub(1);
        state.idle = Instant::now();
    }
}
