//! `tokio::time`: a clock that stands still until it is told to go on, but for a nanosecond at each look: of two
//! moments one is the earlier, as on a machine.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::ops::{Add, Sub};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use shuttle::sync::Mutex;

use crate::{is_over, lock};

shuttle::lazy_static! {
    static ref CLOCK: Mutex<Clock> = Mutex::new(Clock::default());
}

#[derive(Default)]
struct Clock {
    now: Duration,
    next: u64,
    timers: BTreeMap<(Duration, u64), Waker>,
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(Duration);

impl Instant {
    pub fn now() -> Self {
        let mut clock = lock(&CLOCK);
        clock.now += Duration::from_nanos(1);
        Self(clock.now)
    }

    pub fn elapsed(&self) -> Duration {
        Self::now().saturating_duration_since(*self)
    }

    pub fn checked_add(&self, by: Duration) -> Option<Self> {
        self.0.checked_add(by).map(Self)
    }

    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0 + by)
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0 - by)
    }
}

/// Lets so much time pass at once: whoever waited for a point in it is woken.
pub fn pass(by: Duration) {
    let mut clock = lock(&CLOCK);
    clock.now += by;
    let next = clock.now + Duration::from_nanos(1);
    let later = clock.timers.split_off(&(next, 0));
    let due = std::mem::replace(&mut clock.timers, later);
    drop(clock);
    for waker in due.into_values() {
        waker.wake();
    }
}

/// The time ran out.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed;

pub async fn timeout<T>(within: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    timeout_at(Instant::now() + within, work).await
}

pub async fn timeout_at<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    let mut work = pin!(work);
    let mut timer = Timer { deadline, id: None };
    poll_fn(|context| {
        if let Poll::Ready(outcome) = work.as_mut().poll(context) {
            return Poll::Ready(Ok(outcome));
        }
        match timer.is_over(context.waker()) {
            true => Poll::Ready(Err(Elapsed)),
            false => Poll::Pending,
        }
    })
    .await
}

/// A place among the timers.
struct Timer {
    deadline: Instant,
    id: Option<u64>,
}

impl Timer {
    fn is_over(&mut self, waker: &Waker) -> bool {
        let mut clock = lock(&CLOCK);
        if clock.now >= self.deadline.0 {
            return true;
        }
        let id = self.id.unwrap_or(clock.next);
        clock.next += 1;
        clock.timers.insert((self.deadline.0, id), waker.clone());
        self.id = Some(id);
        false
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(id) = self.id.filter(|_| !is_over()) {
            lock(&CLOCK).timers.remove(&(self.deadline.0, id));
        }
    }
}
