//! The token endpoint: authorization code with PKCE, client credentials, refresh
//! ([RFC 6749 §3.2], [RFC 7636 §4.6], [RFC 8707 §2.2]).
//!
//! A known client gets any scope it asks for; the resource server decides what the scope allows.
//!
//! [RFC 6749 §3.2]: https://www.rfc-editor.org/rfc/rfc6749#section-3.2
//! [RFC 7636 §4.6]: https://www.rfc-editor.org/rfc/rfc7636#section-4.6
//! [RFC 8707 §2.2]: https://www.rfc-editor.org/rfc/rfc8707#section-2.2

use std::convert::identity;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::oauth_error::{ErrorCode, OauthError};
use super::params::Params;
use super::registered::Client;
use super::session::Grant;
use super::state::State;
use crate::Token;
use crate::identifier::sha256;
use crate::json;

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new().route("/oauth2/token", post(token))
}

async fn token(Shared(state): Shared<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    if state.rotate_if_due().await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let issued = match issue(&state, &headers, &Params::parse(&body)) {
        Ok(issued) => issued,
        Err(error) => return error.into_response(),
    };
    let mut response = Response::new(Body::from(json::text(issued)));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, super::NO_STORE);
    headers.insert(header::CONTENT_TYPE, super::JSON);
    response
}

fn issue(state: &State, headers: &HeaderMap, params: &Params) -> Result<Value, OauthError> {
    let client = authenticate(state, headers, params)?;
    match params.required("grant_type", "grant_type is missing")? {
        "authorization_code" => redeem_code(state, client, params),
        "client_credentials" => client_credentials(state, client, params),
        "refresh_token" => refresh(state, client, params),
        _ => Err(ErrorCode::UnsupportedGrantType.because("the grant type is not supported")),
    }
}

fn redeem_code(state: &State, client: &Client, params: &Params) -> Result<Value, OauthError> {
    let code = params.required("code", "code is missing")?;
    let code = state.store().redeem_code(code, state.now())?;
    if code.grant.client_id != client.id() {
        return Err(ErrorCode::InvalidGrant.because("the code is another client's"));
    }
    if params.once("redirect_uri")? != Some(code.redirect_uri.as_str()) {
        return Err(ErrorCode::InvalidGrant.because("redirect_uri is not that of the code"));
    }
    let verifier = params.required("code_verifier", "code_verifier is missing")?;
    if !(43..=128).contains(&verifier.len()) || s256(verifier) != code.challenge {
        return Err(ErrorCode::InvalidGrant.because("code_verifier does not match"));
    }
    let scope = code.grant.scope.as_deref();
    tokens(state, &code.grant, scope, params, identity)
}

fn refresh(state: &State, client: &Client, params: &Params) -> Result<Value, OauthError> {
    let token = params.required("refresh_token", "refresh_token is missing")?;
    let grant = state.store().redeem_refresh_token(token, state.now())?;
    if grant.client_id != client.id() {
        return Err(ErrorCode::InvalidGrant.because("the refresh token is another client's"));
    }
    let scope = narrowed(grant.scope.as_deref(), params.once("scope")?)?;
    // As Authgear does: `amr` stands in the first tokens of a login only.
    let refreshed = |token: Token| token.without_claim("amr");
    tokens(state, &grant, scope, params, refreshed)
}

fn client_credentials(
    state: &State,
    client: &Client,
    params: &Params,
) -> Result<Value, OauthError> {
    let scope = params.once("scope")?;
    let token = state.client_access_token(client, scope, &params.resources()?);
    Ok(answer(state, &token.sign(), scope))
}

