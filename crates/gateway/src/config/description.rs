//! The description of a configuration: every table and every key, once.
//!
//! The reader, the JSON Schema and the manual all use it. A key that is not here is a mistake in a
//! file, and does not compile in the reader. Defaults are here too, and are read like written values;
//! the default of a choice is its first word.

use std::time::Duration;

use bearward::Profile;
use bearward_gate::identity::{Encoding, Preset};
use bearward_gate::route::{Access, Preflight, Router};

use crate::doors::proxy::Protocol;
use crate::net::address::Address;

use super::key::{Choice, Key, Keys, Table, chosen, defaulted, optional, required};
use super::mistakes::Code;
use super::reader::{
    ByName, Claims, Count, Each, Flag, FromOne, Groups, Hidden, Inner, Text, TextOrTexts, Texts,
    Value,
};

/// A table: its meaning, and for each key the type of the value, the default and the meaning.
macro_rules! table {
    ($handles:ident: $table:ident, $meaning:literal {
        $($key:ident: $value:ty = $field:expr),+ $(,)?
    }) => {
        #[derive(Debug)]
        pub(super) struct $table {
            $(pub(super) $key: Key<$table, $value>),+
        }

        pub(super) static $handles: $table = $table {
            $($key: Key::new(stringify!($key), <$value as Value>::KIND, $field)),+
        };

        impl Keys for $table {
            const TABLE: &'static Table = &Table {
                meaning: $meaning,
                fields: &[$($handles.$key.field()),+],
            };
        }
    };
}

/// The words of a choice, the default first. A variant without a word does not compile.
macro_rules! words {
    ($choice:ty { $first_word:literal: $first:ident, $($word:literal: $value:ident),+ $(,)? }) => {
        impl Choice for $choice {
            const FIRST: Self = Self::$first;
            const ALL: &'static [Self] = &[Self::$first, $(Self::$value),+];

            fn word(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$value => $word),+
                }
            }
        }
    };
}

table! {
    ROOT: Root, "Everything the gateway does stands in one TOML file. Unknown keys are mistakes." {
        issuers: Each<Issuer> = required("Whose access tokens are accepted, and for whom they must be.").under("[[issuers]]").missing_as(Code::IssuerMissing),
        protection: Inner<Protection> = optional("What this resource server says of itself.").under("[protection]"),
        identity: Inner<Identity> = optional("How the application learns who sent a request.").under("[identity]"),
        token_cache: Inner<TokenCache> = optional("How many verified tokens are remembered.").under("[token_cache]"),
        requirements: ByName<Requirements> = optional("What routes may ask of a principal, under names.").under("[requirements.NAME]"),
        routes: Each<Route> = required("Which requests may pass, in the order in which they are tried. A request that no route matches is refused.").under("[[routes]]"),
        upstreams: ByName<Upstream> = optional("The applications that the reverse proxy sends requests to, under names.").under("[upstreams.NAME]"),
        listen: Inner<Listen> = optional("Where the gateway listens. A listener without a table is not started.").under("[listen]"),
        telemetry: Inner<Telemetry> = optional("Where traces go. Without the table there are none.").under("[telemetry]"),
    }
}

table! {
    TOKEN_CACHE: TokenCache, "The cache of verified tokens. A token in the cache is accepted without checking its signature again; its times, the route's requirements, and whether its key is still published are checked on every request. The cache keeps tokens and their claims in memory, and never holds an invalid token." {
        max_entries: Count = defaulted("10000", "The most tokens; `0` turns the cache off."),
        max_bytes: Count = defaulted("33554432", "The most memory they take, in bytes; a usual token takes 4500. `0` turns the cache off."),
    }
}

table! {
    ISSUER: Issuer, "An issuer. Its keys are discovered, unless one of `jwks_uri`, `jwks_file` and `secret` says where they are." {
        issuer: Text = required("The issuer, exactly as it appears in `iss`.").missing_as(Code::IssuerMissing),
        also: Texts = optional("Other names of the same issuer, with the same keys: Authgear keeps its keys when a custom domain changes `iss`."),
        audiences: TextOrTexts = required("Our names in `aud`, of which a token must have one.").missing_as(Code::AudienceMissing),
        profile: Profile = chosen("How the issuer writes access tokens, and what marks a machine. The table of profiles has the details."),
        algorithms: Texts = optional("The signature algorithms the issuer may use. Without it: every one with a public key. `HS256`, `HS384` and `HS512` need `secret`."),
        client_ids: Texts = optional("The clients whose tokens are accepted. Without it: every client of the issuer."),
        required_claims: Texts = optional("Claims that each token must have, beside those of the profile."),
        leeway: Duration = defaulted("30s", "The allowance for clocks that differ, `300s` at most."),
        max_lifetime: Option<Duration> = optional("The longest lifetime, `exp` − `iat`, a token may have. Without it: any."),
        jwks_uri: Text = optional("The URL of the JWK Set, in the place of discovery."),
        jwks_file: Text = optional("A file with the JWK Set, in the place of discovery. Nothing is fetched."),
        secret: Hidden = optional("The static secret of an issuer that signs with HMAC: where it is, never the secret itself. A file counts byte for byte."),
        internal_origin: Text = optional("Where the issuer is reached from here, when that is not its public origin: scheme, host and port."),
        insecure_plain_http: Flag = defaulted("false", "Fetches keys over plain http beyond this machine: anyone on the way can then choose them."),
        stale_if_error: Duration = defaulted("24h", "How long keys serve while the issuer cannot be reached."),
        snapshot: Text = optional("A file for the last good key set, so that a restart during an outage still serves."),
    }
}

