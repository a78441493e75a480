//! What gRPC has for the statuses of HTTP.

use tonic::Code;

/// The gRPC status for an HTTP status that refuses. Never `OK`, whatever it is.
pub(crate) fn code(status: http::StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        405 => Code::Unimplemented,
        408 | 504 => Code::DeadlineExceeded,
        429 => Code::ResourceExhausted,
        502 | 503 => Code::Unavailable,
        _ => Code::Internal,
    }
}
