//! The sample application: an API with a few routes and their requirements.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bearward_axum::{BearerLayer, Caller, Requirements, ResourceServer};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::Failure;

/// The routes; `/livez` and `/readyz` are for probes.
pub(super) fn router(server: &ResourceServer) -> Result<Router, Failure> {
    let bearer = BearerLayer::new(server);
    let admins = Requirements::builder().role("admin").build()?;
    // Users only: a machine cannot re-authenticate.
    let recent = Requirements::builder()
        .user()
        .max_age(RE_AUTHENTICATED)
        .build()?;

    let admin = get(admin).layer(bearer.clone().require(admins));
    let transfer = post(transfer).layer(bearer.clone().require(recent));
    Ok(Router::new()
        .route("/hello", get(hello).layer(bearer))
        .route("/transfer", transfer)
        .route("/admin", admin)
        .route("/livez", get(|| async { StatusCode::OK }))
        .route("/readyz", get(readyz).with_state(server.clone())))
}

/// Greets the caller, and shows the issuer's claims about it.
async fn hello(Caller(principal): Caller) -> Response {
    let claims = principal.all_claims().as_json();
    json(format!(r#"{{"message":"Hello!","user_data":{claims}}}"#))
}

/// A transfer, which requires that the user authenticated recently.
async fn transfer() -> Response {
    json(r#"{"message":"Transferred."}"#.to_owned())
}

/// A resource for users with a role.
async fn admin() -> Response {
    json(r#"{"message":"Hello, admin!"}"#.to_owned())
}

/// Whether tokens can be verified now.
async fn readyz(State(server): State<ResourceServer>) -> StatusCode {
    if server.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

fn json(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

/// The maximum age of authentication for a transfer: the age that Authgear proposes.
const RE_AUTHENTICATED: Duration = Duration::from_secs(300);
