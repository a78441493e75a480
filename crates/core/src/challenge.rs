//! The answer to a refused request ([RFC 6750 §3], [RFC 9470 §3], [RFC 9728 §5.1]).
//!
//! The only file of the libraries that knows status codes and the syntax of `WWW-Authenticate`.
//! Each error code has one fixed text, so an answer reveals neither why a token is invalid nor any
//! part of it.
//!
//! [RFC 6750 §3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
//! [RFC 9470 §3]: https://www.rfc-editor.org/rfc/rfc9470#section-3
//! [RFC 9728 §5.1]: https://www.rfc-editor.org/rfc/rfc9728#section-5.1

use std::fmt::Write;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::credentials::Scheme;
use crate::rejection::{InsufficientUserAuthentication, InvalidRequest, Rejection};
use crate::request_head::RequestHead;

/// The part of every challenge that describes the guarded resource ([RFC 9110 §11.5]). It comes
/// from the configuration, never from a request.
///
/// [RFC 9110 §11.5]: https://www.rfc-editor.org/rfc/rfc9110#section-11.5
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectionSpace {
    realm: Box<str>,
    resource_metadata: Option<Box<str>>,
}

impl ProtectionSpace {
    /// The protection space with the name `realm`.
    ///
    /// # Errors
    ///
    /// [`ProtectionSpaceError`] if the text cannot appear between quotes.
    pub fn new(realm: impl Into<String>) -> Result<Self, ProtectionSpaceError> {
        Ok(Self {
            realm: quotable(realm.into())?,
            resource_metadata: None,
        })
    }

    /// Adds the URL of the protected resource metadata (RFC 9728) to each challenge.
    ///
    /// # Errors
    ///
    /// [`ProtectionSpaceError`] if the text cannot appear between quotes.
    pub fn resource_metadata(self, url: impl Into<String>) -> Result<Self, ProtectionSpaceError> {
        Ok(Self {
            resource_metadata: Some(quotable(url.into())?),
            ..self
        })
    }
}

impl Default for ProtectionSpace {
    /// The realm `api`, without metadata.
    fn default() -> Self {
        Self {
            realm: "api".into(),
            resource_metadata: None,
        }
    }
}

/// The text cannot appear in a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a realm or URL in a challenge must be printable ASCII without quotes and backslashes")]
#[non_exhaustive]
pub struct ProtectionSpaceError;

/// The answer to a refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    status: StatusCode,
    headers: HeaderMap,
    body: &'static str,
}

impl Challenge {
    /// The answer to a refused request with this `head`, in the scheme of its credentials, or in
    /// Bearer if we do not know that scheme.
    #[must_use]
    pub fn to(head: RequestHead<'_>, rejection: &Rejection, space: &ProtectionSpace) -> Self {
        match Scheme::of(head) {
            Some(Scheme::Bearer) | None => Self::new(rejection, space),
        }
    }

