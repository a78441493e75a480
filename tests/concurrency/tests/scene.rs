//! The setting: one issuer whose keys come and go, tokens of each key, and the schedulers.

use std::env;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Duration;

use bearward::core::rejection::{InvalidToken, Rejection};
use bearward::fetch::{Answer, ConnectFailure, FetchError, Get, Transport};
use bearward::resource_server::ResourceServerBuilder;
use bearward::{Algorithm, Issuer, Policy, Principal, ResourceServer, TokenCache, UnixTime};
use bearward_testing::keys::jwk_set;
use bearward_testing::{SigningKey, Token};
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::sync::Mutex;
use shuttle::{Config, Runner};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
/// Keys are due again after that, with the jitter.
pub(crate) const REFRESH: Duration = Duration::from_secs(10 * 60);
const ISSUER: &str = "https://auth.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
/// How many preemptions make a bug: few, as experience has it.
const DEPTH: usize = 3;

/// A key, and a token that it has signed.
pub(crate) struct Signed {
    key: SigningKey,
    pub(crate) token: String,
}

impl Signed {
    fn by(key: SigningKey, kid: &str) -> Self {
        Self::for_user("somebody", key, kid)
    }

    fn for_user(user: &str, key: SigningKey, kid: &str) -> Self {
        let key = key.with_kid(kid);
        let token = Token::user(ISSUER, AUDIENCE, NOW).claim("sub", user);
        let token = token.key(key.clone()).sign();
        Self { key, token }
    }
}

pub(crate) static A: LazyLock<Signed> =
    LazyLock::new(|| Signed::by(SigningKey::first(Algorithm::EdDsa), "a"));
pub(crate) static B: LazyLock<Signed> =
    LazyLock::new(|| Signed::by(SigningKey::second(Algorithm::EdDsa), "b"));
pub(crate) static C: LazyLock<Signed> =
    LazyLock::new(|| Signed::by(SigningKey::first(Algorithm::EdDsa), "c"));
/// Another key under the name of the first.
pub(crate) static ANOTHER_A: LazyLock<Signed> =
    LazyLock::new(|| Signed::by(SigningKey::second(Algorithm::EdDsa), "a"));
/// Signed by neither of them.
pub(crate) static FORGED: LazyLock<Signed> = LazyLock::new(|| {
    let (signing_input, _) = OF_A[0].token.rsplit_once('.').unwrap();
    let (_, signature) = ANOTHER_A.token.rsplit_once('.').unwrap();
    Signed {
        key: ANOTHER_A.key.clone(),
        token: format!("{signing_input}.{signature}"),
    }
});
/// More tokens of the first key.
pub(crate) static OF_A: LazyLock<[Signed; 3]> = LazyLock::new(|| {
    let key = || SigningKey::first(Algorithm::EdDsa);
    ["one", "two", "three"].map(|user| Signed::for_user(user, key(), "a"))
});
/// Never published.
pub(crate) static UNKNOWN: LazyLock<[Signed; 6]> = LazyLock::new(|| {
    ["u", "v", "w", "x", "y", "z"].map(|kid| Signed::by(SigningKey::second(Algorithm::EdDsa), kid))
});

/// What the issuer publishes, and who asks for it. Clones are the same.
#[derive(Clone)]
pub(crate) struct Origin(Arc<Inner>);

struct Inner {
    /// `None`: nobody answers.
    document: Mutex<Option<Vec<u8>>>,
    in_the_air: AtomicU32,
    flights: AtomicU32,
}

impl Origin {
    pub(crate) fn publishing(keys: &[&Signed]) -> Self {
        Self(Arc::new(Inner {
            document: Mutex::new(Some(document(keys))),
            in_the_air: AtomicU32::new(0),
            flights: AtomicU32::new(0),
        }))
    }

    pub(crate) fn publish(&self, keys: &[&Signed]) {
        *self.0.document.lock().unwrap() = Some(document(keys));
    }

    pub(crate) fn go_down(&self) {
        *self.0.document.lock().unwrap() = None;
    }

