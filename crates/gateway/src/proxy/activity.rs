//! What goes on on a client's connection, as far as its time limits need to know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::interruption::Interruption;
use super::observe::Observe;
use super::serve::Limits;

/// How often a connection that is to end is looked at.
const LOOKED_AT: Duration = Duration::from_millis(100);

/// What happens on a connection, for its time limits.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    observer: Arc<dyn Observe>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    active: usize,
    /// Since when no request has been under way.
    idle: Instant,
    /// Since when a head is being read. The first one is due from the start.
    head: Option<Instant>,
    /// Heads are not told of, as over HTTP/2: that a request is under way says one was read.
    is_opaque: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    Head,
    Idle,
}

impl Activity {
    pub(super) fn new(observer: &Arc<dyn Observe>) -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::new(State {
                active: 0,
                idle: now,
                head: Some(now),
                is_opaque: false,
            }),
            observer: Arc::clone(observer),
        }
    }

    pub(super) fn head_began(&self) {
        self.state().head.get_or_insert_with(Instant::now);
    }

    pub(super) fn head_ended(&self) {
        self.state().head = None;
    }

    /// From here on, heads are not told of.
    pub(super) fn turned_opaque(&self) {
        self.state().is_opaque = true;
    }

    pub(super) fn cut(&self, reason: Interruption) {
        self.observer.cut(reason.code());
    }

    pub(super) async fn overdue(&self, limits: Limits) -> Overdue {
        loop {
            let State {
                active, idle, head, ..
            } = *self.state();
            let (since, limit, what) = match head {
                _ if active > 0 => (Instant::now(), limits.head.min(limits.idle), None),
                Some(began) => (began, limits.head, Some(Overdue::Head)),
                None => (idle, limits.idle, Some(Overdue::Idle)),
            };
            let Some(due) = since.checked_add(limit) else {
                return std::future::pending().await;
            };
            match what {
                Some(what) if due <= Instant::now() => return what,
                // A head may begin before this is over.
                _ => sleep_until(due.min(soon(limits.head))).await,
            }
        }
    }

    /// Resolves when no request has been under way for so long, from now on.
    pub(super) async fn idle_for(&self, limit: Duration) {
        let began = Instant::now();
        loop {
            let State { active, idle, .. } = *self.state();
            let since = if active > 0 {
                Instant::now()
            } else {
                idle.max(began)
            };
            match since.checked_add(limit) {
                Some(due) if due <= Instant::now() => return,
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Resolves when no further request over HTTP/1.1 is to be expected: none came for so long, or
    /// it is HTTP/2, which has its own way to say which request was the last.
    pub(super) async fn last_call(&self, limit: Duration) {
        let silent = self.idle_for(limit);
        tokio::pin!(silent);
        loop {
            if self.state().is_opaque {
                return;
            }
            // It may turn out to be HTTP/2 only now.
            if timeout(LOOKED_AT, silent.as_mut()).await.is_ok() {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No later than this a limit is looked at again: half of it may be missed, no more.
fn soon(limit: Duration) -> Instant {
    let now = Instant::now();
    let half = limit.checked_div(2).unwrap_or(limit);
    now.checked_add(half.max(Duration::from_millis(10)))
        .unwrap_or(now)
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Active(Arc<Activity>);

impl Active {
    pub(super) fn new(activity: Arc<Activity>) -> Self {
        {
            let mut state = activity.state();
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
        let mut state = self.0.state();
        state.active = state.active.saturating_sub(1);
        state.idle = Instant::now();
    }
}
