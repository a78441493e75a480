//! What a configuration may hold: every table and every key, once.
//!
//! The reader, the JSON Schema and the manual are made of this; a key that is not here is a mistake.
//! Defaults stand here too and are read like a value that was written.

use bearward::Profile;

/// A table: its keys.
#[derive(Debug)]
pub(super) struct Table {
    /// How it is written in the manual, such as `[[issuers]]`.
    pub(super) name: &'static str,
    /// What it is for.
    pub(super) meaning: &'static str,
    pub(super) fields: &'static [Field],
}

impl Table {
    pub(super) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    /// What holds if it is not given.
    pub(super) default: Default,
    pub(super) meaning: &'static str,
}

/// What holds if a key is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Default {
    /// Nothing: it is optional.
    None,
    /// It must be given.
    Required,
    /// This, as if it were written.
    Value(&'static str),
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Where to listen.
    Address,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number, from 0 to 2³² − 1.
    Count,
    /// What claims must be: claim to value, or to values of which one suffices.
    Claims,
    /// `true` or `false`.
    Flag,
    /// A length of time, such as `5m`.
    Duration,
    /// Lists of strings.
    Groups,
    /// A table whose keys are names the operator chooses.
    Named(&'static Table),
    /// `env:NAME` or `file:PATH`.
    Secret,
    /// A table.
    Table(&'static Table),
    /// An array of tables.
    Tables(&'static Table),
    /// A string.
    Text,
    /// A list of strings.
    Texts,
    /// A string, or a list of them.
    TextOrTexts,
}

impl Kind {
    /// What is expected, for a mistake and the manual.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Address => "an address such as \"127.0.0.1:9000\" or \"unix:/run/x.sock\"".into(),
            Self::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", words.join(", "))
            }
            Self::Count => "a whole number from 0 to 4294967295".into(),
            Self::Claims => "a table of claims, each with a string or a list of strings".into(),
            Self::Duration => "a length of time such as \"30s\", \"5m\" or \"1h 30m\"".into(),
            Self::Flag => "true or false".into(),
            Self::Groups => "a list of lists of strings".into(),
            Self::Named(_) => "tables, each under a name".into(),
            Self::Secret => "\"env:NAME\" or \"file:PATH\"".into(),
            Self::Table(_) => "a table".into(),
            Self::Tables(_) => "an array of tables".into(),
            Self::Text => "a string".into(),
            Self::TextOrTexts => "a string or a list of strings".into(),
            Self::Texts => "a list of strings".into(),
        }
    }
}

/// The routers of applications.
const ROUTER: Kind = Kind::Choice(&["strict", "express", "rails", "aspnet", "servlet"]);

const fn required(key: &'static str, kind: Kind, meaning: &'static str) -> Field {
    Field {
        key,
        kind,
        default: Default::Required,
        meaning,
    }
}

const fn optional(key: &'static str, kind: Kind, meaning: &'static str) -> Field {
    Field {
        key,
        kind,
        default: Default::None,
        meaning,
    }
}

