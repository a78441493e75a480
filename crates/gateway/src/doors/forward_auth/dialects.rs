//! Every dialect: how each kind of proxy asks, and what it makes of the answer. A field that a client
//! can set is never read.

use http::HeaderName;

use crate::doors::client::X_FORWARDED_FOR;

use super::dialect::{Dialect, Endpoint, Removal, Source, Statuses};

pub(super) static DIALECTS: [Dialect; 4] = [
    // Caddy, `forward_auth`: it overwrites these three fields. It merges the client's query into the
    // question's own, which is ignored. `X-Original-*` pass as the client sent them.
    Dialect {
        endpoint: Endpoint::Exact("/auth/caddy"),
        source: Source::Fields {
            method: HeaderName::from_static("x-forwarded-method"),
            target: HeaderName::from_static("x-forwarded-uri"),
            host: HeaderName::from_static("x-forwarded-host"),
        },
        request_id: HeaderName::from_static("x-request-id"),
        reason: None,
        client: X_FORWARDED_FOR,
        statuses: Statuses::All,
        // From 2.10 to before 2.11.2 the client's copy survived if we sent none.
        removal: Removal::Empty,
        subprotocol: None,
    },
    // Envoy, `ext_authz` over HTTP: the question is the original request, with its method, its raw
    // target after our path, and its host.
    Dialect {
        endpoint: Endpoint::Prefix("/auth/envoy"),
        source: Source::Request,
        request_id: HeaderName::from_static("x-request-id"),
        reason: None,
        client: X_FORWARDED_FOR,
        // With `failure_mode_allow`, a 5xx answer lets the request pass.
        statuses: Statuses::NoServerError,
        removal: Removal::Listed(HeaderName::from_static("x-envoy-auth-headers-to-remove")),
        subprotocol: None,
    },
    // nginx, `auth_request`, and ingress-nginx with it: nginx does not describe the original request by
    // itself. The recipe sets fields, which overwrites a client's copies. `X-Forwarded-*` pass as
    // the client sent them.
    Dialect {
        endpoint: Endpoint::Exact("/auth/nginx"),
        source: Source::Fields {
            method: HeaderName::from_static("x-original-method"),
            target: HeaderName::from_static("x-original-uri"),
            host: HeaderName::from_static("x-original-host"),
        },
        request_id: HeaderName::from_static("x-original-id"),
        // nginx drops the fields of our answer, except a challenge and those that its configuration names.
        reason: Some(HeaderName::from_static("x-bearward-reason")),
        client: HeaderName::from_static("x-original-client"),
        // nginx turns every other status into 500.
        statuses: Statuses::Challenge,
        // `proxy_set_header` with an empty variable.
        removal: Removal::Omitted,
        subprotocol: Some(HeaderName::from_static("x-bearward-subprotocol")),
    },
    // Traefik, `ForwardAuth`: it sets these three fields itself, as long as `trustForwardHeader` is off.
    // `X-Original-*` pass as the client sent them.
    Dialect {
        endpoint: Endpoint::Exact("/auth/traefik"),
        source: Source::Fields {
            method: HeaderName::from_static("x-forwarded-method"),
            target: HeaderName::from_static("x-forwarded-uri"),
            host: HeaderName::from_static("x-forwarded-host"),
        },
        request_id: HeaderName::from_static("x-request-id"),
        reason: None,
        client: X_FORWARDED_FOR,
        statuses: Statuses::All,
        // `authResponseHeaders` removes the fields that it lists and we do not send.
        removal: Removal::Omitted,
        subprotocol: None,
    },
];
