//! The sample application: an API of a few routes, and what each asks for.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bearward_axum::{BearerLayer, Caller, Requirements, ResourceServer};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::Failure;

/// The routes; `/livez` and `/readyz` are for the machinery around the application.
pub(super) fn router(server: &ResourceServer) -> Result<Router, Failure> {
    let bearer = BearerLayer::new(server);
    let admins = Requirements::builder().role("admin").build()?;
    // Users only: a machine has nothing to re-authenticate with.
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

/// Who is there, and what the issuer says of them.
async fn hello(Caller(principal): Caller) -> Response {
    let claims = principal.all_claims().as_json();
    json(format!(r#"{{"message":"Hello!","user_data":{claims}}}"#))
}

/// Something that the user must have authenticated for a short time ago.
async fn transfer() -> Response {
    json(r#"{"message":"Transferred."}"#.to_owned())
}

/// Something for users with a role.
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

/// How long ago the user may have authenticated to transfer money: as long as Authgear proposes.
const RE_AUTHENTICATED: Duration = Duration::from_secs(300);
