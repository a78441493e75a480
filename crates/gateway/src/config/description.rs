//! The description of a configuration: every table and every key, once.
//!
//! The reader, the JSON Schema and the manual all use it. A key that is not here is a mistake in a
//! file, and does not compile in the reader. Defaults are here too, and are read like written values;
//! the default of a choice is its first word.

use std::time::Duration;

use bearward::Profile;
use bearward::core::source::TokenEncoding;
use bearward_gate::identity::{Encoding, Preset};
use bearward_gate::route::{Access, Preflight, Router};

use crate::doors::proxy::Protocol;
use crate::net::address::Address;

use super::key::{Choice, Key, Keys, Table, chosen, defaulted, optional, required};
use super::mistakes::Code;
use super::reader::{
    ByName, ClaimValues, Claims, Count, Each, Flag, FromOne, Groups, Hidden, Inner, Path,
    SecretFile, Text, TextOrTexts, Texts, Value,
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
    ROOT: Root, "One TOML file configures everything the gateway does. Unknown keys are mistakes." {
        issuers: Each<Issuer> = required("The issuers whose access tokens are accepted, and the audiences that the tokens must name.").under("[[issuers]]").missing_as(Code::IssuerMissing),
        protection: Inner<Protection> = optional("What this resource server publishes about itself.").under("[protection]"),
        identity: Inner<Identity> = optional("How the application learns who sent a request.").under("[identity]"),
        token_cache: Inner<TokenCache> = optional("How many verified tokens are remembered.").under("[token_cache]"),
        failures: Inner<Failures> = optional("How many tokens of a client may fail to verify. Without this table there is no limit.").under("[failures]"),
        requirements: ByName<Requirements> = optional("Named requirements that routes can make of a principal.").under("[requirements.NAME]"),
        routes: Each<Route> = required("Which requests may pass. Routes are tried in order; a request that matches no route is refused.").under("[[routes]]"),
        upstreams: ByName<Upstream> = optional("The applications, by name, that the reverse proxy sends requests to.").under("[upstreams.NAME]"),
        listen: Inner<Listen> = optional("Where the gateway listens. A listener without a table is not started.").under("[listen]"),
        log: Inner<Log> = optional("What the log shows of each request. The log itself goes to stderr.").under("[log]"),
        audit: Inner<Audit> = optional("Where each decision is recorded with the identity of the sender. Without this table there is no audit log.").under("[audit]"),
        telemetry: Inner<Telemetry> = optional("Where traces and metrics are sent. Without this table, none are.").under("[telemetry]"),
    }
}

table! {
    TOKEN_CACHE: TokenCache, "The cache of verified tokens. A token in the cache is accepted without checking its signature again; its times, the route's requirements, and whether its key is still published are checked on every request. The cache keeps tokens and their claims in memory, and never holds an invalid token." {
        max_entries: Count = defaulted("10000", "The maximum number of tokens; `0` turns the cache off."),
        max_bytes: Count = defaulted("33554432", "The maximum memory for them, in bytes; a typical token takes 4500. `0` turns the cache off."),
    }
}

table! {
    FAILURES: Failures, "The limit on failures: tokens that are refused although their signature was checked. It bounds the processor time that a flood of forged tokens takes. A client over its limit gets 429 (`too_many_failures`) for its tokens, except for those in the token cache and good ones among some that are still checked: see [gateway.md](gateway.md#a-limit-on-failures). A client is an IPv4 address or the first 64 bits of an IPv6 address; behind the `trusted_proxies` of a listener, the address that they name. Where none is named, nothing is limited. A reload keeps the counts." {
        max_per_client: FromOne = defaulted("100", "How many failures a client may have at once; 1000000 at most."),
        period: Duration = defaulted("60s", "How long after that many failures all of them are forgiven, one by one; `1s` to `1h`."),
    }
}

