//! Re-authentication by an ID token sent along: read only where it is needed, and refused for its
//! own reason.

use std::time::Duration;

use bearward::core::rejection::{
    Forbidden, InsufficientUserAuthentication, InvalidRequest, InvalidToken, StepUpReason,
};
use bearward::core::requirements::CannotReauthenticate;
use bearward::fetch::{ConnectFailure, FetchError};
use bearward::{Issuer, Rejection, Requirements, ResourceServer};
use bearward_testing::Token;
use bearward_testing::token::{CAN_REAUTHENTICATE, CLIENT_ID, MACHINE_CLIENT_ID};
use http::{HeaderName, HeaderValue, Request};
use serde_json::json;
use tokio::time::sleep;

use crate::fixture::{
    AUDIENCE, HOUR, ISSUER, JWKS, MILLISECOND, MINUTE, SECOND, START, builder, good, issuer, key,
    next_key, policy, policy_of, request, warm,
};
use crate::network::{Network, Reply};

const FIELD: &str = "x-id-token";

fn recent() -> Requirements {
    let requirements = Requirements::builder().max_age(5 * MINUTE);
    requirements.build().unwrap()
}

/// An access token whose user authenticated an hour ago.
fn old() -> Token {
    good().authenticated_at(START.minus(HOUR))
}

fn id_token() -> Token {
    Token::id_token(ISSUER, CLIENT_ID, START).key(key())
}

fn sent_along(access_token: &Token, id_tokens: &[String]) -> Request<()> {
    let mut request = request(&access_token.sign());
    for id_token in id_tokens {
        let value = HeaderValue::from_str(id_token).unwrap();
        request.headers_mut().append(FIELD, value);
    }
    request
}

async fn authorize(
    server: &ResourceServer,
    request: &Request<()>,
    requirements: &Requirements,
) -> Result<(), Rejection> {
    let principal = server.authenticate(request).await.unwrap();
    server.authorize(request, &principal, requirements).await
}

/// An access token that is too old, with this ID token.
async fn with_id_token(server: &ResourceServer, id_token: &Token) -> Result<(), Rejection> {
    let request = sent_along(&old(), &[id_token.sign()]);
    authorize(server, &request, &recent()).await
}

#[track_caller]
fn step_up(decision: Result<(), Rejection>) -> InsufficientUserAuthentication {
    let rejection = decision.unwrap_err();
    let Rejection::InsufficientUserAuthentication(refused) = rejection else {
        panic!("{rejection:?} is not a step-up");
    };
    refused
}

/// What is wrong with the ID token itself.
#[track_caller]
fn invalid(decision: Result<(), Rejection>) -> InvalidToken {
    let refused = step_up(decision);
    assert_eq!(refused.reason, StepUpReason::IdTokenInvalid);
    refused.id_token.unwrap()
}

async fn ready() -> (Network, ResourceServer) {
    let network = issuer();
    let server = warm(&network).await;
    (network, server)
}

