//! When the keys of an issuer are fetched: freshness, back-off, and the budgets for what tokens may
//! trigger: unknown `kid`s and failed signatures, and apart from them, `kid`s that are gone.
//!
//! A plain value that gets the time and the events as arguments and returns the next action. It
//! fetches nothing, waits for nothing and has no clock; `key_store` carries out the actions.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bearward_core::limits::KID_BYTES;

use crate::sync::{Instant, Mutex, MutexGuard};

mod by_kid;

pub(crate) use self::by_kid::{KidPlan, KidSchedule};

/// The time limits for keys, each with its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// How long we use keys after the last successful fetch while the issuer is unreachable.
    pub(crate) stale_if_error: Duration,
}

impl Default for Freshness {
    /// 24 h: an overnight outage of the issuer does not take its applications down.
    fn default() -> Self {
        Self {
            stale_if_error: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Freshness {
    /// How long an answer counts as fresh: its `max-age`, within bounds.
    pub(crate) fn soft_ttl(max_age: Option<Duration>) -> Duration {
        max_age.map_or(SOFT_TTL, |age| age.clamp(SOFT_TTL_MIN, SOFT_TTL_MAX))
    }

    /// How long the keys of an answer may be used at all.
    pub(crate) fn hard_ttl(self, soft_ttl: Duration) -> Duration {
        soft_ttl.max(self.stale_if_error)
    }
}

/// The next action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Fetch. The flight counts as started.
    Fetch,
    /// Do nothing until then.
    WaitUntil(Instant),
}

/// The answer to a request with an unknown `kid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A flight is under way or about to start: wait for its end and look again.
    Wait,
    /// There is no such key.
    Unknown,
    /// Unknown, because the issuer does not answer; retry after this time.
    Unavailable(Duration),
}

/// The answer to a request whose token no current key fits, although one has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replacement {
    /// A flight is about to start, at the expense of the budget: as [`Self::Wait`], and
    /// [`Schedule::give_back`] if it brings the key.
    Charged,
    /// There is no other key.
    None,
    /// A flight is under way: wait for its end and look again.
    Wait,
}

/// The state that the rules need.
#[derive(Debug)]
pub(crate) struct Schedule {
    flight: Flight,
    /// The unknown `kid` at whose expense the flight is.
    asked_for: Option<Box<str>>,
    next_attempt: Instant,
    failures: u32,
    /// When the last successful flight started.
    good_flight: Option<Instant>,
    budgets: Budgets,
    gone: GoneKids,
    absent: AbsentKids,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flight {
    None,
    Requested,
    Started(Instant),
}

impl Schedule {
    /// The same, with budgets that several issuers share.
    pub(crate) fn sharing(now: Instant, budgets: Budgets) -> Self {
        Self {
            budgets,
            ..Self::new(now)
        }
    }

    /// The same, with the `kid`s that an earlier schedule for the same keys knows to be gone.
    pub(crate) fn knowing(now: Instant, gone: GoneKids) -> Self {
        Self {
            gone,
            ..Self::new(now)
        }
    }

    /// The `kid`s that are gone.
    pub(crate) fn gone(&self) -> GoneKids {
        self.gone.clone()
    }