const fn defaulted(
    key: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Field {
    Field {
        key,
        kind,
        default: Default::Value(default),
        meaning,
    }
}

pub(super) static ROOT: Table = Table {
    name: "",
    meaning: "Everything the gateway does stands in one TOML file. Unknown keys are mistakes.",
    fields: &[
        required(
            "issuers",
            Kind::Tables(&ISSUER),
            "Whose access tokens are accepted, and for whom they must be.",
        ),
        optional(
            "protection",
            Kind::Table(&PROTECTION),
            "What this resource server says of itself.",
        ),
        optional(
            "identity",
            Kind::Table(&IDENTITY),
            "How the application learns who sent a request.",
        ),
        optional(
            "token_cache",
            Kind::Table(&TOKEN_CACHE),
            "How many verified tokens are remembered.",
        ),
        optional(
            "requirements",
            Kind::Named(&REQUIREMENTS),
            "What routes may ask of a principal, under names.",
        ),
        required(
            "routes",
            Kind::Tables(&ROUTE),
            "Which requests may pass, in the order in which they are tried. A request that no route matches is refused.",
        ),
        optional(
            "upstreams",
            Kind::Named(&UPSTREAM),
            "The applications that the reverse proxy sends requests to, under names.",
        ),
        optional(
            "listen",
            Kind::Table(&LISTEN),
            "Where the gateway listens. A listener without a table is not started.",
        ),
        optional(
            "telemetry",
            Kind::Table(&TELEMETRY),
            "Where traces go. Without the table there are none.",
        ),
    ],
};

pub(super) static TOKEN_CACHE: Table = Table {
    name: "[token_cache]",
    meaning: "The cache of verified tokens. One that comes again costs no signature check; its times, what the route requires and whether its key is still published are checked each time. It holds tokens and claims in memory, and only those that were valid.",
    fields: &[
        defaulted(
            "max_entries",
            Kind::Count,
            "10000",
            "The most tokens; `0` turns the cache off.",
        ),
        defaulted(
            "max_bytes",
            Kind::Count,
            "33554432",
            "The most memory they take, in bytes; a usual token takes 4500. `0` turns the cache off.",
        ),
    ],
};

pub(super) static ISSUER: Table = Table {
    name: "[[issuers]]",
    meaning: "An issuer. Its keys are discovered, unless one of `jwks_uri`, `jwks_file` and `secret` says where they are.",
    fields: &[
        required(
            "issuer",
            Kind::Text,
            "The issuer, exactly as it stands in `iss`.",
        ),
        optional(
            "also",
            Kind::Texts,
            "Other names of the same issuer, with the same keys: Authgear keeps its keys when a custom domain changes `iss`.",
        ),
        required(
            "audiences",
            Kind::TextOrTexts,
            "Our names in `aud`, of which a token must have one.",
        ),
        defaulted(
            "profile",
            Kind::Choice(Profile::NAMES),
            "rfc9068",
            "How the issuer writes access tokens, and what marks a machine. The table of profiles has the details.",
        ),
        optional(
            "algorithms",
            Kind::Texts,
            "The signature algorithms the issuer may use. Without it: every one with a public key. `HS256`, `HS384` and `HS512` need `secret`.",
        ),
        optional(
            "client_ids",
            Kind::Texts,
            "The clients whose tokens are accepted. Without it: every client of the issuer.",
        ),
        optional(
            "required_claims",
            Kind::Texts,
            "Claims that each token must have, beside those of the profile.",
        ),
        defaulted(
            "leeway",
            Kind::Duration,
            "30s",
            "The allowance for clocks that differ, `300s` at most.",
        ),
        optional(
            "max_lifetime",
            Kind::Duration,
            "The longest lifetime, `exp` − `iat`, a token may have. Without it: any.",
        ),
        optional(
            "jwks_uri",
            Kind::Text,
            "The URL of the JWK Set, in the place of discovery.",
        ),
        optional(
            "jwks_file",
            Kind::Text,
            "A file with the JWK Set, in the place of discovery. Nothing is fetched.",
        ),
        optional(
            "secret",
            Kind::Secret,
            "The static secret of an issuer that signs with HMAC: where it is, never the secret itself. A file counts byte for byte.",
        ),
        optional(
            "internal_origin",
            Kind::Text,
            "Where the issuer is reached from here, when that is not its public origin: scheme, host and port.",
        ),
        defaulted(
            "insecure_plain_http",
            Kind::Flag,
            "false",
            "Fetches keys over plain http beyond this machine: anyone on the way can then choose them.",
        ),
        defaulted(
            "stale_if_error",
            Kind::Duration,
            "24h",
            "How long keys serve while the issuer cannot be reached.",
        ),
        optional(
            "snapshot",
            Kind::Text,
            "A file for the last good key set, so that a restart during an outage still serves.",
        ),
    ],
};

pub(super) static PROTECTION: Table = Table {
    name: "[protection]",
    meaning: "What challenges and the protected resource metadata (RFC 9728) say.",
    fields: &[
        defaulted("realm", Kind::Text, "api", "The realm of challenges."),
        optional(
            "resource",
            Kind::Text,
            "The URL of the protected resource. With it, challenges name its metadata, which the gateway serves: in the place of the application, and on the listener for forward auth, to which the proxy must lead (`bearward gen-config` writes it so).",
        ),
        optional(
            "scopes",
            Kind::Texts,
            "The scopes that clients may ask for, in the metadata. Needs `resource`.",
        ),
        optional(
            "origins",
            Kind::Texts,
            "Origins such as `https://app.example.com` whose pages may read a refusal and its challenge (CORS). What the application answers is its own matter.",
        ),
        optional(
            "id_token_header",
            Kind::Text,
            "The field in which an ID token is sent along for re-authentication. Without it: `X-Id-Token`.",
        ),
        optional(
            "router",
            ROUTER,
            "How the application reads paths, for routes that do not set it themselves or through their upstream: see [routers.md](routers.md). Without it: `strict`.",
        ),
    ],
};

pub(super) static IDENTITY: Table = Table {
    name: "[identity]",
    meaning: "The identity fields. What clients send under these names is taken out on every route.",
    fields: &[
        defaulted(
            "preset",
            Kind::Choice(&["bearward", "authgear", "none"]),
            "bearward",
            "A set of fields: ours, those of the Authgear resolver, or none but `[[identity.fields]]`.",
        ),
        defaulted(
            "forward_token",
            Kind::Flag,
            "false",
            "Whether the application gets the access token as well.",
        ),
        defaulted(
            "drop_underscores",
            Kind::Flag,
            "true",
            "Removes every client field with `_` in its name: many servers treat `_` as `-`, and gunicorn reads `SCRIPT_NAME` as a part of the path. With `false`, removes only spellings of identity fields and of [misleading fields](fields.md).",
        ),
        optional(
            "remove_fields",
            Kind::Texts,
            "Further client fields to remove, in every spelling, in addition to identity fields and [misleading fields](fields.md): those that make your application use another path, host, client or user.",
        ),
        optional(
            "keep_fields",
            Kind::Texts,
            "[Misleading fields](fields.md), or fields with `_`, that are passed on nevertheless, under exactly this name. The sender chooses their value, unless a proxy in front of everything sets or removes them. `_method` also lets the query parameter of that name pass.",
        ),
        optional(
            "fields",
            Kind::Tables(&IDENTITY_FIELD),
            "Fields beside those of the preset.",
        ),
    ],
};

pub(super) static IDENTITY_FIELD: Table = Table {
    name: "[[identity.fields]]",
    meaning: "A claim that the application is told in a field.",
    fields: &[
        required("header", Kind::Text, "The name of the field."),
        required(
            "claim",
            Kind::TextOrTexts,
            "The claim: its name, or the names on the way to it, outermost first.",
        ),
        defaulted(
            "encoding",
            Kind::Choice(&["plain", "json", "comma", "space", "base64url", "percent"]),
            "plain",
            "How its value is written.",
        ),
    ],
};

pub(super) static REQUIREMENTS: Table = Table {
    name: "[requirements.NAME]",
    meaning: "What a principal must have; all that is said must be met.",
    fields: &[
        optional(
            "scopes",
            Kind::Texts,
            "Scopes the token must have, all of them.",
        ),
        optional(
            "any_scopes",
            Kind::Groups,
            "Groups of scopes; of each the token must have one.",
        ),
        optional(
            "roles",
            Kind::Texts,
            "Authgear roles the user must have, all of them.",
        ),
        optional(
            "claims",
            Kind::Claims,
            "Claims and the value each must have, be it or hold it; a list means one of them.",
        ),
        optional(
            "client_ids",
            Kind::Texts,
            "Clients of which it must be one.",
        ),
        optional(
            "kind",
            Kind::Choice(&["user", "machine"]),
            "A user, or a client that acts for itself, according to marks that the issuer alone sets. Without it: either, and principals of unknown kind, which satisfy neither. The profile says what marks a machine; `generic` knows no mark.",
        ),
        defaulted(
            "verified",
            Kind::Flag,
            "false",
            "A user whom Authgear calls verified.",
        ),
        defaulted(
            "not_anonymous",
            Kind::Flag,
            "false",
            "A user whom Authgear does not call anonymous.",
        ),
        optional(
            "acr",
            Kind::Texts,
            "Authentication context classes, in order of preference, of which `acr` must have one.",
        ),
        optional(
            "amr",
            Kind::Texts,
            "Authentication methods that `amr` must have, all of them.",
        ),
        optional(
            "max_age",
            Kind::Duration,
            "The user authenticated at most this long ago; else the challenge asks for it (RFC 9470).",
        ),
        defaulted(
            "cannot_reauthenticate",
            Kind::Choice(&["refuse", "allow"]),
            "refuse",
            "What becomes of a user who must re-authenticate and has no means to. Goes with `max_age`.",
        ),
        optional(
            "all",
            Kind::Texts,
            "Names of other requirements, all of which must be met.",
        ),
        optional(
            "any",
            Kind::Texts,
            "Names of other requirements, of which one must be met.",
        ),
    ],
};

pub(super) static ROUTE: Table = Table {
    name: "[[routes]]",
    meaning: "A route. The first that matches host, path and method decides; it needs at least one of `path`, `path_prefix` and `path_glob`.",
    fields: &[
        required("name", Kind::Text, "Its name in log and metrics."),
        optional(
            "hosts",
            Kind::TextOrTexts,
            "The hosts it is for, without port. Without it: every host.",
        ),
        optional(
            "path",
            Kind::TextOrTexts,
            "Paths that match exactly: `/orders` is neither `/orders/` nor `/orders/7`.",
        ),
        optional(
            "path_prefix",
            Kind::TextOrTexts,
            "Paths that match with all below them, from segment to segment.",
        ),
        optional(
            "path_glob",
            Kind::TextOrTexts,
            "Patterns of segments: `*` is any one segment, or within a segment any run of characters; `**` at the end is any number of segments.",
        ),
        optional(
            "methods",
            Kind::TextOrTexts,
            "The methods that it matches, and no others: `GET` does not include `HEAD`, and a request with another method falls to the next route that matches. Without it: every method. The method is that of the request line: fields and query parameters that name another one are removed or refused, but a form field `_method` in a body is not seen. Where the framework honours it (Rails, Laravel, Symfony), a route for `POST` must require everything that one for `DELETE` requires, or turn it off in the framework.",
        ),
        defaulted(
            "access",
            Kind::Choice(&["required", "optional", "public"]),
            "required",
            "Who may use it: authenticated requests, requests without credentials as well, or everybody.",
        ),
        optional(
            "require",
            Kind::TextOrTexts,
            "Names of requirements, all of which must be met.",
        ),
        defaulted(
            "allow_encoded_slash",
            Kind::Flag,
            "false",
            "Lets paths with `%2F` pass. The application must not take it for a slash.",
        ),
        defaulted(
            "allow_semicolon",
            Kind::Flag,
            "false",
            "Lets paths with `;` pass. The application must not cut parameters off before it matches.",
        ),
        defaulted(
            "preflight",
            Kind::Choice(&["authenticated", "passes"]),
            "authenticated",
            "Whether a CORS preflight passes without credentials.",
        ),
        defaulted(
            "shadow",
            Kind::Flag,
            "false",
            "Decides and tells, in log and metrics, but lets through what would be refused, without identity. A path with several readings is refused all the same.",
        ),
        optional(
            "upstream",
            Kind::Text,
            "The upstream the reverse proxy sends its requests to. Needed if `[listen.proxy]` is there.",
        ),
        optional(
            "router",
            ROUTER,
            "How the application reads paths. Without it: as its upstream or `[protection]` says.",
        ),
    ],
};

pub(super) static LISTEN: Table = Table {
    name: "[listen]",
    meaning: "The listeners. Changes to this table need a restart, except for certificates, `max_requests` and `max_streams`.",
    fields: &[
        optional(
            "forward_auth",
            Kind::Table(&LISTEN_FORWARD_AUTH),
            "The questions of nginx, Traefik, Caddy and Envoy over HTTP.",
        ),
        optional(
            "ext_authz",
            Kind::Table(&LISTEN_EXT_AUTHZ),
            "The questions of Envoy over gRPC.",
        ),
        optional("proxy", Kind::Table(&LISTEN_PROXY), "The reverse proxy."),
        optional(
            "admin",
            Kind::Table(&LISTEN_ADMIN),
            "Health, metrics and the state of keys.",
        ),
    ],
};

pub(super) static LISTEN_ADMIN: Table = Table {
    name: "[listen.admin]",
    meaning: "`/livez`, `/readyz`, `/metrics` and `/issuers`, read-only. Keep it off the public network: it says which issuers are trusted.",
    fields: &[
        defaulted(
            "address",
            Kind::Address,
            "127.0.0.1:9180",
            "Where it listens.",
        ),
        optional(
            "tls",
            Kind::Table(&LISTEN_ADMIN_TLS),
            "Serves https. Without it: plain http.",
        ),
        optional(
            "hosts",
            Kind::TextOrTexts,
            "Names under which it is asked, beside `localhost` and IP addresses. Others are refused: a name may have been pointed here by a web page.",
        ),
    ],
};

pub(super) static LISTEN_FORWARD_AUTH: Table = Table {
    name: "[listen.forward_auth]",
    meaning: "`/auth/nginx`, `/auth/traefik`, `/auth/caddy` and `/auth/envoy/`, for the proxy that is already there.",
    fields: &[
        defaulted(
            "address",
            Kind::Address,
            "127.0.0.1:9170",
            "Where it listens.",
        ),
        optional(
            "tls",
            Kind::Table(&LISTEN_FORWARD_AUTH_TLS),
            "Serves https. Without it: plain http.",
        ),
        optional(
            "trusted_proxies",
            Kind::TextOrTexts,
            "Networks or addresses of the proxies that may ask; others are refused. Without it: loopback. A Unix socket trusts whoever may open it.",
        ),
    ],
};

pub(super) static UPSTREAM: Table = Table {
    name: "[upstreams.NAME]",
    meaning: "An application, at one address or several, which take turns.",
    fields: &[
        required(
            "urls",
            Kind::TextOrTexts,
            "Where it listens: `http://host:port`, `https://host:port` or `unix:/path`. Without a path: requests keep theirs.",
        ),
        defaulted(
            "protocol",
            Kind::Choice(&["http1", "http2", "auto"]),
            "http1",
            "How it is spoken to; `auto` is as the request came. gRPC needs `http2`; WebSocket needs `http1` or `auto`.",
        ),
        optional(
            "ca",
            Kind::Text,
            "A PEM file with the authorities that its certificate is verified by. Without it: those of the system.",
        ),
        optional(
            "tls_name",
            Kind::Text,
            "The name its certificate must have. Without it: the host of `urls`.",
        ),
        optional(
            "host",
            Kind::Text,
            "The `Host` it is sent. Without it: the one the client named.",
        ),
        defaulted(
            "connect_timeout",
            Kind::Duration,
            "2s",
            "How long a connection may take, TLS included.",
        ),
        defaulted(
            "response_timeout",
            Kind::Duration,
            "60s",
            "How long the head of an answer may take once the request is sent.",
        ),
        defaulted(
            "idle_timeout",
            Kind::Duration,
            "300s",
            "How long an answer or a tunnel may be silent, and a connection wait for its next request.",
        ),
        defaulted(
            "cooldown",
            Kind::Duration,
            "5s",
            "How long an address is passed over that could not be connected to.",
        ),
        defaulted(
            "max_requests",
            Kind::Count,
            "1024",
            "How many requests may be in progress to it at a time. Further ones are answered with 503 (`too_many_requests`). A client may have as many of them as then remain free for others: half, if it is the only one.",
        ),
        defaulted(
            "max_streams",
            Kind::Count,
            "4096",
            "The same for WebSockets, streams of events and gRPC calls, which are not counted as requests.",
        ),
        optional(
            "router",
            ROUTER,
            "How it reads paths, that is, which ones its router treats as the same: see [routers.md](routers.md). Without it: as `[protection]` says.",
        ),
    ],
};

pub(super) static LISTEN_PROXY: Table = Table {
    name: "[listen.proxy]",
    meaning: "The reverse proxy: HTTP/1.1 and HTTP/2, WebSocket, gRPC, server-sent events.",
    fields: &[
        defaulted(
            "address",
            Kind::Address,
            "127.0.0.1:8080",
            "Where it listens.",
        ),
        optional(
            "tls",
            Kind::Table(&LISTEN_PROXY_TLS),
            "Serves https. Without it: plain http.",
        ),
        optional(
            "trusted_proxies",
            Kind::TextOrTexts,
            "Networks or addresses of proxies in front whose `Forwarded` and `X-Forwarded-*` are kept. Without it: nobody's. On a Unix socket: those of whoever may open it.",
        ),
        defaulted(
            "end_expired_streams",
            Kind::Flag,
            "true",
            "Ends WebSockets and streams of events when their token expires.",
        ),
        defaulted(
            "expiry_leeway",
            Kind::Duration,
            "60s",
            "How long after the expiry they end.",
        ),
        defaulted(
            "client_idle",
            Kind::Duration,
            "30s",
            "How long the next piece of a request's body may take.",
        ),
        defaulted(
            "max_requests",
            Kind::Count,
            "4096",
            "How many requests may be in progress at a time, to all upstreams together. Further ones are answered with 503 (`too_many_requests`) before they are decided on. A client may have as many of them as then remain free for others: half, if it is the only one. Where file descriptors are scarce, the limit is lower.",
        ),
        defaulted(
            "max_streams",
            Kind::Count,
            "8192",
            "The same for WebSockets, streams of events and gRPC calls, which are not counted as requests.",
        ),
        optional(
            "method_overrides",
            Kind::Texts,
            "Fields such as `X-HTTP-Method-Override` that are passed on although the decision was about the method in the request line; a query parameter with such a name, such as `_method`, passes as well. The same as `keep_fields` of `[identity]`.",
        ),
    ],
};

/// The table `tls` of a listener.
const fn tls(name: &'static str) -> Table {
    Table {
        name,
        meaning: "TLS 1.2 and 1.3. The files are read again when they change, and upon SIGHUP.",
        fields: TLS,
    }
}

static LISTEN_ADMIN_TLS: Table = tls("[listen.admin.tls]");
static LISTEN_EXT_AUTHZ_TLS: Table = tls("[listen.ext_authz.tls]");
static LISTEN_FORWARD_AUTH_TLS: Table = tls("[listen.forward_auth.tls]");
static LISTEN_PROXY_TLS: Table = tls("[listen.proxy.tls]");

static TLS: &[Field] = &[
    required(
        "certificate",
        Kind::Text,
        "A PEM file with the certificate and the chain to its authority.",
    ),
    required("key", Kind::Text, "A PEM file with its private key."),
    optional(
        "client_ca",
        Kind::Text,
        "A PEM file with authorities: a client that does not prove to one of them who it is, is not served. Without it: nobody is asked.",
    ),
];

pub(super) static LISTEN_EXT_AUTHZ: Table = Table {
    name: "[listen.ext_authz]",
    meaning: "The service `envoy.service.auth.v3.Authorization` over gRPC.",
    fields: &[
        defaulted(
            "address",
            Kind::Address,
            "127.0.0.1:9171",
            "Where it listens.",
        ),
        optional(
            "tls",
            Kind::Table(&LISTEN_EXT_AUTHZ_TLS),
            "Serves https. Without it: plain http.",
        ),
        optional(
            "trusted_proxies",
            Kind::TextOrTexts,
            "Networks or addresses of the proxies that may ask; others are refused. Without it: loopback. A Unix socket trusts whoever may open it.",
        ),
    ],
};

pub(super) static TELEMETRY: Table = Table {
    name: "[telemetry]",
    meaning: "Traces for OpenTelemetry, by OTLP over HTTP: one span a request, with what the access log says and nothing that the sender chose. The variables `OTEL_*` hold as its specification says, such as `OTEL_TRACES_SAMPLER`, and `OTEL_EXPORTER_OTLP_HEADERS` for credentials. Changes of this table need a restart.",
    fields: &[
        optional(
            "endpoint",
            Kind::Text,
            "The base URL of the collector, such as `http://127.0.0.1:4318`; traces go to `/v1/traces` below it. Without it: as `OTEL_EXPORTER_OTLP_ENDPOINT` says, or `http://localhost:4318`.",
        ),
        optional(
            "service_name",
            Kind::Text,
            "Our name in traces. Without it: `OTEL_SERVICE_NAME`, or `bearward`.",
        ),
        defaulted(
            "trust_traceparent",
            Kind::Flag,
            "false",
            "Continues the trace that the `traceparent` of a request names, if it comes from one of `trusted_proxies`. Set it if that proxy writes the field itself: who chooses it chooses what is recorded. Else each request begins a trace.",
        ),
    ],
};
