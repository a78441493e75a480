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
        self.counts.count_empty(self.rules.failures, self.now())
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
        counts.add_failure(self.client, rules.failures, self.failures.now());
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::ops::Range;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use std::time::Duration;

    use bearward::failures::{Check, FailureLimit, Subject};
    use bearward::{Issuer, JwkSet, Rejection, ResourceServer, Sources};
    use bearward_testing::conformance::{AUDIENCE, ISSUER, NOW, key_set, policy};
    use bearward_testing::{Algorithm, SigningKey, Token};
    use http::Request;

    use super::{Allowance, Client, ClientFailures, Failures};

    /// The real limit, and how many signatures it let be checked.
    struct Counting<'f> {
        limit: ClientFailures<'f>,
        checks: &'f AtomicUsize,
    }

    impl FailureLimit for Counting<'_> {
        fn is_exceeded(&self) -> bool {
            let is_exceeded = self.limit.is_exceeded();
            self.checks
                .fetch_add(usize::from(!is_exceeded), Ordering::SeqCst);
            is_exceeded
        }

        fn take_check(&self, claimed: Subject<'_>) -> Option<Check> {
            let taken = self.limit.take_check(claimed);
            self.checks
                .fetch_add(usize::from(taken.is_some()), Ordering::SeqCst);
            taken
        }

        fn verified(&self, subject: Subject<'_>, taken: Option<Check>) {
            self.limit.verified(subject, taken);
        }

        fn failed(&self) {
            self.limit.failed();
        }

        fn retry_after(&self) -> Duration {
            self.limit.retry_after()
        }
    }

    fn request(token: &Token) -> Request<()> {
        let bearer = format!("Bearer {}", token.sign());
        let request = Request::get("/").header("authorization", bearer);
        request.body(()).unwrap()
    }

    fn forged() -> Request<()> {
        let set: serde_json::Value = serde_json::from_str(&key_set()).unwrap();
        let kid = set["keys"][0]["kid"].as_str().unwrap();
        let key = SigningKey::second(Algorithm::Rs256).with_kid(kid);
        request(&Token::user(ISSUER, AUDIENCE, NOW).key(key))
    }

    fn server() -> ResourceServer {
        let keys = JwkSet::parse(key_set().as_bytes()).unwrap();
        let server = ResourceServer::builder().issuer(Issuer::jwk_set(policy(ISSUER), keys));
        server.clock(|| NOW).build().unwrap()
    }

    fn client(number: u32) -> Client {
        Client::V4(Ipv4Addr::from(number))
    }

    /// How many signatures are checked, and how many tokens get 429, in a flood of 10 000 forged tokens
    /// from these clients in turn, with so many microseconds from one to the next.
    async fn flood(clients: Range<u32>, step: u64) -> (usize, usize) {
        let (server, forged) = (server(), forged());
        let sources = Sources::default();
        let time = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&time);
        let read = move || Duration::from_micros(clock.load(Ordering::SeqCst));
        let allowance = Allowance::new(60, Duration::from_secs(60));
        let failures = Failures::with_clock(allowance, read);
        let checks = AtomicUsize::new(0);
        let mut limited = 0_usize;
        for number in clients.cycle().take(10_000) {
            time.fetch_add(step, Ordering::SeqCst);
            let limit = Counting {
                limit: failures.of(client(number)),
                checks: &checks,
            };
            let decided = server.authenticate_within(&forged, &sources, Some(&limit));
            match decided.await {
                Err(Rejection::TooManyFailures(_)) => limited = limited.saturating_add(1),
                Err(Rejection::InvalidToken(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        (checks.into_inner(), limited)
    }

    #[tokio::test]
    async fn t_dos_03_the_signature_checks_of_a_flood_are_bounded() {
        for (clients, step, bound) in [
            // In 20 s: its failures, those forgiven, and its checks.
            (1, 2_000, 60 + 20 + 100 * 21),
            // In 1 s: 50 have more checks than all together may use.
            (50, 100, 50 * (60 + 1) + 1000 * 2),
        ] {
            let (checks, limited) = flood(0..clients, step).await;
            assert!(checks <= bound, "{clients}: {checks} > {bound}");
            assert!(
                checks > bound / 2,
                "{clients}: {checks}: some are always checked"
            );
            assert!(limited > 4000, "{clients}: {limited}");
        }
    }

    /// A good token gives back what it takes, so good ones without number pass.
    #[tokio::test]
    async fn t_dos_12_good_tokens_use_up_no_checks() {
        let (server, forged) = (server(), forged());
        let allowance = Allowance::new(1, Duration::from_secs(60));
        let failures = Failures::with_clock(allowance, || Duration::from_secs(1));
        let sources = Sources::default();
        for number in 0..3 {
            let limit = failures.of(client(number));
            let refused = server
                .authenticate_within(&forged, &sources, Some(&limit))
                .await;
            assert_eq!(refused.unwrap_err().reason(), "signature_invalid");
        }
        for number in 0..1500 {
            let good = Token::user(ISSUER, AUDIENCE, NOW);
            let good = request(&good.claim("sub", format!("user-{number}")));
            let limit = failures.of(client(number % 3));
            let admitted = server
                .authenticate_within(&good, &sources, Some(&limit))
                .await;
            assert!(admitted.is_ok(), "{number}");
        }
        assert_eq!(failures.clients_over_limit(), 3);
    }
}
