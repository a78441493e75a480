//! nginx: `auth_request`, and ingress-nginx with it.
//!
//! It tells nothing of the original request by itself: the recipe sets three fields of its own, and
//! so overwrites what a client sent in them. `X-Forwarded-*` pass as the client sent them.

use http::HeaderName;

use super::dialect::{Dialect, Endpoint, Removal, Source, Statuses};

pub(super) static NGINX: Dialect = Dialect {
    endpoint: Endpoint::Exact("/auth/nginx"),
    source: Source::Fields {
        method: HeaderName::from_static("x-original-method"),
        target: HeaderName::from_static("x-original-uri"),
        host: HeaderName::from_static("x-original-host"),
    },
    // Every other status is 500 to the client.
    statuses: Statuses::Challenge,
    // `proxy_set_header` with an empty variable.
    removal: Removal::Omitted,
};