table! {
    ISSUER: Issuer, "An issuer. Its keys are found by discovery, unless `jwks_uri`, `jwks_file` or `secret` is set." {
        issuer: Text = required("The issuer, exactly as it appears in `iss`.").missing_as(Code::IssuerMissing),
        also: Texts = optional("Further values of `iss` that the same issuer uses with the same keys, such as the old name after a change of domain (Authgear keeps its keys then)."),
        tenants: TextOrTexts = optional("The tenants of an issuer that has a name for each, such as Microsoft Entra. `issuer` then has a placeholder in their place, as in `https://login.microsoftonline.com/{tenantid}/v2.0`, and no other tenants are accepted. A list, or `file:PATH` for a file with one on each line; `#` begins a comment there, and a reload follows its changes. The keys of a tenant are fetched when the first of its tokens arrives; those of at most 1024 are held at a time. They do not affect `/readyz`, and `/issuers` and the metrics show all of them as one issuer. The keys are always discovered: `also`, `jwks_uri`, `jwks_file`, `secret` and `snapshot` cannot be used. At Microsoft, write the ID of each tenant (a UUID)."),
        tenant_claim: Text = defaulted("tid", "The claim that must name the same tenant. Has an effect only with `tenants`."),
        audiences: TextOrTexts = required("The names of this resource server; a token must have one of them in `aud`.").missing_as(Code::AudienceMissing),
        profile: Profile = chosen("How the issuer writes access tokens, and how it marks machines. See the table of profiles."),
        tokens: Recognition = chosen("How an access token is recognised: `by_kind`, that is, by the `typ` and the claims that the profile expects; or `by_audience`, for issuers whose access tokens cannot be distinguished from their ID tokens. Use `by_audience` only if no other kind of token has one of `audiences`: bearward would accept an ID token that has one. The identifier of a client, which is the audience of that client's ID tokens, must therefore not be one of them. A token that says it is of another kind is still refused."),
        subject_claim: Path = optional("The claim that names the subject, for tokens without `sub` (AD FS; Keycloak without the scope `basic`): its name, or for a nested claim the names of its path, outermost first. Choose a claim that the issuer assigns and never reuses. If users can choose it, one user can impersonate another. Default: `sub`, or what the profile says."),
        algorithms: Texts = optional("The signature algorithms the issuer may use. Default: every algorithm with a public key. `HS256`, `HS384` and `HS512` need `secret`."),
        client_ids: Texts = optional("The clients whose tokens are accepted. Default: every client of the issuer."),
        required_claims: Texts = optional("Claims that each token must have, in addition to those of the profile. Names are taken literally, so only top-level claims can be named."),
        leeway: Duration = defaulted("30s", "The tolerance for differences between clocks, `300s` at most."),
        max_lifetime: Option<Duration> = optional("The longest lifetime, `exp` − `iat`, that a token may have. Default: no limit."),
        jwks_uri: Text = optional("The URL of the JWK Set, instead of discovery. With the profile `aws-alb`, which needs it: the URL of each key, with `{kid}` in its path in place of the `kid`. A key is fetched when the first token with its `kid` arrives, and at most 64 are held at a time; so they do not affect `/readyz`, and `snapshot` cannot be used."),
        jwks_file: Text = optional("A file with the JWK Set, instead of discovery. Nothing is fetched."),
        secret: Hidden = optional("A reference to the static secret of an issuer that signs with HMAC, never the secret itself. Every byte of a file is part of the secret."),
        internal_origin: Text = optional("The origin (scheme, host and port) under which this machine reaches the issuer, if it is not the public one. Every request to the issuer's host goes there, whether its metadata says http or https, with the public name in `Host` and `X-Forwarded-Proto`."),
        insecure_plain_http: Flag = defaulted("false", "Allows fetching keys from another machine over plain http: anyone on the network path can then replace them, and read `authorization`."),
        proxy: Text = optional("The HTTP proxy through which the issuer is reached, such as `http://proxy:3128`; https passes through it unread. `environment` takes the proxies of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, which are ignored otherwise, since a parent process may set them from a request (httpoxy). This machine is always reached directly. Default: no proxy."),
        proxy_authorization: Hidden = optional("A reference to the credentials for `proxy`, never the credentials themselves: `user:password`, a single token (`Bearer`), or the value of `Proxy-Authorization` with its scheme. One final newline is not part of them."),
        ca: Text = optional("A PEM file with certificate authorities to trust for this issuer, in addition to those of the system. Verification cannot be turned off."),
        ca_only: Flag = defaulted("false", "Trusts only the authorities in `ca`, and not those of the system: no public authority can then vouch for another server under the issuer's name."),
        client_certificate: Text = optional("A PEM file with the certificate, and the chain to its authority, that proves to the issuer who we are, if it asks (mutual TLS). Needs `client_key`."),
        client_key: SecretFile = optional("A PEM file with the private key of `client_certificate`; may be the same file."),
        authorization: Hidden = optional("A reference to our credentials at the issuer, never the credentials themselves, for an issuer that does not publish its keys to everyone, such as Kubernetes: `user:password`, a single token (`Bearer`), or the value of `Authorization` with its scheme. One final newline is not part of them. A file is read again for each fetch. They are sent with requests to the origin of `issuer`, `internal_origin` or `jwks_uri`; if the issuer's metadata names a JWK Set at another origin, it is fetched without them."),
        stale_if_error: Duration = defaulted("24h", "How long keys are used while the issuer cannot be reached."),
        snapshot: Text = optional("A file that stores the last good key set, so that the gateway can restart during an outage of the issuer."),
    }
}

