//! How long an answer is fresh, when it is fetched again, and what a new one changes.

use std::time::Duration;

use bearward::Issuer;
use tokio::time::{Instant, sleep};

use crate::fixture::{
    DAY, HOUR, JWKS, KID_UNKNOWN, METADATA, MILLISECOND, MINUTE, SECOND, decide, decide_at_once,
    discovering, fetching, good, issuer, key, last_error, next_key, policy, refetch, serving,
    state, warm,
};
use crate::network::Reply;

#[tokio::test(start_paused = true)]
async fn t_key_23_cache_control_is_clamped() {
    for (cache_control, seconds) in [
        (None, 600),
        (Some("max-age=0"), 60),
        (Some("no-store"), 60),
        (Some("no-cache"), 60),
        (Some("public, max-age=0, must-revalidate"), 60),
        (Some("max-age=59"), 60),
        (Some("max-age=61"), 61),
        (Some("max-age=300"), 300),
        (Some("Public, Max-Age=\"3599\""), 3599),
        (Some("max-age=3283200"), 3600),
        (Some("max-age=99999999999999999999999"), 3600),
        (Some("max-age=forever"), 600),
        (Some("s-maxage=300"), 600),
    ] {
        let network = issuer();
        let keys = Reply::keys([&key()]);
        let keys = match cache_control {
            Some(value) => keys.cache_control(value),
            None => keys,
        };
        network.serve(JWKS, keys);
        let server = warm(&network).await;
        // Never a fetch a request.
        for _ in 0..100 {
            assert!(decide_at_once(&server, &good()).is_ok());
        }
        sleep(2 * HOUR).await;
        let fetches = network.fetches();
        let soft = Duration::from_secs(seconds);
        // At 80 %, give or take 10 % of that.
        let due = soft.mul_f64(0.719)..=soft.mul_f64(0.881);
        for pair in fetches.windows(2) {
            let waited = pair[1].at - pair[0].at;
            assert!(due.contains(&waited), "{waited:?} for {cache_control:?}");
        }
        assert!(fetches.len() > 2, "{cache_control:?}");
        assert!(!state(&server).is_stale, "{cache_control:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_23_replicas_do_not_fetch_in_step() {
    let network = issuer();
    let servers: Vec<_> = (0..20).map(|_| fetching(&network)).collect();
    sleep(10 * MINUTE).await;
    let mut due: Vec<_> = network.fetches().iter().map(|get| get.at).collect();
    due.drain(..servers.len());
    due.sort();
    due.dedup();
    assert!(due.len() > 15, "{due:?}");
}

#[tokio::test(start_paused = true)]
async fn t_key_04_a_key_dropped_by_a_refresh_ends_at_once() {
    let network = issuer();
    let server = warm(&network).await;
    assert!(decide_at_once(&server, &good()).is_ok());
    network.serve(JWKS, Reply::keys([&next_key()]));
    sleep(10 * MINUTE).await;
    assert_eq!(network.count(), 2);
    assert_eq!(state(&server).generation, 2);
    assert_eq!(state(&server).kids, [next_key().kid().unwrap()]);
    assert!(decide_at_once(&server, &good().key(next_key())).is_ok());
    assert_eq!(decide(&server, &good()).await.unwrap_err(), KID_UNKNOWN);
}

/// How long a removed key lives, as docs/gateway.md has it: with the jitter, 72 % to 88 % of the time
/// for which the set is fresh.
#[tokio::test(start_paused = true)]
async fn t_key_04_a_removed_key_lives_until_the_next_refresh() {
    for (cache_control, seconds) in [
        ("no-cache", 60),
        ("max-age=300", 300),
        ("immutable", 600),
        ("max-age=86400", 3600),
    ] {
        let network = issuer();
        let keys = Reply::keys([&key(), &next_key()]);
        network.serve(JWKS, keys.cache_control(cache_control));
        let server = warm(&network).await;
        let keys = Reply::keys([&next_key()]);
        network.serve(JWKS, keys.cache_control(cache_control));
        sleep(SECOND * seconds * 72 / 100 - SECOND).await;
        assert!(decide_at_once(&server, &good()).is_ok(), "{cache_control}");
        sleep(SECOND * seconds * 16 / 100 + 2 * SECOND).await;
        let decision = decide(&server, &good()).await;
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN, "{cache_control}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_04_a_key_dropped_in_a_fetch_for_another_kid_ends_at_once() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::keys([&next_key()]));
    assert!(decide(&server, &good().key(next_key())).await.is_ok());
    sleep(MILLISECOND).await;
    assert_eq!(decide(&server, &good()).await.unwrap_err(), KID_UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn t_key_04_key_sets_are_never_merged() {
    let network = issuer();
    let server = warm(&network).await;
    for generation in 2..6 {
        let key = if generation % 2 == 0 {
            next_key()
        } else {
            key()
        };
        network.serve(JWKS, Reply::keys([&key]));
        sleep(10 * MINUTE).await;
        assert_eq!(state(&server).generation, generation);
        assert_eq!(state(&server).kids, [key.kid().unwrap()]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_06_304_keeps_set_and_generation() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key()]).tagged("\"one\""));
    let server = warm(&network).await;
    assert_eq!(network.last().etag, None);
    let first = state(&server);
    sleep(10 * MINUTE).await;
    assert_eq!(network.count(), 2);
    assert_eq!(network.last().etag.as_deref(), Some("\"one\""));
    let second = state(&server);
    assert_eq!(last_error(&server), None);
    assert_eq!((first.generation, second.generation), (1, 1));
    assert!(second.fetched_at > first.fetched_at);
    assert!(!second.is_stale);
    assert!(decide_at_once(&server, &good()).is_ok());

    network.serve(JWKS, Reply::keys([&next_key()]).tagged("\"two\""));
    sleep(10 * MINUTE).await;
    assert_eq!(network.last().etag.as_deref(), Some("\"one\""));
    assert_eq!(state(&server).generation, 2);
    sleep(10 * MINUTE).await;
    assert_eq!(network.last().etag.as_deref(), Some("\"two\""));
    assert_eq!(state(&server).generation, 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_06_304_counts_as_a_good_fetch() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key()]).tagged("\"one\""));
    let server = warm(&network).await;
    sleep(DAY + HOUR).await;
    assert!(server.is_ready());
    assert!(decide_at_once(&server, &good()).is_ok());
    // And for a `kid`: what has not changed does not have it.
    assert_eq!(refetch(&server).await.unwrap_err(), KID_UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn a_key_06_the_same_document_keeps_the_generation_too() {
    let network = issuer();
    let server = warm(&network).await;
    sleep(HOUR).await;
    assert!(network.count() > 5);
    assert!(network.fetches().iter().all(|get| get.etag.is_none()));
    assert_eq!(state(&server).generation, 1);
}

#[tokio::test(start_paused = true)]
async fn t_key_04_an_entity_tag_goes_with_its_document() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key()]).tagged("\"one\""));
    let server = warm(&network).await;
    // Another machine of the issuer, which sends no tags, has a key more.
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    assert!(decide(&server, &good().key(next_key())).await.is_ok());
    // The first machine again: its answer must not be "as you have it".
    network.serve(JWKS, Reply::keys([&key()]).tagged("\"one\""));
    sleep(10 * MINUTE).await;
    assert_eq!(network.last().etag, None);
    assert_eq!(state(&server).kids, [key().kid().unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn t_key_04_an_entity_tag_goes_with_its_url() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key()]).tagged("\"one\""));
    let server = discovering(&network);
    sleep(MINUTE).await;
    // The keys move, and the tag of what is there now happens to be the same.
    let moved = "https://auth.example/keys";
    network.serve(METADATA, Reply::metadata(crate::fixture::ISSUER, moved));
    network.serve(moved, Reply::keys([&next_key()]).tagged("\"one\""));
    sleep(HOUR + 20 * MINUTE).await;
    let fetches = network.fetches();
    let tags: Vec<_> = fetches
        .iter()
        .filter(|get| get.url == moved)
        .map(|get| get.etag.as_deref())
        .take(2)
        .collect();
    assert_eq!(tags, [None, Some("\"one\"")]);
    assert_eq!(state(&server).kids, [next_key().kid().unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn a_tag_outlives_a_failed_fetch() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key()]).tagged("\"one\""));
    let server = warm(&network).await;
    network.serve(JWKS, Reply::status(500));
    sleep(10 * MINUTE).await;
    network.serve(JWKS, Reply::keys([&key()]).tagged("\"one\""));
    sleep(2 * MINUTE).await;
    assert_eq!(last_error(&server), None);
    assert_eq!(network.last().etag.as_deref(), Some("\"one\""));
    assert_eq!(state(&server).generation, 1);
}

#[tokio::test(start_paused = true)]
async fn keys_are_stale_when_their_time_is_over_and_nothing_came() {
    let network = issuer();
    let server = fetching(&network);
    server.attempted().await;
    let fetched = Instant::now();
    network.serve(JWKS, Reply::status(500));
    sleep(10 * MINUTE - SECOND).await;
    assert!(!state(&server).is_stale);
    sleep(10 * MINUTE - fetched.elapsed()).await;
    assert!(state(&server).is_stale);
    assert!(state(&server).is_usable);
}

#[tokio::test(start_paused = true)]
async fn the_lifetime_of_metadata_is_its_own() {
    let network = issuer();
    let metadata = Reply::metadata(crate::fixture::ISSUER, JWKS);
    network.serve(METADATA, metadata.cache_control("max-age=60"));
    let server = discovering(&network);
    sleep(10 * MINUTE).await;
    assert_eq!(network.urls(), [METADATA, JWKS, JWKS]);
    drop(server);

    let fixed = serving(&network, Issuer::jwks_uri(policy(), JWKS));
    fixed.attempted().await;
    assert_eq!(network.urls(), [METADATA, JWKS, JWKS, JWKS]);
}
