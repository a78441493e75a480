//! Caddy: `forward_auth`.
//!
//! It overwrites these three fields. The client's query is merged into the question's own, which is
//! not looked at; `X-Original-*` pass as the client sent them.

use http::HeaderName;

use super::dialect::{Dialect, Endpoint, Removal, Source, Statuses};

pub(super) static CADDY: Dialect = Dialect {
    endpoint: Endpoint::Exact("/auth/caddy"),
    source: Source::Fields {
        method: HeaderName::from_static("x-forwarded-method"),
        target: HeaderName::from_static("x-forwarded-uri"),
        host: HeaderName::from_static("x-forwarded-host"),
    },
    statuses: Statuses::All,
    // From 2.10 to before 2.11.2 the client's copy survived where we sent none.
    removal: Removal::Empty,
};
