//! Every dialect: how each kind of proxy asks, and what it makes of the answer. A field that a client can set is
//! never read.

use http::HeaderName;

use super::dialect::{Dialect, Endpoint, Removal, Source, Statuses};

pub(super) static DIALECTS: [Dialect; 4] = [
    // Caddy, `forward_auth`: it overwrites these three fields. The client's query is merged into the question's
    // own, which is not looked at; `X-Original-*` pass as the client sent them.
    Dialect {
        endpoint: Endpoint::Exact("/auth/caddy"),
        source: Source::Fields {
            method: HeaderName::from_static("x-forwarded-method"),
            target: HeaderName::from_static("x-forwarded-uri"),
            host: HeaderName::from_static("x-forwarded-host"),
        },
        statuses: Statuses::All,
        // From 2.10 to before 2.11.2 the client's copy survived where we sent none.
        removal: Removal::Empty,
    },
    // Envoy, `ext_authz` over HTTP: the question is the original request, with its method, its raw target behind
    // our path, and its host.
    Dialect {
        endpoint: Endpoint::Prefix("/auth/envoy"),
        source: Source::Request,
        // `failure_mode_allow` lets pass what is answered with 5xx.
        statuses: Statuses::NoServerError,
        removal: Removal::Listed(HeaderName::from_static("x-envoy-auth-headers-to-remove")),
    },
    // nginx, `auth_request`, and ingress-nginx with it: it says nothing of the original request by itself. The
    // recipe sets three fields of its own, and so overwrites what a client sent in them. `X-Forwarded-*` pass as
    // the client sent them.
    Dialect {
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
        statuses: Statuses::All,
        // `authResponseHeaders` removes what it lists and we do not send.
        removal: Removal::Omitted,
    },
];
