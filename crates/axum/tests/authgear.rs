//! What `docs/authgear.md` says of the reference issuer.

use std::time::Duration;

use axum::Router;
use axum::routing::get as route;
use bearward::core::authgear;
use bearward::core::requirements::CannotReauthenticate;
use bearward_axum::{BearerLayer, Issuer, JwkSet, Policy, Requirements, ResourceServer};
use bearward_testing::conformance::{NOW, key_set};
use bearward_testing::token::{CAN_REAUTHENTICATE, CLIENT_ID, ROLES, SUBJECT};
use bearward_testing::{DevIssuer, Token};
use http::{Request, StatusCode};
use serde_json::json;

use crate::fixture::{answer, get_with, reason, who};

const PROJECT: &str = "https://my-project.authgear.cloud";
const CUSTOM: &str = "https://auth.example.com";
const API: &str = "https://api.example.com";

fn policy(name: &str) -> Policy {
    Policy::builder(name, name).build().unwrap()
}

fn issuer(policy: Policy) -> Issuer {
    Issuer::jwk_set(policy, JwkSet::parse(key_set().as_bytes()).unwrap())
}

fn trusting(issuer: Issuer) -> ResourceServer {
    let builder = ResourceServer::builder().issuer(issuer).clock(|| NOW);
    builder.build().unwrap()
}

fn app(server: &ResourceServer) -> Router {
    guarded(BearerLayer::new(server))
}

fn guarded(layer: BearerLayer) -> Router {
    Router::new().route("/", route(who)).layer(layer)
}

fn user() -> Token {
    Token::user(PROJECT, PROJECT, NOW)
}

/// Why `app` refuses a request with this token; `None` if it does not.
async fn refused(app: &Router, token: &Token) -> Option<&'static str> {
    reason(&answer(app, get_with("/", token)).await)
}

#[tokio::test]
async fn an_opaque_token_is_not_a_jws() {
    let app = app(&trusting(issuer(policy(PROJECT))));
    let request = Request::get("/")
        .header("authorization", "Bearer 0123456789abcdefABCDEF0123456789")
        .body(());
    let response = answer(&app, request.unwrap()).await;
    assert_eq!(reason(&response), Some("not_compact_jws"));
}

#[tokio::test]
async fn users_and_machines_have_an_audience_each() {
    let machine = Token::machine(PROJECT, API, NOW);
    let for_users = app(&trusting(issuer(policy(PROJECT))));
    assert_eq!(refused(&for_users, &user()).await, None);
    assert_eq!(refused(&for_users, &machine).await, Some("aud_mismatch"));

    let both = Policy::builder(PROJECT, PROJECT).audience(API).build();
    let server = trusting(issuer(both.unwrap()));
    let for_both = app(&server);
    assert_eq!(refused(&for_both, &user()).await, None);
    assert_eq!(refused(&for_both, &machine).await, None);

    let users = Requirements::builder().user().build().unwrap();
    let users = guarded(BearerLayer::new(&server).require(users));
    assert_eq!(refused(&users, &machine).await, Some("principal_kind"));
}

#[tokio::test]
async fn applications_are_told_apart_by_client_id() {
    let policy = Policy::builder(PROJECT, PROJECT).client_id(CLIENT_ID);
    let app = app(&trusting(issuer(policy.build().unwrap())));
    assert_eq!(refused(&app, &user()).await, None);
    let other = user().claim("client_id", "other");
    assert_eq!(refused(&app, &other).await, Some("claim_mismatch"));
}

#[tokio::test]
async fn one_of_several_roles_suffices_and_two_calls_ask_for_both() {
    let server = trusting(issuer(policy(PROJECT)));
    let staff = Requirements::builder().any_claim(authgear::ROLES, ["admin", "support"]);
    let staff = guarded(BearerLayer::new(&server).require(staff.build().unwrap()));
    let both = Requirements::builder().role("admin").role("support");
    let both = guarded(BearerLayer::new(&server).require(both.build().unwrap()));

    let support = user().claim(ROLES, json!(["support"]));
    assert_eq!(refused(&staff, &support).await, None);
    assert_eq!(refused(&both, &support).await, Some("claim_rule"));
    let all = user().claim(ROLES, json!(["support", "admin"]));
    assert_eq!(refused(&both, &all).await, None);
    assert_eq!(refused(&staff, &user()).await, Some("claim_rule"));
}

