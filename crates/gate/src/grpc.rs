//! The gRPC status of a response ([gRPC status codes]).
//!
//! [gRPC status codes]: https://grpc.io/docs/guides/status-codes/

use http::StatusCode;

/// The gRPC status code for the HTTP status of a refusal. Never `OK`, whatever the HTTP status.
#[must_use]
pub fn code(status: StatusCode) -> i32 {
    match status.as_u16() {
        400 => INVALID_ARGUMENT,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        405 => UNIMPLEMENTED,
        408 | 504 => DEADLINE_EXCEEDED,
        429 => RESOURCE_EXHAUSTED,
        502 | 503 => UNAVAILABLE,
        _ => INTERNAL,
    }
}

const INVALID_ARGUMENT: i32 = 3;
const DEADLINE_EXCEEDED: i32 = 4;
const PERMISSION_DENIED: i32 = 7;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;
const INTERNAL: i32 = 13;
const UNAVAILABLE: i32 = 14;
const UNAUTHENTICATED: i32 = 16;
