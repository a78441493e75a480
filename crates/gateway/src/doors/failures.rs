//! The limit on failures: how many tokens of one client may fail to verify before the gateway no longer
//! checks every signature that the client sends.
//!
//! A client over its limit is not locked out: others may share its address. Its tokens that were
//! verified before pass. Of its other tokens, some are still checked each second, and a good one passes
//! and costs none of these checks. A few are kept for each subject that was admitted from this address,
//! so that a flood that does not know the subject cannot keep its next token out. So what is bounded is
//! the work for tokens that fail, and never what good tokens may do:
//!
//! ```text
//! failures of one client in a time t ≤ max_per_client · (1 + t / period)
//!                                       + CLIENT_CHECKS · (1 + t / 1 s)
//!                                       + SUBJECT_CHECKS · (1 + t / 1 s) for each such subject named
//! ```
//!
//! All times are arguments of the rules (`bucket`, `counts`, `admitted`); here the clock is read.

mod admitted;
mod bucket;
mod counts;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bearward::failures::{Check, FailureLimit, Subject};

use super::client::Client;

use self::admitted::Admitted;
use self::bucket::{Bucket, nanos};
use self::counts::Counts;

/// How many failures a client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    max_per_client: u32,
    period: Duration,
}

impl Allowance {
    /// At most `max_per_client` at once, and as many again spread over each `period`.
    #[must_use]
    pub const fn new(max_per_client: u32, period: Duration) -> Self {
        Self {
            max_per_client,
            period,
        }
    }
}

/// The failures of all clients. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Failures {
    rules: Rules,
    counts: Arc<Counts>,
    admitted: Arc<Admitted>,
    clock: Clock,
}

/// The time since some moment; it never goes back.
type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// What limits a client.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Its failures.
    failures: Bucket,
    /// The checks that it has when it is over its limit.
    checks: Bucket,
    /// The same for all such clients together.
    shared_checks: Bucket,
    /// The same for tokens of a subject that was admitted from the client's address.
    subject_checks: Bucket,
}

impl Rules {
    fn new(allowance: Allowance) -> Self {
        Self {
            failures: Bucket::new(allowance.max_per_client, allowance.period),
            checks: Bucket::new(CLIENT_CHECKS, CHECKS_PERIOD),
            shared_checks: Bucket::new(ALL_CHECKS, CHECKS_PERIOD),
            subject_checks: Bucket::new(SUBJECT_CHECKS, CHECKS_PERIOD),
        }
    }
}

/// How many tokens of one client over its limit are checked in each period although they may be bad.
const CLIENT_CHECKS: u32 = 100;

/// The same of all such clients together.
const ALL_CHECKS: u32 = 1000;

/// The same of one subject that was admitted from the client's address.
const SUBJECT_CHECKS: u32 = 5;

/// The period of all three.
const CHECKS_PERIOD: Duration = Duration::from_secs(1);

impl Failures {
    /// No failures yet.
    #[must_use]
    pub fn new(allowance: Allowance) -> Self {
        let start = Instant::now();
        Self::with_clock(allowance, move || start.elapsed())
    }

    /// The same, with a clock other than the system's: it returns the time since some moment, and never
    /// goes back.
    #[must_use]
    pub fn with_clock(
        allowance: Allowance,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self {
            rules: Rules::new(allowance),
            counts: Arc::new(Counts::new()),
            admitted: Arc::new(Admitted::new()),
            clock: Arc::new(clock),
        }
    }

    /// The same failures, which another allowance judges from now on.
    #[must_use]
    pub fn judged_by(&self, allowance: Allowance) -> Self {
        Self {
            rules: Rules::new(allowance),
            ..self.clone()
        }
    }

    /// How many clients are over their limit.
    #[must_use]
    pub fn clients_over_limit(&self) -> usize {
        self.counts.empty(self.rules.failures, self.now())
    }

    /// Those of one client.
    pub(super) const fn of(&self, client: Client) -> ClientFailures<'_> {
        ClientFailures {
            failures: self,
            client,
        }
    }

    fn now(&self) -> u64 {
        nanos((self.clock)())
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failures")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// The failures of one client.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientFailures<'f> {
    failures: &'f Failures,
    client: Client,
}

impl FailureLimit for ClientFailures<'_> {
    fn is_exceeded(&self) -> bool {
        let Failures { rules, counts, .. } = self.failures;
        counts.find(self.client).is_some_and(|count| {
            rules
                .failures
                .is_empty(count.failures(), self.failures.now())
        })
    }

    fn take_check(&self, claimed: Subject<'_>) -> Option<Check> {
        let Failures {
            rules,
            counts,
            admitted,
            ..
        } = self.failures;
        let now = self.failures.now();
        if admitted.take(self.client, claimed, rules.subject_checks, now) {
            return Some(Check::OfSubject);
        }
        let count = counts.find(self.client);
        if count.is_some_and(|count| !count.checks.take(rules.checks, now)) {
            return None;
        }
        if counts.shared_checks.take(rules.shared_checks, now) {
            return Some(Check::Any);
        }
        if let Some(count) = count {
            count.checks.give_back(rules.checks);
        }
        None
    }

    fn verified(&self, subject: Subject<'_>, taken: Option<Check>) {
        let Failures {
            rules,
            counts,
            admitted,
            ..
        } = self.failures;
        admitted.remember(self.client, subject, self.failures.now());
        match taken {
            None => {}
            Some(Check::OfSubject) => {
                admitted.give_back(self.client, subject, rules.subject_checks);
            }
            Some(Check::Any) => {
                counts.shared_checks.give_back(rules.shared_checks);
                if let Some(count) = counts.find(self.client) {
                    count.checks.give_back(rules.checks);
                }
            }
        }
    }

    fn failed(&self) {
        let Failures { rules, counts, .. } = self.failures;
        counts.fail(self.client, rules.failures, self.failures.now());
    }

    fn retry_after(&self) -> Duration {
        let Failures { rules, counts, .. } = self.failures;
        let now = self.failures.now();
        let Some(count) = counts.find(self.client) else {
            return Duration::ZERO;
        };
        let own = count.checks.next_in(rules.checks, now);
        let shared = counts.shared_checks.next_in(rules.shared_checks, now);
        let below_limit = rules.failures.next_in(count.failures(), now);
        own.max(shared).min(below_limit)
    }
}
