use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use bearward_axum::ResourceServer;
use bearward_testing::token::CLIENT_ID;
use bearward_testing::{DevIssuer, Fault, Token, UnixTime};
use tower::ServiceExt;

use super::app;

const API: &str = "https://api.example.com";

/// What the application answers to one request.
async fn answer(issuer: &DevIssuer, request: Builder) -> Response {
    let server = ResourceServer::new(issuer.url(), API).unwrap();
    let request = request.body(Body::empty()).unwrap();
    app(&server).unwrap().oneshot(request).await.unwrap()
}

/// The same, for a GET with this token.
async fn status(issuer: &DevIssuer, path: &str, token: Token) -> StatusCode {
    let bearer = format!("Bearer {}", token.sign());
    let request = Request::get(path).header("authorization", bearer);
    answer(issuer, request).await.status()
}

#[tokio::test]
async fn a_good_token_is_welcome_and_spoilt_ones_are_not() {
    let issuer = DevIssuer::start().await.unwrap();
    let good = || issuer.user_token(API);
    let of_another_api = good().claim("aud", "https://other.example.com");
    let long_ago = UnixTime::from_secs(1_700_000_000);

    assert_eq!(status(&issuer, "/hello", good()).await, 200);
    assert_eq!(status(&issuer, "/hello", of_another_api).await, 401);
    assert_eq!(
        status(&issuer, "/hello", good().expires_at(long_ago)).await,
        401
    );
    assert_eq!(answer(&issuer, Request::get("/hello")).await.status(), 401);
    assert_eq!(answer(&issuer, Request::get("/")).await.status(), 200);
}

#[tokio::test]
async fn orders_are_for_those_with_the_scope() {
    let issuer = DevIssuer::start().await.unwrap();
    let scoped = issuer.user_token(API).claim("scope", "orders:read");
    assert_eq!(status(&issuer, "/orders", scoped).await, 200);
    let without = issuer.user_token(API);
    assert_eq!(status(&issuer, "/orders", without).await, 403);
}

#[tokio::test]
async fn a_transfer_wants_the_user_to_have_authenticated_recently() {
    let issuer = DevIssuer::start().await.unwrap();
    let an_hour_ago = UnixTime::from(SystemTime::now()).minus(Duration::from_secs(3600));
    let stale = issuer.user_token(API).authenticated_at(an_hour_ago).sign();
    let transfer = || Request::post("/transfer").header("authorization", format!("Bearer {stale}"));

    let refused = answer(&issuer, transfer()).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers()["www-authenticate"],
        "Bearer realm=\"api\", error=\"insufficient_user_authentication\", \
         error_description=\"A more recent or stronger authentication is required\", \
         max_age=\"300\""
    );

    // The user re-authenticates, and the client sends the new ID token along.
    let id_token = issuer.id_token(CLIENT_ID).sign();
    let again = transfer().header("x-id-token", id_token);
    assert_eq!(answer(&issuer, again).await.status(), 200);
}

#[tokio::test]
async fn an_outage_of_the_issuer_is_nobodys_fault() {
    let issuer = DevIssuer::start().await.unwrap();
    issuer.set_fault(Fault::Down);
    let token = issuer.user_token(API);
    assert_eq!(status(&issuer, "/hello", token).await, 503);
}