table! {
    PROTECTION: Protection, "The contents of challenges and of the protected resource metadata (RFC 9728)." {
        realm: Text = defaulted("api", "The realm of challenges."),
        resource: Text = optional("The URL of the protected resource. With it, challenges link to the resource's metadata. The gateway serves the metadata itself: in place of the application (reverse proxy, ext_authz), and on the forward-auth listener. With forward auth, the proxy must send requests for the metadata there (`bearward gen-config` includes this)."),
        scopes: Texts = optional("The scopes that clients may request, published in the metadata. Needs `resource`."),
        origins: Texts = optional("Origins such as `https://app.example.com`, or `capacitor://localhost` of an app, whose pages may read a refusal and its challenge (CORS), and may send requests that a cookie authenticates, where a cookie is one of the `sources`. This does not change the application's own answers. With ingress-nginx, these pages still cannot read refusals; for cookies, `origins` works there too."),
        allow_credentials: Flag = defaulted("false", "Lets pages of `origins` also read refusals of requests that the browser sends with credentials of its own: cookies or client certificates (`Access-Control-Allow-Credentials`). Not needed for `Authorization`, which a page sets itself. Needs `origins`."),
        id_token_header: Text = optional("The field in which a client sends an ID token for re-authentication. Default: `X-Id-Token`."),
        sources: Each<Source> = optional("Where requests may carry their token in addition to `Authorization`, on every route that has no `sources` of its own. Default: nowhere else.").under("[[protection.sources]]"),
        router: Option<Router> = optional("How the application reads paths, for routes where neither the route nor its upstream sets it: see [routers.md](routers.md). Default: `strict`."),
    }
}

table! {
    SOURCE: Source, "A source: a part of the request, other than `Authorization`, that may carry an access token, which then counts as `Bearer`. Each table has exactly one of `field`, `cookie`, `websocket_protocol`, `websocket_prefix` and `query`. A request must carry its token in one source only. With a token in two sources, or next to any `Authorization` field, it is refused (`multiple_credentials`). bearward never reads a source that is not listed. The token is taken out of every request before the application gets it, unless `forward_token` of `[identity]` is set; see [sources.md](sources.md)." {
        field: Text = optional("A field whose whole value is the token, such as `Cf-Access-Jwt-Assertion`. Letters, digits and up to 6 hyphens."),
        cookie: Text = optional("A cookie. WebSocket handshakes, and requests with methods other than GET, HEAD, OPTIONS and TRACE, must then come from a page of the same origin or of one of `origins` (`csrf_origin`)."),
        websocket_protocol: Text = optional("A WebSocket subprotocol that is followed by the token as the next one: with `bearer`, `new WebSocket(url, [\"bearer\", token])`."),
        websocket_prefix: Text = optional("The start of a WebSocket subprotocol, which the token follows, such as `base64url.bearer.authorization.k8s.io.`. Browsers must offer another subprotocol as well, for the response to name."),
        encoding: TokenEncoding = chosen("How the token is written after `websocket_prefix`: as it is, or in base64url without padding, as Kubernetes has it."),
        query: Text = optional("A query parameter, such as `access_token`. Logs, histories and `Referer` keep it, so RFC 9700 §4.3.2 advises against it; `check` warns about it. Not with `[listen.forward_auth]`, where nothing could take it out of the URL, unless `forward_token` is set."),
    }
}

