//! Misleading fields: request fields that make a server, a framework or a common middleware use another
//! path, method, host, scheme, client or user than the gateway decided on.
//!
//! Names are compared folded: to CGI and its successors, `SCRIPT_NAME`, `Script-Name` and
//! `script.name` are the same name.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::LazyLock;

use http::HeaderName;

mod query;

pub(crate) use self::query::names_another;

use self::Takes::{Client, Host, Method, Path, Scheme, User};
use self::Teller::{Nobody, Proxy};

/// What a reader overrides with such a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "crates of this workspace read the table in full"
)]
pub enum Takes {
    /// The address of the client.
    Client,
    /// The host, or its port.
    Host,
    /// The method.
    Method,
    /// The path, or a part that is removed from its start or prepended to it.
    Path,
    /// The scheme, or other properties of the TLS connection.
    Scheme,
    /// The user, or what the user may do.
    User,
}

/// Who may send such a field to an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "crates of this workspace read the table in full"
)]
pub enum Teller {
    /// Nobody: the gateway's decision depends on this value.
    Nobody,
    /// A trusted proxy in front of the gateway, under exactly this name.
    Proxy,
}

/// A field, or all fields whose names start alike.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Misleading {
    /// The folded name; with a star at its end, the start of names.
    pub name: &'static str,
    /// What a reader overrides with it.
    pub takes: Takes,
    /// Who may send it to an application.
    pub teller: Teller,
    /// Who reads it.
    pub readers: &'static str,
    /// Where this is documented.
    pub source: &'static str,
}

/// Who sent a request, which determines the fields that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a door must not forget one")]
pub enum Sender {
    /// A client, or anybody else who is not trusted.
    Stranger,
    /// A trusted proxy in front of the reverse proxy.
    TrustedProxy,
    /// A client, through an Envoy that asks for a decision: Envoy itself sets some of the fields.
    Envoy,
}

impl Misleading {
    /// Whether this sender may send the field under this name.
    pub fn may_be_said(&self, name: &HeaderName, folded: &str, by: Sender) -> bool {
        let is_own = match (self.teller, by) {
            (Nobody, _) | (Proxy, Sender::Stranger) => false,
            (Proxy, Sender::TrustedProxy) => true,
            (Proxy, Sender::Envoy) => ENVOYS_OWN.contains(&folded),
        };
        // Readers that fold names would see another spelling as a second field.
        is_own && name.as_str() == folded
    }
}

/// The fields that Envoy overwrites or removes before it asks, if configured as in the recipe
/// (`use_remote_address`).
pub const ENVOYS_OWN: &[&str] = &[
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-proto",
];

const fn row(
    name: &'static str,
    takes: Takes,
    teller: Teller,
    readers: &'static str,
    source: &'static str,
) -> Misleading {
    Misleading {
        name,
        takes,
        teller,
        readers,
        source,
    }
}