    /// Nothing is known yet: the first attempt is due at once.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            flight: Flight::None,
            asked_for: None,
            next_attempt: now,
            failures: 0,
            good_flight: None,
            budgets: Budgets::new(now),
            gone: GoneKids::default(),
            absent: AbsentKids::default(),
        }
    }

    /// Keys from a snapshot, not from a flight, do not delay the first attempt.
    pub(crate) fn plan(&mut self, now: Instant) -> Plan {
        let is_due = now >= self.next_attempt || self.flight == Flight::Requested;
        if !is_due {
            return Plan::WaitUntil(self.next_attempt);
        }
        self.flight = Flight::Started(now);
        Plan::Fetch
    }

    /// The flight returned the `current` names in the place of the `former`; call
    /// [`succeeded`](Self::succeeded) next.
    pub(crate) fn replaced<'k>(
        &mut self,
        former: impl Iterator<Item = &'k str>,
        current: impl Iterator<Item = &'k str>,
    ) {
        let current: Vec<_> = current.collect();
        let asked_for = self.asked_for.take();
        if asked_for.is_some_and(|kid| current.contains(&&*kid)) {
            self.give_back();
        }
        self.gone.update(former, &current);
    }

    /// Returns what a flight took from the budget, because it brought the key that was asked for:
    /// an issuer may bring in several keys within seconds. No issuer publishes an attacker's key,
    /// and nothing is returned for a `kid` that is gone: replicas of an issuer that have different
    /// sets would otherwise be fetched from in turn, without end.
    pub(crate) fn give_back(&self) {
        self.budgets.give_back();
    }

    /// A flight returned keys, new or unchanged, that are fresh for `soft_ttl`.
    pub(crate) fn succeeded(&mut self, now: Instant, soft_ttl: Duration, jitter: Jitter) {
        if let Flight::Started(at) = self.flight {
            self.good_flight = Some(at);
        }
        self.flight = Flight::None;
        self.asked_for = None;
        self.failures = 0;
        // At 80 %, so that a slow answer still arrives in time; with jitter, so that replicas
        // started together do not fetch together.
        self.next_attempt = after(now, jitter.spread(soft_ttl.mul_f64(0.8)));
    }

    /// A flight returned nothing we can use.
    pub(crate) fn failed(&mut self, now: Instant, jitter: Jitter) {
        self.flight = Flight::None;
        self.asked_for = None;
        let doubled = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.next_attempt = after(now, jitter.spread(doubled).min(BACKOFF_MAX));
    }

    /// A request that arrived at `arrived` has a `kid` that is not among the keys.
    pub(crate) fn ask(&mut self, kid: &str, arrived: Instant, now: Instant) -> Answer {
        if self.absent.contains(kid, now) {
            return Answer::Unknown;
        }
        if self.flight != Flight::None {
            return Answer::Wait;
        }
        if self.failures > 0 {
            return Answer::Unavailable(self.next_attempt.saturating_duration_since(now));
        }
        // Only a flight that started after the token arrived can prove that its key is absent: an
        // earlier one may have read the set before the key was added.
        if self.good_flight.is_some_and(|started| started >= arrived) {
            self.absent.insert(kid, now);
            return Answer::Unknown;
        }
        // Honest clients go on sending tokens of a removed key. They must not use up what a new key
        // needs; and an old replica of the issuer may have answered, so they may ask as well.
        let is_gone = self.gone.contains(kid);
        let is_affordable = match is_gone {
            true => self.budgets.take_gone(now),
            false => self.budgets.take(now),
        };
        if !is_affordable {
            return Answer::Unknown;
        }
        self.asked_for = (!is_gone).then(|| kid.into());
        self.flight = Flight::Requested;
        Answer::Wait
    }

    /// A request has a token that no current key fits, although one has its name: the issuer may
    /// have replaced a key under its old name, or somebody forges. So the last fetch of the budget
    /// stays for unknown `kid`s, and a set that was fetched a moment ago is believed.
    pub(crate) fn ask_for_replacement(&mut self, now: Instant) -> Replacement {
        // The first attempt is due at once, whether or not it has started.
        if self.flight != Flight::None || self.is_first_attempt() {
            return Replacement::Wait;
        }
        let is_old = |started| now.saturating_duration_since(started) > REPLACED_AFTER;
        let may_ask = self.failures == 0 && self.good_flight.is_some_and(is_old);
        if !may_ask || !self.budgets.take_spare(now) {
            return Replacement::None;
        }
        self.flight = Flight::Requested;
        Replacement::Charged
    }

    /// Whether the first attempt has not ended yet, so that its end is near. During back-off, the
    /// end of the next attempt is not.
    pub(crate) const fn is_first_attempt(&self) -> bool {
        self.failures == 0 && self.good_flight.is_none()
    }

    /// When the next attempt is due.
    pub(crate) const fn next_attempt(&self) -> Instant {
        self.next_attempt
    }
}

/// A random number from the caller: −1 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jitter(f64);

impl Jitter {
    pub(crate) fn random() -> Self {
        Self(fastrand::f64().mul_add(2.0, -1.0))
    }

    /// `duration` ± 10 %.
    fn spread(self, duration: Duration) -> Duration {
        duration.mul_f64(self.0.mul_add(0.1, 1.0))
    }
}

/// What tokens may trigger, at one issuer or at all tenants of one.
#[derive(Clone, Debug)]
pub(crate) struct Budgets {
    shared: Arc<Mutex<Both>>,
    /// Which of those who share them takes from them.
    member: u64,
}

