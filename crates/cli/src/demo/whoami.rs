//! The other application, which ignores tokens and learns from fields who sent a request.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

/// The routes. Their requirements are in the gateway's configuration.
pub(super) fn router() -> Router {
    Router::new()
        .route("/whoami", get(whoami))
        .route("/transfer", post(whoami))
        .route("/admin", get(whoami))
}

/// Shows the identity fields as received, and that `Authorization` is missing.
async fn whoami(headers: HeaderMap) -> Response {
    let fields = headers.iter().filter(|(name, _)| tells_who(name));
    let fields: Map<String, Value> = fields
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), value.into())
        })
        .collect();
    let body = format!("{:#}\n", Value::Object(fields));
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// Some servers read `_` as `-`, so both spellings count.
fn tells_who(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    let is_identity = ["x-authgear-", "x-bearward-"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    is_identity || name == AUTHORIZATION.as_str()
}