table! {
    IDENTITY: Identity, "The identity fields. Fields with these names that clients send are removed on every route." {
        preset: Preset = chosen("The set of fields: bearward's own, those of the Authgear resolver, or only `[[identity.fields]]`."),
        subject_encoding: Encoding = chosen("How the preset writes the subject, as `encoding` of a field does ([examples](gateway.md#encodings)). With `plain`, a subject with characters outside ASCII is refused (403 `claim_not_header_safe`): without it, the application could take several users for one. Needed only if the `subject_claim` of an issuer can have such characters."),
        forward_token: Flag = defaulted("false", "Whether the application gets the access token as well."),
        drop_underscores: Flag = defaulted("true", "Removes every client field with `_` in its name: many servers treat `_` as `-`, and gunicorn treats `SCRIPT_NAME` as a part of the path. With `false`, removes only spellings of identity fields and of [misleading fields](fields.md)."),
        remove_fields: Texts = optional("Further client fields to remove, in every spelling, in addition to identity fields and [misleading fields](fields.md): those that make your application use another path, host, client or user."),
        keep_fields: Texts = optional("[Misleading fields](fields.md), or fields with `_`, that are passed on nevertheless, under exactly this name. The client chooses their value, unless a proxy in front sets or removes them. `_method` also allows the query parameter of that name."),
        fields: Each<IdentityField> = optional("Fields in addition to those of the preset.").under("[[identity.fields]]"),
    }
}

table! {
    IDENTITY_FIELD: IdentityField, "A field that passes a claim to the application." {
        header: Text = required("The name of the field."),
        claim: Path = required("The claim: its name, or for a nested claim the names of its path, outermost first."),
        encoding: Encoding = chosen("How its value is written ([examples](gateway.md#encodings)). With `plain`, `comma` and `space`, a value with characters outside ASCII is left out, as if the token did not have the claim; `check` warns of it where the claim is the name of a person or place."),
    }
}

table! {
    REQUIREMENTS: Requirements, "What a principal must have. All keys of the table must be satisfied." {
        scopes: Texts = optional("Scopes; the token must have all of them."),
        any_scopes: Groups = optional("Groups of scopes; the token must have one scope of each group."),
        roles: Texts = optional("Roles; the user must have all of them."),
        roles_claim: Path = optional("The claim with the roles: its name, or for a nested claim the names of its path, outermost first, such as `[\"realm_access\", \"roles\"]`. Default: Authgear's, `https://authgear.com/claims/user/roles`. Needs `roles`."),
        claims: Claims = optional("Claims and their required values: strings, `true` or `false`, or whole numbers. A claim must be that value, or an array that contains it; no type is converted, so `1` is not `\"1\"`. If a list is given, one of its values is enough. Names are taken literally: for a nested claim, see `claim_rules`."),
        claim_rules: Each<ClaimRule> = optional("The same for nested claims.").under("[[requirements.NAME.claim_rules]]"),
        client_ids: Texts = optional("Clients; the principal must be one of them."),
        kind: Option<PrincipalKind> = optional("`user`, or `machine`: a client that acts for itself. It is determined from marks that only the issuer can set. Default: any principal, including those of unknown kind, which are neither. The profile defines what marks a machine; `generic` has no such mark."),
        verified: Flag = defaulted("false", "Whether Authgear must have marked the user as verified."),
        not_anonymous: Flag = defaulted("false", "Whether Authgear must have marked the user as not anonymous."),
        acr: Texts = optional("Authentication context classes, in order of preference; `acr` must be one of them."),
        amr: Texts = optional("Authentication methods; `amr` must contain all of them."),
        max_age: Option<Duration> = optional("The longest time since the user authenticated. If it is exceeded, the challenge asks for re-authentication (RFC 9470)."),
        cannot_reauthenticate: CannotReauthenticate = chosen("Whether to refuse or allow a user who must re-authenticate but has no means to. Needs `max_age`."),
        all: Texts = optional("Names of other requirements; all of them must be met."),
        any: Texts = optional("Names of other requirements; one of them must be met."),
    }
}

