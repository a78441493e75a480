//! What was asked, as the door's dialect tells it: method, request target, host and fields.

use std::fmt;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

/// The request that is decided on. In forward auth it is not the request that reached us, but the
/// one the proxy asks about.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Original<'r> {
    /// Its method.
    pub method: &'r Method,
    /// Its request target, as the client sent it.
    pub target: &'r str,
    /// The host it is for, port and all, if that is known.
    pub host: Option<&'r str>,
    /// Its fields: credentials, and those that make a preflight.
    pub headers: &'r HeaderMap,
    /// Whether a body is known to follow that the fields do not tell of, as over HTTP/2.
    pub has_body: bool,
}

impl<'r> Original<'r> {
    /// A request of its parts.
    #[must_use]
    pub const fn new(
        method: &'r Method,
        target: &'r str,
        host: Option<&'r str>,
        headers: &'r HeaderMap,
    ) -> Self {
        Self {
            method,
            target,
            host,
            headers,
            has_body: false,
        }
    }

    /// The same, with a body that its fields need not tell of.
    #[must_use]
    pub const fn with_body(mut self, has_body: bool) -> Self {
        self.has_body = has_body;
        self
    }
}

impl fmt::Debug for Original<'_> {
    /// Shows the method alone: target and fields may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Original")
            .field("method", self.method)
            .finish_non_exhaustive()
    }
}

/// Whether a message is gRPC, whose status stands in trailers.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|media| {
        media.eq_ignore_ascii_case(b"application/grpc") || starts_with(media, b"application/grpc+")
    })
}

/// The media type of a message, without parameters. Its case means nothing.
pub fn media_type(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(CONTENT_TYPE)?.as_bytes();
    let media = value.split(|byte| *byte == b';').next()?;
    Some(media.trim_ascii())
}

/// Whether a media type starts like this, in whatever case.
pub fn starts_with(media: &[u8], start: &[u8]) -> bool {
    let beginning = media.get(..start.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
}
