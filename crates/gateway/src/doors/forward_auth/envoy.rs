//! Envoy: `ext_authz` over HTTP.
//!
//! The question is the original request: its method, its raw target behind our path, its host.

use http::HeaderName;

use super::dialect::{Dialect, Endpoint, Removal, Source, Statuses};

pub(super) static ENVOY: Dialect = Dialect {
    endpoint: Endpoint::Prefix("/auth/envoy"),
    source: Source::Request,
    // `failure_mode_allow` lets pass what is answered with 5xx.
    statuses: Statuses::NoServerError,
    removal: Removal::Listed(HeaderName::from_static("x-envoy-auth-headers-to-remove")),
};
