//! `tokio::sync::Notify`.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use shuttle::sync::Mutex;

use crate::{is_over, lock};

/// Wakes one who waits, or leaves a permit for who comes next.
#[derive(Debug)]
pub struct Notify(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    permit: bool,
    next: u64,
    waiting: VecDeque<(u64, Waker)>,
    /// Whom it has woken, and who has not seen it.
    woken: Vec<u64>,
}

impl Notify {
    #[expect(clippy::new_without_default, reason = "as the original is used")]
    pub fn new() -> Self {
        Self(Mutex::new(State::default()))
    }

    pub fn notify_one(&self) {
        let mut state = lock(&self.0);
        match state.waiting.pop_front() {
            Some((id, waker)) => {
                state.woken.push(id);
                drop(state);
                waker.wake();
            }
            None => state.permit = true,
        }
    }

    pub fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            id: None,
        }
    }
}

/// The wait for it.
#[derive(Debug)]
pub struct Notified<'a> {
    notify: &'a Notify,
    id: Option<u64>,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.notify.0);
        if let Some(id) = self.id
            && let Some(at) = state.woken.iter().position(|woken| *woken == id)
        {
            state.woken.swap_remove(at);
            drop(state);
            self.id = None;
            return Poll::Ready(());
        }
        if self.id.is_none() && std::mem::take(&mut state.permit) {
            return Poll::Ready(());
        }
        let id = self.id.unwrap_or(state.next);
        state.next += 1;
        state.waiting.retain(|(waiting, _)| *waiting != id);
        state.waiting.push_back((id, context.waker().clone()));
        drop(state);
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Notified<'_> {
    /// Who was woken and does not look any more passes it on.
    fn drop(&mut self) {
        let Some(id) = self.id.filter(|_| !is_over()) else {
            return;
        };
        let mut state = lock(&self.notify.0);
        state.waiting.retain(|(waiting, _)| *waiting != id);
        let was_woken = state.woken.contains(&id);
        state.woken.retain(|woken| *woken != id);
        drop(state);
        if was_woken {
            self.notify.notify_one();
        }
    }
}