#[derive(Debug)]
struct Both {
    unknown: Budget,
    /// Of all `kid`s that are gone.
    gone: Budget,
    turns: Turns,
    members: u64,
}

impl Budgets {
    pub(crate) fn new(now: Instant) -> Self {
        let shared = Both {
            unknown: Budget::new(BUDGET, now),
            gone: Budget::new(GONE_BUDGET, now),
            turns: Turns::default(),
            members: 1,
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
            member: 0,
        }
    }

    /// The same budgets, for one more who takes from them.
    pub(crate) fn for_another(&self) -> Self {
        let mut shared = self.lock();
        let member = shared.members;
        shared.members = member.saturating_add(1);
        drop(shared);
        Self {
            shared: Arc::clone(&self.shared),
            member,
        }
    }

    /// Takes a fetch for an unknown `kid`, or for a tenant that takes the place of another.
    pub(crate) fn take(&self, now: Instant) -> bool {
        self.take_leaving(0, now)
    }

    /// Takes one that is not the last.
    fn take_spare(&self, now: Instant) -> bool {
        self.take_leaving(1, now)
    }

    fn take_leaving(&self, rest: u32, now: Instant) -> bool {
        let mut shared = self.lock();
        let free = shared.unknown.left(now).saturating_sub(rest);
        let is_next = shared.turns.place(self.member, now) < usize::try_from(free).unwrap_or(0);
        if is_next {
            shared.unknown.spend();
            shared.turns.leave(self.member);
        } else if rest == 0 {
            shared.turns.wait(self.member, now);
        }
        is_next
    }

    fn take_gone(&self, now: Instant) -> bool {
        self.lock().gone.take(now)
    }

    fn give_back(&self) {
        self.lock().unknown.give_back();
    }

    /// After a panic during a calculation, there is at worst one fetch too many or too few.
    fn lock(&self) -> MutexGuard<'_, Both> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is next: those who were refused have their turn before those who got a fetch since. Otherwise a flood
/// of tokens for one tenant would take every fetch, and keep out the new key of another.
#[derive(Debug, Default)]
struct Turns(VecDeque<(u64, Instant)>);

impl Turns {
    /// How many are before this one.
    fn place(&mut self, member: u64, now: Instant) -> usize {
        // Who does not ask any more gives up its turn.
        self.0
            .retain(|(_, asked)| now.saturating_duration_since(*asked) < TURN_KEPT);
        let waiting = self.0.iter().position(|(other, _)| *other == member);
        waiting.unwrap_or(self.0.len())
    }

    fn wait(&mut self, member: u64, now: Instant) {
        if let Some((_, asked)) = self.0.iter_mut().find(|(other, _)| *other == member) {
            *asked = now;
        } else if self.0.len() < TURNS {
            self.0.push_back((member, now));
        }
    }

    fn leave(&mut self, member: u64) {
        self.0.retain(|(other, _)| *other != member);
    }
}

/// The fetches that tokens may trigger: some in a burst, then one every 30 s, charged per attempt.
#[derive(Debug)]
struct Budget {
    tokens: u32,
    most: u32,
    refilled: Instant,
}

impl Budget {
    const fn new(most: u32, now: Instant) -> Self {
        Self {
            tokens: most,
            most,
            refilled: now,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let is_left = self.left(now) > 0;
        self.spend();
        is_left
    }

    /// How many there are.
    fn left(&mut self, now: Instant) -> u32 {
        while self.tokens < self.most
            && now.saturating_duration_since(self.refilled) >= BUDGET_REFILL
        {
            self.give_back();
            self.refilled = after(self.refilled, BUDGET_REFILL);
        }
        if self.tokens == self.most {
            self.refilled = now;
        }
        self.tokens
    }

    /// One less, if there is one.
    const fn spend(&mut self) {
        self.tokens = self.tokens.saturating_sub(1);
    }

    fn give_back(&mut self) {
        self.tokens = self.tokens.saturating_add(1).min(self.most);
    }
}

/// `kid`s that a former set had and the current one has not. Bounded; the oldest is removed first.
#[derive(Clone, Debug, Default)]
pub(crate) struct GoneKids(VecDeque<Box<str>>);

impl GoneKids {
    fn contains(&self, kid: &str) -> bool {
        self.0.iter().any(|gone| **gone == *kid)
    }