table! {
    PROTECTION: Protection, "What challenges and the protected resource metadata (RFC 9728) say." {
        realm: Text = defaulted("api", "The realm of challenges."),
        resource: Text = optional("The URL of the protected resource. With it, challenges name its metadata, which the gateway serves: in the place of the application, and on the listener for forward auth, to which the proxy must lead (`bearward gen-config` writes it so)."),
        scopes: Texts = optional("The scopes that clients may ask for, in the metadata. Needs `resource`."),
        origins: Texts = optional("Origins such as `https://app.example.com` whose pages may read a refusal and its challenge (CORS). What the application answers is its own matter."),
        id_token_header: Text = optional("The field in which an ID token is sent along for re-authentication. Without it: `X-Id-Token`."),
        router: Option<Router> = optional("How the application reads paths, for routes that do not set it themselves or through their upstream: see [routers.md](routers.md). Without it: `strict`."),
    }
}

table! {
    IDENTITY: Identity, "The identity fields. What clients send under these names is taken out on every route." {
        preset: Preset = chosen("A set of fields: ours, those of the Authgear resolver, or none but `[[identity.fields]]`."),
        forward_token: Flag = defaulted("false", "Whether the application gets the access token as well."),
        drop_underscores: Flag = defaulted("true", "Removes every client field with `_` in its name: many servers treat `_` as `-`, and gunicorn reads `SCRIPT_NAME` as a part of the path. With `false`, removes only spellings of identity fields and of [misleading fields](fields.md)."),
        remove_fields: Texts = optional("Further client fields to remove, in every spelling, in addition to identity fields and [misleading fields](fields.md): those that make your application use another path, host, client or user."),
        keep_fields: Texts = optional("[Misleading fields](fields.md), or fields with `_`, that are passed on nevertheless, under exactly this name. The sender chooses their value, unless a proxy in front of everything sets or removes them. `_method` also lets the query parameter of that name pass."),
        fields: Each<IdentityField> = optional("Fields beside those of the preset.").under("[[identity.fields]]"),
    }
}

table! {
    IDENTITY_FIELD: IdentityField, "A claim that the application is told in a field." {
        header: Text = required("The name of the field."),
        claim: TextOrTexts = required("The claim: its name, or the names on the way to it, outermost first."),
        encoding: Encoding = chosen("How its value is written."),
    }
}

table! {
    REQUIREMENTS: Requirements, "What a principal must have; all that is said must be met." {
        scopes: Texts = optional("Scopes the token must have, all of them."),
        any_scopes: Groups = optional("Groups of scopes; of each the token must have one."),
        roles: Texts = optional("Authgear roles the user must have, all of them."),
        claims: Claims = optional("Claims and the value each must have, be it or hold it; a list means one of them."),
        client_ids: Texts = optional("Clients of which it must be one."),
        kind: Option<PrincipalKind> = optional("A user, or a client that acts for itself, according to marks that the issuer alone sets. Without it: either, and principals of unknown kind, which satisfy neither. The profile says what marks a machine; `generic` knows no mark."),
        verified: Flag = defaulted("false", "A user whom Authgear calls verified."),
        not_anonymous: Flag = defaulted("false", "A user whom Authgear does not call anonymous."),
        acr: Texts = optional("Authentication context classes, in order of preference, of which `acr` must have one."),
        amr: Texts = optional("Authentication methods that `amr` must have, all of them."),
        max_age: Option<Duration> = optional("The user authenticated at most this long ago; else the challenge asks for it (RFC 9470)."),
        cannot_reauthenticate: CannotReauthenticate = chosen("What becomes of a user who must re-authenticate and has no means to. Goes with `max_age`."),
        all: Texts = optional("Names of other requirements, all of which must be met."),
        any: Texts = optional("Names of other requirements, of which one must be met."),
    }
}

