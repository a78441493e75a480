//! The authorization endpoint: code with PKCE, and the rules for logging in again ([RFC 6749
//! §4.1.1], [RFC 7636 §4.3], [OpenID Connect Core §3.1.2]).
//!
//! It reuses a login session silently, with its `auth_time`; `prompt=login` and an exceeded
//! `max_age` require a new login, which updates `auth_time`. There is no consent, no
//! `id_token_hint`, no request object.
//!
//! [OpenID Connect Core §3.1.2]: https://openid.net/specs/openid-connect-core-1_0.html#AuthorizationEndpoint
//! [RFC 6749 §4.1.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1
//! [RFC 7636 §4.3]: https://www.rfc-editor.org/rfc/rfc7636#section-4.3

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bearward_core::UnixTime;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::login;
use super::oauth_error::{ErrorCode, OauthError};
use super::params::Params;
use super::session::{Code, Grant, Session};
use super::state::State;

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new().route("/oauth2/authorize", get(ask).post(log_in))
}

/// Answers a request with a code, the login form, or an error.
async fn ask(
    Shared(state): Shared<Arc<State>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    let (client, answer) = match client(&state, &params) {
        Ok(client) => client,
        Err(problem) => return login::refusal(problem.description),
    };
    let request = match AuthorizationRequest::parse(&params) {
        Ok(request) => request,
        Err(error) => return answer.error(error),
    };
    let now = state.now();
    let session = cookie(&headers).and_then(|cookie| state.store().session(cookie, now));
    match session.filter(|session| request.is_satisfied_by(session, now)) {
        Some(session) => answer.code(&state, request, client, session, now),
        None if request.prompt == Prompt::None => {
            answer.error(ErrorCode::LoginRequired.because("the user has to log in"))
        }
        None => login::form(&state, StatusCode::OK, ""),
    }
}

/// Handles the login form, which is sent to the same address as the request.
async fn log_in(
    Shared(state): Shared<Arc<State>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    let (client, answer) = match client(&state, &params) {
        Ok(client) => client,
        Err(problem) => return login::refusal(problem.description),
    };
    let request = match AuthorizationRequest::parse(&params) {
        Ok(request) => request,
        Err(error) => return answer.error(error),
    };
    let form = Params::parse(&body);
    let (Ok(Some(username)), Ok(Some(password))) = (form.once("username"), form.once("password"))
    else {
        return login::form(
            &state,
            StatusCode::BAD_REQUEST,
            "User and password, please.",
        );
    };
    let known = state
        .users
        .iter()
        .find(|user| user.username() == username && user.password() == password);
    let Some(user) = known else {
        let problem = "No such user, or another password.";
        return login::form(&state, StatusCode::UNAUTHORIZED, problem);
    };
    let now = state.now();
    let (session, set_cookie) = state.store().log_in(user, cookie(&headers), now);
    let mut response = answer.code(&state, request, client, session, now);
    let secure = if state.url.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    let set_cookie = format!("{COOKIE}={set_cookie}; Path=/; HttpOnly; SameSite=Lax{secure}");
    if let Ok(set_cookie) = HeaderValue::try_from(set_cookie) {
        response
            .headers_mut()
            .append(header::SET_COOKIE, set_cookie);
    }
    response
}

/// The client and its redirect URI; without these, the endpoint must not redirect.
fn client<'a>(state: &State, params: &'a Params) -> Result<(&'a str, Answer<'a>), OauthError> {
    let id = params.required("client_id", "client_id is missing")?;
    let redirect_uri = params.required("redirect_uri", "redirect_uri is missing")?;
    let client = state
        .client(id)
        .ok_or(ErrorCode::InvalidRequest.because("the client is unknown"))?;
    if !client.may_redirect_to(redirect_uri) {
        return Err(ErrorCode::InvalidRequest.because("redirect_uri is not registered"));
    }
    let answer = Answer {
        redirect_uri,
        state: params.once("state")?,
    };
    Ok((id, answer))
}

/// The request's parameters.
struct AuthorizationRequest<'a> {
    challenge: &'a str,
    max_age: Option<Duration>,
    nonce: Option<&'a str>,
    prompt: Prompt,
    resources: Vec<String>,
    scope: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Prompt {
    Login,
    None,
    Unset,
}