table! {
    CLAIM_RULE: ClaimRule, "A claim by its path, and its required value. A claim must equal its value, or be an array that contains it." {
        claim: Path = required("The claim: its name, or for a nested claim the names of its path, outermost first, such as `[\"resource_access\", \"api\", \"roles\"]`. Names may have dots and slashes in them."),
        values: ClaimValues = required("The value, as for `claims`; of a list, one is enough."),
    }
}

table! {
    ROUTE: Route, "A route. The first route that matches host, path and method decides. A route needs at least one of `path`, `path_prefix` and `path_glob`." {
        name: Text = required("Its name in the log and the metrics."),
        hosts: TextOrTexts = optional("The hosts that it matches, without port. Default: every host."),
        path: TextOrTexts = optional("Paths that match exactly: `/orders` is neither `/orders/` nor `/orders/7`."),
        path_prefix: TextOrTexts = optional("Paths that match together with all paths below them, by whole segments."),
        path_glob: TextOrTexts = optional("Patterns of segments: `*` is any one segment, or within a segment any run of characters; `**` at the end is any number of segments."),
        methods: TextOrTexts = optional("The methods that it matches, and no others: `GET` does not include `HEAD`, and a request with another method goes to the next route that matches. Default: every method. The method is that of the request line: fields and query parameters that name another one are removed or refused, but the gateway does not see a form field `_method` in a body. If the framework honours that field (Rails, Laravel, Symfony), turn it off in the framework, or let the route for `POST` require everything that the one for `DELETE` requires."),
        access: Access = chosen("Who may use it: only authenticated requests, also requests without credentials, or everybody. With `optional`, requests without credentials pass even if the route has `require`, which applies only to those with a token."),
        require: TextOrTexts = optional("Names of requirements, all of which must be met."),
        sources: Each<Source> = optional("Where its requests may carry their token in addition to `Authorization`, in place of the `sources` of `[protection]`; `[]` allows only `Authorization`.").under("[[routes.sources]]"),
        paths: Paths = chosen("Which paths pass. With `exact`, only those that every server reads in the same way. With `tolerant`, also those with `//`, `%2F`, `;`, `%3B`, or a dot or space at the end of a segment, which some servers repair: see [routers.md](routers.md). Each path that a server could read such a path as must have a route, and all these routes must be tolerant and admit the request. It is a mistake if another route that shares the prefix requires more."),
        allow_encoded_slash: Flag = defaulted("false", "Deprecated: use `paths`. Lets paths with `%2F` pass. The application must not treat it as a slash."),
        allow_semicolon: Flag = defaulted("false", "Deprecated: use `paths`. Lets paths with `;` pass. The application must not strip parameters before it matches the path."),
        preflight: Preflight = chosen("Whether a CORS preflight passes without credentials."),
        shadow: Flag = defaulted("false", "Records decisions in the log and the metrics but does not enforce them: requests that would be refused pass, without identity fields. A path that can be read in several ways is still refused."),
        upstream: Text = optional("The upstream that the reverse proxy sends its requests to. Required with `[listen.proxy]`."),
        router: Option<Router> = optional("How the application reads paths. Default: the setting of its upstream or of `[protection]`."),
    }
}

table! {
    LISTEN: Listen, "The listeners. Changes to this table need a restart, except for certificates, `max_requests` and `max_streams`." {
        forward_auth: Inner<ForwardAuth> = optional("Forward auth: proxies such as nginx ask for decisions over HTTP.").under("[listen.forward_auth]"),
        ext_authz: Inner<ExtAuthz> = optional("External authorization: Envoy asks for decisions over gRPC.").under("[listen.ext_authz]"),
        proxy: Inner<Proxy> = optional("The reverse proxy.").under("[listen.proxy]"),
        admin: Inner<Admin> = optional("Health, metrics and the state of the issuers' keys.").under("[listen.admin]"),
    }
}

table! {
    ADMIN: Admin, "`/livez`, `/readyz`, `/metrics` and `/issuers`, read-only. Keep it off the public network: it says which issuers are trusted." {
        address: Address = defaulted("127.0.0.1:9180", "Where it listens."),
        tls: Inner<Tls> = optional("Serves https. Default: plain http.").under("[listen.admin.tls]"),
        hosts: TextOrTexts = optional("Host names that requests may use, in addition to `localhost` and IP addresses. Other names are refused, since a web page may have pointed its own name at this address (DNS rebinding)."),
    }
}

