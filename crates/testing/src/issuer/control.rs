//! The endpoints that only a development issuer has: tokens on request, rotation, faults, counts.
//!
//! Bodies are JSON, whatever their `Content-Type`, so `curl -d` works. An empty body is an empty
//! object. Unknown members are refused, because a misspelt one would do nothing.
//!
//! Pages from other origins are refused: a browser on the same machine reaches loopback, too.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State as Shared};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bearward_core::{Algorithm, UnixTime};
use http::{StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::keyring::Old;
use super::state::State;
use crate::json;
use crate::token::{self, Token};

pub(super) fn routes(state: &Arc<State>) -> Router<Arc<State>> {
    Router::new()
        .route("/faults", get(faults).post(set_fault).delete(clear_fault))
        .route("/fetches", get(fetches))
        .route("/mint", post(mint))
        .route("/rotate", post(rotate))
        .route_layer(from_fn_with_state(Arc::clone(state), own_origin))
}

async fn own_origin(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    // Browsers send `Origin` with every POST and DELETE; other clients have no reason to.
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_some_and(|origin| origin != state.url.as_str()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

/// The body of `/mint`. Everything has a default.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Mint {
    /// The algorithm, which one of the issuer's keys must have.
    alg: Option<String>,
    /// `aud`; for an ID token, the client.
    audience: Option<String>,
    /// How long ago the user authenticated, in seconds; negative for the future.
    auth_time_age: Option<i64>,
    /// Claims to set, or to remove with `null`.
    claims: Map<String, Value>,
    /// `exp`, in seconds from now; negative for the past.
    expires_in: Option<i64>,
    /// Header members to set, or to remove with `null`.
    header: Map<String, Value>,
    kind: Kind,
    /// `sub`.
    subject: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    IdToken,
    Machine,
    #[default]
    User,
}

async fn mint(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Response, Refused> {
    let mint: Mint = parse(&body)?;
    state.rotate_if_due().await.map_err(|_| Refused::Generate)?;
    let token = mint.token(&state)?;
    Ok(answer(json!({"token": token.sign()})))
}

impl Mint {
    fn token(self, state: &State) -> Result<Token, Refused> {
        let audience = self.audience.as_deref();
        let mut token = match self.kind {
            Kind::IdToken => state.id_token(audience.unwrap_or(token::CLIENT_ID)),
            Kind::Machine => state.machine_token(audience.unwrap_or(&state.audience)),
            Kind::User => state.user_token(audience.unwrap_or(&state.audience)),
        };
        if let Some(name) = &self.alg {
            let algorithm = Algorithm::from_str(name).map_err(|_| Refused::Algorithm)?;
            let key = state.keyring().signer_for(algorithm);
            token = token.key(key.ok_or(Refused::Algorithm)?);
        }
        if let Some(subject) = self.subject {
            token = token.claim("sub", subject);
        }
        if let Some(seconds) = self.expires_in {
            token = token.expires_at(moved(state.now(), seconds));
        }
        if let Some(seconds) = self.auth_time_age {
            token = token.authenticated_at(moved(state.now(), seconds.saturating_neg()));
        }
        for (name, value) in self.claims {
            token = if value.is_null() {
                token.without_claim(&name)
            } else {
                token.claim(&name, value)
            };
        }
        for (name, value) in self.header {
            token = if value.is_null() {
                token.without_header(&name)
            } else {
                token.header(&name, value)
            };
        }
        Ok(token)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rotate {
    /// Removes all former keys.
    drop: bool,
    /// Gives the new keys the names of the current ones, which they replace.
    in_place: bool,
}

async fn rotate(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Response, Refused> {
    let rotate: Rotate = parse(&body)?;
    let old = match (rotate.drop, rotate.in_place) {
        (false, false) => Old::Keep,
        (false, true) => Old::Replace,
        (true, false) => Old::Drop,
        (true, true) => return Err(Refused::Rotation),
    };
    let key = state.rotate(old).await.map_err(|_| Refused::Generate)?;
    Ok(answer(json!({"kid": key.kid()})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFault {
    fault: String,
}

async fn faults(Shared(state): Shared<Arc<State>>) -> Response {
    let fault = *state.fault.borrow();
    let known: Vec<&str> = Fault::ALL.iter().map(|fault| fault.as_str()).collect();
    answer(json!({"fault": fault.map(Fault::as_str), "known": known}))
}

async fn set_fault(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Response, Refused> {
    let SetFault { fault } = parse(&body)?;
    let fault = fault.parse().map_err(|_| Refused::Fault)?;
    state.fault.send_replace(Some(fault));
    Ok(faults(Shared(state)).await)
}

async fn clear_fault(Shared(state): Shared<Arc<State>>) -> Response {
    state.fault.send_replace(None);
    faults(Shared(state)).await
}

async fn fetches(Shared(state): Shared<Arc<State>>) -> Response {
    let fetches = *state.fetches.borrow();
    answer(fetches.json())
}

/// Why a request for the issuer's controls is refused.
enum Refused {
    Algorithm,
    Body(serde_json::Error),
    Fault,
    Generate,
    Rotation,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            Self::Algorithm => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "alg is not that of a key of this issuer; to only write it, set header.alg".into(),
            ),
            Self::Body(error) => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                format!("the body is not what it should be: {error}"),
            ),
            Self::Fault => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "no such fault; GET /faults lists them".into(),
            ),
            Self::Generate => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "the key could not be generated".into(),
            ),
            Self::Rotation => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "drop and in_place exclude each other".into(),
            ),
        };
        let mut response = answer(json!({"error": error, "error_description": description}));
        *response.status_mut() = status;
        response
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(Refused::Body)
}

fn answer(value: Value) -> Response {
    let mut text = json::text(value);
    text.push('\n');
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, super::NO_STORE);
    headers.insert(header::CONTENT_TYPE, super::JSON);
    response
}

fn moved(time: UnixTime, seconds: i64) -> UnixTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        time.minus(by)
    } else {
        time.plus(by)
    }
}
