//! What a resource server says of itself, and what it is: to be shared, awaited anywhere, and small.

use bearward::core::jwk::UnusableJwk;
use bearward::fetch::{FetchError, HttpTransport};
use bearward::{Issuer, JwkSet, Requirements, ResourceServer, UnixTime};
use bearward_testing::keys::{OddJwk, jwk_set};
use tokio::time::sleep;

use crate::fixture::{
    JWKS, MINUTE, SECOND, START, discovering, fetching, good, issuer, key, next_key, policy,
    request, serving, state,
};
use crate::network::{Network, Reply};

#[tokio::test(start_paused = true)]
async fn the_life_of_a_key_set() {
    let network = issuer();
    let server = fetching(&network);
    let before = state(&server);
    assert!(!server.is_ready());
    assert!(!before.is_usable && !before.is_stale);
    assert_eq!(before.generation, 0);
    assert_eq!(before.fetched_at, None);
    assert_eq!(before.last_error, None);
    assert_eq!((before.fetches, before.failed_fetches), (0, 0));

    server.attempted().await;
    let fetched = state(&server);
    assert!(server.is_ready());
    assert!(fetched.is_usable && !fetched.is_stale);
    assert_eq!(fetched.generation, 1);
    assert_eq!(fetched.fetched_at, Some(START));
    assert_eq!((fetched.fetches, fetched.failed_fetches), (1, 0));
    assert_eq!(fetched.kids, [key().kid().unwrap()]);
    assert!(fetched.unusable.is_empty());

    network.serve(
        JWKS,
        Reply::jwks([OddJwk::Symmetric.jwk(), next_key().public_jwk()]),
    );
    sleep(9 * MINUTE).await;
    let rotated = state(&server);
    assert_eq!(rotated.generation, 2);
    assert!(rotated.fetched_at > Some(START.plus(7 * MINUTE)));
    assert_eq!(rotated.kids, [next_key().kid().unwrap()]);
    assert_eq!(rotated.unusable.len(), 1);
    assert_eq!(rotated.unusable[0].index, 0);
    assert_eq!(rotated.unusable[0].reason, UnusableJwk::Symmetric);

    network.serve(JWKS, Reply::status(502));
    sleep(9 * MINUTE).await;
    let failing = state(&server);
    assert!(failing.is_usable);
    assert_eq!(failing.generation, 2);
    assert_eq!(rotated.failed_fetches, 0);
    assert_eq!(failing.fetches - rotated.fetches, failing.failed_fetches);
    assert!(failing.failed_fetches > 0);
    assert_eq!(failing.last_error, Some(FetchError::Status(502)));

    network.serve(JWKS, Reply::keys([&next_key()]));
    sleep(2 * MINUTE).await;
    let recovered = state(&server);
    assert_eq!(recovered.last_error, None);
    assert_eq!(recovered.generation, 3);
    assert!(recovered.fetches > recovered.failed_fetches);
    assert!(recovered.unusable.is_empty());
}

#[tokio::test(start_paused = true)]
async fn keys_at_hand() {
    let document = jwk_set([&key()]).to_string();
    let keys = JwkSet::parse(document.as_bytes()).unwrap();
    let server = serving(&Network::default(), Issuer::jwk_set(policy(), keys));
    let state = state(&server);
    assert!(state.is_usable && !state.is_stale);
    assert_eq!(state.generation, 1);
    assert_eq!(state.fetched_at, None);
    assert_eq!(state.kids, [key().kid().unwrap()]);
    assert!(server.is_ready());
}

#[tokio::test(start_paused = true)]
async fn attempted_ends_with_the_first_attempt_good_or_bad() {
    for reply in [Reply::keys([&key()]), Reply::status(500), Reply::Hang] {
        let network = issuer();
        network.serve(JWKS, reply.late(SECOND));
        let server = discovering(&network);
        server.attempted().await;
        let state = state(&server);
        assert_eq!(state.is_usable, state.last_error.is_none());
        // And for whoever asks later.
        server.attempted().await;
    }
}

#[tokio::test(start_paused = true)]
async fn time_is_the_clocks() {
    let network = issuer();
    let noon = UnixTime::from_secs(1_800_000_000);
    let server = ResourceServer::builder()
        .transport(network)
        .clock(move || noon)
        .issuer(Issuer::discover(policy()))
        .build()
        .unwrap();
    assert_eq!(server.now(), noon);
    server.attempted().await;
    assert_eq!(state(&server).fetched_at, Some(noon));
    let request = request(&good().sign());
    let decision = server.authenticate(&request).await;
    assert_eq!(decision.unwrap_err().reason(), "token_expired");
}

#[tokio::test(start_paused = true)]
async fn clones_are_the_same_server() {
    let network = issuer();
    let server = fetching(&network);
    assert!(server.is_same(&server.clone()));
    assert!(!server.is_same(&fetching(&network)));
    assert_eq!(network.count(), 0);
}

fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}

fn is_send<T: Send>(_: &T) {}

#[tokio::test(start_paused = true)]
async fn everything_can_be_sent_and_shared() {
    let network = issuer();
    let server = discovering(&network);
    server.attempted().await;
    let request = request(&good().sign());
    let principal = server.authenticate(&request).await.unwrap();
    let requirements = Requirements::builder().build().unwrap();
    is_shared(&server);
    is_shared(&principal);
    is_shared(&requirements);
    is_shared(&HttpTransport::new().unwrap());
    is_send(&Issuer::discover(policy()));
    is_send(&ResourceServer::builder());
    is_send(&server.authenticate(&request));
    is_send(&server.authenticate_token(b""));
    is_send(&server.authorize(&request, &principal, &requirements));
    is_send(&server.attempted());
    is_send(&Issuer::discover(policy()).fetch_keys(&network));
}

/// A handler's future holds this one, for each connection.
#[tokio::test(start_paused = true)]
async fn the_futures_are_small() {
    let server = discovering(&issuer());
    server.attempted().await;
    let request = request(&good().sign());
    let authenticate = size_of_val(&server.authenticate(&request));
    println!("authenticate: {authenticate} bytes");
    assert!(authenticate < 1536, "{authenticate}");
    let principal = server.authenticate(&request).await.unwrap();
    let requirements = Requirements::builder().build().unwrap();
    let authorize = size_of_val(&server.authorize(&request, &principal, &requirements));
    println!("authorize: {authorize} bytes");
    assert!(authorize < 2048, "{authorize}");
}
