//! The original request, as the door's dialect describes it: method, request target, host and fields.

use std::fmt;

use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method};

/// The request to decide on. In forward auth this is not the request that reached us, but the one the
/// proxy asks about.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Original<'r> {
    /// Its method.
    pub method: &'r Method,
    /// Its request target, as the client sent it.
    pub target: &'r str,
    /// The host it is for, including the port, if known.
    pub host: Option<&'r str>,
    /// Its fields, with the credentials and the marks of a preflight.
    pub headers: &'r HeaderMap,
    /// Whether a body is known to follow even if the fields do not announce one, as over HTTP/2.
    pub has_body: bool,
}

impl<'r> Original<'r> {
    /// A request made of these parts.
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

    /// Sets whether a body follows that the fields need not announce.
    #[must_use]
    pub const fn with_body(mut self, has_body: bool) -> Self {
        self.has_body = has_body;
        self
    }

    /// Whether this is a CORS preflight as browsers send it ([Fetch §4.8]); nothing else counts as one.
    ///
    /// [Fetch §4.8]: https://fetch.spec.whatwg.org/#cors-preflight-fetch
    pub(crate) fn is_preflight(&self) -> bool {
        let headers = self.headers;
        let the_one = |name| {
            let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
            lines.next().filter(|_| lines.next().is_none())
        };
        // `null`, or scheme and host: never empty, never two words.
        let is_origin =
            |origin: &[u8]| !origin.is_empty() && origin.iter().all(u8::is_ascii_graphic);
        let has_body = || {
            headers.contains_key(TRANSFER_ENCODING)
                || headers
                    .get(CONTENT_LENGTH)
                    .is_some_and(|length| length.as_bytes() != b"0")
        };
        *self.method == Method::OPTIONS
            && !self.has_body
            && the_one(ORIGIN).is_some_and(is_origin)
            && the_one(ACCESS_CONTROL_REQUEST_METHOD)
                .is_some_and(|name| Method::from_bytes(name).is_ok())
            && !has_body()
    }
}

impl fmt::Debug for Original<'_> {
    /// Shows only the method: target and fields may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Original")
            .field("method", self.method)
            .finish_non_exhaustive()
    }
}

/// Whether a message is gRPC, which sends its status in trailers.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|media| {
        media.eq_ignore_ascii_case(b"application/grpc") || starts_with(media, b"application/grpc+")
    })
}

/// The media type of a message, without parameters. Its case has no meaning.
pub fn media_type(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(CONTENT_TYPE)?.as_bytes();
    let media = value.split(|byte| *byte == b';').next()?;
    Some(media.trim_ascii())
}

/// Whether a media type starts like this, ignoring case.
pub fn starts_with(media: &[u8], start: &[u8]) -> bool {
    let beginning = media.get(..start.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
}
