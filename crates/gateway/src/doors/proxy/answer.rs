//! Answers of the proxy's own, for what it could not pass on. The texts are fixed and contain nothing
//! from the request or the upstream.

use bearward_gate::decision::{Reason, Refusal};
use bearward_gate::grpc;
use bearward_gate::problem::{document, problem};
use bearward_gate::publication::Published;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::record::interruption::Interruption;
use crate::record::request::METADATA;

use super::body_error::BodyError;
use super::upstream::UpstreamError;

/// An answer that we send instead of the upstream's.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The code for log and metrics.
    pub(super) reason: &'static str,
    /// Whether it already says which pages may read it, as the gate's answers do.
    pub(super) is_exposed: bool,
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self {
            reason: refusal.reason.code(),
            status: refusal.status,
            headers: refusal.headers,
            body: Bytes::from_static(refusal.body.as_bytes()),
            is_exposed: true,
        }
    }
}

impl From<Published> for Answer {
    fn from(published: Published) -> Self {
        Self {
            reason: METADATA,
            status: published.status,
            headers: published.headers,
            body: Bytes::copy_from_slice(published.body.as_bytes()),
            is_exposed: true,
        }
    }
}

impl From<UpstreamError> for Answer {
    fn from(error: UpstreamError) -> Self {
        let (status, reason) = match error {
            UpstreamError::Client(BodyError::ClientTimeout) => {
                (StatusCode::REQUEST_TIMEOUT, Interruption::ClientTimeout)
            }
            UpstreamError::Client(_) => (StatusCode::BAD_REQUEST, Interruption::ClientBody),
            UpstreamError::Connect => (StatusCode::BAD_GATEWAY, Interruption::UpstreamConnect),
            UpstreamError::Lost => (StatusCode::BAD_GATEWAY, Interruption::UpstreamFailed),
            UpstreamError::Timeout => (StatusCode::GATEWAY_TIMEOUT, Interruption::UpstreamTimeout),
        };
        Self::problem(status, reason.code())
    }
}

impl Answer {
    /// The same for a gRPC client: a status instead of the body ([gRPC over HTTP/2]).
    ///
    /// [gRPC over HTTP/2]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
    pub(super) fn into_grpc(mut self) -> Self {
        let code = grpc::code(self.status);
        let headers = &mut self.headers;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(code));
        self.status = StatusCode::OK;
        self.body = Bytes::new();
        self
    }

    /// The same for HEAD, with the length that the body would have ([RFC 9110 §9.3.2]).
    ///
    /// [RFC 9110 §9.3.2]: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2
    pub(super) fn without_body(mut self) -> Self {
        let length = HeaderValue::from(self.body.len());
        self.headers.insert(CONTENT_LENGTH, length);
        self.body = Bytes::new();
        self
    }

    /// The upstream did not answer, or not sensibly.
    pub(super) fn bad_gateway(reason: Interruption) -> Self {
        Self::problem(StatusCode::BAD_GATEWAY, reason.code())
    }

    /// There is no free place. Nothing was sent to the upstream, so the client may send the request
    /// again.
    pub(super) fn too_many() -> Box<Self> {
        let reason = Interruption::TooManyRequests.code();
        let mut answer = Self::problem(StatusCode::SERVICE_UNAVAILABLE, reason);
        let soon = HeaderValue::from_static("1");
        answer.headers.insert(RETRY_AFTER, soon);
        Box::new(answer)
    }

    /// The request's target has no origin form.
    pub(super) fn target_form() -> Self {
        Self {
            is_exposed: false,
            ..Refusal::plain(None, Reason::TargetForm).into()
        }
    }

    /// A mistake of ours.
    pub(super) fn internal() -> Self {
        Self::problem(StatusCode::INTERNAL_SERVER_ERROR, Reason::Internal.code())
    }

    fn problem(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            headers: problem(),
            body: Bytes::from_static(document(status).as_bytes()),
            reason,
            is_exposed: false,
        }
    }
}