#[tokio::test]
async fn a_custom_domain_is_another_name_with_the_same_keys() {
    let server = trusting(issuer(policy(CUSTOM)).also(policy(PROJECT)));
    let plain = app(&server);
    assert_eq!(refused(&plain, &user()).await, None);
    let custom = Token::user(CUSTOM, CUSTOM, NOW);
    assert_eq!(refused(&plain, &custom).await, None);
    // Each name has its own audience.
    let mixed = Token::user(CUSTOM, PROJECT, NOW);
    assert_eq!(refused(&plain, &mixed).await, Some("aud_mismatch"));

    // An ID token is of the same name as the access token.
    let recent = Requirements::builder().max_age(Duration::from_secs(300));
    let recent = guarded(BearerLayer::new(&server).require(recent.build().unwrap()));
    let stale = user().authenticated_at(NOW.minus(Duration::from_secs(301)));
    for (name, expected) in [(PROJECT, None), (CUSTOM, Some("id_token_mismatch"))] {
        let mut request = get_with("/", &stale);
        let id_token = Token::id_token(name, CLIENT_ID, NOW).sign();
        let headers = request.headers_mut();
        headers.insert("x-id-token", id_token.try_into().unwrap());
        assert_eq!(reason(&answer(&recent, request).await), expected);
    }
}

#[tokio::test]
async fn keys_are_fetched_at_an_internal_address_under_the_public_name() {
    let authgear = DevIssuer::builder().public_origin(CUSTOM).clock(|| NOW);
    let authgear = authgear.start().await.unwrap();
    let internal = format!("http://{}", authgear.addr());
    let server = trusting(Issuer::discover(policy(CUSTOM)).internal_origin(internal));
    let token = authgear.user_token(CUSTOM);
    let response = answer(&app(&server), get_with("/", &token)).await;
    assert_eq!(response.body(), SUBJECT);
    assert_eq!(authgear.fetches().redirected, 0);
}

#[tokio::test]
async fn who_cannot_re_authenticate_may_be_let_through() {
    let server = trusting(issuer(policy(PROJECT)));
    let asking = |then| {
        let recent = Requirements::builder()
            .max_age(Duration::from_secs(300))
            .cannot_reauthenticate(then);
        guarded(BearerLayer::new(&server).require(recent.build().unwrap()))
    };
    let stale = user().authenticated_at(NOW.minus(Duration::from_secs(301)));
    let cannot = stale.claim(CAN_REAUTHENTICATE, false);
    let refuse = asking(CannotReauthenticate::Refuse);
    let response = answer(&refuse, get_with("/", &cannot)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(reason(&response), Some("cannot_reauthenticate"));
    let allow = asking(CannotReauthenticate::Allow);
    assert_eq!(refused(&allow, &cannot).await, None);

    // What the ID token says is newer than what the access token says, and a recent login suffices.
    let recent = NOW.minus(Duration::from_secs(10));
    let old = NOW.minus(Duration::from_secs(301));
    for (can, at, expected) in [
        (true, recent, None),
        (false, recent, None),
        (true, old, Some("auth_time_unsatisfied")),
        (false, old, Some("cannot_reauthenticate")),
    ] {
        let id_token = Token::id_token(PROJECT, CLIENT_ID, NOW).authenticated_at(at);
        let id_token = id_token.claim(CAN_REAUTHENTICATE, can);
        let mut request = get_with("/", &cannot);
        let headers = request.headers_mut();
        headers.insert("x-id-token", id_token.sign().try_into().unwrap());
        assert_eq!(reason(&answer(&refuse, request).await), expected);
    }
}

#[tokio::test]
async fn a_second_factor_is_looked_for_in_the_access_token_alone() {
    let server = trusting(issuer(policy(PROJECT)));
    let factor = Requirements::builder().amr("mfa").build().unwrap();
    let factor = guarded(BearerLayer::new(&server).require(factor));
    let with_it = user().claim("amr", json!(["pwd", "otp", "mfa"]));
    assert_eq!(refused(&factor, &with_it).await, None);

    let mut request = get_with("/", &user());
    let id_token = Token::id_token(PROJECT, CLIENT_ID, NOW).claim("amr", json!(["mfa"]));
    let headers = request.headers_mut();
    headers.insert("x-id-token", id_token.sign().try_into().unwrap());
    let response = answer(&factor, request).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(reason(&response), Some("claim_rule"));

    // With an age, the client is asked for a login, unless the last one is recent: another would not help.
    let recent = Requirements::builder()
        .amr("mfa")
        .max_age(Duration::from_secs(300));
    let recent = guarded(BearerLayer::new(&server).require(recent.build().unwrap()));
    let old = user().authenticated_at(NOW.minus(Duration::from_secs(301)));
    let response = answer(&recent, get_with("/", &old)).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(reason(&response), Some("amr_unsatisfied"));
    let response = answer(&recent, get_with("/", &user())).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(reason(&response), Some("claim_rule"));
}

#[tokio::test]
async fn a_token_that_lives_too_long_can_be_refused() {
    let policy = Policy::builder(PROJECT, PROJECT).max_lifetime(Duration::from_secs(300));
    let app = app(&trusting(issuer(policy.build().unwrap())));
    let short = user().expires_in(Duration::from_secs(300));
    assert_eq!(refused(&app, &short).await, None);
    assert_eq!(refused(&app, &user()).await, Some("lifetime_exceeded"));
}