    fn update<'k>(&mut self, former: impl Iterator<Item = &'k str>, current: &[&str]) {
        self.0.retain(|kid| !current.contains(&&**kid));
        // No token can name a longer one.
        let gone = former.filter(|kid| kid.len() <= KID_BYTES && !current.contains(kid));
        for kid in gone {
            if self.0.len() >= GONE_KIDS {
                self.0.pop_front();
            }
            self.0.push_back(kid.into());
        }
    }
}

/// `kid`s that do not exist according to a fetch. Bounded; the oldest is removed first.
#[derive(Debug, Default)]
struct AbsentKids(VecDeque<(Box<str>, Instant)>);

impl AbsentKids {
    fn contains(&mut self, kid: &str, now: Instant) -> bool {
        while self.0.front().is_some_and(|(_, until)| *until <= now) {
            self.0.pop_front();
        }
        self.0.iter().any(|(absent, _)| **absent == *kid)
    }

    fn insert(&mut self, kid: &str, now: Instant) {
        if self.0.len() >= ABSENT_KIDS {
            self.0.pop_front();
        }
        self.0.push_back((kid.into(), after(now, ABSENT_FOR)));
    }
}

/// The point `by` after `now`, at most a year: a setting may mean "for ever".
pub(crate) fn after(now: Instant, by: Duration) -> Instant {
    now.checked_add(by.min(YEAR)).unwrap_or(now)
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Without `Cache-Control`, a removed key stops working within 10 minutes.
const SOFT_TTL: Duration = Duration::from_secs(10 * 60);
const SOFT_TTL_MIN: Duration = Duration::from_secs(60);
const SOFT_TTL_MAX: Duration = Duration::from_secs(60 * 60);

const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);

const BUDGET: u32 = 2;
const BUDGET_REFILL: Duration = Duration::from_secs(30);

/// How long a turn is kept for someone who asked. Clients that are refused ask again sooner.
const TURN_KEPT: Duration = Duration::from_secs(60);

/// How many may wait for their turn.
const TURNS: usize = 1024;

const GONE_BUDGET: u32 = 1;
const GONE_KIDS: usize = 256;

/// A set that was fetched since then has no key that was replaced under its old name.
const REPLACED_AFTER: Duration = Duration::from_secs(30);

const ABSENT_KIDS: usize = 256;
const ABSENT_FOR: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use bearward_core::limits::KID_BYTES;

    use super::{
        ABSENT_KIDS, Answer, BUDGET_REFILL, Budgets, Flight, Freshness, GONE_KIDS, GoneKids,
        Jitter, Plan, REPLACED_AFTER, Replacement, Schedule, after,
    };

    const NONE: Jitter = Jitter(0.0);
    const SECOND: Duration = Duration::from_secs(1);

    fn fetched(now: Instant) -> Schedule {
        let mut schedule = Schedule::new(now);
        assert_eq!(schedule.plan(now), Plan::Fetch);
        schedule.succeeded(now, Duration::from_secs(600), NONE);
        schedule
    }

    /// Two tenants with keys, whose budgets are spent.
    fn tenants(now: Instant) -> [Schedule; 2] {
        let budgets = Budgets::new(now);
        let mut tenants = [(); 2].map(|()| {
            let mut tenant = Schedule::sharing(now, budgets.for_another());
            assert_eq!(tenant.plan(now), Plan::Fetch);
            tenant.succeeded(now, Duration::from_secs(600), NONE);
            tenant
        });
        for seconds in [1, 2] {
            let at = after(now, Duration::from_secs(seconds));
            assert!(fetches(&mut tenants[0], "1", at));
        }
        tenants
    }

    /// Whether a token with this `kid` triggers a fetch, which does not bring its key.
    fn fetches(tenant: &mut Schedule, kid: &str, now: Instant) -> bool {
        match tenant.ask(kid, now, now) {
            Answer::Wait => {
                assert_eq!(tenant.plan(now), Plan::Fetch);
                tenant.succeeded(now, Duration::from_secs(600), NONE);
                true
            }
            Answer::Unknown => false,
            Answer::Unavailable(_) => panic!("nothing failed"),
        }
    }