    /// How many flights have begun.
    pub(crate) fn flights(&self) -> u32 {
        self.0.flights.load(Ordering::SeqCst)
    }
}

fn document(keys: &[&Signed]) -> Vec<u8> {
    jwk_set(keys.iter().map(|signed| &signed.key))
        .to_string()
        .into_bytes()
}

impl Transport for Origin {
    fn get<'a>(
        &'a self,
        _: Get<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>> {
        Box::pin(async {
            let _flight = Flight::begin(&self.0);
            step().await;
            let body = self.0.document.lock().unwrap().clone();
            step().await;
            let mut answer = Answer::default();
            answer.status = 200;
            let refused = FetchError::Connect(ConnectFailure::Refused);
            answer.body = body.ok_or(refused)?;
            Ok(answer)
        })
    }
}

/// An await that is over at the next look. Unlike `yield_now` it lets nobody go first, so that PCT
/// can hold others up for the whole of a flight.
async fn step() {
    let mut is_over = false;
    poll_fn(|context| match mem::replace(&mut is_over, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// One at a time, also when one is called off.
struct Flight<'a>(&'a Inner);

impl<'a> Flight<'a> {
    fn begin(origin: &'a Inner) -> Self {
        let others = origin.in_the_air.fetch_add(1, Ordering::SeqCst);
        assert_eq!(others, 0, "two flights at a time");
        origin.flights.fetch_add(1, Ordering::SeqCst);
        Self(origin)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.in_the_air.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn server(origin: &Origin) -> ResourceServer {
    settings(origin, AUDIENCE).build().unwrap()
}

/// With a cache, as the gateway has it.
pub(crate) fn settings(origin: &Origin, audience: &str) -> ResourceServerBuilder {
    ResourceServer::builder()
        .issuer(issuer(audience))
        .transport(origin.clone())
        .clock(|| NOW)
        .token_cache(TokenCache::new())
}

pub(crate) fn issuer(audience: &str) -> Issuer {
    let policy = Policy::builder(ISSUER, audience).build().unwrap();
    Issuer::jwks_uri(policy, "https://auth.example/jwks")
}

/// What becomes of a request with this token.
pub(crate) async fn ask(server: &ResourceServer, signed: &Signed) -> Result<Principal, Rejection> {
    server.authenticate_token(signed.token.as_bytes()).await
}

#[track_caller]
pub(crate) fn assert_refused(outcome: &Result<Principal, Rejection>, reason: InvalidToken) {
    match outcome {
        Err(Rejection::InvalidToken(found)) => assert_eq!(*found, reason),
        other => panic!("{other:?} in the place of {reason:?}"),
    }
}

#[track_caller]
pub(crate) fn assert_unavailable(outcome: &Result<Principal, Rejection>) {
    assert!(
        matches!(outcome, Err(Rejection::Unavailable(_))),
        "{outcome:?}"
    );
}

/// Runs the test under schedules drawn at random, and under those of PCT, which preempt seldom and
/// at any depth. `BEARWARD_SCHEDULES` is how many of each; `BEARWARD_SEED` draws others.
pub(crate) fn explore<T>(test: impl Fn() -> T + Copy + Send + Sync + 'static)
where
    T: Future<Output = ()> + 'static,
{
    let count = number("BEARWARD_SCHEDULES", 1_500);
    let seed = number("BEARWARD_SEED", 1);
    let count = usize::try_from(count).unwrap();
    run(RandomScheduler::new_from_seed(seed, count), test);
    run(PctScheduler::new_from_seed(seed, DEPTH, count), test);
}

fn run<T>(scheduler: impl Scheduler + 'static, test: impl Fn() -> T + Send + Sync + 'static)
where
    T: Future<Output = ()> + 'static,
{
    let mut config = Config::new();
    // Signatures are checked on it.
    config.stack_size = 512 * 1024;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(move || {
        // The same jitter in each run, so that a schedule can be replayed.
        fastrand::seed(1);
        block_on(test());
    });
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
