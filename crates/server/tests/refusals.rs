//! A bad credential is refused for its own reason: never taken for none, never for an outage, and
//! nothing is fetched on its account.

use std::pin::pin;

use bearward::core::credentials::Credentials;
use bearward::core::rejection::{InvalidRequest, InvalidToken};
use bearward::{Issuer, Rejection, RequestHead, ResourceServer, Source, Sources};
use bearward_testing::SigningKey;
use http::HeaderValue;
use serde_json::json;
use tokio::time::sleep;

use crate::fixture::{
    JWKS, KID_UNKNOWN, SECOND, START, builder, decide, decide_at_once, decide_text, good, issuer,
    key, next_key, policy, poll_once, reason, request, warm, with_kid,
};
use crate::network::Network;

async fn ready() -> (Network, ResourceServer) {
    let network = issuer();
    let server = warm(&network).await;
    (network, server)
}

#[tokio::test(start_paused = true)]
async fn t_req_07_a_bad_credential_is_not_an_absent_one() {
    let (network, server) = ready().await;
    let nothing = http::Request::new(());
    let decision = server.authenticate(&nothing).await;
    assert_eq!(decision.unwrap_err(), Rejection::NoCredentials);

    let tokens = [
        (
            good().claim("iss", "https://other.example").sign(),
            "issuer_unknown",
        ),
        (good().expires_at(START).sign(), "token_expired"),
        (
            good().claim("aud", "https://other.example").sign(),
            "aud_mismatch",
        ),
        (with_kid("random").sign(), "kid_unknown"),
        (good().header("typ", "JWT").sign(), "typ_not_accepted"),
        (
            good().claim("cnf", json!({"jkt": "x"})).sign(),
            "cnf_not_proven",
        ),
        ("garbage".to_owned(), "not_compact_jws"),
        ("a.b.c.d.e".to_owned(), "jwe_not_supported"),
        ("....".to_owned(), "jwe_not_supported"),
        ("e30.e30.".to_owned(), "alg_invalid"),
    ];
    sleep(60 * SECOND).await;
    for (token, expected) in tokens {
        let decision = decide_text(&server, &token).await;
        assert_eq!(reason(&decision), expected);
        let refused = decision.unwrap_err();
        let status = server.challenge(&refused, &request(&token)).status();
        assert_eq!(status, 401, "{expected}");
    }
    assert_eq!(
        network.count(),
        2,
        "one for the plausible one with the random kid"
    );
}

#[tokio::test(start_paused = true)]
async fn t_req_07_malformed_or_several_credentials_are_400() {
    let (network, server) = ready().await;
    for field in ["Bearer", "Bearer ", "Bearer a b", "Bearer a,Bearer b"] {
        let mut request = http::Request::new(());
        let value = HeaderValue::from_static(field);
        request.headers_mut().insert("authorization", value);
        let rejection = server.authenticate(&request).await.unwrap_err();
        let expected = InvalidRequest::MalformedCredentials;
        assert_eq!(rejection, expected.into(), "{field}");
        assert_eq!(server.challenge(&rejection, &request).status(), 400);
    }
    let mut request = request(&good().sign());
    let again = request.headers()["authorization"].clone();
    request.headers_mut().append("authorization", again);
    let rejection = server.authenticate(&request).await.unwrap_err();
    assert_eq!(rejection, InvalidRequest::MultipleCredentials.into());
    assert_eq!(network.count(), 1);
}