    #[test]
    fn t_key_24_a_flood_for_one_tenant_leaves_another_its_turn() {
        let now = Instant::now();
        let [mut flooded, mut other] = tenants(now);
        let mut fetched = Vec::new();
        for tenth in 11..1_200_u64 {
            let at = now + Duration::from_millis(tenth * 100);
            if fetches(&mut flooded, &format!("forged-{tenth}"), at) {
                fetched.push("flooded");
            }
            // Somebody with a token of a new key, once a second.
            if tenth % 10 == 0 && fetches(&mut other, &format!("new-{tenth}"), at) {
                fetched.push("other");
            }
        }
        // They take turns: each gets every second fetch.
        assert_eq!(fetched, ["other", "flooded", "other"]);
    }

    #[test]
    fn who_does_not_ask_any_more_keeps_no_turn() {
        let now = Instant::now();
        let [mut flooded, mut other] = tenants(now);
        assert!(!fetches(&mut other, "new", now + 2 * SECOND));
        assert!(!fetches(&mut flooded, "a", now + 31 * SECOND));
        // There are two by now, and one is kept.
        assert!(fetches(&mut flooded, "b", now + 61 * SECOND));
        let kept = now + 62 * SECOND - Duration::from_millis(1);
        assert!(!fetches(&mut flooded, "c", kept));
        assert!(fetches(&mut flooded, "d", now + 62 * SECOND));
    }

    #[test]
    fn the_first_attempt_is_due_at_once() {
        let now = Instant::now();
        assert_eq!(Schedule::new(now).plan(now), Plan::Fetch);
    }

    #[test]
    fn for_ever_is_a_year() {
        let now = Instant::now();
        let days = |days: u64| Duration::from_secs(days * 86_400);
        assert_eq!(after(now, days(364)) - now, days(364));
        assert_eq!(after(now, Duration::MAX) - now, days(365));
    }

    #[test]
    fn t_key_23_max_age_is_clamped() {
        let soft = |seconds| Freshness::soft_ttl(Some(Duration::from_secs(seconds)));
        assert_eq!(soft(0), Duration::from_secs(60));
        assert_eq!(soft(61), Duration::from_secs(61));
        assert_eq!(soft(38 * 86_400), Duration::from_secs(3600));
        assert_eq!(Freshness::soft_ttl(None), Duration::from_secs(600));
    }

    #[test]
    fn keys_are_refreshed_at_80_percent_of_their_freshness_with_jitter() {
        let now = Instant::now();
        for (jitter, seconds) in [(-1.0, 432), (0.0, 480), (1.0, 528)] {
            let mut schedule = Schedule::new(now);
            schedule.plan(now);
            schedule.succeeded(now, Duration::from_secs(600), Jitter(jitter));
            let due = now + Duration::from_secs(seconds);
            assert_eq!(schedule.plan(due - SECOND), Plan::WaitUntil(due));
            assert_eq!(schedule.plan(due), Plan::Fetch);
        }
    }

    #[test]
    fn t_key_06_keys_serve_for_a_day_or_as_long_as_they_are_fresh() {
        let soft = Duration::from_secs(600);
        let day = Duration::from_secs(86_400);
        assert_eq!(Freshness::default().hard_ttl(soft), day);
        let none = Freshness {
            stale_if_error: Duration::ZERO,
        };
        assert_eq!(none.hard_ttl(soft), soft);
    }