    /// The answer to `rejection`, in the Bearer scheme.
    #[must_use]
    pub fn new(rejection: &Rejection, space: &ProtectionSpace) -> Self {
        let unauthorized = StatusCode::UNAUTHORIZED;
        match rejection {
            Rejection::NoCredentials => Self::bearer(unauthorized, space, &[], UNAUTHORIZED),
            Rejection::InvalidRequest(reason) => {
                let params = [
                    ("error", "invalid_request"),
                    ("error_description", said(*reason)),
                ];
                Self::bearer(StatusCode::BAD_REQUEST, space, &params, INVALID_REQUEST)
            }
            Rejection::InvalidToken(_) => {
                let params = [
                    ("error", "invalid_token"),
                    ("error_description", "The access token is not valid"),
                ];
                Self::bearer(unauthorized, space, &params, INVALID_TOKEN)
            }
            Rejection::InsufficientScope(lacks) => {
                let params = [
                    ("error", "insufficient_scope"),
                    ("error_description", "The request needs more scope"),
                    ("scope", &*lacks.scope),
                ];
                Self::bearer(StatusCode::FORBIDDEN, space, &params, INSUFFICIENT_SCOPE)
            }
            Rejection::InsufficientUserAuthentication(asked) => Self::step_up(asked, space),
            Rejection::Forbidden(_) => Self::plain(StatusCode::FORBIDDEN, FORBIDDEN),
            Rejection::TooManyFailures(failures) => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                Self::later(status, failures.retry_after, TOO_MANY_REQUESTS)
            }
            Rejection::Unavailable(unavailable) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::later(status, unavailable.retry_after, UNAVAILABLE)
            }
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The header fields, including `WWW-Authenticate` if there is a challenge.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body: a fixed problem document (RFC 9457).
    #[must_use]
    pub const fn body(&self) -> &'static str {
        self.body
    }

    /// The complete answer.
    #[must_use]
    pub fn into_response<B: From<&'static str>>(self) -> http::Response<B> {
        let mut response = http::Response::new(self.body.into());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    fn step_up(asked: &InsufficientUserAuthentication, space: &ProtectionSpace) -> Self {
        let max_age = asked.max_age.map(|age| age.as_secs().to_string());
        let mut params = vec![
            ("error", "insufficient_user_authentication"),
            (
                "error_description",
                "A more recent or stronger authentication is required",
            ),
        ];
        params.extend(
            asked
                .acr_values
                .as_deref()
                .map(|values| ("acr_values", values)),
        );
        params.extend(max_age.as_deref().map(|seconds| ("max_age", seconds)));
        let status = StatusCode::UNAUTHORIZED;
        Self::bearer(status, space, &params, INSUFFICIENT_USER_AUTHENTICATION)
    }

    fn bearer(
        status: StatusCode,
        space: &ProtectionSpace,
        params: &[(&str, &str)],
        body: &'static str,
    ) -> Self {
        let mut challenge = format!("Bearer realm=\"{}\"", space.realm);
        let metadata = space.resource_metadata.as_deref();
        let metadata = metadata.map(|url| ("resource_metadata", url));
        for (name, value) in params.iter().copied().chain(metadata) {
            // Writing to a string does not fail.
            let _ = write!(challenge, ", {name}=\"{value}\"");
        }
        let mut answer = Self::plain(status, body);
        // Every part was checked to be printable ASCII when it was configured.
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            answer.headers.insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }

    /// Without a challenge: the same token may be good later.
    fn later(status: StatusCode, retry_after: std::time::Duration, body: &'static str) -> Self {
        let mut answer = Self::plain(status, body);
        let seconds = rounded_up(retry_after);
        answer.headers.insert(RETRY_AFTER, seconds.into());
        answer
    }

    fn plain(status: StatusCode, body: &'static str) -> Self {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        Self {
            status,
            headers,
            body,
        }
    }
}

const fn said(reason: InvalidRequest) -> &'static str {
    match reason {
        InvalidRequest::MalformedCredentials => "The credentials are malformed",
        InvalidRequest::MultipleCredentials => "More than one access token was sent",
    }
}

fn quotable(text: String) -> Result<Box<str>, ProtectionSpaceError> {
    // vchar: printable ASCII except quote and backslash, so nothing ever needs escaping.
    if text
        .bytes()
        .all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
    {
        return Ok(text.into());
    }
    Err(ProtectionSpaceError)
}

/// Whole seconds, 1 to 60: after a 0, a client would retry at once.
fn rounded_up(retry_after: std::time::Duration) -> u64 {
    let partial = u64::from(retry_after.subsec_nanos() > 0);
    retry_after.as_secs().saturating_add(partial).clamp(1, 60)
}

const UNAUTHORIZED: &str = r#"{"title":"Unauthorized","status":401}"#;
const INVALID_REQUEST: &str = r#"{"title":"Bad Request","status":400,"error":"invalid_request"}"#;
const INVALID_TOKEN: &str = r#"{"title":"Unauthorized","status":401,"error":"invalid_token"}"#;
const INSUFFICIENT_SCOPE: &str =
    r#"{"title":"Forbidden","status":403,"error":"insufficient_scope"}"#;
const INSUFFICIENT_USER_AUTHENTICATION: &str =
    r#"{"title":"Unauthorized","status":401,"error":"insufficient_user_authentication"}"#;
const FORBIDDEN: &str = r#"{"title":"Forbidden","status":403}"#;
const TOO_MANY_REQUESTS: &str = r#"{"title":"Too Many Requests","status":429}"#;
const UNAVAILABLE: &str = r#"{"title":"Service Unavailable","status":503}"#;
