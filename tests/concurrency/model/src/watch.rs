//! `tokio::sync::watch`.

use std::future::poll_fn;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Poll, Waker};

use shuttle::sync::{Mutex, MutexGuard};

use crate::{is_over, lock};

/// Holds the value.
#[derive(Debug)]
pub struct Sender<T>(Arc<Mutex<State<T>>>);

/// Sees the latest value.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Mutex<State<T>>>,
    seen: u64,
}

/// The sender is gone.
#[derive(Debug)]
pub struct Closed;

/// The value; nobody changes it meanwhile.
pub struct Ref<'a, T>(MutexGuard<'a, State<T>>);

#[derive(Debug)]
struct State<T> {
    value: T,
    version: u64,
    is_closed: bool,
    waiting: Vec<Waker>,
}

impl<T> Sender<T> {
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(State {
            value,
            version: 0,
            is_closed: false,
            waiting: Vec::new(),
        })))
    }

    pub fn subscribe(&self) -> Receiver<T> {
        let seen = lock(&self.0).version;
        Receiver {
            shared: Arc::clone(&self.0),
            seen,
        }
    }

    pub fn borrow(&self) -> Ref<'_, T> {
        Ref(lock(&self.0))
    }

    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        let mut state = lock(&self.0);
        modify(&mut state.value);
        state.version += 1;
        wake(state);
    }

    pub fn send_replace(&self, value: T) -> T {
        let mut old = value;
        self.send_modify(|value| std::mem::swap(value, &mut old));
        old
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if is_over() {
            return;
        }
        let mut state = lock(&self.0);
        state.is_closed = true;
        wake(state);
    }
}

impl<T> Receiver<T> {
    /// Waits for a value that it has not seen.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        let (shared, seen) = (&self.shared, &mut self.seen);
        poll_fn(|context| {
            let mut state = lock(shared);
            if state.version != *seen {
                *seen = state.version;
                return Poll::Ready(Ok(()));
            }
            if state.is_closed {
                return Poll::Ready(Err(Closed));
            }
            state.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Waits for a value that is so.
    pub async fn wait_for(&mut self, mut is_so: impl FnMut(&T) -> bool) -> Result<(), Closed> {
        loop {
            let state = lock(&self.shared);
            self.seen = state.version;
            if is_so(&state.value) {
                return Ok(());
            }
            drop(state);
            self.changed().await?;
        }
    }

    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let state = lock(&self.shared);
        self.seen = state.version;
        Ref(state)
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let waiting = std::mem::take(&mut state.waiting);
    drop(state);
    for waker in waiting {
        waker.wake();
    }
}
