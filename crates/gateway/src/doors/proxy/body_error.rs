//! Why a body ended before its end.

use crate::record::interruption::Interruption;

/// Why a body ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The client was too slow.
    #[error("client_timeout: the next piece of the request took too long")]
    ClientTimeout,
    /// The request broke off, or its framing is wrong.
    #[error("client_body: the body of the request broke off or is malformed")]
    Request,
    /// The answer of the upstream broke off.
    #[error("upstream_failed: the answer of the upstream broke off")]
    Upstream,
    /// The upstream was too slow.
    #[error("upstream_timeout: the next piece of the answer took too long")]
    UpstreamTimeout,
}

impl From<BodyError> for Interruption {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::ClientTimeout => Self::ClientTimeout,
            BodyError::Request => Self::ClientBody,
            BodyError::Upstream => Self::UpstreamFailed,
            BodyError::UpstreamTimeout => Self::UpstreamTimeout,
        }
    }
}