table! {
    ROUTE: Route, "A route. The first that matches host, path and method decides; it needs at least one of `path`, `path_prefix` and `path_glob`." {
        name: Text = required("Its name in log and metrics."),
        hosts: TextOrTexts = optional("The hosts it is for, without port. Without it: every host."),
        path: TextOrTexts = optional("Paths that match exactly: `/orders` is neither `/orders/` nor `/orders/7`."),
        path_prefix: TextOrTexts = optional("Paths that match with all below them, from segment to segment."),
        path_glob: TextOrTexts = optional("Patterns of segments: `*` is any one segment, or within a segment any run of characters; `**` at the end is any number of segments."),
        methods: TextOrTexts = optional("The methods that it matches, and no others: `GET` does not include `HEAD`, and a request with another method falls to the next route that matches. Without it: every method. The method is that of the request line: fields and query parameters that name another one are removed or refused, but a form field `_method` in a body is not seen. Where the framework honours it (Rails, Laravel, Symfony), a route for `POST` must require everything that one for `DELETE` requires, or turn it off in the framework."),
        access: Access = chosen("Who may use it: authenticated requests, requests without credentials as well, or everybody."),
        require: TextOrTexts = optional("Names of requirements, all of which must be met."),
        allow_encoded_slash: Flag = defaulted("false", "Lets paths with `%2F` pass. The application must not take it for a slash."),
        allow_semicolon: Flag = defaulted("false", "Lets paths with `;` pass. The application must not cut parameters off before it matches."),
        preflight: Preflight = chosen("Whether a CORS preflight passes without credentials."),
        shadow: Flag = defaulted("false", "Decides and tells, in log and metrics, but lets through what would be refused, without identity. A path with several readings is refused all the same."),
        upstream: Text = optional("The upstream the reverse proxy sends its requests to. Needed if `[listen.proxy]` is there."),
        router: Option<Router> = optional("How the application reads paths. Without it: as its upstream or `[protection]` says."),
    }
}

table! {
    LISTEN: Listen, "The listeners. Changes to this table need a restart, except for certificates, `max_requests` and `max_streams`." {
        forward_auth: Inner<ForwardAuth> = optional("The questions of proxies over HTTP, such as nginx: forward auth.").under("[listen.forward_auth]"),
        ext_authz: Inner<ExtAuthz> = optional("The questions of Envoy over gRPC.").under("[listen.ext_authz]"),
        proxy: Inner<Proxy> = optional("The reverse proxy.").under("[listen.proxy]"),
        admin: Inner<Admin> = optional("Health, metrics and the state of keys.").under("[listen.admin]"),
    }
}

table! {
    ADMIN: Admin, "`/livez`, `/readyz`, `/metrics` and `/issuers`, read-only. Keep it off the public network: it says which issuers are trusted." {
        address: Address = defaulted("127.0.0.1:9180", "Where it listens."),
        tls: Inner<Tls> = optional("Serves https. Without it: plain http.").under("[listen.admin.tls]"),
        hosts: TextOrTexts = optional("Names under which it is asked, beside `localhost` and IP addresses. Others are refused: a name may have been pointed here by a web page."),
    }
}

table! {
    FORWARD_AUTH: ForwardAuth, "One endpoint for each proxy that may already be there, such as `/auth/nginx`: see [gateway.md](gateway.md)." {
        address: Address = defaulted("127.0.0.1:9170", "Where it listens."),
        tls: Inner<Tls> = optional("Serves https. Without it: plain http.").under("[listen.forward_auth.tls]"),
        trusted_proxies: TextOrTexts = optional("Networks or addresses of the proxies that may ask; others are refused. Without it: loopback. A Unix socket trusts whoever may open it."),
    }
}

table! {
    UPSTREAM: Upstream, "An application, at one address or several, which take turns." {
        urls: TextOrTexts = required("Where it listens: `http://host:port`, `https://host:port` or `unix:/path`. Without a path: requests keep theirs."),
        protocol: Protocol = chosen("How it is spoken to; `auto` is as the request came. gRPC needs `http2`; WebSocket needs `http1` or `auto`."),
        ca: Text = optional("A PEM file with the authorities that its certificate is verified by. Without it: those of the system."),
        tls_name: Text = optional("The name its certificate must have. Without it: the host of `urls`."),
        host: Text = optional("The `Host` it is sent. Without it: the one the client named."),
        connect_timeout: Duration = defaulted("2s", "How long a connection may take, TLS included."),
        response_timeout: Duration = defaulted("60s", "How long the head of an answer may take once the request is sent."),
        idle_timeout: Duration = defaulted("300s", "How long an answer or a tunnel may be silent, and a connection wait for its next request."),
        cooldown: Duration = defaulted("5s", "How long an address is passed over that could not be connected to."),
        max_requests: FromOne = defaulted("1024", "How many requests may be in progress to it at a time. Further ones are answered with 503 (`too_many_requests`). A client may have as many of them as then remain free for others: half, if it is the only one."),
        max_streams: FromOne = defaulted("4096", "The same for WebSockets, streams of events and gRPC calls, which are not counted as requests."),
        router: Option<Router> = optional("How it reads paths, that is, which ones its router treats as the same: see [routers.md](routers.md). Without it: as `[protection]` says."),
    }
}

