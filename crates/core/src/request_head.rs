//! The head of a request, before anything in it is read.

use std::fmt;

use http::{HeaderMap, Method, Uri};

/// The head of a request: everything that a decision depends on.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'r> {
    /// The method.
    pub method: &'r Method,
    /// The request target; its query may contain a second credential.
    pub uri: &'r Uri,
    /// The fields.
    pub headers: &'r HeaderMap,
    /// The host that the client addressed, with its port, where the target and the fields do not have
    /// it.
    pub host: Option<&'r str>,
}

impl<'r> RequestHead<'r> {
    /// Makes a head from its parts.
    #[must_use]
    pub const fn new(method: &'r Method, uri: &'r Uri, headers: &'r HeaderMap) -> Self {
        Self {
            method,
            uri,
            headers,
            host: None,
        }
    }

    /// Sets the host that the client addressed, for requests that a proxy describes.
    #[must_use]
    pub const fn with_host(mut self, host: Option<&'r str>) -> Self {
        self.host = host;
        self
    }
}

impl<'r> From<&'r http::request::Parts> for RequestHead<'r> {
    fn from(parts: &'r http::request::Parts) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers)
    }
}

impl<'r, B> From<&'r http::Request<B>> for RequestHead<'r> {
    fn from(request: &'r http::Request<B>) -> Self {
        Self::new(request.method(), request.uri(), request.headers())
    }
}

impl fmt::Debug for RequestHead<'_> {
    /// Shows only the method: fields and query may contain a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", self.method)
            .finish_non_exhaustive()
    }
}