/// They are looked at when the token has been refused, and go before every other reason.
#[tokio::test(start_paused = true)]
async fn t_req_06_characters_of_no_token_are_the_reason() {
    let (_network, server) = ready().await;
    let token = good().sign();
    let places = [0, 20, token.len() / 2, token.len() - 1, token.len()];
    for (byte, place) in (0..=0xFF_u8).flat_map(|byte| places.map(|place| (byte, place))) {
        let mut field = format!("Bearer {token}").into_bytes();
        field.insert("Bearer ".len() + place, byte);
        let Ok(value) = HeaderValue::from_bytes(&field) else {
            continue;
        };
        for uri in ["/", "/?access_token=x"] {
            let request = http::Request::get(uri).header("authorization", value.clone());
            let request = request.body(()).unwrap();
            let decision = server.authenticate(&request).await;
            match Credentials::parse(RequestHead::from(&request)) {
                Err(refused) => assert_eq!(decision.unwrap_err(), refused, "{value:?}"),
                // One more space, and else what is wrong with the token.
                Ok(_) if byte == b' ' => assert!(decision.is_ok(), "{value:?}"),
                Ok(_) => assert!(
                    matches!(decision, Err(Rejection::InvalidToken(_))),
                    "{value:?}"
                ),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn t_jws_22_a_bad_signature_fetches_nothing() {
    let (network, server) = ready().await;
    let of_another = good().claim("sub", "admin").parts();
    let mut swapped = good().parts();
    swapped.payload_b64 = of_another.payload_b64;
    let mut flipped = good().parts();
    flipped.signature[10] ^= 1;
    let same_kid = next_key().with_kid(key().kid().unwrap());
    for token in [
        swapped.encode(),
        flipped.encode(),
        good().key(same_kid).sign(),
    ] {
        let request = request(&token);
        let decision = poll_once(pin!(server.authenticate(&request))).unwrap();
        assert_eq!(reason(&decision), "signature_invalid");
    }
    sleep(SECOND).await;
    assert_eq!(network.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn t_jws_26_a_key_in_the_token_is_not_a_key() {
    let (network, server) = ready().await;
    let attacker = next_key();
    let jwk = attacker.public_jwk();
    let x5c = json!([base64(&attacker)]);
    for token in [good().header("jwk", jwk), good().header("x5c", x5c)] {
        let token = token.key(attacker.clone());
        for kid in [None, key().kid()] {
            let token = match kid {
                None => token.clone().without_header("kid"),
                Some(kid) => token.clone().header("kid", kid),
            };
            let decision = decide_at_once(&server, &token);
            assert_eq!(reason(&decision), "signature_invalid");
        }
        assert_eq!(network.count_of(JWKS), network.count());
        let decision = decide(&server, &token).await;
        assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
    }
    assert_eq!(
        network.count(),
        2,
        "the issuer was asked once about the kid"
    );
    assert_eq!(network.count_of(JWKS), 2);
}

#[tokio::test(start_paused = true)]
async fn t_jws_27_a_url_in_the_token_is_not_fetched() {
    let (network, server) = ready().await;
    for member in ["jku", "x5u"] {
        for url in [
            "https://attacker.example/jwks",
            "http://169.254.169.254/latest/meta-data",
            "http://127.0.0.1:1/jwks",
            "file:///etc/passwd",
        ] {
            let token = good().header(member, url).key(next_key());
            let named = token.clone().header("kid", key().kid().unwrap());
            let decision = decide_at_once(&server, &named);
            assert_eq!(reason(&decision), "signature_invalid");
            let decision = decide(&server, &token).await;
            assert_eq!(decision.unwrap_err(), KID_UNKNOWN);
            // Beside the issuer's own key such a member changes nothing.
            assert!(decide_at_once(&server, &good().header(member, url)).is_ok());
        }
    }
    assert_eq!(network.urls(), [JWKS, JWKS]);
}

#[tokio::test(start_paused = true)]
async fn t_jws_28_a_kid_is_a_map_key_and_nothing_else() {
    let (network, server) = ready().await;
    for kid in [
        "../../../dev/null",
        "' OR 1=1 --",
        "",
        "__proto__",
        "https://attacker.example/key",
        "\u{0}",
        "\u{1b}[2J\r\n",
    ] {
        assert_eq!(
            decide(&server, &with_kid(kid)).await.unwrap_err(),
            KID_UNKNOWN
        );
    }
    for kid in [json!(7), json!({}), json!(["a"])] {
        let decision = decide_at_once(&server, &good().header("kid", kid));
        assert_eq!(reason(&decision), "kid_invalid");
    }
    let long = good().header("kid", "k".repeat(257));
    assert_eq!(reason(&decide_at_once(&server, &long)), "kid_invalid");
    assert!(network.urls().iter().all(|url| url == JWKS));
    assert!(network.count() <= 3);
}

#[tokio::test(start_paused = true)]
async fn t_err_04_no_token_looks_like_an_outage() {
    let (network, server) = ready().await;
    let mut tokens: Vec<String> = (0..50)
        .map(|kid| with_kid(&format!("random-{kid}")).sign())
        .collect();
    let mut garbled = good().parts();
    garbled.signature.reverse();
    tokens.push(garbled.encode());
    tokens.push(good().expires_at(START).sign());
    tokens.push(good().claim("iss", "https://other.example").sign());
    tokens.push(good().without_claim("exp").sign());
    tokens.push(good().header("alg", "none").sign());
    tokens.push("x".repeat(20_000));
    sleep(60 * SECOND).await;
    for token in tokens {
        let rejection = decide_text(&server, &token).await.unwrap_err();
        assert!(
            matches!(rejection, Rejection::InvalidToken(_)),
            "{rejection:?}"
        );
    }
    assert!(network.count() <= 3);
}

#[tokio::test(start_paused = true)]
async fn t_err_03_every_invalid_token_is_answered_alike() {
    let (_network, server) = ready().await;
    let answers = [
        InvalidToken::SignatureInvalid,
        InvalidToken::KidUnknown,
        InvalidToken::AudMismatch,
        InvalidToken::IssuerUnknown,
    ]
    .map(|reason| server.challenge(&reason.into(), &request("")));
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test(start_paused = true)]
async fn a_token_apart_from_any_request() {
    let (_network, server) = ready().await;
    let token = good().sign();
    let principal = server.authenticate_token(token.as_bytes()).await.unwrap();
    assert_eq!(principal.subject(), bearward_testing::token::SUBJECT);
    let with_newline = format!("{token}\n");
    let refused = server.authenticate_token(with_newline.as_bytes()).await;
    assert_eq!(reason(&refused), "base64_not_canonical");
}

#[tokio::test(start_paused = true)]
async fn every_asymmetric_algorithm_is_accepted_unless_it_is_not_allowed() {
    for algorithm in bearward::Algorithm::ALL {
        if algorithm.is_symmetric() {
            continue;
        }
        let network = issuer();
        let signer = SigningKey::first(*algorithm);
        network.serve(JWKS, crate::network::Reply::keys([&signer]));
        let server = warm(&network).await;
        assert!(decide_at_once(&server, &good().key(signer)).is_ok());
    }
}

/// The public key in base64, as a certificate would have it.
fn base64(key: &SigningKey) -> String {
    let pem = key.public_key_pem().unwrap();
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    lines.collect()
}

/// The server with these sources, and a request that carries the token in this field.
async fn decide_from(sources: Sources, (name, value): (&'static str, String)) -> &'static str {
    let network = issuer();
    let issuer = Issuer::jwks_uri(policy(), JWKS);
    let builder = builder(network.clone()).issuer(issuer).sources(sources);
    let server = builder.build().unwrap();
    server.attempted().await;
    sleep(60 * SECOND).await;
    let mut request = http::Request::post("/orders").body(()).unwrap();
    let value = HeaderValue::try_from(value).unwrap();
    request.headers_mut().insert(name, value);
    match server.authenticate(&request).await {
        Ok(_) => "admitted",
        Err(refused) => refused.reason(),
    }
}

#[tokio::test(start_paused = true)]
async fn t_req_04_a_token_is_read_where_the_server_has_a_source() {
    let on = || {
        let sources = [
            Source::field("X-Token").unwrap(),
            Source::cookie("token").unwrap(),
        ];
        Sources::new(sources).unwrap()
    };
    let token = good().sign();
    let assertion = ("x-token", token.clone());
    let cookie = ("cookie", format!("token={token}"));
    let expired = ("x-token", good().expires_at(START).sign());
    let bound = ("x-token", good().claim("cnf", json!({"jkt": "x"})).sign());
    for (sources, field, expected) in [
        (on(), assertion.clone(), "admitted"),
        (Sources::default(), assertion, "no_credentials"),
        (on(), cookie.clone(), "csrf_origin"),
        (Sources::default(), cookie, "no_credentials"),
        (on(), expired, "token_expired"),
        // It counts as Bearer.
        (on(), bound, "cnf_not_proven"),
        (
            on(),
            ("x-token", format!("{token}=,")),
            "malformed_credentials",
        ),
    ] {
        let name = field.0;
        assert_eq!(decide_from(sources, field).await, expected, "{name}");
    }
}