/// Access, refresh and ID token of a grant.
fn tokens(
    state: &State,
    grant: &Arc<Grant>,
    scope: Option<&str>,
    params: &Params,
    shape: impl Fn(Token) -> Token,
) -> Result<Value, OauthError> {
    let asked = params.resources()?;
    if !asked
        .iter()
        .all(|resource| grant.resources.contains(resource))
    {
        return Err(ErrorCode::InvalidTarget.because("the resource was not granted"));
    }
    let resources = if asked.is_empty() {
        &grant.resources
    } else {
        &asked
    };
    let access_token = state.granted_access_token(grant, scope, resources);
    let mut answer = answer(state, &shape(access_token).sign(), scope);
    if let Some(members) = answer.as_object_mut() {
        let refresh_token = state.store().issue_refresh_token(grant, state.now());
        members.insert("refresh_token".into(), refresh_token.into());
        if words(grant.scope.as_deref()).any(|word| word == "openid") {
            let id_token = state.granted_id_token(grant);
            members.insert("id_token".into(), shape(id_token).sign().into());
        }
    }
    Ok(answer)
}

fn answer(state: &State, access_token: &str, scope: Option<&str>) -> Value {
    json!({
        "access_token": access_token,
        "expires_in": state.access_token_lifetime.as_secs(),
        "scope": scope.unwrap_or_default(),
        "token_type": "Bearer",
    })
}

/// The client that sent a request, authenticated by Basic, by form, or without a secret ([RFC 6749
/// §2.3.1]).
///
/// [RFC 6749 §2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
fn authenticate<'a>(
    state: &'a State,
    headers: &HeaderMap,
    params: &Params,
) -> Result<&'a Client, OauthError> {
    let basic = basic(headers)?;
    let (id, secret) = match &basic {
        Some((id, secret)) => {
            if params.once("client_secret")?.is_some() {
                let twice = "the client authenticates in two ways";
                return Err(ErrorCode::InvalidRequest.because(twice));
            }
            (id.as_str(), Some(secret.as_str()))
        }
        None => (
            params.required("client_id", "client_id is missing")?,
            params.once("client_secret")?,
        ),
    };
    let refused = ErrorCode::InvalidClient.because("the client is unknown, or its secret wrong");
    let client = state.client(id).ok_or(refused)?;
    let known = client.secret().unwrap_or_default().as_bytes();
    let sent = secret.unwrap_or_default().as_bytes();
    verify_slices_are_equal(known, sent).map_err(|_| refused)?;
    Ok(client)
}

/// The credentials from `Authorization: Basic`, which are form-encoded inside.
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, OauthError> {
    let Some(field) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let malformed = ErrorCode::InvalidClient.because("the Authorization field is not Basic");
    let (scheme, encoded) = field
        .to_str()
        .ok()
        .and_then(|field| field.split_once(' '))
        .ok_or(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed);
    }
    let decoded = base64_simd::STANDARD
        .decode_to_vec(encoded.trim())
        .map_err(|_| malformed)?;
    let mut parts = decoded.splitn(2, |byte| *byte == b':').map(form_decode);
    match (parts.next(), parts.next()) {
        (Some(id), Some(secret)) => Ok(Some((id, secret))),
        _ => Err(malformed),
    }
}

fn form_decode(text: &[u8]) -> String {
    // Parsed as the value of a nameless pair, so that it may contain `=`.
    let pair = [b"=", text].concat();
    let value = form_urlencoded::parse(&pair).next();
    value
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// The scope of a refresh: the requested scope, if it was granted ([RFC 6749 §6]).
///
/// [RFC 6749 §6]: https://www.rfc-editor.org/rfc/rfc6749#section-6
fn narrowed<'a>(
    granted: Option<&'a str>,
    asked: Option<&'a str>,
) -> Result<Option<&'a str>, OauthError> {
    let Some(asked) = asked else {
        return Ok(granted);
    };
    if words(Some(asked)).all(|word| words(granted).any(|granted| granted == word)) {
        return Ok(Some(asked));
    }
    Err(ErrorCode::InvalidScope.because("the scope was not granted"))
}

fn words(scope: Option<&str>) -> impl Iterator<Item = &str> {
    scope.unwrap_or_default().split(' ')
}

/// The S256 code challenge of a verifier ([RFC 7636 §4.2]).
///
/// [RFC 7636 §4.2]: https://www.rfc-editor.org/rfc/rfc7636#section-4.2
fn s256(verifier: &str) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(sha256(verifier.as_bytes()))
}