/// All known fields, sorted by name. Each is one line: `scripts/e2e-applications` reads them here.
#[rustfmt::skip]
pub static MISLEADING: &[Misleading] = &[
    row("-method", Method, Nobody, "Rails, Laravel, Symfony and Spring, as a form field; here sent as a request field", "rack/rack lib/rack/method_override.rb"),
    row("-ws*", User, Nobody, "WebSphere, Open Liberty: `$WSRU` is the user, `$WSRA` the client, `$WSSC` the scheme, `$WSSN` the host", "OpenLiberty/open-liberty dev/com.ibm.ws.transport.http/src/com/ibm/wsspi/http/channel/values/HttpHeaderKeys.java"),
    row("ali-cdn-real-ip", Client, Proxy, "applications behind Alibaba's CDN", "alibabacloud.com/help/cdn"),
    row("cdn-src-ip", Client, Proxy, "applications behind Alibaba's and other CDNs", "alibabacloud.com/help/cdn"),
    row("cf-access-authenticated-user-email", User, Nobody, "applications behind Cloudflare Access", "developers.cloudflare.com/cloudflare-one"),
    row("cf-connecting-ip", Client, Proxy, "applications behind Cloudflare; express-rate-limit, request-ip", "developers.cloudflare.com/fundamentals/reference/http-headers"),
    row("cf-connecting-ipv6", Client, Proxy, "applications behind Cloudflare", "developers.cloudflare.com/fundamentals/reference/http-headers"),
    row("cf-pseudo-ipv4", Client, Proxy, "applications behind Cloudflare", "developers.cloudflare.com/network/pseudo-ipv4"),
    row("cf-visitor", Scheme, Proxy, "WordPress and Rack snippets behind Cloudflare", "developers.cloudflare.com/fundamentals/reference/http-headers"),
    row("client-ip", Client, Proxy, "Rails (`HTTP_CLIENT_IP`), PHP applications", "rails/rails actionpack/lib/action_dispatch/middleware/remote_ip.rb"),
    row("cloudfront-forwarded-proto", Scheme, Proxy, "Rack and Django behind CloudFront", "rack/rack lib/rack/cloudfront_https_header.rb"),
    row("cloudfront-viewer-address", Client, Proxy, "applications behind CloudFront", "docs.aws.amazon.com/AmazonCloudFront, adding-cloudfront-headers"),
    row("daphne-root-path", Path, Nobody, "Daphne: `root_path`, which Django removes from the path", "django/daphne daphne/http_protocol.py"),
    row("disguised-host", Host, Nobody, "Azure App Service, IIS with ARR", "learn.microsoft.com, Azure App Service"),
    row("do-connecting-ip", Client, Proxy, "applications on DigitalOcean", "docs.digitalocean.com/products/app-platform"),
    row("document-root", Path, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1; benoitc/gunicorn gunicorn/config.py, header_map"),
    row("fastly-client-ip", Client, Proxy, "applications behind Fastly; request-ip", "fastly.com/documentation/reference/http/http-headers"),
    row("fastly-ssl", Scheme, Proxy, "applications behind Fastly", "fastly.com/documentation/reference/http/http-headers"),
    row("fly-client-ip", Client, Proxy, "applications on Fly", "fly.io/docs/networking/request-headers"),
    row("fly-forwarded-port", Scheme, Proxy, "applications on Fly", "fly.io/docs/networking/request-headers"),
    row("fly-forwarded-proto", Scheme, Proxy, "applications on Fly", "fly.io/docs/networking/request-headers"),
    row("fly-forwarded-ssl", Scheme, Proxy, "applications on Fly", "fly.io/docs/networking/request-headers"),
    row("forwarded", Client, Proxy, "RFC 7239: Rack, Spring, Jetty, aiohttp, gorilla/handlers", "rack/rack lib/rack/request.rb; RFC 7239"),
    row("forwarded-for", Client, Proxy, "request-ip, PHP snippets", "pbojinov/request-ip src/index.ts"),
    row("front-end-https", Scheme, Proxy, "ASP.NET, Exchange and PHP snippets behind ISA and IIS", "learn.microsoft.com, Front-End-Https"),
    row("incap-client-ip", Client, Proxy, "applications behind Imperva", "docs.imperva.com"),
    row("iv-creds", User, Nobody, "applications behind IBM WebSEAL", "ibm.com/docs/sva, junctions"),
    row("iv-groups", User, Nobody, "applications behind IBM WebSEAL", "ibm.com/docs/sva, junctions"),
    row("iv-remote-address", Client, Nobody, "applications behind IBM WebSEAL", "ibm.com/docs/sva, junctions"),
    row("iv-user", User, Nobody, "applications behind IBM WebSEAL", "ibm.com/docs/sva, junctions"),
    row("l5d-dst-override", Host, Nobody, "Linkerd next to the application: another host", "linkerd.io/1/config/linkerd"),
    row("logon-user", User, Nobody, "servers that turn fields into CGI variables, IIS", "learn.microsoft.com/iis, server variables"),
    row("ms-aspnetcore-clientcert", User, Nobody, "ASP.NET Core behind IIS", "dotnet/aspnetcore src/Servers/IIS/IISIntegration/src/IISMiddleware.cs"),
    row("ms-aspnetcore-token", User, Nobody, "ASP.NET Core behind IIS", "dotnet/aspnetcore src/Servers/IIS/IISIntegration/src/IISMiddleware.cs"),
    row("ms-aspnetcore-winauthtoken", User, Nobody, "ASP.NET Core behind IIS", "dotnet/aspnetcore src/Servers/IIS/IISIntegration/src/IISMiddleware.cs"),
    row("oidc-claim-*", User, Nobody, "applications behind mod_auth_openidc", "OpenIDC/mod_auth_openidc auth_openidc.conf, OIDCClaimPrefix"),
    row("oidc-claim-email", User, Nobody, "applications behind mod_auth_openidc", "OpenIDC/mod_auth_openidc auth_openidc.conf, OIDCClaimPrefix"),
    row("oidc-claim-preferred-username", User, Nobody, "applications behind mod_auth_openidc", "OpenIDC/mod_auth_openidc auth_openidc.conf, OIDCClaimPrefix"),
    row("oidc-claim-sub", User, Nobody, "applications behind mod_auth_openidc", "OpenIDC/mod_auth_openidc auth_openidc.conf, OIDCClaimPrefix"),
    row("path-info", Path, Nobody, "gunicorn (`forwarder_headers`), servers that turn fields into CGI variables", "benoitc/gunicorn gunicorn/config.py, forwarder_headers"),
    row("path-translated", Path, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.6"),
    row("proxy", Host, Nobody, "CGI programs: the proxy for the requests that they send", "CVE-2016-5385"),
    row("proxy-auth-cert", Scheme, Nobody, "Jetty", "jetty/jetty.project ForwardedRequestCustomizer.java"),
    row("proxy-client-ip", Client, Nobody, "WebLogic and Java snippets", "docs.oracle.com/middleware, web server plug-ins"),
    row("proxy-ssl-id", Scheme, Nobody, "Jetty", "jetty/jetty.project ForwardedRequestCustomizer.java"),
    row("query-string", Path, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.7"),
    row("remote-addr", Client, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.8"),
    row("remote-email", User, Nobody, "applications behind Authelia", "authelia.com/integration/trusted-header-sso"),
    row("remote-groups", User, Nobody, "applications behind Authelia", "authelia.com/integration/trusted-header-sso"),
    row("remote-host", Client, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.9"),
    row("remote-name", User, Nobody, "applications behind Authelia", "authelia.com/integration/trusted-header-sso"),
    row("remote-user", User, Nobody, "applications behind Authelia, Huginn, Seafile; CGI", "authelia.com/integration/trusted-header-sso; manual.seafile.com/deploy/remote_user"),
    row("request-method", Method, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.12"),
    row("request-uri", Path, Nobody, "servers that turn fields into CGI variables", "benoitc/gunicorn gunicorn/config.py, header_map"),
    row("script-filename", Path, Nobody, "PHP, servers that turn fields into CGI variables", "php.net/manual, $_SERVER"),
    row("script-name", Path, Nobody, "gunicorn (`forwarder_headers`), CGI: removed from the path", "benoitc/gunicorn gunicorn/http/wsgi.py"),
    row("server-name", Host, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.14"),
    row("server-port", Host, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.15"),
    row("shib-*", User, Nobody, "applications behind Shibboleth with `ShibUseHeaders`", "shibboleth.atlassian.net, SP, spoof checking"),
    row("shib-identity-provider", User, Nobody, "applications behind Shibboleth with `ShibUseHeaders`", "shibboleth.atlassian.net, SP, spoof checking"),
    row("shib-session-id", User, Nobody, "applications behind Shibboleth with `ShibUseHeaders`", "shibboleth.atlassian.net, SP, spoof checking"),
    row("sm-*", User, Nobody, "applications behind SiteMinder (`SM_USER`)", "techdocs.broadcom.com, SiteMinder, HTTP headers"),
    row("sm-universalid", User, Nobody, "applications behind SiteMinder (`SM_USER`)", "techdocs.broadcom.com, SiteMinder, HTTP headers"),
    row("sm-user", User, Nobody, "applications behind SiteMinder (`SM_USER`)", "techdocs.broadcom.com, SiteMinder, HTTP headers"),
    row("spring-cloud-function-*", Path, Nobody, "Spring Cloud Function: which function is called", "spring-cloud/spring-cloud-function docs; CVE-2022-22963"),
    row("ssl-cipher", Scheme, Proxy, "Tomcat SSLValve", "apache/tomcat java/org/apache/catalina/valves/SSLValve.java"),
    row("ssl-cipher-usekeysize", Scheme, Proxy, "Tomcat SSLValve", "apache/tomcat java/org/apache/catalina/valves/SSLValve.java"),
    row("ssl-client-*", User, Proxy, "Tomcat SSLValve, ingress-nginx: the client's certificate", "apache/tomcat java/org/apache/catalina/valves/SSLValve.java"),
    row("ssl-client-cert", User, Proxy, "Tomcat SSLValve, ingress-nginx: the client's certificate", "apache/tomcat java/org/apache/catalina/valves/SSLValve.java"),
    row("ssl-client-s-dn", User, Proxy, "Tomcat SSLValve, ingress-nginx: the client's certificate", "apache/tomcat java/org/apache/catalina/valves/SSLValve.java"),
    row("ssl-client-subject-dn", User, Proxy, "Tomcat SSLValve, ingress-nginx: the client's certificate", "apache/tomcat java/org/apache/catalina/valves/SSLValve.java"),
    row("ssl-client-verify", User, Proxy, "Tomcat SSLValve, ingress-nginx: the client's certificate", "apache/tomcat java/org/apache/catalina/valves/SSLValve.java"),
    row("ssl-session-id", Scheme, Proxy, "Tomcat SSLValve", "apache/tomcat java/org/apache/catalina/valves/SSLValve.java"),
    row("tailscale-user-*", User, Nobody, "applications behind Tailscale Serve", "tailscale.com/kb, serve, identity headers"),
    row("tailscale-user-login", User, Nobody, "applications behind Tailscale Serve", "tailscale.com/kb, serve, identity headers"),
    row("tailscale-user-name", User, Nobody, "applications behind Tailscale Serve", "tailscale.com/kb, serve, identity headers"),
    row("true-client-ip", Client, Proxy, "chi `RealIP`, applications behind Akamai and Cloudflare", "go-chi/chi middleware/realip.go"),
    row("wl-proxy-*", Client, Proxy, "WebLogic: client, scheme, certificate", "docs.oracle.com/middleware, web server plug-ins"),
    row("wl-proxy-client-cert", User, Proxy, "WebLogic: the client's certificate", "docs.oracle.com/middleware, web server plug-ins"),
    row("wl-proxy-client-ip", Client, Proxy, "WebLogic: client, scheme, certificate", "docs.oracle.com/middleware, web server plug-ins"),
    row("wl-proxy-ssl", Scheme, Proxy, "WebLogic: client, scheme, certificate", "docs.oracle.com/middleware, web server plug-ins"),
    row("x-accel-*", Path, Nobody, "Rack::Sendfile: which file is sent", "rack/rack lib/rack/sendfile.rb; CVE-2025-61780"),
    row("x-accel-mapping", Path, Nobody, "Rack::Sendfile: which file is sent", "rack/rack lib/rack/sendfile.rb; CVE-2025-61780"),
    row("x-accel-redirect", Path, Nobody, "Rack::Sendfile: which file is sent", "rack/rack lib/rack/sendfile.rb; CVE-2025-61780"),
    row("x-amzn-oidc-*", User, Nobody, "applications behind AWS ALB", "docs.aws.amazon.com/elasticloadbalancing, authenticate users"),
    row("x-amzn-oidc-accesstoken", User, Nobody, "applications behind AWS ALB", "docs.aws.amazon.com/elasticloadbalancing, authenticate users"),
    row("x-amzn-oidc-data", User, Nobody, "applications behind AWS ALB", "docs.aws.amazon.com/elasticloadbalancing, authenticate users"),
    row("x-amzn-oidc-identity", User, Nobody, "applications behind AWS ALB", "docs.aws.amazon.com/elasticloadbalancing, authenticate users"),
    row("x-apigateway-api-userinfo", User, Nobody, "applications behind Google API Gateway", "cloud.google.com/api-gateway/docs"),
    row("x-appengine-*", User, Proxy, "applications on App Engine: user, client, cron", "cloud.google.com/appengine/docs, request headers"),
    row("x-appengine-cron", User, Proxy, "applications on App Engine: user, client, cron", "cloud.google.com/appengine/docs, request headers"),
    row("x-appengine-queuename", User, Proxy, "applications on App Engine: user, client, cron", "cloud.google.com/appengine/docs, request headers"),
    row("x-appengine-user-ip", User, Proxy, "applications on App Engine: user, client, cron", "cloud.google.com/appengine/docs, request headers"),
    row("x-appservice-proto", Scheme, Proxy, "applications on Azure App Service", "learn.microsoft.com/azure/app-service"),
    row("x-arr-ssl", Scheme, Proxy, "IIS with ARR, Azure App Service", "learn.microsoft.com/iis, ARR"),
    row("x-astro-*", Path, Nobody, "Astro on Vercel: another path", "GHSA-mr6q-rp88-fx84"),
    row("x-astro-locals", Path, Nobody, "Astro on Vercel: another path", "GHSA-mr6q-rp88-fx84"),
    row("x-astro-path", Path, Nobody, "Astro on Vercel: another path", "GHSA-mr6q-rp88-fx84"),
    row("x-auth-couchdb-roles", User, Nobody, "CouchDB with proxy authentication", "docs.couchdb.org, proxy authentication"),
    row("x-auth-couchdb-token", User, Nobody, "CouchDB with proxy authentication", "docs.couchdb.org, proxy authentication"),
    row("x-auth-couchdb-username", User, Nobody, "CouchDB with proxy authentication", "docs.couchdb.org, proxy authentication"),
    row("x-auth-email", User, Nobody, "applications behind Gogatekeeper", "gogatekeeper.github.io, upstream headers"),
    row("x-auth-groups", User, Nobody, "applications behind Gogatekeeper", "gogatekeeper.github.io, upstream headers"),
    row("x-auth-request-*", User, Nobody, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-auth-request-access-token", User, Nobody, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-auth-request-email", User, Nobody, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-auth-request-groups", User, Nobody, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-auth-request-preferred-username", User, Nobody, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-auth-request-user", User, Nobody, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-auth-roles", User, Nobody, "applications behind Gogatekeeper", "gogatekeeper.github.io, upstream headers"),
    row("x-auth-subject", User, Nobody, "applications behind Gogatekeeper", "gogatekeeper.github.io, upstream headers"),
    row("x-auth-user", User, Nobody, "Seafile and others with `REMOTE_USER_HEADER`", "manual.seafile.com/deploy/remote_user"),
    row("x-auth-userid", User, Nobody, "applications behind Gogatekeeper", "gogatekeeper.github.io, upstream headers"),
    row("x-auth-username", User, Nobody, "applications behind Gogatekeeper", "gogatekeeper.github.io, upstream headers"),
    row("x-authenticated-groups", User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/acl"),
    row("x-authenticated-scope", User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/oauth2"),
    row("x-authenticated-userid", User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/oauth2"),
    row("x-authentik-*", User, Nobody, "applications behind authentik", "docs.goauthentik.io, proxy provider"),
    row("x-authentik-email", User, Nobody, "applications behind authentik", "docs.goauthentik.io, proxy provider"),
    row("x-authentik-groups", User, Nobody, "applications behind authentik", "docs.goauthentik.io, proxy provider"),
    row("x-authentik-uid", User, Nobody, "applications behind authentik", "docs.goauthentik.io, proxy provider"),
    row("x-authentik-username", User, Nobody, "applications behind authentik", "docs.goauthentik.io, proxy provider"),
    row("x-azure-clientip", Client, Proxy, "applications behind Azure Front Door", "learn.microsoft.com/azure/frontdoor/front-door-http-headers-protocol"),
    row("x-azure-socketip", Client, Proxy, "applications behind Azure Front Door", "learn.microsoft.com/azure/frontdoor/front-door-http-headers-protocol"),
    row("x-client-cert", User, Proxy, "the client's certificate, behind proxies that terminate TLS", "RFC 9440 §1"),
    row("x-client-cert*", User, Proxy, "the client's certificate, behind proxies that terminate TLS", "RFC 9440 §1"),
    row("x-client-certificate", User, Proxy, "the client's certificate, behind proxies that terminate TLS", "RFC 9440 §1"),
    row("x-client-ip", Client, Proxy, "request-ip, IIS, Azure App Service", "pbojinov/request-ip src/index.js"),
    row("x-client-port", Client, Proxy, "Azure App Service", "learn.microsoft.com/azure/app-service"),
    row("x-cluster-client-ip", Client, Proxy, "request-ip, Rackspace, Zeus", "pbojinov/request-ip src/index.js"),
    row("x-consumer-custom-id", User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/key-auth"),
    row("x-consumer-groups", User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/acl"),
    row("x-consumer-id", User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/key-auth"),
    row("x-consumer-username", User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/key-auth"),
    row("x-credential-identifier", User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/key-auth"),
    row("x-credential-username", User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/basic-auth"),
    row("x-endpoint-api-userinfo", User, Nobody, "applications behind Google Cloud Endpoints", "cloud.google.com/endpoints/docs"),
    row("x-envoy-external-address", Client, Proxy, "applications behind Envoy", "envoyproxy.io, HTTP header sanitizing"),
    row("x-envoy-internal", Client, Proxy, "applications behind Envoy", "envoyproxy.io, HTTP header sanitizing"),
    row("x-envoy-original-*", Path, Nobody, "applications behind Envoy; Envoy next to the application", "envoyproxy.io, router, original path and host"),
    row("x-envoy-original-dst-host", Host, Nobody, "applications behind Envoy; Envoy next to the application", "envoyproxy.io, router, original path and host"),
    row("x-envoy-original-host", Host, Nobody, "applications behind Envoy; Envoy next to the application", "envoyproxy.io, router, original path and host"),
    row("x-envoy-original-path", Path, Nobody, "applications behind Envoy; Envoy next to the application", "envoyproxy.io, router, original path and host"),
    row("x-external-host", Host, Nobody, "NSwag behind proxies", "RicoSuter/NSwag wiki, AspNetCore middleware"),
    row("x-external-path", Path, Nobody, "zwave-js-ui, NSwag: the prefix", "zwave-js/zwave-js-ui api/app.ts; RicoSuter/NSwag wiki"),
    row("x-forwarded", Client, Proxy, "request-ip, PHP snippets", "pbojinov/request-ip src/index.ts"),
    row("x-forwarded-*", Client, Proxy, "nearly all: client, host, scheme, port, user", "werkzeug ProxyFix; expressjs.com/en/guide/behind-proxies"),
    row("x-forwarded-access-token", User, Proxy, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-forwarded-base-path", Path, Nobody, "Sinatra and other snippets: removed from the path", "snippets in public repositories, HTTP_X_FORWARDED_BASE_PATH"),
    row("x-forwarded-basepath", Path, Nobody, "applications under a prefix", "snippets in public repositories, X-Forwarded-BasePath"),
    row("x-forwarded-by", Host, Proxy, "waitress", "Pylons/waitress src/waitress/proxy_headers.py"),
    row("x-forwarded-client-cert", User, Proxy, "applications behind Envoy: the client's certificate", "envoyproxy.io, x-forwarded-client-cert"),
    row("x-forwarded-context", Path, Nobody, "Apache NiFi and others behind Knox: the context path", "knox.apache.org/books; apache/nifi WebUtils.java"),
    row("x-forwarded-email", User, Proxy, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-forwarded-for", Client, Proxy, "nearly all: uvicorn, hypercorn, waitress, Rails, Express, Tomcat", "werkzeug ProxyFix; rails/rails remote_ip.rb"),
    row("x-forwarded-groups", User, Proxy, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-forwarded-host", Host, Proxy, "nearly all", "werkzeug ProxyFix; rack/rack lib/rack/request.rb"),
    row("x-forwarded-https", Scheme, Proxy, "Plack::Middleware::ReverseProxy", "metacpan.org, Plack::Middleware::ReverseProxy"),
    row("x-forwarded-method", Method, Nobody, "applications that answer forward auth", "doc.traefik.io, ForwardAuth"),
    row("x-forwarded-path", Path, Nobody, "Kong, applications under a prefix", "docs.konghq.com, proxying"),
    row("x-forwarded-port", Host, Proxy, "werkzeug, Rack, Spring, Tomcat", "werkzeug ProxyFix"),
    row("x-forwarded-preferred-username", User, Proxy, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-forwarded-prefix", Path, Nobody, "Spring, werkzeug, ASP.NET: removed from the path", "spring-projects/spring-framework ForwardedHeaderFilter.java; werkzeug ProxyFix"),
    row("x-forwarded-proto", Scheme, Proxy, "nearly all: uvicorn, hypercorn, waitress, gunicorn, Rack, Express, Tomcat", "werkzeug ProxyFix; rack/rack lib/rack/request.rb"),
    row("x-forwarded-protocol", Scheme, Proxy, "gunicorn `secure_scheme_headers`", "benoitc/gunicorn gunicorn/config.py, secure_scheme_headers"),
    row("x-forwarded-scheme", Scheme, Proxy, "Rack, Puma, gorilla/handlers", "rack/rack lib/rack/request.rb"),
    row("x-forwarded-script-name", Path, Nobody, "Plack::Middleware::ReverseProxyPath", "metacpan.org, Plack::Middleware::ReverseProxyPath"),
    row("x-forwarded-server", Host, Proxy, "Jetty, Paste PrefixMiddleware", "jetty/jetty.project ForwardedRequestCustomizer.java"),
    row("x-forwarded-ssl", Scheme, Proxy, "Rack, gunicorn, uWSGI, Spring", "rack/rack lib/rack/request.rb; benoitc/gunicorn gunicorn/config.py"),
    row("x-forwarded-uri", Path, Nobody, "applications that answer forward auth", "doc.traefik.io, ForwardAuth"),
    row("x-forwarded-url", Path, Nobody, "applications under a prefix", "snippets in public repositories"),
    row("x-forwarded-user", User, Proxy, "applications behind oauth2-proxy, Traefik, Apache", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    row("x-goog-authenticated-user-*", User, Nobody, "applications behind Google IAP", "cloud.google.com/iap/docs/identity-howto"),
    row("x-goog-authenticated-user-email", User, Nobody, "applications behind Google IAP", "cloud.google.com/iap/docs/identity-howto"),
    row("x-goog-authenticated-user-id", User, Nobody, "applications behind Google IAP", "cloud.google.com/iap/docs/identity-howto"),
    row("x-host", Host, Nobody, "applications behind some CDNs", "portswigger.net/web-security/host-header"),
    row("x-http-destinationurl", Path, Nobody, "applications behind some appliances", "portswigger.net/web-security/host-header"),
    row("x-http-host-override", Host, Nobody, "applications behind some appliances", "portswigger.net/web-security/host-header"),
    row("x-http-method", Method, Nobody, "OData, ASP.NET Web API, express method-override", "learn.microsoft.com, MS-ODATA §2.2.5.8; expressjs/method-override README.md"),
    row("x-http-method-override", Method, Nobody, "Rack, Symfony, Laravel, Express, ASP.NET, Jersey, gorilla/handlers", "rack/rack lib/rack/method_override.rb; symfony/http-foundation Request.php"),
    row("x-ingress-path", Path, Nobody, "Home Assistant add-ons: the prefix", "developers.home-assistant.io/docs/add-ons/presentation"),
    row("x-invoke-*", Path, Nobody, "Next.js before 14.2: the path that is rendered", "vercel/next.js packages/next/src/server/base-server.ts"),
    row("x-invoke-output", Path, Nobody, "Next.js before 14.2: the path that is rendered", "vercel/next.js packages/next/src/server/base-server.ts"),
    row("x-invoke-path", Path, Nobody, "Next.js before 14.2: the path that is rendered", "vercel/next.js packages/next/src/server/base-server.ts"),
    row("x-invoke-query", Path, Nobody, "Next.js before 14.2: the path that is rendered", "vercel/next.js packages/next/src/server/base-server.ts"),
    row("x-matched-path", Path, Nobody, "Next.js in minimal mode: the path that is rendered", "vercel/next.js packages/next/src/server/base-server.ts"),
    row("x-method-override", Method, Nobody, "express method-override", "expressjs/method-override README.md"),
    row("x-middleware-invoke", Path, Nobody, "Next.js: how its middleware is run", "vercel/next.js packages/next/src/server"),
    row("x-middleware-invoke*", Path, Nobody, "Next.js: how its middleware is run", "vercel/next.js packages/next/src/server"),
    row("x-middleware-override-headers", Path, Nobody, "Next.js: overrides request fields", "vercel/next.js packages/next/src/server"),
    row("x-middleware-rewrite", Path, Nobody, "Next.js: another path", "vercel/next.js packages/next/src/server"),
    row("x-middleware-subrequest", Path, Nobody, "Next.js before 15.2.3: its middleware is skipped", "CVE-2025-29927"),
    row("x-middleware-subrequest*", Path, Nobody, "Next.js before 15.2.3: its middleware is skipped", "CVE-2025-29927"),
    row("x-middleware-subrequest-id", Path, Nobody, "Next.js before 15.2.3: its middleware is skipped", "CVE-2025-29927"),
    row("x-ms-client-principal", User, Nobody, "applications on Azure App Service", "learn.microsoft.com/azure/app-service/configure-authentication-user-identities"),
    row("x-ms-client-principal*", User, Nobody, "applications on Azure App Service", "learn.microsoft.com/azure/app-service/configure-authentication-user-identities"),
    row("x-ms-client-principal-id", User, Nobody, "applications on Azure App Service", "learn.microsoft.com/azure/app-service/configure-authentication-user-identities"),
    row("x-ms-client-principal-idp", User, Nobody, "applications on Azure App Service", "learn.microsoft.com/azure/app-service/configure-authentication-user-identities"),
    row("x-ms-client-principal-name", User, Nobody, "applications on Azure App Service", "learn.microsoft.com/azure/app-service/configure-authentication-user-identities"),
    row("x-ms-original-url", Path, Nobody, "Azure Static Web Apps functions", "learn.microsoft.com/azure/static-web-apps"),
    row("x-ms-token-*", User, Nobody, "applications on Azure App Service", "learn.microsoft.com/azure/app-service/configure-authentication-oauth-tokens"),
    row("x-nf-client-connection-ip", Client, Proxy, "applications on Netlify", "docs.netlify.com"),
    row("x-now-route-matches", Path, Nobody, "Next.js in minimal mode: the parameters of the path", "vercel/next.js packages/next/src/server/base-server.ts"),
    row("x-original-*", Path, Nobody, "ASP.NET (`X-Original-Host`, `-For`, `-Proto`), Symfony, Zend and IIS (`X-Original-URL`), ingress-nginx", "dotnet/aspnetcore src/Middleware/HttpOverrides/src/ForwardedHeadersDefaults.cs"),
    row("x-original-host", Host, Nobody, "ASP.NET Core, Azure Application Gateway", "dotnet/aspnetcore src/Middleware/HttpOverrides/src/ForwardedHeadersDefaults.cs"),
    row("x-original-method", Method, Nobody, "applications that answer forward auth", "kubernetes.github.io/ingress-nginx"),
    row("x-original-uri", Path, Nobody, "applications that answer forward auth", "kubernetes.github.io/ingress-nginx"),
    row("x-original-url", Path, Nobody, "Zend, Symfony before 3.4, IIS with URL Rewrite", "symfony.com/blog/cve-2018-14773-remove-support-for-legacy-and-risky-http-headers"),
    row("x-originating-ip", Client, Proxy, "PHP and Java snippets", "portswigger.net, client address headers"),
    row("x-pomerium-claim-*", User, Nobody, "applications behind Pomerium", "pomerium.com/docs, claim headers"),
    row("x-pomerium-claim-email", User, Nobody, "applications behind Pomerium", "pomerium.com/docs, claim headers"),
    row("x-pomerium-claim-groups", User, Nobody, "applications behind Pomerium", "pomerium.com/docs, claim headers"),
    row("x-pomerium-claim-user", User, Nobody, "applications behind Pomerium", "pomerium.com/docs, claim headers"),
    row("x-proxied-https", Scheme, Proxy, "Jetty", "jetty/jetty.project ForwardedRequestCustomizer.java"),
    row("x-proxy-roles", User, Nobody, "OpenSearch with proxy authentication", "docs.opensearch.org, proxy-based authentication"),
    row("x-proxy-user", User, Nobody, "OpenSearch with proxy authentication", "docs.opensearch.org, proxy-based authentication"),
    row("x-proxycontextpath", Path, Nobody, "Apache Hadoop, Spark and NiFi: the context path", "apache/nifi WebUtils.java"),
    row("x-proxyuser-ip", Client, Proxy, "applications behind Google's services", "snippets in public repositories"),
    row("x-real-ip", Client, Proxy, "chi, Echo, gorilla/handlers, Gin", "go-chi/chi middleware/realip.go"),
    row("x-remote-*", User, Nobody, "Kubernetes (`--requestheader-username-headers`), NetBox", "kubernetes.io/docs, authenticating proxy"),
    row("x-remote-addr", Client, Nobody, "PHP and WSGI snippets: the client's address", "snippets in public repositories, HTTP_X_REMOTE_ADDR"),
    row("x-remote-group", User, Nobody, "Kubernetes (`--requestheader-username-headers`), NetBox", "kubernetes.io/docs, authenticating proxy"),
    row("x-remote-ip", Client, Nobody, "PHP and WSGI snippets: the client's address", "snippets in public repositories, HTTP_X_REMOTE_IP"),
    row("x-remote-user", User, Nobody, "Kubernetes (`--requestheader-username-headers`), NetBox", "kubernetes.io/docs, authenticating proxy"),
    row("x-replaced-path", Path, Nobody, "applications behind Traefik", "doc.traefik.io, ReplacePath"),
    row("x-request-base", Path, Nobody, "Catalyst, Mojolicious: the base of the application", "metacpan.org, Catalyst::TraitFor::Request::ProxyBase"),
    row("x-request-uri", Path, Nobody, "applications that answer forward auth", "snippets in public repositories"),
    row("x-rewrite-url", Path, Nobody, "Zend, Symfony before 3.4, IIS with ISAPI_Rewrite", "symfony.com/blog/cve-2018-14773-remove-support-for-legacy-and-risky-http-headers"),
    row("x-scheme", Scheme, Proxy, "ReverseProxied (the WSGI snippet); ingress-nginx", "jonashaag/klaus klaus/utils.py; kubernetes.github.io/ingress-nginx"),
    row("x-script-name", Path, Nobody, "ReverseProxied (the WSGI snippet), Radicale, Tandoor, Plack: removed from the path", "jonashaag/klaus klaus/utils.py; radicale.org"),
    row("x-sendfile-type", Path, Nobody, "Rack::Sendfile, Symfony: which file is sent", "rack/rack lib/rack/sendfile.rb; CVE-2025-61780"),
    row("x-ssl-*", User, Proxy, "the client's certificate, behind HAProxy and nginx", "docs.haproxy.org, ssl_c_s_dn"),
    row("x-ssl-cert", User, Proxy, "the client's certificate, behind HAProxy and nginx", "docs.haproxy.org, ssl_c_s_dn"),
    row("x-ssl-client-cert", User, Proxy, "the client's certificate, behind HAProxy and nginx", "docs.haproxy.org, ssl_c_s_dn"),
    row("x-ssl-client-cn", User, Proxy, "the client's certificate, behind HAProxy and nginx", "docs.haproxy.org, ssl_c_s_dn"),
    row("x-ssl-client-dn", User, Proxy, "the client's certificate, behind HAProxy and nginx", "docs.haproxy.org, ssl_c_s_dn"),
    row("x-ssl-client-s-dn", User, Proxy, "the client's certificate, behind HAProxy and nginx", "docs.haproxy.org, ssl_c_s_dn"),
    row("x-ssl-client-verify", User, Proxy, "the client's certificate, behind HAProxy and nginx", "docs.haproxy.org, ssl_c_s_dn"),
    row("x-traversal-path", Path, Nobody, "Plack::Middleware::ReverseProxyPath, hgwebdir and Paste", "metacpan.org, Plack::Middleware::ReverseProxyPath"),
    row("x-url-scheme", Scheme, Proxy, "WSGI, PHP and Perl snippets", "snippets in public repositories, HTTP_X_URL_SCHEME"),
    row("x-vercel-forwarded-for", Client, Proxy, "applications on Vercel", "vercel.com/docs/headers/request-headers"),
    row("x-vhm-host", Host, Nobody, "Pyramid, repoze.vhm", "Pylons/pyramid src/pyramid/interfaces.py"),
    row("x-vhm-root", Path, Nobody, "Pyramid, repoze.vhm: prepended to the path", "Pylons/pyramid src/pyramid/interfaces.py, VH_ROOT_KEY"),
    row("x-vouch-*", User, Nobody, "applications behind Vouch Proxy", "vouch/vouch-proxy README.md"),
    row("x-vouch-user", User, Nobody, "applications behind Vouch Proxy", "vouch/vouch-proxy README.md"),
    row("x-waws-unencoded-url", Path, Nobody, "applications on Azure App Service", "snippets in public repositories, x-waws-unencoded-url"),
    row("x-webauth-*", User, Nobody, "Grafana, Gitea", "grafana.com/docs, auth proxy"),
    row("x-webauth-email", User, Nobody, "Grafana, Gitea", "grafana.com/docs, auth proxy"),
    row("x-webauth-groups", User, Nobody, "Grafana, Gitea", "grafana.com/docs, auth proxy"),
    row("x-webauth-name", User, Nobody, "Grafana, Gitea", "grafana.com/docs, auth proxy"),
    row("x-webauth-user", User, Nobody, "Grafana, Gitea", "grafana.com/docs, auth proxy"),
];

/// The table in the manual (`docs/fields.md`).
#[must_use]
pub fn reference() -> String {
    let lines = MISLEADING.iter().map(|row| {
        let name = match row.name.strip_prefix('-') {
            Some("method") => "_method".to_owned(),
            Some(rest) => format!("${rest}"),
            None => row.name.to_owned(),
        };
        let takes = match row.takes {
            Client => "client",
            Host => "host",
            Method => "method",
            Path => "path",
            Scheme => "scheme",
            User => "user",
        };
        let teller = match row.teller {
            Nobody => "nobody",
            Proxy => "a trusted proxy",
        };
        let (readers, source) = (row.readers, row.source);
        format!("| `{name}` | {takes} | {teller} | {readers} | {source} |\n")
    });
    let heading =
        "| field | overrides | may be set by | read by | source |\n|---|---|---|---|---|\n";
    [heading.to_owned()].into_iter().chain(lines).collect()
}

/// The row for a field with this folded name. A full name takes precedence over the start of a name,
/// and a longer start over a shorter one.
pub(crate) fn find(folded: &str) -> Option<&'static Misleading> {
    if !is_candidate(folded) {
        return None;
    }
    let order = |row: &Misleading| row.name.cmp(folded);
    if let Ok(at) = MISLEADING.binary_search_by(order) {
        return MISLEADING.get(at);
    }
    let mut beginnings = BEGINNINGS.iter();
    let found = beginnings.find(|(beginning, _)| folded.starts_with(beginning));
    found.map(|(_, row)| *row)
}

/// The rows for the starts of names, the longest first.
static BEGINNINGS: LazyLock<Vec<(&str, &Misleading)>> = LazyLock::new(|| {
    let rows = MISLEADING.iter();
    let rows = rows.filter_map(|row| Some((row.name.strip_suffix('*')?, row)));
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|(beginning, _)| Reverse(beginning.len()));
    rows
});

/// Folds a name as readers do that turn fields into variables: `X_Auth.User` becomes `x-auth-user`.
pub fn fold(name: &str) -> Cow<'_, str> {
    // Names are so short that a search would cost more to start than it saves.
    if name.bytes().all(is_folded) {
        return name.into();
    }
    name.chars().map(folded).collect::<String>().into()
}

/// Whether folding leaves this byte of a name unchanged. A table, since every field of every request is
/// folded.
fn is_folded(byte: u8) -> bool {
    IS_FOLDED
        .get(usize::from(byte))
        .copied()
        .unwrap_or_default()
}

#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "would not compile if it could fail"
)]
static IS_FOLDED: [bool; 256] = {
    const FOLDED: &[u8] = b"-0123456789abcdefghijklmnopqrstuvwxyz";
    let mut bytes = [false; 256];
    let mut at = 0;
    while at < FOLDED.len() {
        bytes[FOLDED[at] as usize] = true;
        at += 1;
    }
    bytes
};

const fn folded(char: char) -> char {
    if char.is_ascii_alphanumeric() {
        char.to_ascii_lowercase()
    } else {
        '-'
    }
}

/// Whether any row starts with the same byte and may have this length: most fields need no search.
fn is_candidate(folded: &str) -> bool {
    let first = folded.bytes().next().unwrap_or_default();
    let lengths = LENGTHS.get(usize::from(first)).copied().unwrap_or_default();
    has_length(lengths, folded.len())
}

/// For each first byte, the lengths of the names that the rows cover, as bits.
static LENGTHS: LazyLock<[u64; 128]> = LazyLock::new(|| {
    let mut lengths = [0; 128];
    for row in MISLEADING {
        let first = row.name.bytes().next().unwrap_or_default();
        let bits = match row.name.strip_suffix('*') {
            // As long as the start, or longer.
            Some(beginning) => bit(beginning.len()).wrapping_neg(),
            None => bit(row.name.len()),
        };
        if let Some(known) = lengths.get_mut(usize::from(first)) {
            *known |= bits;
        }
    }
    lengths
});

/// Whether these bits include the one for this length.
pub(crate) fn has_length(lengths: u64, length: usize) -> bool {
    lengths & bit(length) != 0
}

/// The bit for the length of a name. The last bit is for its length and all greater ones.
pub(crate) fn bit(length: usize) -> u64 {
    1 << length.min(63)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{ENVOYS_OWN, MISLEADING, Takes, Teller};
    use super::{bit, find, fold, has_length, is_candidate};

    #[test]
    fn the_table_is_sorted_folded_and_has_each_name_once() {
        let names: Vec<_> = MISLEADING.iter().map(|row| row.name).collect();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
        for row in MISLEADING {
            let name = row.name.strip_suffix('*').unwrap_or(row.name);
            assert_eq!(fold(name), name);
            assert!(!row.readers.is_empty() && !row.source.is_empty(), "{name}");
            assert!(
                !row.readers.contains('|') && !row.source.contains('|'),
                "{name}"
            );
        }
        for name in ENVOYS_OWN {
            assert_eq!(find(name).unwrap().teller, Teller::Proxy, "{name}");
        }
    }

    #[test]
    fn a_folded_name_is_not_copied() {
        let folded = "-0123456789abcdefghijklmnopqrstuvwxyz";
        assert!(matches!(fold(folded), Cow::Borrowed(name) if name == folded));
        for byte in (0..=0x7F_u8).filter(|byte| !folded.as_bytes().contains(byte)) {
            let name = char::from(byte).to_string();
            let expected = if name.as_bytes()[0].is_ascii_uppercase() {
                name.to_ascii_lowercase()
            } else {
                "-".to_owned()
            };
            assert!(matches!(fold(&name), Cow::Owned(name) if name == expected));
        }
    }

    /// These filters only save work: if one let every name through, no other test would fail.
    #[test]
    fn most_names_are_ruled_out_by_length_and_first_byte() {
        let lengths = bit(3) | bit(70);
        for length in [3, 63, 64, 70, 500] {
            assert!(has_length(lengths, length), "{length}");
        }
        for length in [0, 1, 2, 4, 62] {
            assert!(!has_length(lengths, length), "{length}");
        }
        for name in ["", "accept", "user-agent", "x", "y-forwarded-for", "é"] {
            assert!(!is_candidate(name), "{name}");
        }
        for row in MISLEADING {
            let name = row.name.strip_suffix('*').unwrap_or(row.name);
            assert!(is_candidate(name), "{name}");
        }
    }

    #[test]
    fn t_fwd_12_the_longest_row_counts() {
        let said = |name: &str| find(name).map(|row| (row.name, row.takes));
        assert_eq!(said("script-name"), Some(("script-name", Takes::Path)));
        assert_eq!(
            said("x-forwarded-prefix"),
            Some(("x-forwarded-prefix", Takes::Path))
        );
        assert_eq!(
            said("x-forwarded-invented"),
            Some(("x-forwarded-*", Takes::Client))
        );
        assert_eq!(
            said("x-original-url"),
            Some(("x-original-url", Takes::Path))
        );
        assert_eq!(said("-wsru"), Some(("-ws*", Takes::User)));
        let long = format!("x-original-{}", "x".repeat(500));
        assert_eq!(said(&long), Some(("x-original-*", Takes::Path)));
        for name in [
            "",
            "x",
            "x-forwarding",
            "x-original",
            "script-na-me",
            "é",
            "accept",
            "-",
            "-w",
        ] {
            assert_eq!(said(name), None, "{name}");
        }
    }
}
