//! When keys are fetched that each have a URL of their own, named by their `kid`.
//!
//! One flight at a time brings one key. What tokens may trigger is bounded as for a key set: one budget
//! for all `kid`s of the issuer, and another for those that are gone. After a failure nothing is fetched
//! until the back-off has passed, whatever tokens ask for.

use std::time::Duration;

use crate::sync::Instant;

use super::{
    AbsentKids, Answer, BACKOFF_MAX, BACKOFF_MIN, BUDGET, BUDGET_REFILL, Budget, GONE_BUDGET,
    GoneKids, Jitter, YEAR, after,
};

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
    gone_budget: Budget,
    gone: GoneKids,
    absent: AbsentKids,
    /// The keys that are held, each with the time when it is fetched again.
    held: Vec<(Box<str>, Instant)>,
}

/// The flight, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Flight {
    None,
    Requested(Ordered),
    Started(Ordered),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ordered {
    kid: Box<str>,
    /// Whether the budget for unknown `kid`s paid for it.
    is_charged: bool,
}

impl KidSchedule {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            flight: Flight::None,
            failures: 0,
            next_attempt: now,
            budget: Budget::new(BUDGET, now),
            gone_budget: Budget::new(GONE_BUDGET, now),
            gone: GoneKids::default(),
            absent: AbsentKids::default(),
            held: Vec::new(),
        }
    }

    pub(crate) fn plan(&mut self, now: Instant) -> KidPlan {
        if let Flight::Requested(ordered) = &self.flight {
            let ordered = ordered.clone();
            self.flight = Flight::Started(ordered.clone());
            return KidPlan::Fetch(ordered.kid);
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
        self.flight = Flight::Started(Ordered {
            kid: kid.clone(),
            is_charged: false,
        });
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
        // As for a key set: honest clients go on sending tokens of a key that is gone, and must not use
        // up what a new key needs.
        let is_gone = self.gone.contains(kid);
        let is_affordable = match is_gone {
            true => self.gone_budget.take(now),
            false => self.budget.take(now),
        };
        match (is_affordable, self.failures) {
            (true, _) => {
                self.flight = Flight::Requested(Ordered {
                    kid: kid.into(),
                    is_charged: !is_gone,
                });
                Answer::Wait
            }
            (false, 0) => Answer::Unknown,
            // Whether there is such a key was never answered.
            (false, _) => Answer::Unavailable(BUDGET_REFILL),
        }
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
        let is_charged = self.is_charged();
        self.forget(kid);
        self.gone.update([].into_iter(), &[kid]);
        // As a key set: early enough for a slow answer, and replicas do not fetch together.
        let due = after(now, jitter.spread(soft_ttl.mul_f64(0.8)));
        self.held.push((kid.into(), due));
        self.failures = 0;
        is_charged
    }

    /// The issuer answered that there is no such key; it is gone if it was held.
    pub(crate) fn is_absent(&mut self, kid: &str, now: Instant) {
        if self.held.iter().any(|(held, _)| **held == *kid) {
            self.gone.update([kid].into_iter(), &[]);
        }
        self.forget(kid);
        self.failures = 0;
        self.absent.insert(kid, now);
    }

    /// The flight brought nothing we can use. It costs the budget nothing, since the back-off bounds
    /// what follows: otherwise nobody could ask for a key right after an outage.
    pub(crate) fn failed(&mut self, now: Instant, jitter: Jitter) {
        if self.is_charged() {
            self.give_back();
        }
        if let Flight::Started(ordered) = std::mem::replace(&mut self.flight, Flight::None) {
            // The others have their turn before it, so that one bad URL does not age them all.
            let mut held = self.held.iter_mut();
            if let Some((_, due)) = held.find(|(held, _)| *held == ordered.kid) {
                *due = after(now, BACKOFF_MAX);
            }
        }
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

    const fn is_charged(&self) -> bool {
        match &self.flight {
            Flight::Started(ordered) => ordered.is_charged,
            Flight::None | Flight::Requested(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{BUDGET_REFILL, KidPlan, KidSchedule};
    use crate::schedule::{Answer, Jitter};

    const NONE: Jitter = Jitter(0.0);
    const SECOND: Duration = Duration::from_secs(1);
    const TTL: Duration = Duration::from_secs(600);

    fn fetch(kid: &str) -> KidPlan {
        KidPlan::Fetch(kid.into())
    }

    fn renew(kid: &str) -> KidPlan {
        KidPlan::Renew(kid.into())
    }

    /// Asked for, and on its way.
    #[track_caller]
    fn fly(schedule: &mut KidSchedule, kid: &str, now: Instant) {
        assert_eq!(schedule.ask(kid, now), Answer::Wait);
        assert_eq!(schedule.plan(now), fetch(kid));
    }

    #[test]
    fn nothing_is_fetched_before_a_token_asks() {
        let now = Instant::now();
        let mut schedule = KidSchedule::new(now);
        let KidPlan::WaitUntil(then) = schedule.plan(now) else {
            panic!("nobody asked");
        };
        assert!(then > now + TTL);
        fly(&mut schedule, "a", now);
        // One flight at a time; who asks for another key waits for its end.
        assert_eq!(schedule.ask("b", now), Answer::Wait);
        assert!(schedule.came("a", now, TTL, NONE));
        fly(&mut schedule, "b", now);
    }

    #[test]
    fn t_key_01_what_is_not_given_back_is_spent() {
        let now = Instant::now();
        let mut schedule = KidSchedule::new(now);
        for kid in ["a", "b"] {
            fly(&mut schedule, kid, now);
            assert!(schedule.came(kid, now, TTL, NONE));
        }
        assert_eq!(schedule.ask("c", now), Answer::Unknown);
        schedule.give_back();
        fly(&mut schedule, "c", now);
        schedule.is_absent("c", now);
        assert_eq!(schedule.ask("d", now), Answer::Unknown);
        assert_eq!(
            schedule.ask("c", now + BUDGET_REFILL - SECOND),
            Answer::Unknown
        );
        assert_eq!(schedule.ask("c", now + BUDGET_REFILL), Answer::Wait);
    }

    #[test]
    fn t_key_26_gone_keys_have_a_budget_of_their_own() {
        let now = Instant::now();
        let mut schedule = KidSchedule::new(now);
        for kid in ["a", "b"] {
            fly(&mut schedule, kid, now);
            assert!(schedule.came(kid, now, TTL, NONE));
            schedule.give_back();
        }
        let due = now + TTL;
        for kid in ["a", "b"] {
            assert_eq!(schedule.plan(due), renew(kid));
            schedule.is_absent(kid, due);
        }
        let later = due + BUDGET_REFILL;
        // One of them at a time, and not at the expense of new keys.
        fly(&mut schedule, "a", later);
        schedule.is_absent("a", later);
        assert_eq!(schedule.ask("b", later), Answer::Unknown);
        fly(&mut schedule, "c", later);
        schedule.is_absent("c", later);
        fly(&mut schedule, "d", later);
        schedule.is_absent("d", later);
        // A key that is back is like any other.
        let later = later + BUDGET_REFILL;
        fly(&mut schedule, "b", later);
        assert!(!schedule.came("b", later, TTL, NONE));
        assert!(!schedule.gone.contains("b"));
        assert!(schedule.gone.contains("a"));
    }

    #[test]
    fn t_key_02_after_a_failure_all_wait_for_the_back_off() {
        let now = Instant::now();
        let mut schedule = KidSchedule::new(now);
        fly(&mut schedule, "a", now);
        schedule.failed(now, NONE);
        assert_eq!(schedule.ask("b", now), Answer::Unavailable(SECOND));
        let now = now + SECOND;
        fly(&mut schedule, "b", now);
        schedule.failed(now, NONE);
        assert_eq!(schedule.ask("a", now), Answer::Unavailable(2 * SECOND));
        // Failures cost nothing: both fetches are there.
        let now = now + 2 * SECOND;
        for kid in ["a", "b"] {
            fly(&mut schedule, kid, now);
            schedule.is_absent(kid, now);
        }
        assert_eq!(schedule.ask("c", now), Answer::Unknown);
    }

    #[test]
    fn without_an_answer_a_key_is_not_unknown() {
        let now = Instant::now();
        let mut schedule = KidSchedule::new(now);
        fly(&mut schedule, "a", now);
        assert!(schedule.came("a", now, TTL, NONE));
        fly(&mut schedule, "b", now);
        schedule.is_absent("b", now);
        let due = now + Duration::from_secs(480);
        schedule.budget.tokens = 0;
        schedule.budget.refilled = due;
        assert_eq!(schedule.plan(due), renew("a"));
        schedule.failed(due, NONE);
        let refused = Answer::Unavailable(BUDGET_REFILL);
        assert_eq!(schedule.ask("c", due + SECOND), refused);
    }

    #[test]
    fn one_bad_url_does_not_age_the_other_keys() {
        let now = Instant::now();
        let mut schedule = KidSchedule::new(now);
        for kid in ["a", "b"] {
            fly(&mut schedule, kid, now);
            assert!(schedule.came(kid, now, TTL, NONE));
            schedule.give_back();
        }
        let due = now + Duration::from_secs(480);
        assert_eq!(schedule.plan(due), renew("a"));
        schedule.failed(due, NONE);
        assert_eq!(schedule.plan(due), KidPlan::WaitUntil(due + SECOND));
        let due = due + SECOND;
        assert_eq!(schedule.plan(due), renew("b"));
        assert!(!schedule.came("b", due, TTL, NONE));
        let again = due + Duration::from_secs(59);
        assert_eq!(schedule.plan(due), KidPlan::WaitUntil(again));
        assert_eq!(schedule.plan(again), renew("a"));
        schedule.forget("a");
        let b = due + Duration::from_secs(480);
        assert_eq!(schedule.plan(again), KidPlan::WaitUntil(b));
    }
}
