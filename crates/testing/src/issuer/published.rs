//! Metadata ([RFC 8414 §3], [OpenID Connect Discovery §4]) and keys ([RFC 7517 §5]), as Authgear
//! serves them: without `Cache-Control` and `ETag` by default, with `Vary: User-Agent` and a
//! cookie.
//!
//! [OpenID Connect Discovery §4]: https://openid.net/specs/openid-connect-discovery-1_0.html
//! [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
//! [RFC 8414 §3]: https://www.rfc-editor.org/rfc/rfc8414#section-3

mod spoilt;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::state::{Etags, Origin, State};
use crate::identifier::{random_text, sha256_hex};
use crate::json;
use crate::keys::{SigningKey, jwk_set};

/// The kind of document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Document {
    Jwks,
    Metadata,
}

/// The paths of metadata and keys, and those of a redirect fault.
pub(super) fn routes(state: &Arc<State>) -> Router<Arc<State>> {
    let mut routes = Router::new();
    for (path, document) in PATHS {
        let answer = move |Shared(state): Shared<Arc<State>>, headers: HeaderMap| async move {
            spoilt::answer(&state, document, path, &headers).await
        };
        let elsewhere = move |Shared(state): Shared<Arc<State>>, headers: HeaderMap| async move {
            state
                .fetches
                .send_modify(|fetches| count(&mut fetches.redirected));
            good(&state, document, &headers)
        };
        routes = routes
            .route(path, get(answer))
            .route(&format!("{ELSEWHERE}{path}"), get(elsewhere));
    }
    routes.route_layer(from_fn_with_state(Arc::clone(state), public_origin))
}

/// Answers with the correct document.
fn good(state: &State, document: Document, headers: &HeaderMap) -> Response {
    whole(state, value(state, document), headers)
}

fn value(state: &State, document: Document) -> Value {
    match document {
        Document::Jwks => jwk_set(&state.keyring().published()),
        Document::Metadata => metadata(state),
    }
}

/// Answers with this document, or with 304 if the client has it.
fn whole(state: &State, document: Value, headers: &HeaderMap) -> Response {
    let text = json::text(document);
    let etag = etag(state, &text);
    let known = headers.get(header::IF_NONE_MATCH);
    if known.is_some() && known == etag.as_ref() {
        state
            .fetches
            .send_modify(|fetches| count(&mut fetches.not_modified));
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        dress(state, etag, response.headers_mut());
        return response;
    }
    let mut response = Response::new(Body::from(text));
    dress(state, etag, response.headers_mut());
    response
}

/// Sets Authgear's header fields, and the configured ones.
fn dress(state: &State, etag: Option<HeaderValue>, headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, super::JSON);
    headers.insert(header::VARY, HeaderValue::from_static("User-Agent"));
    let cookie = format!(
        "csrf_token={}; Path=/; HttpOnly; SameSite=Lax",
        random_text(32)
    );
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    if let Some(cache_control) = &state.answers.cache_control {
        headers.insert(header::CACHE_CONTROL, cache_control.clone());
    }
    if let Some(etag) = etag {
        headers.insert(header::ETAG, etag);
    }
}

fn etag(state: &State, text: &str) -> Option<HeaderValue> {
    if state.answers.etags == Etags::Off {
        return None;
    }
    HeaderValue::try_from(format!("\"{}\"", sha256_hex(text))).ok()
}

fn metadata(state: &State) -> Value {
    let url = &state.url;
    let mut algorithms: Vec<&str> = Vec::new();
    for algorithm in state
        .keyring()
        .published()
        .iter()
        .map(SigningKey::algorithm)
    {
        if !algorithms.contains(&algorithm.as_str()) {
            algorithms.push(algorithm.as_str());
        }
    }
    json!({
        "authorization_endpoint": format!("{url}/oauth2/authorize"),
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "id_token_signing_alg_values_supported": algorithms,
        "issuer": url,
        "jwks_uri": state.jwks_uri(),
        "prompt_values_supported": ["login", "none"],
        "response_modes_supported": ["query"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "offline_access", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint": format!("{url}/oauth2/token"),
        "token_endpoint_auth_methods_supported": [
            "none", "client_secret_basic", "client_secret_post",
        ],
    })
}

/// Redirects requests for another scheme or host to the public origin, if there is one.
async fn public_origin(
    Shared(state): Shared<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    if is_for(&state, request.headers()) {
        return next.run(request).await;
    }
    redirect(&format!("{}{}", state.url, request.uri()))
}

fn is_for(state: &State, headers: &HeaderMap) -> bool {
    let Origin::Public { scheme } = state.answers.origin else {
        return true;
    };
    let field = |name: &str| headers.get(name)?.to_str().ok();
    let scheme = field("x-forwarded-proto").unwrap_or(scheme);
    let host = field("host").unwrap_or_default();
    state.url == format!("{scheme}://{host}")
}

fn redirect(location: &str) -> Response {
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn count(fetches: &mut u64) {
    *fetches = fetches.saturating_add(1);
}

const PATHS: [(&str, Document); 3] = [
    ("/.well-known/openid-configuration", Document::Metadata),
    (
        "/.well-known/oauth-authorization-server",
        Document::Metadata,
    ),
    ("/oauth2/jwks", Document::Jwks),
];

/// The target of a redirect fault.
const ELSEWHERE: &str = "/elsewhere";