table! {
    PROXY: Proxy, "The reverse proxy: HTTP/1.1 and HTTP/2, WebSocket, gRPC, server-sent events." {
        address: Address = defaulted("127.0.0.1:8080", "Where it listens."),
        tls: Inner<Tls> = optional("Serves https. Without it: plain http.").under("[listen.proxy.tls]"),
        trusted_proxies: TextOrTexts = optional("Networks or addresses of proxies in front whose `Forwarded` and `X-Forwarded-*` are kept. Without it: nobody's. On a Unix socket: those of whoever may open it."),
        end_expired_streams: Flag = defaulted("true", "Ends WebSockets and streams of events when their token expires."),
        expiry_leeway: Duration = defaulted("60s", "How long after the expiry they end."),
        client_idle: Duration = defaulted("30s", "How long the next piece of a request's body may take."),
        max_requests: FromOne = defaulted("4096", "How many requests may be in progress at a time, to all upstreams together. Further ones are answered with 503 (`too_many_requests`) before they are decided on. A client may have as many of them as then remain free for others: half, if it is the only one. Where file descriptors are scarce, the limit is lower."),
        max_streams: FromOne = defaulted("8192", "The same for WebSockets, streams of events and gRPC calls, which are not counted as requests."),
        method_overrides: Texts = optional("Fields such as `X-HTTP-Method-Override` that are passed on although the decision was about the method in the request line; a query parameter with such a name, such as `_method`, passes as well. The same as `keep_fields` of `[identity]`."),
    }
}

table! {
    TLS: Tls, "TLS 1.2 and 1.3. The files are read again when they change, and upon SIGHUP." {
        certificate: Text = required("A PEM file with the certificate and the chain to its authority."),
        key: Text = required("A PEM file with its private key."),
        client_ca: Text = optional("A PEM file with authorities: a client that does not prove to one of them who it is, is not served. Without it: nobody is asked."),
    }
}

table! {
    EXT_AUTHZ: ExtAuthz, "The service `envoy.service.auth.v3.Authorization` over gRPC." {
        address: Address = defaulted("127.0.0.1:9171", "Where it listens."),
        tls: Inner<Tls> = optional("Serves https. Without it: plain http.").under("[listen.ext_authz.tls]"),
        trusted_proxies: TextOrTexts = optional("Networks or addresses of the proxies that may ask; others are refused. Without it: loopback. A Unix socket trusts whoever may open it."),
    }
}

table! {
    TELEMETRY: Telemetry, "Traces for OpenTelemetry, by OTLP over HTTP: one span a request, with what the access log says and nothing that the sender chose. The variables `OTEL_*` hold as its specification says, such as `OTEL_TRACES_SAMPLER`, and `OTEL_EXPORTER_OTLP_HEADERS` for credentials. Changes of this table need a restart." {
        endpoint: Text = optional("The base URL of the collector, such as `http://127.0.0.1:4318`; traces go to `/v1/traces` below it. Without it: as `OTEL_EXPORTER_OTLP_ENDPOINT` says, or `http://localhost:4318`."),
        service_name: Text = optional("Our name in traces. Without it: `OTEL_SERVICE_NAME`, or `bearward`."),
        trust_traceparent: Flag = defaulted("false", "Continues the trace that the `traceparent` of a request names, if it comes from one of `trusted_proxies`. Set it if that proxy writes the field itself: who chooses it chooses what is recorded. Else each request begins a trace."),
    }
}

words!(Access { "required": Required, "optional": Optional, "public": Public });
words!(PrincipalKind { "user": User, "machine": Machine });
words!(CannotReauthenticate { "refuse": Refuse, "allow": Allow });
words!(Encoding {
    "plain": Plain,
    "json": Json,
    "comma": Comma,
    "space": Space,
    "base64url": Base64Url,
    "percent": Percent,
});
words!(Preflight { "authenticated": Authenticated, "passes": Passes });
words!(Preset { "bearward": Bearward, "authgear": Authgear, "none": None });
words!(Protocol { "http1": Http1, "http2": Http2, "auto": Auto });

/// The kinds of principals that requirements can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrincipalKind {
    Machine,
    User,
}

/// How to treat a user who must re-authenticate but cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CannotReauthenticate {
    Allow,
    Refuse,
}

impl Choice for Profile {
    const FIRST: Self = Self::Rfc9068;
    const ALL: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Choice for Router {
    const FIRST: Self = Self::Strict;
    const ALL: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }
}