table! {
    FORWARD_AUTH: ForwardAuth, "One endpoint for each kind of proxy, such as `/auth/nginx`: see [gateway.md](gateway.md)." {
        address: Address = defaulted("127.0.0.1:9170", "Where it listens."),
        tls: Inner<Tls> = optional("Serves https. Default: plain http.").under("[listen.forward_auth.tls]"),
        trusted_proxies: TextOrTexts = optional("Networks or addresses of the proxies that may ask; others are refused. Default: loopback. On a Unix socket, every process that may open it is trusted."),
    }
}

table! {
    UPSTREAM: Upstream, "An application, at one or more addresses that are used in turn." {
        urls: TextOrTexts = required("Where it listens: `http://host:port`, `https://host:port` or `unix:/path`. The URL has no path: requests keep theirs."),
        protocol: Protocol = chosen("The protocol for talking to it; `auto` uses that of the client's request. gRPC needs `http2`; WebSocket needs `http1` or `auto`."),
        ca: Text = optional("A PEM file with the authorities that verify its certificate. Default: those of the system."),
        tls_name: Text = optional("The name that its certificate must have. Default: the host of `urls`."),
        host: Text = optional("The `Host` that is sent to it. Default: the client's."),
        connect_timeout: Duration = defaulted("2s", "How long connecting may take, TLS handshake included."),
        response_timeout: Duration = defaulted("60s", "How long the head of an answer may take after the request was sent."),
        idle_timeout: Duration = defaulted("300s", "How long an answer or a tunnel may pause, and how long an idle connection is kept."),
        cooldown: Duration = defaulted("5s", "How long an address is skipped after a connection to it has failed."),
        max_requests: FromOne = defaulted("1024", "How many requests to it may be in progress at a time. Further ones get 503 (`too_many_requests`). No client may have more than remain free for others; a single client has half at most."),
        max_streams: FromOne = defaulted("4096", "The same for WebSockets, event streams and gRPC calls, which do not count as requests."),
        router: Option<Router> = optional("How it reads paths, that is, which ones its router treats as the same: see [routers.md](routers.md). Default: the setting of `[protection]`."),
    }
}

table! {
    PROXY: Proxy, "The reverse proxy: HTTP/1.1 and HTTP/2, WebSocket, gRPC, server-sent events." {
        address: Address = defaulted("127.0.0.1:8080", "Where it listens."),
        tls: Inner<Tls> = optional("Serves https. Default: plain http.").under("[listen.proxy.tls]"),
        trusted_proxies: TextOrTexts = optional("Networks or addresses of proxies in front whose `Forwarded` and `X-Forwarded-*` are kept. Default: none. On a Unix socket, those of every process that may open it are kept."),
        end_expired_streams: Flag = defaulted("true", "Ends WebSockets and event streams when their token expires."),
        expiry_leeway: Duration = defaulted("60s", "How long after the token's expiry they end."),
        client_idle: Duration = defaulted("30s", "How long the next piece of a request's body may take."),
        max_requests: FromOne = defaulted("4096", "How many requests may be in progress at a time, to all upstreams together. Further ones get 503 (`too_many_requests`) before any decision. No client may have more than remain free for others; a single client has half at most. If file descriptors are scarce, the limit is lower."),
        max_streams: FromOne = defaulted("8192", "The same for WebSockets, event streams and gRPC calls, which do not count as requests."),
        method_overrides: Texts = optional("Fields such as `X-HTTP-Method-Override` that are passed on although the gateway decides about the method in the request line. A query parameter with such a name, for example `_method`, passes as well. Has the same effect as `keep_fields` of `[identity]`."),
    }
}

table! {
    TLS: Tls, "TLS 1.2 and 1.3. The files are read again when they change, and on SIGHUP." {
        certificate: Text = required("A PEM file with the certificate and the chain to its authority."),
        key: SecretFile = required("A PEM file with its private key."),
        client_ca: Text = optional("A PEM file with authorities: clients must present a certificate that one of them issued. Default: no client certificate is required."),
    }
}

