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

use self::AllowedFrom::{Nobody, Proxy};
use self::Takes::{Client, Host, Method, Path, Scheme, User};

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
pub enum AllowedFrom {
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
    pub allowed_from: AllowedFrom,
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
    pub fn may_pass(&self, name: &HeaderName, folded: &str, by: Sender) -> bool {
        let is_own = match (self.allowed_from, by) {
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

/// Fields that the same readers take for the same purpose, as one source documents it.
struct Row(
    &'static [&'static str],
    Takes,
    AllowedFrom,
    &'static str,
    &'static str,
);

/// Every known field, sorted by name.
pub static MISLEADING: LazyLock<Vec<Misleading>> = LazyLock::new(|| {
    let fields = ROWS.iter().flat_map(|row| {
        let Row(names, takes, allowed_from, readers, source) = *row;
        names.iter().map(move |name| Misleading {
            name,
            takes,
            allowed_from,
            readers,
            source,
        })
    });
    let mut fields: Vec<_> = fields.collect();
    fields.sort_unstable_by_key(|field| field.name);
    fields
});

/// Each row is one line: `scripts/e2e-applications` reads them here.
#[rustfmt::skip]
static ROWS: &[Row] = &[
    Row(&["-method"], Method, Nobody, "Rails, Laravel, Symfony and Spring, as a form field; here sent as a request field", "rack/rack lib/rack/method_override.rb"),
    Row(&["-ws*"], User, Nobody, "WebSphere, Open Liberty: `$WSRU` is the user, `$WSRA` the client, `$WSSC` the scheme, `$WSSN` the host", "OpenLiberty/open-liberty dev/com.ibm.ws.transport.http/src/com/ibm/wsspi/http/channel/values/HttpHeaderKeys.java"),
    Row(&["ali-cdn-real-ip"], Client, Proxy, "applications behind Alibaba's CDN", "alibabacloud.com/help/cdn"),
    Row(&["cdn-src-ip"], Client, Proxy, "applications behind Alibaba's and other CDNs", "alibabacloud.com/help/cdn"),
    Row(&["cf-access-authenticated-user-email"], User, Nobody, "applications behind Cloudflare Access", "developers.cloudflare.com/cloudflare-one"),
    Row(&["cf-connecting-ip"], Client, Proxy, "applications behind Cloudflare; express-rate-limit, request-ip", "developers.cloudflare.com/fundamentals/reference/http-headers"),
    Row(&["cf-connecting-ipv6"], Client, Proxy, "applications behind Cloudflare", "developers.cloudflare.com/fundamentals/reference/http-headers"),
    Row(&["cf-pseudo-ipv4"], Client, Proxy, "applications behind Cloudflare", "developers.cloudflare.com/network/pseudo-ipv4"),
    Row(&["cf-visitor"], Scheme, Proxy, "WordPress and Rack snippets behind Cloudflare", "developers.cloudflare.com/fundamentals/reference/http-headers"),
    Row(&["client-ip"], Client, Proxy, "Rails (`HTTP_CLIENT_IP`), PHP applications", "rails/rails actionpack/lib/action_dispatch/middleware/remote_ip.rb"),
    Row(&["cloudfront-forwarded-proto"], Scheme, Proxy, "Rack and Django behind CloudFront", "rack/rack lib/rack/cloudfront_https_header.rb"),
    Row(&["cloudfront-viewer-address"], Client, Proxy, "applications behind CloudFront", "docs.aws.amazon.com/AmazonCloudFront, adding-cloudfront-headers"),
    Row(&["daphne-root-path"], Path, Nobody, "Daphne: `root_path`, which Django removes from the path", "django/daphne daphne/http_protocol.py"),
    Row(&["disguised-host"], Host, Nobody, "Azure App Service, IIS with ARR", "learn.microsoft.com, Azure App Service"),
    Row(&["do-connecting-ip"], Client, Proxy, "applications on DigitalOcean", "docs.digitalocean.com/products/app-platform"),
    Row(&["document-root"], Path, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1; benoitc/gunicorn gunicorn/config.py, header_map"),
    Row(&["fastly-client-ip"], Client, Proxy, "applications behind Fastly; request-ip", "fastly.com/documentation/reference/http/http-headers"),
    Row(&["fastly-ssl"], Scheme, Proxy, "applications behind Fastly", "fastly.com/documentation/reference/http/http-headers"),
    Row(&["fly-client-ip"], Client, Proxy, "applications on Fly", "fly.io/docs/networking/request-headers"),
    Row(&["fly-forwarded-port", "fly-forwarded-proto", "fly-forwarded-ssl"], Scheme, Proxy, "applications on Fly", "fly.io/docs/networking/request-headers"),
    Row(&["forwarded"], Client, Proxy, "RFC 7239: Rack, Spring, Jetty, aiohttp, gorilla/handlers", "rack/rack lib/rack/request.rb; RFC 7239"),
    Row(&["forwarded-for", "x-forwarded"], Client, Proxy, "request-ip, PHP snippets", "pbojinov/request-ip src/index.ts"),
    Row(&["front-end-https"], Scheme, Proxy, "ASP.NET, Exchange and PHP snippets behind ISA and IIS", "learn.microsoft.com, Front-End-Https"),
    Row(&["incap-client-ip"], Client, Proxy, "applications behind Imperva", "docs.imperva.com"),
    Row(&["iv-creds", "iv-groups", "iv-user"], User, Nobody, "applications behind IBM WebSEAL", "ibm.com/docs/sva, junctions"),
    Row(&["iv-remote-address"], Client, Nobody, "applications behind IBM WebSEAL", "ibm.com/docs/sva, junctions"),
    Row(&["l5d-dst-override"], Host, Nobody, "Linkerd next to the application: another host", "linkerd.io/1/config/linkerd"),
    Row(&["logon-user"], User, Nobody, "servers that turn fields into CGI variables, IIS", "learn.microsoft.com/iis, server variables"),
    Row(&["ms-aspnetcore-clientcert", "ms-aspnetcore-token", "ms-aspnetcore-winauthtoken"], User, Nobody, "ASP.NET Core behind IIS", "dotnet/aspnetcore src/Servers/IIS/IISIntegration/src/IISMiddleware.cs"),
    Row(&["oidc-claim-*", "oidc-claim-email", "oidc-claim-preferred-username", "oidc-claim-sub"], User, Nobody, "applications behind mod_auth_openidc", "OpenIDC/mod_auth_openidc auth_openidc.conf, OIDCClaimPrefix"),
    Row(&["path-info"], Path, Nobody, "gunicorn (`forwarder_headers`), servers that turn fields into CGI variables", "benoitc/gunicorn gunicorn/config.py, forwarder_headers"),
    Row(&["path-translated"], Path, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.6"),
    Row(&["proxy"], Host, Nobody, "CGI programs: the proxy for the requests that they send", "CVE-2016-5385"),
    Row(&["proxy-auth-cert", "proxy-ssl-id"], Scheme, Nobody, "Jetty", "jetty/jetty.project ForwardedRequestCustomizer.java"),
    Row(&["proxy-client-ip"], Client, Nobody, "WebLogic and Java snippets", "docs.oracle.com/middleware, web server plug-ins"),
    Row(&["query-string"], Path, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.7"),
    Row(&["remote-addr"], Client, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.8"),
    Row(&["remote-email", "remote-groups", "remote-name"], User, Nobody, "applications behind Authelia", "authelia.com/integration/trusted-header-sso"),
    Row(&["remote-host"], Client, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.9"),
    Row(&["remote-user"], User, Nobody, "applications behind Authelia, Huginn, Seafile; CGI", "authelia.com/integration/trusted-header-sso; manual.seafile.com/deploy/remote_user"),
    Row(&["request-method"], Method, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.12"),
    Row(&["request-uri"], Path, Nobody, "servers that turn fields into CGI variables", "benoitc/gunicorn gunicorn/config.py, header_map"),
    Row(&["script-filename"], Path, Nobody, "PHP, servers that turn fields into CGI variables", "php.net/manual, $_SERVER"),
    Row(&["script-name"], Path, Nobody, "gunicorn (`forwarder_headers`), CGI: removed from the path", "benoitc/gunicorn gunicorn/http/wsgi.py"),
    Row(&["server-name"], Host, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.14"),
    Row(&["server-port"], Host, Nobody, "servers that turn fields into CGI variables", "RFC 3875 §4.1.15"),
    Row(&["shib-*", "shib-identity-provider", "shib-session-id"], User, Nobody, "applications behind Shibboleth with `ShibUseHeaders`", "shibboleth.atlassian.net, SP, spoof checking"),
    Row(&["sm-*", "sm-universalid", "sm-user"], User, Nobody, "applications behind SiteMinder (`SM_USER`)", "techdocs.broadcom.com, SiteMinder, HTTP headers"),
    Row(&["spring-cloud-function-*"], Path, Nobody, "Spring Cloud Function: which function is called", "spring-cloud/spring-cloud-function docs; CVE-2022-22963"),
    Row(&["ssl-cipher", "ssl-cipher-usekeysize", "ssl-session-id"], Scheme, Proxy, "Tomcat SSLValve", "apache/tomcat java/org/apache/catalina/valves/SSLValve.java"),
    Row(&["ssl-client-*", "ssl-client-cert", "ssl-client-s-dn", "ssl-client-subject-dn", "ssl-client-verify"], User, Proxy, "Tomcat SSLValve, ingress-nginx: the client's certificate", "apache/tomcat java/org/apache/catalina/valves/SSLValve.java"),
    Row(&["tailscale-user-*", "tailscale-user-login", "tailscale-user-name"], User, Nobody, "applications behind Tailscale Serve", "tailscale.com/kb, serve, identity headers"),
    Row(&["true-client-ip"], Client, Proxy, "chi `RealIP`, applications behind Akamai and Cloudflare", "go-chi/chi middleware/realip.go"),
    Row(&["wl-proxy-*", "wl-proxy-client-ip"], Client, Proxy, "WebLogic: client, scheme, certificate", "docs.oracle.com/middleware, web server plug-ins"),
    Row(&["wl-proxy-client-cert"], User, Proxy, "WebLogic: the client's certificate", "docs.oracle.com/middleware, web server plug-ins"),
    Row(&["wl-proxy-ssl"], Scheme, Proxy, "WebLogic: client, scheme, certificate", "docs.oracle.com/middleware, web server plug-ins"),
    Row(&["x-accel-*", "x-accel-mapping", "x-accel-redirect"], Path, Nobody, "Rack::Sendfile: which file is sent", "rack/rack lib/rack/sendfile.rb; CVE-2025-61780"),
    Row(&["x-amzn-oidc-*", "x-amzn-oidc-accesstoken", "x-amzn-oidc-data", "x-amzn-oidc-identity"], User, Nobody, "applications behind AWS ALB", "docs.aws.amazon.com/elasticloadbalancing, authenticate users"),
    Row(&["x-apigateway-api-userinfo"], User, Nobody, "applications behind Google API Gateway", "cloud.google.com/api-gateway/docs"),
    Row(&["x-appengine-*", "x-appengine-cron", "x-appengine-queuename", "x-appengine-user-ip"], User, Proxy, "applications on App Engine: user, client, cron", "cloud.google.com/appengine/docs, request headers"),
    Row(&["x-appservice-proto"], Scheme, Proxy, "applications on Azure App Service", "learn.microsoft.com/azure/app-service"),
    Row(&["x-arr-ssl"], Scheme, Proxy, "IIS with ARR, Azure App Service", "learn.microsoft.com/iis, ARR"),
    Row(&["x-astro-*", "x-astro-locals", "x-astro-path"], Path, Nobody, "Astro on Vercel: another path", "GHSA-mr6q-rp88-fx84"),
    Row(&["x-auth-couchdb-roles", "x-auth-couchdb-token", "x-auth-couchdb-username"], User, Nobody, "CouchDB with proxy authentication", "docs.couchdb.org, proxy authentication"),
    Row(&["x-auth-email", "x-auth-groups", "x-auth-roles", "x-auth-subject", "x-auth-userid", "x-auth-username"], User, Nobody, "applications behind Gogatekeeper", "gogatekeeper.github.io, upstream headers"),
    Row(&["x-auth-request-*", "x-auth-request-access-token", "x-auth-request-email", "x-auth-request-groups", "x-auth-request-preferred-username", "x-auth-request-user"], User, Nobody, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    Row(&["x-auth-user"], User, Nobody, "Seafile and others with `REMOTE_USER_HEADER`", "manual.seafile.com/deploy/remote_user"),
    Row(&["x-authenticated-groups", "x-consumer-groups"], User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/acl"),
    Row(&["x-authenticated-scope", "x-authenticated-userid"], User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/oauth2"),
    Row(&["x-authentik-*", "x-authentik-email", "x-authentik-groups", "x-authentik-uid", "x-authentik-username"], User, Nobody, "applications behind authentik", "docs.goauthentik.io, proxy provider"),
    Row(&["x-azure-clientip", "x-azure-socketip"], Client, Proxy, "applications behind Azure Front Door", "learn.microsoft.com/azure/frontdoor/front-door-http-headers-protocol"),
    Row(&["x-client-cert", "x-client-cert*", "x-client-certificate"], User, Proxy, "the client's certificate, behind proxies that terminate TLS", "RFC 9440 §1"),
    Row(&["x-client-ip"], Client, Proxy, "request-ip, IIS, Azure App Service", "pbojinov/request-ip src/index.js"),
    Row(&["x-client-port"], Client, Proxy, "Azure App Service", "learn.microsoft.com/azure/app-service"),
    Row(&["x-cluster-client-ip"], Client, Proxy, "request-ip, Rackspace, Zeus", "pbojinov/request-ip src/index.js"),
    Row(&["x-consumer-custom-id", "x-consumer-id", "x-consumer-username", "x-credential-identifier"], User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/key-auth"),
    Row(&["x-credential-username"], User, Nobody, "applications behind Kong", "docs.konghq.com/hub/kong-inc/basic-auth"),
    Row(&["x-endpoint-api-userinfo"], User, Nobody, "applications behind Google Cloud Endpoints", "cloud.google.com/endpoints/docs"),
    Row(&["x-envoy-external-address", "x-envoy-internal"], Client, Proxy, "applications behind Envoy", "envoyproxy.io, HTTP header sanitizing"),
    Row(&["x-envoy-original-*", "x-envoy-original-path"], Path, Nobody, "applications behind Envoy; Envoy next to the application", "envoyproxy.io, router, original path and host"),
    Row(&["x-envoy-original-dst-host", "x-envoy-original-host"], Host, Nobody, "applications behind Envoy; Envoy next to the application", "envoyproxy.io, router, original path and host"),
    Row(&["x-external-host"], Host, Nobody, "NSwag behind proxies", "RicoSuter/NSwag wiki, AspNetCore middleware"),
    Row(&["x-external-path"], Path, Nobody, "zwave-js-ui, NSwag: the prefix", "zwave-js/zwave-js-ui api/app.ts; RicoSuter/NSwag wiki"),
    Row(&["x-forwarded-*"], Client, Proxy, "nearly all: client, host, scheme, port, user", "werkzeug ProxyFix; expressjs.com/en/guide/behind-proxies"),
    Row(&["x-forwarded-access-token", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username"], User, Proxy, "applications behind oauth2-proxy", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    Row(&["x-forwarded-base-path"], Path, Nobody, "Sinatra and other snippets: removed from the path", "snippets in public repositories, HTTP_X_FORWARDED_BASE_PATH"),
    Row(&["x-forwarded-basepath"], Path, Nobody, "applications under a prefix", "snippets in public repositories, X-Forwarded-BasePath"),
    Row(&["x-forwarded-by"], Host, Proxy, "waitress", "Pylons/waitress src/waitress/proxy_headers.py"),
    Row(&["x-forwarded-client-cert"], User, Proxy, "applications behind Envoy: the client's certificate", "envoyproxy.io, x-forwarded-client-cert"),
    Row(&["x-forwarded-context"], Path, Nobody, "Apache NiFi and others behind Knox: the context path", "knox.apache.org/books; apache/nifi WebUtils.java"),
    Row(&["x-forwarded-for"], Client, Proxy, "nearly all: uvicorn, hypercorn, waitress, Rails, Express, Tomcat", "werkzeug ProxyFix; rails/rails remote_ip.rb"),
    Row(&["x-forwarded-host"], Host, Proxy, "nearly all", "werkzeug ProxyFix; rack/rack lib/rack/request.rb"),
    Row(&["x-forwarded-https"], Scheme, Proxy, "Plack::Middleware::ReverseProxy", "metacpan.org, Plack::Middleware::ReverseProxy"),
    Row(&["x-forwarded-method"], Method, Nobody, "applications that answer forward auth", "doc.traefik.io, ForwardAuth"),
    Row(&["x-forwarded-path"], Path, Nobody, "Kong, applications under a prefix", "docs.konghq.com, proxying"),
    Row(&["x-forwarded-port"], Host, Proxy, "werkzeug, Rack, Spring, Tomcat", "werkzeug ProxyFix"),
    Row(&["x-forwarded-prefix"], Path, Nobody, "Spring, werkzeug, ASP.NET: removed from the path", "spring-projects/spring-framework ForwardedHeaderFilter.java; werkzeug ProxyFix"),
    Row(&["x-forwarded-proto"], Scheme, Proxy, "nearly all: uvicorn, hypercorn, waitress, gunicorn, Rack, Express, Tomcat", "werkzeug ProxyFix; rack/rack lib/rack/request.rb"),
    Row(&["x-forwarded-protocol"], Scheme, Proxy, "gunicorn `secure_scheme_headers`", "benoitc/gunicorn gunicorn/config.py, secure_scheme_headers"),
    Row(&["x-forwarded-scheme"], Scheme, Proxy, "Rack, Puma, gorilla/handlers", "rack/rack lib/rack/request.rb"),
    Row(&["x-forwarded-script-name"], Path, Nobody, "Plack::Middleware::ReverseProxyPath", "metacpan.org, Plack::Middleware::ReverseProxyPath"),
    Row(&["x-forwarded-server"], Host, Proxy, "Jetty, Paste PrefixMiddleware", "jetty/jetty.project ForwardedRequestCustomizer.java"),
    Row(&["x-forwarded-ssl"], Scheme, Proxy, "Rack, gunicorn, uWSGI, Spring", "rack/rack lib/rack/request.rb; benoitc/gunicorn gunicorn/config.py"),
    Row(&["x-forwarded-uri"], Path, Nobody, "applications that answer forward auth", "doc.traefik.io, ForwardAuth"),
    Row(&["x-forwarded-url"], Path, Nobody, "applications under a prefix", "snippets in public repositories"),
    Row(&["x-forwarded-user"], User, Proxy, "applications behind oauth2-proxy, Traefik, Apache", "oauth2-proxy.github.io/oauth2-proxy/configuration/overview"),
    Row(&["x-goog-authenticated-user-*", "x-goog-authenticated-user-email", "x-goog-authenticated-user-id"], User, Nobody, "applications behind Google IAP", "cloud.google.com/iap/docs/identity-howto"),
    Row(&["x-host"], Host, Nobody, "applications behind some CDNs", "portswigger.net/web-security/host-header"),
    Row(&["x-http-destinationurl"], Path, Nobody, "applications behind some appliances", "portswigger.net/web-security/host-header"),
    Row(&["x-http-host-override"], Host, Nobody, "applications behind some appliances", "portswigger.net/web-security/host-header"),
    Row(&["x-http-method"], Method, Nobody, "OData, ASP.NET Web API, express method-override", "learn.microsoft.com, MS-ODATA §2.2.5.8; expressjs/method-override README.md"),
    Row(&["x-http-method-override"], Method, Nobody, "Rack, Symfony, Laravel, Express, ASP.NET, Jersey, gorilla/handlers", "rack/rack lib/rack/method_override.rb; symfony/http-foundation Request.php"),
    Row(&["x-ingress-path"], Path, Nobody, "Home Assistant add-ons: the prefix", "developers.home-assistant.io/docs/add-ons/presentation"),
    Row(&["x-invoke-*", "x-invoke-output", "x-invoke-path", "x-invoke-query"], Path, Nobody, "Next.js before 14.2: the path that is rendered", "vercel/next.js packages/next/src/server/base-server.ts"),
    Row(&["x-matched-path"], Path, Nobody, "Next.js in minimal mode: the path that is rendered", "vercel/next.js packages/next/src/server/base-server.ts"),
    Row(&["x-method-override"], Method, Nobody, "express method-override", "expressjs/method-override README.md"),
    Row(&["x-middleware-invoke", "x-middleware-invoke*"], Path, Nobody, "Next.js: how its middleware is run", "vercel/next.js packages/next/src/server"),
    Row(&["x-middleware-override-headers"], Path, Nobody, "Next.js: overrides request fields", "vercel/next.js packages/next/src/server"),
    Row(&["x-middleware-rewrite"], Path, Nobody, "Next.js: another path", "vercel/next.js packages/next/src/server"),
    Row(&["x-middleware-subrequest", "x-middleware-subrequest*", "x-middleware-subrequest-id"], Path, Nobody, "Next.js before 15.2.3: its middleware is skipped", "CVE-2025-29927"),
    Row(&["x-ms-client-principal", "x-ms-client-principal*", "x-ms-client-principal-id", "x-ms-client-principal-idp", "x-ms-client-principal-name"], User, Nobody, "applications on Azure App Service", "learn.microsoft.com/azure/app-service/configure-authentication-user-identities"),
    Row(&["x-ms-original-url"], Path, Nobody, "Azure Static Web Apps functions", "learn.microsoft.com/azure/static-web-apps"),
    Row(&["x-ms-token-*"], User, Nobody, "applications on Azure App Service", "learn.microsoft.com/azure/app-service/configure-authentication-oauth-tokens"),
    Row(&["x-nf-client-connection-ip"], Client, Proxy, "applications on Netlify", "docs.netlify.com"),
    Row(&["x-now-route-matches"], Path, Nobody, "Next.js in minimal mode: the parameters of the path", "vercel/next.js packages/next/src/server/base-server.ts"),
    Row(&["x-original-*"], Path, Nobody, "ASP.NET (`X-Original-Host`, `-For`, `-Proto`), Symfony, Zend and IIS (`X-Original-URL`), ingress-nginx", "dotnet/aspnetcore src/Middleware/HttpOverrides/src/ForwardedHeadersDefaults.cs"),
    Row(&["x-original-host"], Host, Nobody, "ASP.NET Core, Azure Application Gateway", "dotnet/aspnetcore src/Middleware/HttpOverrides/src/ForwardedHeadersDefaults.cs"),
    Row(&["x-original-method"], Method, Nobody, "applications that answer forward auth", "kubernetes.github.io/ingress-nginx"),
    Row(&["x-original-uri"], Path, Nobody, "applications that answer forward auth", "kubernetes.github.io/ingress-nginx"),
    Row(&["x-original-url"], Path, Nobody, "Zend, Symfony before 3.4, IIS with URL Rewrite", "symfony.com/blog/cve-2018-14773-remove-support-for-legacy-and-risky-http-headers"),
    Row(&["x-originating-ip"], Client, Proxy, "PHP and Java snippets", "portswigger.net, client address headers"),
    Row(&["x-pomerium-claim-*", "x-pomerium-claim-email", "x-pomerium-claim-groups", "x-pomerium-claim-user"], User, Nobody, "applications behind Pomerium", "pomerium.com/docs, claim headers"),
    Row(&["x-proxied-https"], Scheme, Proxy, "Jetty", "jetty/jetty.project ForwardedRequestCustomizer.java"),
    Row(&["x-proxy-roles", "x-proxy-user"], User, Nobody, "OpenSearch with proxy authentication", "docs.opensearch.org, proxy-based authentication"),
    Row(&["x-proxycontextpath"], Path, Nobody, "Apache Hadoop, Spark and NiFi: the context path", "apache/nifi WebUtils.java"),
    Row(&["x-proxyuser-ip"], Client, Proxy, "applications behind Google's services", "snippets in public repositories"),
    Row(&["x-real-ip"], Client, Proxy, "chi, Echo, gorilla/handlers, Gin", "go-chi/chi middleware/realip.go"),
    Row(&["x-remote-*", "x-remote-group", "x-remote-user"], User, Nobody, "Kubernetes (`--requestheader-username-headers`), NetBox", "kubernetes.io/docs, authenticating proxy"),
    Row(&["x-remote-addr"], Client, Nobody, "PHP and WSGI snippets: the client's address", "snippets in public repositories, HTTP_X_REMOTE_ADDR"),
    Row(&["x-remote-ip"], Client, Nobody, "PHP and WSGI snippets: the client's address", "snippets in public repositories, HTTP_X_REMOTE_IP"),
    Row(&["x-replaced-path"], Path, Nobody, "applications behind Traefik", "doc.traefik.io, ReplacePath"),
    Row(&["x-request-base"], Path, Nobody, "Catalyst, Mojolicious: the base of the application", "metacpan.org, Catalyst::TraitFor::Request::ProxyBase"),
    Row(&["x-request-uri"], Path, Nobody, "applications that answer forward auth", "snippets in public repositories"),
    Row(&["x-rewrite-url"], Path, Nobody, "Zend, Symfony before 3.4, IIS with ISAPI_Rewrite", "symfony.com/blog/cve-2018-14773-remove-support-for-legacy-and-risky-http-headers"),
    Row(&["x-scheme"], Scheme, Proxy, "ReverseProxied (the WSGI snippet); ingress-nginx", "jonashaag/klaus klaus/utils.py; kubernetes.github.io/ingress-nginx"),
    Row(&["x-script-name"], Path, Nobody, "ReverseProxied (the WSGI snippet), Radicale, Tandoor, Plack: removed from the path", "jonashaag/klaus klaus/utils.py; radicale.org"),
    Row(&["x-sendfile-type"], Path, Nobody, "Rack::Sendfile, Symfony: which file is sent", "rack/rack lib/rack/sendfile.rb; CVE-2025-61780"),
    Row(&["x-ssl-*", "x-ssl-cert", "x-ssl-client-cert", "x-ssl-client-cn", "x-ssl-client-dn", "x-ssl-client-s-dn", "x-ssl-client-verify"], User, Proxy, "the client's certificate, behind HAProxy and nginx", "docs.haproxy.org, ssl_c_s_dn"),
    Row(&["x-traversal-path"], Path, Nobody, "Plack::Middleware::ReverseProxyPath, hgwebdir and Paste", "metacpan.org, Plack::Middleware::ReverseProxyPath"),
    Row(&["x-url-scheme"], Scheme, Proxy, "WSGI, PHP and Perl snippets", "snippets in public repositories, HTTP_X_URL_SCHEME"),
    Row(&["x-vercel-forwarded-for"], Client, Proxy, "applications on Vercel", "vercel.com/docs/headers/request-headers"),
    Row(&["x-vhm-host"], Host, Nobody, "Pyramid, repoze.vhm", "Pylons/pyramid src/pyramid/interfaces.py"),
    Row(&["x-vhm-root"], Path, Nobody, "Pyramid, repoze.vhm: prepended to the path", "Pylons/pyramid src/pyramid/interfaces.py, VH_ROOT_KEY"),
    Row(&["x-vouch-*", "x-vouch-user"], User, Nobody, "applications behind Vouch Proxy", "vouch/vouch-proxy README.md"),
    Row(&["x-waws-unencoded-url"], Path, Nobody, "applications on Azure App Service", "snippets in public repositories, x-waws-unencoded-url"),
    Row(&["x-webauth-*", "x-webauth-email", "x-webauth-groups", "x-webauth-name", "x-webauth-user"], User, Nobody, "Grafana, Gitea", "grafana.com/docs, auth proxy"),
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
        let allowed_from = match row.allowed_from {
            Nobody => "nobody",
            Proxy => "a trusted proxy",
        };
        let (readers, source) = (row.readers, row.source);
        format!("| `{name}` | {takes} | {allowed_from} | {readers} | {source} |\n")
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
    for row in MISLEADING.iter() {
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

    use super::{AllowedFrom, ENVOYS_OWN, MISLEADING, Takes};
    use super::{bit, find, fold, has_length, is_candidate};

    #[test]
    fn the_table_is_sorted_folded_and_has_each_name_once() {
        let names: Vec<_> = MISLEADING.iter().map(|row| row.name).collect();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
        for row in MISLEADING.iter() {
            let name = row.name.strip_suffix('*').unwrap_or(row.name);
            assert_eq!(fold(name), name);
            assert!(!row.readers.is_empty() && !row.source.is_empty(), "{name}");
            assert!(
                !row.readers.contains('|') && !row.source.contains('|'),
                "{name}"
            );
        }
        for name in ENVOYS_OWN {
            assert_eq!(
                find(name).unwrap().allowed_from,
                AllowedFrom::Proxy,
                "{name}"
            );
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
        for row in MISLEADING.iter() {
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
