//! What tokens with a `kid` that no key has may cost, and how long they wait. What forged signatures
//! and the tokens of removed keys may cost is in `replaced_key`.

use std::pin::pin;
use std::time::Duration;

use bearward::{Algorithm, Issuer};
use bearward_testing::{SigningKey, Token};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::fixture::{
    AUDIENCE, ISSUER, JWKS, KID_UNKNOWN, METADATA, MILLISECOND, SECOND, START, decide,
    decide_at_once, discovering, fetching, good, issuer, key, next_key, policy, poll_once, reason,
    request, retry_after, serving, settings, warm, with_kid,
};
use crate::network::Reply;

#[tokio::test(start_paused = true)]
async fn t_key_01_200_random_kids_cost_two_fetches() {
    let network = issuer();
    let server = warm(&network).await;
    for kid in 0..200 {
        let token = with_kid(&format!("random-{kid}"));
        assert_eq!(decide(&server, &token).await.unwrap_err(), KID_UNKNOWN);
        sleep(100 * MILLISECOND).await;
    }
    assert_eq!(network.count(), 1 + 2);
    assert!(decide_at_once(&server, &good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_key_01_200_random_kids_at_once_cost_two_fetches() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::keys([&key()]).late(100 * MILLISECOND));
    let mut requests = JoinSet::new();
    for kid in 0..200 {
        let server = server.clone();
        requests.spawn(async move {
            // So that some arrive before a flight starts, some while it is under way.
            sleep(kid * MILLISECOND).await;
            decide(&server, &with_kid(&format!("random-{kid}"))).await
        });
    }
    for decision in requests.join_all().await {
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(network.count(), 1 + 2);
}

#[tokio::test(start_paused = true)]
async fn t_key_01_a_batch_shares_one_flight() {
    let network = issuer();
    let server = warm(&network).await;
    let mut requests = JoinSet::new();
    for kid in 0..200 {
        let server = server.clone();
        let token = with_kid(&format!("random-{kid}"));
        requests.spawn(async move { decide(&server, &token).await });
    }
    for decision in requests.join_all().await {
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(network.count(), 1 + 1);
}

#[tokio::test(start_paused = true)]
async fn t_key_01_one_more_fetch_every_30_seconds() {
    let network = issuer();
    let server = warm(&network).await;
    let start = Instant::now();
    for kid in 0..1200 {
        let token = with_kid(&format!("random-{kid}"));
        assert_eq!(decide(&server, &token).await.unwrap_err(), KID_UNKNOWN);
        sleep(100 * MILLISECOND).await;
    }
    assert_eq!(start.elapsed(), Duration::from_secs(120));
    // Two at once, then at 30, 60 and 90 s.
    assert_eq!(network.count(), 1 + 2 + 3);
}

#[tokio::test(start_paused = true)]
async fn t_key_01_a_kid_shown_to_be_absent_costs_nothing_for_30_seconds() {
    let network = issuer();
    let server = warm(&network).await;
    let token = with_kid("gone");
    assert_eq!(decide(&server, &token).await.unwrap_err(), KID_UNKNOWN);
    assert_eq!(network.count(), 2);
    for _ in 0..29 {
        sleep(SECOND).await;
        assert_eq!(decide_at_once(&server, &token).unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(network.count(), 2);
    sleep(2 * SECOND).await;
    assert_eq!(decide(&server, &token).await.unwrap_err(), KID_UNKNOWN);
    assert_eq!(network.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn t_key_01_implausible_tokens_cost_nothing() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    let only_eddsa = settings().algorithms([Algorithm::EdDsa]).build().unwrap();
    let server = serving(&network, Issuer::jwks_uri(only_eddsa, JWKS));
    server.attempted().await;
    sleep(MILLISECOND).await;

    let unknown = with_kid("random");
    let mut garbled = good().expires_at(START).parts();
    garbled.signature.reverse();
    let mut unsigned = good().parts();
    unsigned.signature.clear();
    let es256 = SigningKey::first(Algorithm::Es256);
    let tokens = [
        (
            unknown.clone().claim("aud", "https://other.example").sign(),
            "kid_unknown",
        ),
        (unknown.clone().without_claim("aud").sign(), "kid_unknown"),
        (unknown.clone().expires_at(START).sign(), "kid_unknown"),
        (unknown.clone().without_claim("exp").sign(), "kid_unknown"),
        (
            unknown.clone().claim("iss", "https://other.example").sign(),
            "issuer_unknown",
        ),
        (
            unknown.clone().header("typ", "JWT").sign(),
            "typ_not_accepted",
        ),
        (
            unknown.clone().header("alg", "none").sign(),
            "alg_not_allowed",
        ),
        (good().key(es256).sign(), "alg_not_allowed"),
        (good().without_header("kid").sign(), "kid_missing"),
        (garbled.encode(), "signature_invalid"),
        (unsigned.encode(), "signature_length"),
    ];
    sleep(60 * SECOND).await;
    for (token, expected) in tokens {
        let request = request(&token);
        let decision = poll_once(pin!(server.authenticate(&request)));
        assert_eq!(reason(&decision.unwrap()), expected, "{token}");
    }
    assert_eq!(network.count(), 1);
    // Plausible, it would have cost one.
    assert_eq!(decide(&server, &unknown).await.unwrap_err(), KID_UNKNOWN);
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn t_key_01_expired_within_the_leeway_is_plausible() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    let token = good().key(next_key()).expires_at(START);
    assert!(decide(&server, &token).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_key_02_attempts_are_charged_not_successes() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::status(500));
    let decision = decide(&server, &with_kid("first")).await;
    assert_eq!(reason(&decision), "keys_unavailable");
    assert_eq!(network.count(), 2);

    network.serve(JWKS, Reply::keys([&key()]));
    sleep(2 * SECOND).await;
    assert_eq!(network.count(), 3, "the back-off step of about 1 s is over");
    for kid in ["second", "third", "fourth"] {
        assert_eq!(
            decide(&server, &with_kid(kid)).await.unwrap_err(),
            KID_UNKNOWN
        );
        sleep(MILLISECOND).await;
    }
    assert_eq!(network.count(), 3 + 1);
}

#[tokio::test(start_paused = true)]
async fn t_key_02_while_the_issuer_is_down_unknown_kids_are_answered_at_once() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::status(500));
    let decision = decide(&server, &with_kid("first")).await;
    assert_eq!(reason(&decision), "keys_unavailable");
    for kid in 0..100 {
        let decision = decide_at_once(&server, &with_kid(&format!("random-{kid}")));
        let wait = retry_after(decision);
        assert!(
            wait > 800 * MILLISECOND && wait < 1200 * MILLISECOND,
            "{wait:?}"
        );
    }
    assert_eq!(network.count(), 2);
    assert!(decide_at_once(&server, &good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_03_a_new_kid_right_after_a_fetch_costs_one_more_and_is_good() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::keys([&next_key(), &key()]));
    let token = good().key(next_key());
    assert!(decide(&server, &token).await.is_ok());
    assert_eq!(network.count(), 2);
    assert!(decide_at_once(&server, &good()).is_ok());
    assert!(decide_at_once(&server, &token).is_ok());
    assert_eq!(network.count(), 2);
}

/// A script that replaces all keys of an issuer: each fetch that brings the key asked for is free.
#[tokio::test(start_paused = true)]
async fn t_key_01_keys_brought_in_within_seconds_are_all_found() {
    let network = issuer();
    let server = warm(&network).await;
    for number in 0..20 {
        let new = next_key().with_kid(format!("new-{number}"));
        network.serve(JWKS, Reply::keys([&new]));
        assert!(decide(&server, &good().key(new)).await.is_ok(), "{number}");
        sleep(100 * MILLISECOND).await;
    }
    assert_eq!(network.count(), 1 + 20);
    // What was given back is no more than was taken: made-up keys still cost two.
    for kid in 0..10 {
        let token = with_kid(&format!("random-{kid}"));
        assert_eq!(decide(&server, &token).await.unwrap_err(), KID_UNKNOWN);
        sleep(MILLISECOND).await;
    }
    assert_eq!(network.count(), 1 + 20 + 2);
}

/// The neighbour: keys that are added, none removed, while somebody makes keys up.
#[tokio::test(start_paused = true)]
async fn t_key_01_made_up_keys_get_nothing_back_from_a_rotation() {
    let network = issuer();
    let server = warm(&network).await;
    let new = |number: u32| next_key().with_kid(format!("new-{number}"));
    // It costs one, and does not find its key, although the set is another.
    network.serve(JWKS, Reply::keys([&key(), &new(0)]));
    let decision = decide(&server, &with_kid("made up")).await;
    assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    assert!(decide_at_once(&server, &good().key(new(0))).is_ok());
    // The other one is given back, time and again.
    for number in 1..4 {
        sleep(MILLISECOND).await;
        network.serve(JWKS, Reply::keys([&key(), &new(0), &new(number)]));
        assert!(decide(&server, &good().key(new(number))).await.is_ok());
    }
    sleep(MILLISECOND).await;
    let decision = decide(&server, &with_kid("made up as well")).await;
    assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    let fetched = network.count();
    assert_eq!(fetched, 1 + 1 + 3 + 1);
    sleep(MILLISECOND).await;
    let decision = decide_at_once(&server, &with_kid("the last"));
    assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    assert_eq!(network.count(), fetched);
}

/// The neighbour: a fetch that fails brings nothing.
#[tokio::test(start_paused = true)]
async fn t_key_02_a_failed_fetch_gives_nothing_back() {
    let network = issuer();
    let server = warm(&network).await;
    for kid in ["first", "second"] {
        network.serve(JWKS, Reply::status(500));
        let decision = decide(&server, &with_kid(kid)).await;
        assert_eq!(reason(&decision), "keys_unavailable");
        // With this key: but the fetch that brings it is a retry, and nobody paid for it.
        network.serve(JWKS, Reply::keys([&key(), &next_key().with_kid(kid)]));
        sleep(2 * SECOND).await;
        assert!(decide_at_once(&server, &with_kid(kid)).is_ok());
    }
    let fetched = network.count();
    let decision = decide_at_once(&server, &with_kid("third"));
    assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    assert_eq!(network.count(), fetched);
}

#[tokio::test(start_paused = true)]
async fn a_key_03_metadata_is_not_fetched_again_for_it() {
    let network = issuer();
    let server = discovering(&network);
    server.attempted().await;
    sleep(MILLISECOND).await;
    network.serve(JWKS, Reply::keys([&next_key()]));
    assert!(decide(&server, &good().key(next_key())).await.is_ok());
    assert_eq!(network.urls(), [METADATA, JWKS, JWKS]);
}

#[tokio::test(start_paused = true)]
async fn a_key_03_a_rotation_while_the_first_flight_is_under_way() {
    let network = issuer();
    let (release, held) = Reply::keys([&key()]).held();
    network.serve(JWKS, held);
    let server = fetching(&network);
    sleep(100 * MILLISECOND).await;
    assert_eq!(network.count(), 1);

    // The first flight has read the set already; what it brings says nothing about the new key.
    network.serve(JWKS, Reply::keys([&next_key()]));
    let request = request(&good().key(next_key()).sign());
    let mut decision = pin!(server.authenticate(&request));
    assert!(poll_once(decision.as_mut()).is_none());
    release.send_replace(true);
    assert!(decision.await.is_ok());
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_03_a_rotation_while_a_refresh_is_under_way() {
    let network = issuer();
    let server = warm(&network).await;
    let (release, held) = Reply::keys([&key()]).held();
    network.serve(JWKS, held);
    let waiting = tokio::spawn({
        let server = server.clone();
        async move { decide(&server, &with_kid("other")).await }
    });
    sleep(100 * MILLISECOND).await;
    network.serve(JWKS, Reply::keys([&next_key()]));
    let request = request(&good().key(next_key()).sign());
    let mut decision = pin!(server.authenticate(&request));
    assert!(poll_once(decision.as_mut()).is_none());
    release.send_replace(true);
    assert!(decision.await.is_ok());
    assert_eq!(waiting.await.unwrap().unwrap_err(), KID_UNKNOWN);
    assert_eq!(network.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_waits_for_a_second_at_most() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::Hang);
    for kid in ["first", "second", "third"] {
        let arrived = Instant::now();
        let decision = decide(&server, &with_kid(kid)).await;
        assert_eq!(retry_after(decision), SECOND);
        assert_eq!(arrived.elapsed(), SECOND);
    }
    assert_eq!(network.count(), 2, "one flight, and it is still under way");
}

#[tokio::test(start_paused = true)]
async fn a_flight_that_lands_within_the_second_is_waited_for() {
    let network = issuer();
    let server = warm(&network).await;
    let keys = Reply::keys([&next_key()]);
    network.serve(JWKS, keys.late(Duration::from_millis(999)));
    let arrived = Instant::now();
    assert!(decide(&server, &good().key(next_key())).await.is_ok());
    assert_eq!(arrived.elapsed(), Duration::from_millis(999));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_two_flights_takes_a_second_at_most_too() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::keys([&key()]).late(700 * MILLISECOND));
    let other = tokio::spawn({
        let server = server.clone();
        async move { decide(&server, &with_kid("other")).await }
    });
    sleep(100 * MILLISECOND).await;
    let arrived = Instant::now();
    let decision = decide(&server, &with_kid("late")).await;
    assert_eq!(reason(&decision), "keys_unavailable");
    assert_eq!(arrived.elapsed(), SECOND);
    assert_eq!(other.await.unwrap().unwrap_err(), KID_UNKNOWN);
    assert_eq!(network.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_each_issuers_own() {
    let network = issuer();
    let other = "https://other.example";
    let other_jwks = "https://other.example/jwks";
    network.serve(other_jwks, Reply::keys([&key()]));
    let other_policy = crate::fixture::policy_of(other);
    let server = crate::fixture::builder(network.clone())
        .issuer(Issuer::jwks_uri(policy(), JWKS))
        .issuer(Issuer::jwks_uri(other_policy, other_jwks))
        .build()
        .unwrap();
    server.attempted().await;
    for kid in 0..10 {
        sleep(MILLISECOND).await;
        let token = with_kid(&format!("random-{kid}"));
        assert_eq!(decide(&server, &token).await.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(network.count_of(JWKS), 1 + 2);
    assert_eq!(network.count_of(other_jwks), 1);
    network.serve(other_jwks, Reply::keys([&next_key()]));
    let token = good().claim("iss", other).key(next_key());
    assert!(decide(&server, &token).await.is_ok());
    assert_eq!(network.count_of(other_jwks), 2);
}

#[tokio::test(start_paused = true)]
async fn good_tokens_never_cost_a_fetch() {
    let network = issuer();
    let server = warm(&network).await;
    let machine = Token::machine(ISSUER, AUDIENCE, START).key(key());
    for _ in 0..100 {
        sleep(MILLISECOND).await;
        assert!(decide_at_once(&server, &good()).is_ok());
        assert!(decide_at_once(&server, &machine).is_ok());
    }
    assert_eq!(network.count(), 1);
}
