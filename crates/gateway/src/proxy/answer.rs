//! Answers of the proxy's own, for what it could not pass on. Fixed texts: nothing of the request
//! and nothing of the upstream is in them.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version};

use super::body::BodyError;
use super::fields;
use super::upstream::UpstreamError;
use crate::decision::{self, Refusal};
use crate::{ext_authz, original};

/// Whom an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A gRPC client, over HTTP/2. One of gRPC-Web makes its status of that of HTTP.
    Grpc,
    /// Everybody else.
    Http,
}

impl Style {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        if request.version() == Version::HTTP_2
            && original::is_grpc(headers)
            && !fields::is_grpc_web(headers)
        {
            Self::Grpc
        } else {
            Self::Http
        }
    }
}

/// What is answered in the place of an upstream.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: &'static str,
    /// The code for log and metrics.
    pub(super) reason: &'static str,
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self {
            reason: refusal.reason.code(),
            status: refusal.status,
            headers: refusal.headers,
            body: refusal.body,
        }
    }
}

impl From<UpstreamError> for Answer {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Client(BodyError::ClientTimeout) => Self::problem(
                StatusCode::REQUEST_TIMEOUT,
                r#"{"status":408}"#,
                "client_timeout",
            ),
            UpstreamError::Client(_) => {
                Self::problem(StatusCode::BAD_REQUEST, r#"{"status":400}"#, "client_body")
            }
            UpstreamError::Connect => Self::bad_gateway("upstream_connect"),
            UpstreamError::Lost => Self::bad_gateway("upstream_failed"),
            UpstreamError::Timeout => Self::problem(
                StatusCode::GATEWAY_TIMEOUT,
                r#"{"status":504}"#,
                "upstream_timeout",
            ),
        }
    }
}

impl Answer {
    /// How a client reads it that asked so: a gRPC client takes it from trailers, which stand in the
    /// head if there is nothing else ([Trailers-Only]).
    ///
    /// [Trailers-Only]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
    pub(super) fn written(self, style: Style) -> (StatusCode, HeaderMap, &'static str) {
        let Self {
            status,
            mut headers,
            body,
            ..
        } = self;
        if style == Style::Http {
            return (status, headers, body);
        }
        let code = ext_authz::code(status);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(i32::from(code)));
        headers.insert("grpc-message", HeaderValue::from_static(message(status)));
        (StatusCode::OK, headers, "")
    }

    /// The upstream did not answer, or not sensibly.
    pub(super) fn bad_gateway(reason: &'static str) -> Self {
        Self::problem(StatusCode::BAD_GATEWAY, r#"{"status":502}"#, reason)
    }

    /// A mistake of ours.
    pub(super) fn internal() -> Self {
        Self::problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            r#"{"status":500}"#,
            "internal",
        )
    }

    fn problem(status: StatusCode, body: &'static str, reason: &'static str) -> Self {
        Self {
            status,
            headers: decision::problem(),
            body,
            reason,
        }
    }
}

/// A fixed text, since a client without one shows none.
const fn message(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "The request is malformed",
        401 => "A valid access token is required",
        403 => "The access token does not permit this",
        429 => "Too many requests",
        502..=504 => "The service cannot be reached now",
        _ => "The request cannot be served",
    }
}