    #[test]
    fn t_key_02_failures_back_off_from_1_to_60_seconds() {
        let mut now = Instant::now();
        let mut schedule = Schedule::new(now);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(schedule.plan(now), Plan::Fetch);
            schedule.failed(now, NONE);
            now += Duration::from_secs(seconds);
            assert_eq!(schedule.next_attempt(), now);
        }
        schedule.plan(now);
        schedule.succeeded(now, Duration::from_secs(600), NONE);
        assert_eq!(schedule.failures, 0);
        now = schedule.next_attempt();
        schedule.plan(now);
        schedule.failed(now, NONE);
        assert_eq!(schedule.next_attempt(), now + SECOND);
    }

    #[test]
    fn t_key_02_nothing_is_fetched_for_an_unknown_kid_during_back_off() {
        let now = Instant::now();
        let mut schedule = fetched(now);
        let later = schedule.next_attempt();
        schedule.plan(later);
        schedule.failed(later, NONE);
        let answer = schedule.ask("new", later, later);
        assert_eq!(answer, Answer::Unavailable(SECOND));
        assert_eq!(schedule.flight, Flight::None);
    }

    #[test]
    fn t_key_01_unknown_kids_cost_two_fetches_and_one_more_every_30_seconds() {
        let start = Instant::now();
        let mut schedule = fetched(start);
        let mut fetches = 0;
        let mut now = start;
        for kid in 0..300 {
            now += Duration::from_millis(100);
            while schedule.ask(&kid.to_string(), now, now) == Answer::Wait {
                assert_eq!(schedule.plan(now), Plan::Fetch);
                schedule.succeeded(now, Duration::from_secs(600), NONE);
                fetches += 1;
            }
        }
        // The last of them came 30 s after the first, but the refill counts from the first charge.
        assert_eq!(fetches, 2);
        now = start + Duration::from_millis(100) + BUDGET_REFILL;
        assert_eq!(schedule.ask("another", now, now), Answer::Wait);
        assert_eq!(schedule.plan(now), Plan::Fetch);
        schedule.succeeded(now, Duration::from_secs(600), NONE);
        assert_eq!(
            schedule.ask("yet another", now + SECOND, now + SECOND),
            Answer::Unknown
        );
    }

    #[test]
    fn the_budget_does_not_grow_beyond_two() {
        let start = Instant::now();
        let mut schedule = fetched(start);
        let now = start + Duration::from_secs(400);
        for expected in [Answer::Wait, Answer::Wait, Answer::Unknown] {
            assert_eq!(schedule.ask("a kid", now, now), expected);
            schedule.flight = Flight::None;
        }
    }

    #[test]
    fn t_key_02_a_failed_flight_is_forgotten() {
        let start = Instant::now();
        let mut schedule = fetched(start);
        let now = start + SECOND;
        assert_eq!(schedule.ask("new", now, now), Answer::Wait);
        schedule.plan(now);
        schedule.failed(now, NONE);
        // The retry brings it, at nobody's expense.
        schedule.replaced([].into_iter(), ["new"].into_iter());
        assert_eq!(schedule.budgets.lock().unknown.tokens, 1);
    }

    #[test]
    fn a_kid_shown_to_be_absent_costs_nothing_for_30_seconds() {
        let start = Instant::now();
        let mut schedule = fetched(start);
        let now = start + SECOND;
        assert_eq!(schedule.ask("gone", now, now), Answer::Wait);
        assert_eq!(schedule.plan(now), Plan::Fetch);
        schedule.succeeded(now, Duration::from_secs(600), NONE);
        assert_eq!(schedule.ask("gone", now, now), Answer::Unknown);
        let last = now + Duration::from_secs(30) - Duration::from_millis(1);
        assert_eq!(schedule.ask("gone", last, last), Answer::Unknown);
        let over = now + Duration::from_secs(30);
        assert_eq!(schedule.ask("gone", over, over), Answer::Wait);
    }

    #[test]
    fn a_flight_that_started_earlier_proves_nothing_about_a_kid() {
        let start = Instant::now();
        let mut schedule = fetched(start);
        let refresh = schedule.next_attempt();
        assert_eq!(schedule.plan(refresh), Plan::Fetch);
        let arrived = refresh + SECOND;
        assert_eq!(schedule.ask("new", arrived, arrived), Answer::Wait);
        schedule.succeeded(arrived, Duration::from_secs(600), NONE);
        assert_eq!(schedule.ask("new", arrived, arrived), Answer::Wait);
        assert_eq!(schedule.plan(arrived), Plan::Fetch);
        schedule.succeeded(arrived, Duration::from_secs(600), NONE);
        assert_eq!(schedule.ask("new", arrived, arrived), Answer::Unknown);
    }

    #[test]
    fn t_dos_05_absent_kids_are_bounded_oldest_out_first() {
        let now = Instant::now();
        let mut schedule = fetched(now);
        for kid in 0..=ABSENT_KIDS {
            schedule.absent.insert(&kid.to_string(), now);
        }
        assert_eq!(schedule.absent.0.len(), ABSENT_KIDS);
        assert!(!schedule.absent.contains("0", now));
        assert!(schedule.absent.contains("1", now));
    }

    #[test]
    fn t_key_26_gone_kids_are_bounded_oldest_out_first() {
        let mut gone = GoneKids::default();
        let kids: Vec<_> = (0..=GONE_KIDS).map(|kid| kid.to_string()).collect();
        for kid in &kids {
            gone.update([kid.as_str()].into_iter(), &["current"]);
        }
        assert_eq!(gone.0.len(), GONE_KIDS);
        assert!(!gone.contains("0") && gone.contains("1") && gone.contains(&kids[GONE_KIDS]));
        // What stays is not gone, and what comes back is not either.
        gone.update(["current", "other"].into_iter(), &["current", "2"]);
        assert!(!gone.contains("current") && !gone.contains("2"));
        assert!(gone.contains("1") && gone.contains("other"));
        // A name that no token can have.
        let longest = "x".repeat(KID_BYTES);
        let longer = "x".repeat(KID_BYTES + 1);
        gone.update([&*longest, &*longer].into_iter(), &[]);
        assert!(gone.contains(&longest) && !gone.contains(&longer));
    }

    #[test]
    fn t_key_26_gone_kids_have_one_fetch_every_30_seconds() {
        let start = Instant::now();
        let mut schedule = fetched(start);
        schedule.replaced(["a", "b"].into_iter(), ["c"].into_iter());
        let mut now = start;
        for _ in 0..3 {
            now += BUDGET_REFILL;
            assert_eq!(schedule.ask("a", now, now), Answer::Wait);
            schedule.plan(now);
            schedule.replaced(["c"].into_iter(), ["c"].into_iter());
            schedule.succeeded(now, Duration::from_secs(600), NONE);
            let later = now + SECOND;
            assert_eq!(schedule.ask("b", later, later), Answer::Unknown);
        }
        assert_eq!(schedule.budgets.lock().unknown.tokens, 2);
    }

    #[test]
    fn t_key_26_a_replacement_leaves_one_fetch_and_believes_a_fresh_set() {
        let start = Instant::now();
        let mut schedule = fetched(start);
        let mut now = start + REPLACED_AFTER;
        assert_eq!(schedule.ask_for_replacement(now), Replacement::None);
        now += Duration::from_millis(1);
        assert_eq!(schedule.ask_for_replacement(now), Replacement::Charged);
        assert_eq!(schedule.ask_for_replacement(now), Replacement::Wait);
        assert_eq!(schedule.plan(now), Plan::Fetch);
        assert_eq!(schedule.ask_for_replacement(now), Replacement::Wait);
        schedule.failed(now, NONE);
        assert_eq!(schedule.ask_for_replacement(now), Replacement::None);
        now = schedule.next_attempt();
        schedule.plan(now);
        // From the start of the flight: the set may have been read then.
        schedule.succeeded(now + SECOND, Duration::from_secs(600), NONE);
        let mut old = now + REPLACED_AFTER;
        assert_eq!(schedule.ask_for_replacement(old), Replacement::None);
        old += Duration::from_millis(1);
        // Refilled since, but for an unknown key's.
        schedule.budgets.lock().unknown.tokens = 1;
        schedule.budgets.lock().unknown.refilled = old;
        assert_eq!(schedule.ask_for_replacement(old), Replacement::None);
        assert_eq!(schedule.ask("new", old, old), Answer::Wait);
    }

    #[test]
    fn t_key_01_what_is_given_back_is_at_most_what_there_was() {
        let now = Instant::now();
        let mut schedule = fetched(now);
        schedule.give_back();
        assert_eq!(schedule.budgets.lock().unknown.tokens, 2);
        let later = now + SECOND;
        assert_eq!(schedule.ask("new", later, later), Answer::Wait);
        assert_eq!(schedule.budgets.lock().unknown.tokens, 1);
        // A flight that is nobody's gives nothing back, and each gives back once.
        schedule.replaced(["new"].into_iter(), ["new", "old"].into_iter());
        assert_eq!(schedule.budgets.lock().unknown.tokens, 2);
        schedule.budgets.lock().unknown.tokens = 0;
        schedule.replaced(["new"].into_iter(), ["new", "old"].into_iter());
        assert_eq!(schedule.budgets.lock().unknown.tokens, 0);
    }

    #[test]
    fn without_keys_the_first_flight_is_waited_for_and_no_later_one() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now);
        assert!(schedule.is_first_attempt());
        schedule.plan(now);
        assert!(schedule.is_first_attempt());
        schedule.failed(now, NONE);
        assert!(!schedule.is_first_attempt());
        schedule.plan(now + SECOND);
        assert!(!schedule.is_first_attempt());
        schedule.succeeded(now + SECOND, Duration::from_secs(600), NONE);
        assert!(!schedule.is_first_attempt());
    }
}