impl<'a> AuthorizationRequest<'a> {
    fn parse(params: &'a Params) -> Result<Self, OauthError> {
        if params.required("response_type", "response_type is missing")? != "code" {
            return Err(ErrorCode::UnsupportedResponseType.because("response_type is not code"));
        }
        if params
            .once("response_mode")?
            .is_some_and(|mode| mode != "query")
        {
            return Err(ErrorCode::InvalidRequest.because("response_mode is not query"));
        }
        let challenge = params.required("code_challenge", "code_challenge is missing")?;
        if challenge.len() != 43 || params.once("code_challenge_method")? != Some("S256") {
            return Err(ErrorCode::InvalidRequest.because("the code challenge is not S256"));
        }
        Ok(Self {
            challenge,
            max_age: max_age(params.once("max_age")?)?,
            nonce: params.once("nonce")?,
            prompt: prompt(params.once("prompt")?)?,
            resources: params.resources()?,
            scope: params.once("scope")?,
        })
    }

    /// Whether this login is sufficient, or the user must authenticate again.
    fn is_satisfied_by(&self, session: &Session, now: UnixTime) -> bool {
        if self.prompt == Prompt::Login {
            return false;
        }
        let Some(max_age) = self.max_age else {
            return true;
        };
        // A `max_age` of 0 is `prompt=login` (OpenID Connect Core §3.1.2.1), even in the same
        // second as the login.
        let age = now.since(session.auth_time());
        !max_age.is_zero() && age.is_some_and(|age| age <= max_age)
    }
}

/// Seconds since the last login ([OpenID Connect Core §3.1.2.1]).
///
/// [OpenID Connect Core §3.1.2.1]: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
fn max_age(value: Option<&str>) -> Result<Option<Duration>, OauthError> {
    let seconds = value.map(str::parse).transpose();
    let seconds = seconds
        .map_err(|_| ErrorCode::InvalidRequest.because("max_age is not a number of seconds"))?;
    Ok(seconds.map(Duration::from_secs))
}

fn prompt(value: Option<&str>) -> Result<Prompt, OauthError> {
    let mut prompt = Prompt::Unset;
    let value = value.unwrap_or_default();
    for word in value.split_ascii_whitespace() {
        prompt = match word {
            "consent" => prompt,
            "login" | "select_account" => Prompt::Login,
            "none" if value == "none" => Prompt::None,
            _ => return Err(ErrorCode::InvalidRequest.because("prompt is not understood")),
        };
    }
    Ok(prompt)
}

/// The destination of the answer.
struct Answer<'a> {
    redirect_uri: &'a str,
    state: Option<&'a str>,
}

impl Answer<'_> {
    /// The answer with a code.
    fn code(
        &self,
        state: &State,
        request: AuthorizationRequest<'_>,
        client_id: &str,
        session: Arc<Session>,
        now: UnixTime,
    ) -> Response {
        let code = Code {
            grant: Arc::new(Grant {
                client_id: client_id.to_owned(),
                session,
                scope: request.scope.map(str::to_owned),
                resources: request.resources,
                nonce: request.nonce.map(str::to_owned),
            }),
            redirect_uri: self.redirect_uri.to_owned(),
            challenge: request.challenge.to_owned(),
        };
        let code = state.store().issue_code(code, now);
        self.redirect(&[("code", &code)])
    }

    /// The answer with an error.
    fn error(&self, error: OauthError) -> Response {
        self.redirect(&[
            ("error", error.code.as_str()),
            ("error_description", error.description),
        ])
    }

    fn redirect(&self, params: &[(&str, &str)]) -> Response {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(params);
        if let Some(state) = self.state {
            query.append_pair("state", state);
        }
        let separator = if self.redirect_uri.contains('?') {
            '&'
        } else {
            '?'
        };
        let location = format!("{}{separator}{}", self.redirect_uri, query.finish());
        let Ok(location) = HeaderValue::try_from(location) else {
            return login::refusal("redirect_uri is not a URI");
        };
        // 303, so that the client does not forward the form's password (RFC 9700 §4.12).
        let mut response = StatusCode::SEE_OTHER.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, super::NO_STORE);
        headers.insert(header::LOCATION, location);
        response
    }
}

/// The session cookie of a request.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// Cookies ignore ports: the name distinguishes it from cookies of other servers on loopback.
const COOKIE: &str = "bearward_issuer_session";