#[tokio::test(start_paused = true)]
async fn a_fresh_id_token_satisfies() {
    let (network, server) = ready().await;
    assert_eq!(with_id_token(&server, &id_token()).await, Ok(()));
    let without = authorize(&server, &sent_along(&old(), &[]), &recent()).await;
    let refused = step_up(without);
    assert_eq!(refused.reason, StepUpReason::AuthTimeUnsatisfied);
    assert_eq!(refused.max_age, Some(5 * MINUTE));
    assert_eq!(refused.id_token, None);
    assert_eq!(network.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_of_another_user_client_or_issuer_is_refused() {
    let network = issuer();
    let other = "https://other.example";
    let other_jwks = "https://other.example/jwks";
    network.serve(other_jwks, Reply::keys([&next_key()]));
    let server = builder(network.clone())
        .issuer(Issuer::jwks_uri(policy(), JWKS))
        .issuer(Issuer::jwks_uri(policy_of(other), other_jwks))
        .build()
        .unwrap();
    server.attempted().await;
    sleep(MILLISECOND).await;
    for id_token in [
        id_token().claim("sub", "another"),
        id_token().claim("aud", json!([MACHINE_CLIENT_ID])),
        id_token().claim("aud", AUDIENCE),
        Token::id_token(other, CLIENT_ID, START).key(next_key()),
    ] {
        let refused = step_up(with_id_token(&server, &id_token).await);
        assert_eq!(refused.reason, StepUpReason::IdTokenMismatch);
        assert_eq!(refused.id_token, None);
    }
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_valid_is_refused_for_its_own_reason() {
    let (network, server) = ready().await;
    let mut garbled = id_token().parts();
    garbled.signature.reverse();
    let same_kid = next_key().with_kid(key().kid().unwrap());
    let long_ago = START.minus(HOUR);
    let cases = [
        (
            id_token().expires_at(long_ago).sign(),
            InvalidToken::TokenExpired,
        ),
        (
            id_token().header("typ", "at+jwt").sign(),
            InvalidToken::TypNotAccepted,
        ),
        (
            id_token().without_header("typ").sign(),
            InvalidToken::TypNotAccepted,
        ),
        // The access token itself.
        (old().sign(), InvalidToken::TypNotAccepted),
        (
            id_token().claim("iss", "https://attacker.example").sign(),
            InvalidToken::IssuerUnknown,
        ),
        (
            id_token().header("alg", "none").sign(),
            InvalidToken::AlgNotAllowed,
        ),
        (garbled.encode(), InvalidToken::SignatureInvalid),
        (
            id_token().key(same_kid).sign(),
            InvalidToken::SignatureInvalid,
        ),
        (
            id_token().issued_at(START.plus(HOUR)).sign(),
            InvalidToken::IatInFuture,
        ),
        (
            id_token().not_before(START.plus(HOUR)).sign(),
            InvalidToken::TokenNotYetValid,
        ),
        (
            id_token().without_claim("aud").sign(),
            InvalidToken::AudMissing,
        ),
        (
            id_token().without_claim("exp").sign(),
            InvalidToken::ExpMissing,
        ),
        ("garbage".to_owned(), InvalidToken::NotCompactJws),
        (String::new(), InvalidToken::NotCompactJws),
    ];
    for (id_token, expected) in cases {
        let request = sent_along(&old(), &[id_token]);
        let decision = authorize(&server, &request, &recent()).await;
        assert_eq!(invalid(decision), expected);
    }
    assert_eq!(network.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_text_is_refused() {
    let (_network, server) = ready().await;
    let mut request = sent_along(&old(), &[]);
    let value = HeaderValue::from_bytes(b"\xff\xfe.\x80.\x81").unwrap();
    request.headers_mut().insert(FIELD, value);
    let decision = authorize(&server, &request, &recent()).await;
    assert_eq!(invalid(decision), InvalidToken::Base64NotCanonical);
}

#[tokio::test(start_paused = true)]
async fn two_of_them_are_400() {
    let (_network, server) = ready().await;
    let request = sent_along(&old(), &[id_token().sign(), id_token().sign()]);
    let rejection = authorize(&server, &request, &recent()).await.unwrap_err();
    assert_eq!(rejection, InvalidRequest::MultipleCredentials.into());
    assert_eq!(server.challenge(&rejection, &request).status(), 400);
}

#[tokio::test(start_paused = true)]
async fn it_is_read_only_where_it_is_needed() {
    let (network, server) = ready().await;
    let garbage = || ["garbage".to_owned(), "more".to_owned()];
    let fresh = sent_along(&good(), &garbage());
    assert_eq!(authorize(&server, &fresh, &recent()).await, Ok(()));
    let nothing = Requirements::builder().build().unwrap();
    let request = sent_along(&old(), &garbage());
    assert_eq!(authorize(&server, &request, &nothing).await, Ok(()));

    // Nor can it help against anything but age.
    let scope = Requirements::builder().scope("admin").max_age(MINUTE);
    let scope = scope.build().unwrap();
    for id_tokens in [garbage().to_vec(), vec![id_token().sign()]] {
        let request = sent_along(&old(), &id_tokens);
        let rejection = authorize(&server, &request, &scope).await.unwrap_err();
        assert_eq!(rejection.reason(), "insufficient_scope");
    }
    assert_eq!(network.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_authenticates_nobody() {
    let (_network, server) = ready().await;
    let mut request = Request::new(());
    let value = HeaderValue::from_str(&id_token().sign()).unwrap();
    request.headers_mut().insert(FIELD, value);
    let decision = server.authenticate(&request).await;
    assert_eq!(decision.unwrap_err(), Rejection::NoCredentials);
    let request = crate::fixture::request(&id_token().sign());
    let decision = server.authenticate(&request).await;
    assert_eq!(decision.unwrap_err().reason(), "typ_not_accepted");
}

#[tokio::test(start_paused = true)]
async fn its_age_is_what_counts() {
    let (_network, server) = ready().await;
    let at = |ago: Duration| id_token().authenticated_at(START.minus(ago));
    // The clock has gone on by the time it took to start.
    let exactly = 5 * MINUTE - server.now().since(START).unwrap();
    assert_eq!(
        with_id_token(&server, &at(5 * MINUTE - SECOND)).await,
        Ok(())
    );
    assert!(exactly > 5 * MINUTE - SECOND);
    for id_token in [
        at(5 * MINUTE + SECOND),
        id_token().without_claim("auth_time"),
        id_token().claim("auth_time", 0),
        id_token().authenticated_at(START.plus(MINUTE)),
    ] {
        let refused = step_up(with_id_token(&server, &id_token).await);
        assert_eq!(refused.reason, StepUpReason::AuthTimeUnsatisfied);
    }
    // The issuer's clock may be a little ahead.
    let ahead = id_token().authenticated_at(START.plus(30 * SECOND));
    assert_eq!(with_id_token(&server, &ahead).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_key_03_its_key_may_be_new() {
    let (network, server) = ready().await;
    network.serve(JWKS, Reply::keys([&next_key(), &key()]));
    let rotated = id_token().key(next_key());
    assert_eq!(with_id_token(&server, &rotated).await, Ok(()));
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn t_key_01_one_that_is_not_plausible_costs_no_fetch() {
    let (network, server) = ready().await;
    let unknown = id_token().key(next_key());
    for id_token in [
        unknown.clone().claim("sub", "another"),
        unknown.clone().claim("aud", AUDIENCE),
        unknown.clone().expires_at(START.minus(MINUTE)),
    ] {
        let decision = with_id_token(&server, &id_token).await;
        assert_eq!(invalid(decision), InvalidToken::KidUnknown);
    }
    assert_eq!(network.count(), 1);
    let decision = with_id_token(&server, &unknown).await;
    assert_eq!(invalid(decision), InvalidToken::KidUnknown);
    assert_eq!(network.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_its_key_it_is_503() {
    let (network, server) = ready().await;
    network.all_fail(&FetchError::Connect(ConnectFailure::Refused));
    let unknown = id_token().key(next_key());
    let rejection = with_id_token(&server, &unknown).await.unwrap_err();
    assert_eq!(rejection.reason(), "keys_unavailable");
    assert_eq!(server.challenge(&rejection, &request("")).status(), 503);
    assert_eq!(with_id_token(&server, &id_token()).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn the_name_of_the_field_is_a_setting() {
    let network = issuer();
    let server = builder(network.clone())
        .issuer(Issuer::jwks_uri(policy(), JWKS))
        .id_token_field(HeaderName::from_static("x-proof-of-presence"))
        .build()
        .unwrap();
    server.attempted().await;
    let refused = step_up(with_id_token(&server, &id_token()).await);
    assert_eq!(refused.reason, StepUpReason::AuthTimeUnsatisfied);
    let mut request = sent_along(&old(), &["garbage".to_owned()]);
    let value = HeaderValue::from_str(&id_token().sign()).unwrap();
    request.headers_mut().insert("x-proof-of-presence", value);
    assert_eq!(authorize(&server, &request, &recent()).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_user_who_cannot_reauthenticate() {
    let (_network, server) = ready().await;
    let stuck = old().claim(CAN_REAUTHENTICATE, false);
    let stuck_id_token = id_token()
        .claim(CAN_REAUTHENTICATE, false)
        .authenticated_at(START.minus(HOUR));
    for id_tokens in [vec![], vec![stuck_id_token.sign()]] {
        let request = sent_along(&stuck, &id_tokens);
        let rejection = authorize(&server, &request, &recent()).await.unwrap_err();
        assert_eq!(rejection, Forbidden::CannotReauthenticate.into());
        let allowed = Requirements::builder()
            .max_age(5 * MINUTE)
            .cannot_reauthenticate(CannotReauthenticate::Allow)
            .build()
            .unwrap();
        assert_eq!(authorize(&server, &request, &allowed).await, Ok(()));
    }
    // Biometrics of the device count.
    let biometric = id_token()
        .claim(CAN_REAUTHENTICATE, false)
        .claim("amr", json!(["x_biometric"]));
    let request = sent_along(&stuck, &[biometric.sign()]);
    assert_eq!(authorize(&server, &request, &recent()).await, Ok(()));
}
