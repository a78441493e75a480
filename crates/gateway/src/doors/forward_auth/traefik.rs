//! Traefik: `ForwardAuth`.
//!
//! It sets these three fields itself, as long as `trustForwardHeader` is off. `X-Original-*` pass as
//! the client sent them.

use http::HeaderName;

use super::dialect::{Dialect, Endpoint, Removal, Source, Statuses};

pub(super) static TRAEFIK: Dialect = Dialect {
    endpoint: Endpoint::Exact("/auth/traefik"),
    source: Source::Fields {
        method: HeaderName::from_static("x-forwarded-method"),
        target: HeaderName::from_static("x-forwarded-uri"),
        host: HeaderName::from_static("x-forwarded-host"),
    },
    statuses: Statuses::All,
    // `authResponseHeaders` removes what it lists and we do not send.
    removal: Removal::Omitted,
};
