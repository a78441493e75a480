//! The whole way: keys discovered at an issuer on a loopback socket.

use axum::Router;
use axum::routing::get as route;
use bearward_axum::{BearerLayer, Issuer, Policy, ResourceServer};
use bearward_testing::conformance::NOW;
use bearward_testing::token::SUBJECT;
use bearward_testing::{DevIssuer, Fault};
use http::StatusCode;

use crate::fixture::{answer, get_with, reason, who};

const AUDIENCE: &str = "https://api.example";

/// An issuer that lives at the time of the tests.
async fn issuer() -> DevIssuer {
    DevIssuer::builder().clock(|| NOW).start().await.unwrap()
}

fn app(issuer: &DevIssuer) -> Router {
    let policy = Policy::builder(issuer.url(), AUDIENCE).build().unwrap();
    let server = ResourceServer::builder()
        .issuer(Issuer::discover(policy))
        .clock(|| NOW)
        .build();
    Router::new()
        .route("/", route(who))
        .layer(BearerLayer::new(&server.unwrap()))
}

#[tokio::test]
async fn a_token_of_a_discovered_issuer_is_accepted() {
    let issuer = issuer().await;
    let app = app(&issuer);
    for _ in 0..3 {
        let response = answer(&app, get_with("/", &issuer.user_token(AUDIENCE))).await;
        assert_eq!(response.body(), SUBJECT);
    }
    let fetches = issuer.fetches();
    assert_eq!((fetches.discovery, fetches.jwks), (1, 1));

    let other = issuer.user_token("https://other.example");
    let refused = answer(&app, get_with("/", &other)).await;
    assert_eq!(reason(&refused), Some("aud_mismatch"));
}

#[tokio::test]
async fn a_key_that_has_just_been_rotated_is_accepted() {
    let issuer = issuer().await;
    let app = app(&issuer);
    let before = issuer.user_token(AUDIENCE);
    assert_eq!(answer(&app, get_with("/", &before)).await.body(), SUBJECT);
    issuer.rotate().await.unwrap();
    let after = issuer.user_token(AUDIENCE);
    assert_eq!(answer(&app, get_with("/", &after)).await.body(), SUBJECT);
    assert_eq!(answer(&app, get_with("/", &before)).await.body(), SUBJECT);
}

#[tokio::test]
async fn an_issuer_that_is_down_from_the_start_is_no_fault_of_the_sender() {
    let issuer = issuer().await;
    issuer.set_fault(Fault::Down);
    let app = app(&issuer);
    let response = answer(&app, get_with("/", &issuer.user_token(AUDIENCE))).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reason(&response), Some("keys_unavailable"));
    assert_eq!(response.headers().get("www-authenticate"), None);
    let retry_after = response.headers()["retry-after"].to_str().unwrap();
    assert!((1..=60).contains(&retry_after.parse::<u32>().unwrap()));
}

#[tokio::test]
async fn an_issuer_that_goes_down_later_is_not_missed() {
    let issuer = issuer().await;
    let app = app(&issuer);
    let token = issuer.user_token(AUDIENCE);
    assert_eq!(answer(&app, get_with("/", &token)).await.body(), SUBJECT);
    issuer.stop().await;
    assert_eq!(answer(&app, get_with("/", &token)).await.body(), SUBJECT);
}