table! {
    EXT_AUTHZ: ExtAuthz, "The gRPC service `envoy.service.auth.v3.Authorization`." {
        address: Address = defaulted("127.0.0.1:9171", "Where it listens."),
        tls: Inner<Tls> = optional("Serves https. Default: plain http.").under("[listen.ext_authz.tls]"),
        trusted_proxies: TextOrTexts = optional("Networks or addresses of the proxies that may ask; others are refused. Default: loopback. On a Unix socket, every process that may open it is trusted."),
    }
}

table! {
    TELEMETRY: Telemetry, "OpenTelemetry traces and metrics, sent by OTLP over HTTP. Each request gives one span, with the contents of the access log and nothing that the sender chose. The metrics are those of `/metrics`, under the same names. The `OTEL_*` environment variables work as the OpenTelemetry specification says: for example, `OTEL_TRACES_SAMPLER`, or `OTEL_EXPORTER_OTLP_HEADERS` for credentials. Changes to this table need a restart." {
        endpoint: Text = optional("The base URL of the collector, such as `http://127.0.0.1:4318`; traces go to `/v1/traces` below it, and metrics to `/v1/metrics`. Default: `OTEL_EXPORTER_OTLP_ENDPOINT`, or `http://localhost:4318`."),
        signals: Texts = optional("What is sent: `traces`, `metrics` or both. Default: both."),
        metrics_interval: Option<Duration> = optional("How often metrics are sent, `1s` at least. They are also sent at the start and at the end. Default: `OTEL_METRIC_EXPORT_INTERVAL` (in milliseconds), or `60s`."),
        service_name: Text = optional("The name of the gateway in traces and metrics. Default: `OTEL_SERVICE_NAME`, or `bearward`."),
        trust_traceparent: Flag = defaulted("false", "Continues the trace named by a request's `traceparent`, if the request comes from one of `trusted_proxies`. Set this only if that proxy writes the field itself: whoever controls the field controls what is recorded. Otherwise each request begins a new trace."),
    }
}

table! {
    LOG: Log, "The access log: one line for each request, on stderr ([its fields](gateway.md#the-log)). A reload applies changes to this table." {
        identity: Naming = chosen("Whether lines name the sender, as a verified token says: `none`; `subject`, which writes `issuer`, `subject` and `client`; or `keyed-hash`, which writes `issuer`, and a hash of issuer and subject as `subject`, so that one user's lines can be found without the log naming anyone. Without a verified token, a line never names anyone."),
        identity_key: Hidden = optional("A reference to the key of `keyed-hash`, never the key itself; at least 16 bytes, and every byte of a file is part of it. Whoever has it can tell which lines are a given user's."),
        admitted_one_in: Count = defaulted("1", "Of so many requests that were admitted and answered without an error, one has a line; `0` for none. Refusals and errors always have one, up to 100 refusals a second."),
    }
}

table! {
    AUDIT: Audit, "The audit log: one JSON object for each decision, with the sender, the client, on whose behalf (`act`), route and reason ([its fields](gateway.md#the-audit-log)). Changes to this table need a restart." {
        to: Text = required("`stdout`; `file:PATH` for a file to append to; or `otlp`, which sends it to `/v1/logs` of the collector of `[telemetry]`, whatever `signals` says. SIGUSR1 and SIGHUP have the file opened again after it was moved (logrotate). Lines that cannot be written are counted in `bearward_audit_lines_lost_total`; no request waits for them."),
    }
}

words!(Naming { "none": None, "subject": Subject, "keyed-hash": KeyedHash });
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
words!(Recognition { "by_kind": ByKind, "by_audience": ByAudience });
words!(Paths { "exact": Exact, "tolerant": Tolerant });
words!(TokenEncoding { "plain": Plain, "base64url": Base64Url });
words!(Preflight { "authenticated": Authenticated, "passes": Passes });
words!(Preset { "bearward": Bearward, "authgear": Authgear, "none": None });
words!(Protocol { "http1": Http1, "http2": Http2, "auto": Auto });

/// How the log names the sender of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    KeyedHash,
    None,
    Subject,
}

/// Which paths a route lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paths {
    Exact,
    Tolerant,
}

/// The kinds of principals that requirements can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrincipalKind {
    Machine,
    User,
}

/// How an access token is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recognition {
    ByAudience,
    ByKind,
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
