//! The setting: one issuer in memory, one API, a clock that follows the runtime's, and tokens that
//! are right in every respect.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bearward::core::jwk_set::JwkSetError;
use bearward::core::policy::PolicyBuilder;
use bearward::core::rejection::InvalidToken;
use bearward::fetch::{FetchError, Transport};
use bearward::key_store::KeyState;
use bearward::resource_server::ResourceServerBuilder;
use bearward::{
    Algorithm, Authenticated, Issuer, JwkSet, Policy, Principal, Rejection, ResourceServer,
    UnixTime,
};
use bearward_testing::{SigningKey, Token};
use serde_json::Value;
use tokio::time::Instant;

use crate::network::{Network, Reply};

pub(crate) const ISSUER: &str = "https://auth.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
pub(crate) const METADATA: &str = "https://auth.example/.well-known/openid-configuration";
pub(crate) const JWKS: &str = "https://auth.example/oauth2/jwks";

/// When every test starts: 2023-11-14T22:13:20Z.
pub(crate) const START: UnixTime = UnixTime::from_secs(1_700_000_000);

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The key that signs [`good`]: of a type that signs quickly, thousands of times in some tests.
pub(crate) fn key() -> SigningKey {
    SigningKey::first(Algorithm::EdDsa)
}

/// The key after a rotation: another, under another `kid`.
pub(crate) fn next_key() -> SigningKey {
    SigningKey::second(Algorithm::EdDsa)
}

/// A user's access token, for two days so that an outage can be lived through with it.
pub(crate) fn good() -> Token {
    let token = Token::user(ISSUER, AUDIENCE, START).key(key());
    token.expires_in(2 * DAY)
}

pub(crate) fn policy() -> Policy {
    settings().build().unwrap()
}

pub(crate) fn settings() -> PolicyBuilder {
    Policy::builder(ISSUER, AUDIENCE)
}

pub(crate) fn policy_of(issuer: &str) -> Policy {
    Policy::builder(issuer, AUDIENCE).build().unwrap()
}

/// An issuer in memory with metadata and [`key`].
pub(crate) fn issuer() -> Network {
    let network = Network::default();
    network.serve(METADATA, Reply::metadata(ISSUER, JWKS));
    network.serve(JWKS, Reply::keys([&key()]));
    network
}

/// A resource server that discovers the keys of [`ISSUER`].
pub(crate) fn discovering(network: &Network) -> ResourceServer {
    serving(network, Issuer::discover(policy()))
}

/// A resource server that fetches keys at [`JWKS`], with one GET a flight.
pub(crate) fn fetching(network: &Network) -> ResourceServer {
    serving(network, Issuer::jwks_uri(policy(), JWKS))
}

/// The same, after its first flight and a moment more.
pub(crate) async fn warm(network: &Network) -> ResourceServer {
    let server = fetching(network);
    server.attempted().await;
    tokio::time::sleep(MILLISECOND).await;
    server
}

pub(crate) fn serving(network: &Network, issuer: Issuer) -> ResourceServer {
    builder(network.clone()).issuer(issuer).build().unwrap()
}

/// With a clock that starts at [`START`] and goes as the runtime's.
pub(crate) fn builder(transport: impl Transport) -> ResourceServerBuilder {
    ResourceServer::builder()
        .transport(transport)
        .clock(clock_from(START))
}

pub(crate) fn clock_from(start: UnixTime) -> impl Fn() -> UnixTime + Send + Sync + 'static {
    let origin = Instant::now();
    move || start.plus(origin.elapsed())
}

pub(crate) fn request(token: &str) -> http::Request<()> {
    http::Request::get("https://api.example/orders")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap()
}

/// A request with this token, decided on.
pub(crate) async fn decide(server: &ResourceServer, token: &Token) -> Result<Principal, Rejection> {
    decide_text(server, &token.sign()).await
}

pub(crate) async fn decide_text(
    server: &ResourceServer,
    token: &str,
) -> Result<Principal, Rejection> {
    let request = request(token);
    let decision = server.authenticate(&request).await;
    decision.map(Authenticated::into_principal)
}

/// The same, which must not wait for anything.
#[track_caller]
pub(crate) fn decide_at_once(
    server: &ResourceServer,
    token: &Token,
) -> Result<Principal, Rejection> {
    let request = request(&token.sign());
    let decision = async {
        let decision = server.authenticate(&request).await;
        decision.map(Authenticated::into_principal)
    };
    let decision = poll_once(pin!(decision));
    decision.expect("the decision waits for something")
}

/// What the future is after one poll; `None` if it waits.
pub(crate) fn poll_once<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// The stable code of a refusal.
#[track_caller]
pub(crate) fn reason<T>(decision: &Result<T, Rejection>) -> &'static str {
    let refused = decision.as_ref().err();
    refused.expect("it is accepted").reason()
}

/// After how long a 503 says to come back.
#[track_caller]
pub(crate) fn retry_after(decision: Result<Principal, Rejection>) -> Duration {
    let rejection = decision.unwrap_err();
    let Rejection::Unavailable(unavailable) = rejection else {
        panic!("{rejection:?} is not a 503");
    };
    unavailable.retry_after
}

/// A token with this `kid`, otherwise plausible: only its key is not one of the issuer's.
pub(crate) fn with_kid(kid: &str) -> Token {
    good().key(next_key().with_kid(kid))
}

/// The state of the only issuer.
#[track_caller]
pub(crate) fn state(server: &ResourceServer) -> KeyState {
    let mut states = server.state();
    assert_eq!(states.len(), 1);
    states.remove(0).keys
}

pub(crate) fn last_error(server: &ResourceServer) -> Option<FetchError> {
    state(server).last_error
}

/// What each well-known URL answered in the last flight.
#[track_caller]
pub(crate) fn discovery_failures(server: &ResourceServer) -> Vec<(String, FetchError)> {
    let error = last_error(server);
    let Some(FetchError::Discovery(failures)) = error else {
        panic!("{error:?} is not a failed discovery");
    };
    let attempts = failures.attempts();
    attempts
        .map(|(url, error)| (url.to_string(), error.clone()))
        .collect()
}

/// A fetch of the keys, whatever was known: a token with a `kid` that no key has asks for it.
pub(crate) async fn refetch(server: &ResourceServer) -> Result<Principal, Rejection> {
    let kid = format!("asked-for-at-{:?}", server.now());
    decide(server, &with_kid(&kid)).await
}

pub(crate) const KID_UNKNOWN: Rejection = Rejection::InvalidToken(InvalidToken::KidUnknown);

/// Why none of the keys in this set can be used.
pub(crate) fn no_usable_key(set: &Value) -> JwkSetError {
    let refused = JwkSet::parse(set.to_string().as_bytes()).unwrap_err();
    assert!(matches!(refused, JwkSetError::NoUsableKey(_)), "{refused}");
    refused
}
