//! Errors as OAuth and OpenID Connect name them ([RFC 6749 §4.1.2.1], §5.2; [RFC 8707 §2];
//! [OpenID Connect Core §3.1.2.6]).
//!
//! [OpenID Connect Core §3.1.2.6]: https://openid.net/specs/openid-connect-core-1_0.html#AuthError
//! [RFC 6749 §4.1.2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
//! [RFC 8707 §2]: https://www.rfc-editor.org/rfc/rfc8707#section-2

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

/// A registered error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorCode {
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    LoginRequired,
    UnsupportedGrantType,
    UnsupportedResponseType,
}

impl ErrorCode {
    /// The error with this code and `description`.
    pub(super) const fn because(self, description: &'static str) -> OauthError {
        OauthError {
            code: self,
            description,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
        }
    }
}

/// What was wrong with a request to the authorization or the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OauthError {
    pub(super) code: ErrorCode,
    pub(super) description: &'static str,
}

impl IntoResponse for OauthError {
    /// The answer of an endpoint that is not a redirect.
    fn into_response(self) -> Response {
        let body = json!({"error": self.code.as_str(), "error_description": self.description});
        let mut response = Response::new(Body::from(crate::json::text(body)));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, super::JSON);
        headers.insert(header::CACHE_CONTROL, super::NO_STORE);
        if self.code == ErrorCode::InvalidClient {
            headers.insert(header::WWW_AUTHENTICATE, super::BASIC);
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        response
    }
}
