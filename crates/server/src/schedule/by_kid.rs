//! When keys are fetched that each have a URL of their own, named by their `kid`.
//!
//! One flight at a time brings one key. What tokens may trigger is bounded as for a key set: one budget
//! for all `kid`s of the issuer. After a failure nothing is fetched until the back-off has passed,
//! whatever tokens ask for.

use std::time::Duration;

use crate::sync::Instant;

use super::{AbsentKids, Answer, BACKOFF_MAX, BACKOFF_MIN, BUDGET, Budget, Jitter, YEAR, after};

/// The next action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KidPlan {
    /// Fetch this key, which a token asked for. The flight counts as started.
    Fetch(Box<str>),
    /// Fetch this key again, or [`forget`](KidSchedule::forget) it. The flight counts as started.
    Renew(Box<str>),
    /// Do nothing until then.
    WaitUntil(Instant),
}

/// The state that the rules need.
#[derive(Debug)]
pub(crate) struct KidSchedule {
    flight: Flight,
    failures: u32,
    /// When the next attempt may start, after a failure.
    next_attempt: Instant,
    budget: Budget,
    absent: AbsentKids,
    /// The keys that are held, each with the time when it is fetched again.
    held: Vec<(Box<str>, Instant)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Flight {
    None,
    Requested(Box<str>),
    Started {
        /// Whether a token asked for it, at the expense of the budget.
        is_charged: bool,
    },
}

impl KidSchedule {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            flight: Flight::None,
            failures: 0,
            next_attempt: now,
            budget: Budget::new(BUDGET, now),
            absent: AbsentKids::new(),
            held: Vec::new(),
        }
    }

    pub(crate) fn plan(&mut self, now: Instant) -> KidPlan {
        if let Flight::Requested(kid) = &self.flight {
            let kid = kid.clone();
            self.flight = Flight::Started { is_charged: true };
            return KidPlan::Fetch(kid);
        }
        let Some((kid, due)) = self.held.iter().min_by_key(|(_, due)| *due) else {
            return KidPlan::WaitUntil(after(now, YEAR));
        };
        let due = match self.failures {
            0 => *due,
            _ => self.next_attempt.max(*due),
        };
        if now < due {
            return KidPlan::WaitUntil(due);
        }
        let kid = kid.clone();
        self.flight = Flight::Started { is_charged: false };
        KidPlan::Renew(kid)
    }

    /// A request has a `kid` whose key is not held.
    pub(crate) fn ask(&mut self, kid: &str, now: Instant) -> Answer {
        if self.absent.contains(kid, now) {
            return Answer::Unknown;
        }
        if self.flight != Flight::None {
            return Answer::Wait;
        }
        if self.failures > 0 && now < self.next_attempt {
            return Answer::Unavailable(self.next_attempt.saturating_duration_since(now));
        }
        if !self.budget.take(now) {
            return Answer::Unknown;
        }
        self.flight = Flight::Requested(kid.into());
        Answer::Wait
    }

    /// The flight brought the key, which is fresh for as long as the answer says. Returns whether it was
    /// at the expense of the budget.
    pub(crate) fn came(
        &mut self,
        kid: &str,
        now: Instant,
        soft_ttl: Duration,
        jitter: Jitter,
    ) -> bool {
        let is_charged = self.flight == (Flight::Started { is_charged: true });
        self.forget(kid);
        // As a key set: early enough for a slow answer, and replicas do not fetch together.
        let due = after(now, jitter.spread(soft_ttl.mul_f64(0.8)));
        self.held.push((kid.into(), due));
        self.failures = 0;
        is_charged
    }

    /// The issuer answered that there is no such key.
    pub(crate) fn is_absent(&mut self, kid: &str, now: Instant) {
        self.forget(kid);
        self.failures = 0;
        self.absent.insert(kid, now);
    }

    /// The flight brought nothing we can use. It costs the budget nothing, since the back-off bounds
    /// what follows: otherwise nobody could ask for a key right after an outage.
    pub(crate) fn failed(&mut self, now: Instant, jitter: Jitter) {
        if self.flight == (Flight::Started { is_charged: true }) {
            self.give_back();
        }
        self.flight = Flight::None;
        let doubled = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.next_attempt = after(now, jitter.spread(doubled).min(BACKOFF_MAX));
    }

    /// The key is not held any more, or not worth another flight; one for it has ended.
    pub(crate) fn forget(&mut self, kid: &str) {
        self.flight = Flight::None;
        self.evict(kid);
    }

    /// The key gave its place to another.
    pub(crate) fn evict(&mut self, kid: &str) {
        self.held.retain(|(held, _)| **held != *kid);
    }

    /// Returns what a flight took from the budget, because its key has verified a token.
    pub(crate) fn give_back(&mut self) {
        self.budget.give_back();
    }
}
