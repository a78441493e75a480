//! The other application: it knows nothing of tokens, and learns who is there from fields.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

/// The routes. What each asks for stands in the gateway's configuration.
pub(super) fn router() -> Router {
    Router::new()
        .route("/whoami", get(whoami))
        .route("/transfer", post(whoami))
        .route("/admin", get(whoami))
}

/// The identity fields as they came in, and `Authorization`, which is to be seen missing.
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

/// Some servers take `_` for `-`, so both spellings count.
fn tells_who(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    let is_identity = ["x-authgear-", "x-bearward-"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    is_identity || name == AUTHORIZATION.as_str()
}
