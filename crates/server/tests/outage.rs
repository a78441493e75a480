//! An issuer that does not answer, or not sensibly: what is served on, for how long, and what is
//! answered when nothing can be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bearward::core::jwk_set::JwkSetError;
use bearward::fetch::{ConnectFailure, FetchError, TlsFailure};
use bearward::{Issuer, Rejection};
use bearward_testing::SigningKey;
use bearward_testing::keys::OddJwk;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::fixture::{
    DAY, HOUR, ISSUER, JWKS, METADATA, MILLISECOND, MINUTE, SECOND, START, builder, clock_from,
    decide, decide_at_once, decide_text, discovering, fetching, good, issuer, key, last_error,
    next_key, no_usable_key, policy, policy_of, reason, refetch, request, retry_after, serving,
    state, warm, with_kid,
};
use crate::network::{Network, Reply};

/// An unusable answer, and what it is taken for.
fn unusable() -> Vec<(Reply, FetchError)> {
    let one = key().public_jwk();
    let odd: Vec<_> = OddJwk::ALL.iter().map(|odd| odd.jwk()).collect();
    let many: Vec<_> = (0..101)
        .map(|kid| key().with_kid(kid.to_string()))
        .collect();
    let huge = json!({ "keys": [one], "padding": "x".repeat(256 * 1024) });
    vec![
        (
            Reply::Fail(FetchError::Connect(ConnectFailure::Refused)),
            FetchError::Connect(ConnectFailure::Refused),
        ),
        (
            Reply::Fail(FetchError::Tls(TlsFailure::Authority)),
            FetchError::Tls(TlsFailure::Authority),
        ),
        (
            Reply::Fail(FetchError::Interrupted),
            FetchError::Interrupted,
        ),
        (Reply::Hang, FetchError::Timeout),
        (Reply::status(204), FetchError::Status(204)),
        (Reply::status(304), FetchError::Status(304)),
        (Reply::status(404), FetchError::Status(404)),
        (Reply::status(500), FetchError::Status(500)),
        (Reply::status(503), FetchError::Status(503)),
        (
            Reply::redirect(302, "http://169.254.169.254/"),
            FetchError::Redirect(302),
        ),
        (
            Reply::redirect(307, "http://auth.example/oauth2/jwks"),
            FetchError::Redirect(307),
        ),
        (
            Reply::body("<!DOCTYPE html><title>Maintenance</title>"),
            JwkSetError::NotAJwkSet.into(),
        ),
        (Reply::body(""), JwkSetError::NotAJwkSet.into()),
        (Reply::body("[]"), JwkSetError::NotAJwkSet.into()),
        (Reply::body("{}"), JwkSetError::NotAJwkSet.into()),
        (
            Reply::body(r#"{"keys":null}"#),
            JwkSetError::NotAJwkSet.into(),
        ),
        (
            Reply::body(r#"{"keys":[]}"#),
            no_usable_key(&json!({"keys": []})).into(),
        ),
        (
            Reply::jwks(odd.clone()),
            no_usable_key(&json!({"keys": odd})).into(),
        ),
        (Reply::keys(&many), JwkSetError::TooManyKeys.into()),
        (Reply::json(&huge), FetchError::TooLarge),
    ]
}

#[tokio::test(start_paused = true)]
async fn t_key_05_an_unusable_answer_never_replaces_good_keys() {
    for (reply, expected) in unusable() {
        let network = issuer();
        let server = warm(&network).await;
        network.serve(JWKS, reply);
        let decision = refetch(&server).await;
        assert_eq!(reason(&decision), "keys_unavailable", "{expected}");
        // One that hangs ends after 5 s, long before the next attempt is due.
        while last_error(&server).is_none() {
            sleep(MILLISECOND).await;
        }
        assert_eq!(network.count(), 2, "{expected}");
        assert_eq!(last_error(&server), Some(expected.clone()));
        let state = state(&server);
        assert!(state.is_usable, "{expected}");
        assert_eq!(state.generation, 1, "{expected}");
        assert_eq!(state.kids, [key().kid().unwrap()]);
        assert!(decide_at_once(&server, &good()).is_ok(), "{expected}");

        network.serve(JWKS, Reply::keys([&next_key()]));
        sleep(5 * SECOND).await;
        assert_eq!(last_error(&server), None, "{expected}");
        assert!(decide_at_once(&server, &good().key(next_key())).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_08_without_keys_nothing_is_verified_and_nothing_else_serves_as_one() {
    for (reply, expected) in unusable() {
        let network = issuer();
        network.serve(JWKS, reply);
        let server = fetching(&network);
        let decision = decide(&server, &good()).await;
        assert_eq!(reason(&decision), "keys_unavailable", "{expected}");
        server.attempted().await;
        assert_eq!(last_error(&server), Some(expected.clone()));
        let state = state(&server);
        assert!(!state.is_usable);
        assert_eq!(state.generation, 0);
        assert_eq!(state.fetched_at, None);
        assert!(state.kids.is_empty());
        assert!(network.urls().iter().all(|url| url == JWKS), "{expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn exactly_the_limits_are_accepted() {
    let many: Vec<_> = (0..100)
        .map(|kid| SigningKey::first(bearward::Algorithm::Ed25519).with_kid(kid.to_string()))
        .collect();
    let mut document = json!({ "keys": [key().public_jwk()], "padding": "" }).to_string();
    let padding = "x".repeat(256 * 1024 - document.len());
    document = document.replace(r#""padding":"""#, &format!(r#""padding":"{padding}""#));
    assert_eq!(document.len(), 256 * 1024);
    for (reply, kids) in [(Reply::keys(&many), 100), (Reply::body(document), 1)] {
        let network = issuer();
        network.serve(JWKS, reply);
        let server = warm(&network).await;
        assert_eq!(last_error(&server), None);
        assert_eq!(state(&server).kids.len(), kids);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_04_t_key_02_a_day_without_the_issuer() {
    let network = issuer();
    let server = discovering(&network);
    server.attempted().await;
    let fetched = Instant::now();
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    while fetched.elapsed() < DAY - 10 * MINUTE {
        sleep(7 * MINUTE).await;
        assert!(decide_at_once(&server, &good()).is_ok());
    }
    assert!(state(&server).is_stale);
    assert!(server.is_ready());
    assert_eq!(
        last_error(&server),
        Some(FetchError::Connect(ConnectFailure::Refused))
    );

    // The metadata and the keys; then the keys once when they were due, and one fetch each step.
    let fetches = network.fetches();
    let due = fetches[2].at - fetched;
    assert!(due > 430 * SECOND && due < 530 * SECOND, "{due:?}");
    let steps = [1, 2, 4, 8, 16, 32]
        .into_iter()
        .chain(std::iter::repeat(60));
    for (pair, step) in fetches[2..].windows(2).zip(steps) {
        let waited = pair[1].at - pair[0].at;
        let step = Duration::from_secs(step);
        let expected = step.mul_f64(0.89)..=step.mul_f64(1.11).min(MINUTE + 2 * MILLISECOND);
        assert!(expected.contains(&waited), "{waited:?} for {step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_06_keys_serve_for_24_hours_and_no_longer() {
    let network = issuer();
    let server = fetching(&network);
    server.attempted().await;
    let fetched = Instant::now();
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    sleep(DAY - SECOND).await;
    assert!(decide_at_once(&server, &good()).is_ok());
    assert!(server.is_ready());

    sleep(DAY - fetched.elapsed()).await;
    let wait = retry_after(decide_at_once(&server, &good()));
    assert!(wait <= MINUTE, "{wait:?}");
    let decision = decide_at_once(&server, &with_kid("random"));
    assert_eq!(reason(&decision), "keys_unavailable");
    assert!(!server.is_ready());
    assert!(!state(&server).is_usable);

    network.serve(JWKS, Reply::keys([&key()]));
    sleep(MINUTE).await;
    assert!(server.is_ready());
    assert!(decide_at_once(&server, &good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_key_06_the_limit_can_be_set() {
    let network = issuer();
    let source = Issuer::jwks_uri(policy(), JWKS).stale_if_error(2 * HOUR);
    let server = serving(&network, source);
    server.attempted().await;
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    sleep(2 * HOUR - SECOND).await;
    assert!(decide_at_once(&server, &good()).is_ok());
    sleep(SECOND).await;
    let decision = decide_at_once(&server, &good());
    assert_eq!(reason(&decision), "keys_unavailable");
}

#[tokio::test(start_paused = true)]
async fn t_key_06_a_limit_of_0_means_while_they_are_fresh() {
    let network = issuer();
    network.serve(JWKS, Reply::keys([&key()]).cache_control("max-age=60"));
    let source = Issuer::jwks_uri(policy(), JWKS).stale_if_error(Duration::ZERO);
    let server = serving(&network, source);
    server.attempted().await;
    // While the issuer answers, refreshes come in time.
    let start = Instant::now();
    while start.elapsed() < HOUR {
        sleep(7 * SECOND).await;
        assert!(decide_at_once(&server, &good()).is_ok());
    }
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    sleep(MINUTE).await;
    let decision = decide_at_once(&server, &good());
    assert_eq!(reason(&decision), "keys_unavailable");
    assert!(!server.is_ready());
}

#[tokio::test(start_paused = true)]
async fn t_key_06_a_limit_of_for_ever_does_not_overflow() {
    let network = issuer();
    let source = Issuer::jwks_uri(policy(), JWKS).stale_if_error(Duration::MAX);
    let server = serving(&network, source);
    server.attempted().await;
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    sleep(DAY + HOUR).await;
    assert!(decide_at_once(&server, &good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn t_key_02_cold_and_down_503_at_once_and_recovery_by_itself() {
    let network = issuer();
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    let server = discovering(&network);
    // Whoever comes before the first attempt has ended waits for it.
    let decision = decide(&server, &good()).await;
    assert_eq!(reason(&decision), "keys_unavailable");
    assert_eq!(network.urls(), [METADATA]);

    let start = Instant::now();
    while start.elapsed() < HOUR {
        let wait = retry_after(decide_at_once(&server, &good()));
        assert!(wait <= MINUTE, "{wait:?}");
        assert!(!server.is_ready());
        sleep(7 * SECOND).await;
    }
    // 1, 2, 4, 8, 16, 32, then every 60 s, each up to 10 % early.
    assert!(network.count() <= 6 + 67, "{}", network.count());

    network.serve(METADATA, Reply::metadata(ISSUER, JWKS));
    network.serve(JWKS, Reply::keys([&key()]));
    sleep(MINUTE).await;
    assert!(server.is_ready());
    assert!(decide_at_once(&server, &good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_503_with_retry_after_and_no_challenge() {
    let network = issuer();
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    let server = fetching(&network);
    server.attempted().await;
    sleep(7 * SECOND).await;
    let rejection = decide_at_once(&server, &good()).unwrap_err();
    let Rejection::Unavailable(unavailable) = rejection else {
        panic!("{rejection:?} is not a 503");
    };
    let answer = server.challenge(&rejection, &request(""));
    assert_eq!(answer.status(), 503);
    assert_eq!(
        answer.body(),
        r#"{"title":"Service Unavailable","status":503}"#
    );
    let seconds = unavailable.retry_after.as_secs_f64().ceil().to_string();
    let mut fields: Vec<_> = answer
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "cache-control: no-store".to_owned(),
            "content-type: application/problem+json".to_owned(),
            format!("retry-after: {seconds}"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn t_err_04_without_keys_no_token_is_told_from_another() {
    let network = issuer();
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    let server = fetching(&network);
    server.attempted().await;
    let mut forged = good().parts();
    forged.signature.reverse();
    let forged = decide_text(&server, &forged.encode()).await;
    let expired = good().expires_at(START);
    let decisions = [
        decide_at_once(&server, &good()),
        decide_at_once(&server, &expired),
        decide_at_once(&server, &good().claim("aud", "https://other.example")),
        decide_at_once(&server, &good().without_header("kid")),
        decide_at_once(&server, &with_kid("random")),
        forged,
    ];
    for decision in decisions {
        assert_eq!(reason(&decision), "keys_unavailable");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_05_one_issuers_outage_touches_no_other() {
    let other = "https://other.example";
    let other_jwks = "https://other.example/jwks";
    let network = issuer();
    network.serve(other_jwks, Reply::Hang);
    let server = builder(network.clone())
        .issuer(Issuer::jwks_uri(policy(), JWKS))
        .issuer(Issuer::jwks_uri(policy_of(other), other_jwks))
        .build()
        .unwrap();
    sleep(MILLISECOND).await;
    assert!(decide_at_once(&server, &good()).is_ok());
    let of_other = good().claim("iss", other);
    let decision = decide(&server, &of_other).await;
    assert_eq!(reason(&decision), "keys_unavailable");
    assert!(!server.is_ready());
    assert!(decide_at_once(&server, &good()).is_ok());
    let usable = |issuer: &str| {
        let states = server.state();
        let state = states.iter().find(|state| state.issuer == issuer).unwrap();
        state.keys.is_usable
    };
    assert!(usable(ISSUER));
    assert!(!usable(other));

    network.serve(other_jwks, Reply::keys([&key()]));
    sleep(2 * SECOND).await;
    assert!(server.is_ready());
    assert!(decide_at_once(&server, &of_other).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_does_not_end_fetching() {
    let network = issuer();
    network.serve(JWKS, Reply::Panic);
    let server = fetching(&network);
    // Whoever waits is answered, and the first attempt has ended.
    let wait = retry_after(decide(&server, &good()).await);
    assert!(wait <= SECOND.mul_f64(1.11), "{wait:?}");
    server.attempted().await;
    assert!(!server.is_ready());
    assert_eq!(network.count(), 1);

    // It is tried anew after the back-off: 1, 2, 4 s, each up to 10 % early.
    let start = Instant::now();
    sleep(8 * SECOND - start.elapsed()).await;
    let at: Vec<_> = network.fetches().iter().map(|fetch| fetch.at).collect();
    let waited: Vec<_> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waited.len(), 3, "{waited:?}");
    for (waited, step) in waited.iter().zip([1, 2, 4]) {
        let step = Duration::from_secs(step);
        let expected = step.mul_f64(0.89)..=step.mul_f64(1.11);
        assert!(expected.contains(waited), "{waited:?} for {step:?}");
    }

    network.serve(JWKS, Reply::keys([&key()]));
    sleep(10 * SECOND).await;
    assert!(server.is_ready());
    assert!(decide_at_once(&server, &good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_04_a_transport_that_panics_takes_no_keys() {
    let network = issuer();
    let server = warm(&network).await;
    network.serve(JWKS, Reply::Panic);
    assert_eq!(reason(&refetch(&server).await), "keys_unavailable");
    assert!(decide_at_once(&server, &good()).is_ok());
    assert_eq!(state(&server).generation, 1);
    network.serve(JWKS, Reply::keys([&key(), &next_key()]));
    sleep(2 * SECOND).await;
    assert!(decide_at_once(&server, &good().key(next_key())).is_ok());
    assert_eq!(network.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_panics_does_not_end_fetching() {
    let network = issuer();
    let good_clock = clock_from(START);
    let has_panicked = AtomicBool::new(false);
    let server = builder(network.clone())
        .clock(move || {
            assert!(has_panicked.swap(true, Ordering::SeqCst), "the first time");
            good_clock()
        })
        .issuer(Issuer::jwks_uri(policy(), JWKS))
        .build()
        .unwrap();
    server.attempted().await;
    assert!(!server.is_ready());
    sleep(2 * SECOND).await;
    assert!(server.is_ready());
    assert!(decide_at_once(&server, &good()).is_ok());
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_after_a_panic_fetches_no_more() {
    let network = issuer();
    network.serve(JWKS, Reply::Panic);
    let server = fetching(&network);
    server.attempted().await;
    drop(server);
    sleep(HOUR).await;
    assert_eq!(network.count(), 1);
    assert_eq!(network.holders(), 0);
}

#[test]
fn a_failed_fetch_says_its_code() {
    for (error, code) in [
        (FetchError::Authorization, "authorization"),
        (FetchError::ClientCertificate, "client_certificate"),
        (FetchError::Connect(ConnectFailure::Refused), "connect"),
        (FetchError::Interrupted, "interrupted"),
        (
            FetchError::IssuerMismatch {
                named: "a".into(),
                configured: "b".into(),
            },
            "issuer_mismatch",
        ),
        (FetchError::Proxy, "proxy"),
        (FetchError::Redirect(302), "redirect_refused"),
        (FetchError::Timeout, "fetch_timeout"),
        (FetchError::Tls(TlsFailure::Authority), "tls"),
        (FetchError::TooLarge, "jwks_too_large"),
        (FetchError::UrlScheme, "url_scheme"),
    ] {
        let message = error.to_string();
        assert!(message.starts_with(&format!("{code}: ")), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flight_that_fails_is_followed_by_one_that_is_not_cached() {
    let network = Network::default();
    let server = fetching(&network);
    server.attempted().await;
    assert_eq!(last_error(&server), Some(FetchError::Status(404)));
    network.serve(JWKS, Reply::keys([&key()]));
    sleep(2 * SECOND).await;
    assert_eq!(last_error(&server), None);
    assert_eq!(state(&server).generation, 1);
}
