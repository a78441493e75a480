//! Envoy, apart from the filter that asks: the listener and both clusters.

use std::net::IpAddr;
use std::slice;

use bearward_gate::misleading::ENVOYS_OWN;

use super::application::{Application, Http};
use super::bearward::Bearward;
use super::forward_auth::ForwardAuth;
use super::metadata::{self, Metadata};
use super::names::{Name, Names};
use super::place::{Kind, Place};
use super::tls::{ClientCertificate, Tls};
use super::{LIMIT, Proxy, RecipeError, fragment, lines};

/// Writes the whole configuration, around the settings of the filter `ext_authz`; each line of these is
/// indented by 22 spaces.
pub(super) fn write(
    recipe: &ForwardAuth,
    title: &str,
    filter: &str,
    asked_over: Http,
) -> Result<String, RecipeError> {
    let application = &recipe.application;
    if application.has_name() && application.has_unix() {
        let what = "an application with both a name and a Unix socket";
        let proxy = "Envoy";
        return Err(RecipeError::Unsupported { proxy, what });
    }
    let listen = recipe.listen;
    let checks = format!(
        "Clients connect to {listen}, without TLS.
Every listener and route in front of the application has this filter. `failure_mode_allow` stays false.
In an existing configuration, put the filter before the router and before every filter that changes
  a path, a host or a route."
    );
    let heading = recipe.heading(title, &checks);
    let listener = listener(recipe, filter);
    let Application {
        places,
        tls,
        protocol,
        ..
    } = application;
    let application = cluster("application", places, tls.as_ref(), *protocol);
    let Bearward { place, tls } = &recipe.bearward;
    let bearward = cluster("bearward", slice::from_ref(place), tls.as_ref(), asked_over);
    Ok(format!(
        "{heading}
static_resources:
  listeners:
{listener}  clusters:
{application}{bearward}"
    ))
}

fn listener(recipe: &ForwardAuth, filter: &str) -> String {
    let (ip, port) = (recipe.listen.ip(), recipe.listen.port());
    let underscores = match recipe.names.drops_underscores {
        true => DROPPED_UNDERSCORES,
        false => "",
    };
    let removed = match recipe.proxy == Proxy::EnvoyHttp {
        true => removed(&recipe.names),
        // Each answer names the fields to remove.
        false => String::new(),
    };
    let rewrite = fragment(recipe.application.host.as_ref(), |host| {
        format!(", host_rewrite_literal: \"{host}\"")
    });
    // Over gRPC, the filter's answer holds the metadata.
    let metadata = recipe.metadata.as_ref();
    let metadata = metadata.filter(|_| recipe.proxy == Proxy::EnvoyHttp);
    let metadata = fragment(metadata, published);
    format!(
        r#"    - name: public
      address: {{ socket_address: {{ address: "{ip}", port_value: {port} }} }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: public
                # The peer is the client: its X-Forwarded-For and x-envoy-* are not trusted.
                use_remote_address: true
                # Enough for a token of 16 KiB and the other fields. This is Envoy's default.
                max_request_headers_kb: 60
                # Paths must not change between the decision and the application.
                normalize_path: false
                merge_slashes: false
                path_with_escaped_slashes_action: KEEP_UNCHANGED
                # Only WebSockets pass: nothing checks what follows an upgrade to another protocol.
                upgrade_configs:
                  - upgrade_type: websocket
{underscores}                route_config:
{removed}                  virtual_hosts:
                    - name: application
                      domains: ["*"]
                      routes:
{metadata}                        # No time limit for answers: by default Envoy ends them after 15 s.
                        - match: {{ prefix: "/" }}
                          route: {{ cluster: application, timeout: 0s{rewrite} }}
                http_filters:
                  - name: envoy.filters.http.ext_authz
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
                      transport_api_version: V3
                      # Refuse the request if bearward does not answer.
                      failure_mode_allow: false
{filter}                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"#
    )
}

/// Envoy does not send these to bearward, which therefore cannot name them.
fn removed(names: &Names) -> String {
    let lines = lines(names.misleading(ENVOYS_OWN), |name| {
        format!("                    - {}\n", quoted(name))
    });
    format!(
        "                  # These would make applications use a path, host, client or user that bearward did not check.
                  request_headers_to_remove:
{lines}"
    )
}

fn quoted(name: &Name) -> String {
    match name.is_plain() {
        true => name.lower().to_owned(),
        false => format!("\"{}\"", name.written()),
    }
}

fn published(metadata: &Metadata) -> String {
    let (comment, path) = (metadata::COMMENT, &metadata.path);
    format!(
        r#"                        {comment}
                        - match: {{ path: "{path}" }}
                          route: {{ cluster: bearward, timeout: {LIMIT} }}
                          typed_per_filter_config:
                            envoy.filters.http.ext_authz:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                              disabled: true
"#
    )
}

fn cluster(name: &str, places: &[Place], tls: Option<&Tls>, protocol: Http) -> String {
    let kind = match places.iter().any(|place| place.name().is_some()) {
        true => NAMED,
        false => "STATIC",
    };
    let tls = fragment(tls, |tls| verified(tls, protocol));
    let options = match protocol {
        Http::One => "",
        Http::Two => HTTP2,
    };
    let endpoints = lines(places, endpoint);
    format!(
        "    - name: {name}
      type: {kind}
      connect_timeout: 2s
{options}{tls}      load_assignment:
        cluster_name: {name}
        endpoints:
          - lb_endpoints:
{endpoints}"
    )
}

fn endpoint(place: &Place) -> String {
    let address = match &place.0 {
        Kind::Ip(address) => socket(&address.ip().to_string(), address.port()),
        Kind::Name(host, port) => socket(host, *port),
        Kind::Unix(path) => format!("pipe: {{ path: \"{path}\" }}"),
    };
    format!("              - endpoint: {{ address: {{ {address} }} }}\n")
}

fn socket(host: &str, port: u16) -> String {
    format!("socket_address: {{ address: \"{host}\", port_value: {port} }}")
}

fn verified(tls: &Tls, protocol: Http) -> String {
    let name = &tls.name;
    let authorities = tls.authorities_file();
    let alpn = match protocol {
        Http::One => "http/1.1",
        Http::Two => "h2",
    };
    // A certificate has names of type DNS, and addresses of type IP.
    let (kind, sni) = match name.parse::<IpAddr>() {
        Ok(_) => ("IP_ADDRESS", String::new()),
        Err(_) => ("DNS", format!("          sni: \"{name}\"\n")),
    };
    let client = fragment(tls.client.as_ref(), presented);
    format!(
        r#"      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
{sni}          common_tls_context:
            alpn_protocols: ["{alpn}"]
{client}            validation_context:
              trusted_ca: {{ filename: "{authorities}" }}
              match_typed_subject_alt_names:
                - {{ san_type: {kind}, matcher: {{ exact: "{name}" }} }}
"#
    )
}

fn presented(client: &ClientCertificate) -> String {
    let (certificate, key) = (&client.certificate, &client.key);
    format!(
        r#"            tls_certificates:
              - {{ certificate_chain: {{ filename: "{certificate}" }}, private_key: {{ filename: "{key}" }} }}
"#
    )
}

/// By default, Envoy uses only IPv6 addresses if a name has any: `localhost` has one, and most programs
/// do not listen there.
const NAMED: &str = "STRICT_DNS
      dns_lookup_family: V4_PREFERRED";

const HTTP2: &str = r#"      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }
"#;

const DROPPED_UNDERSCORES: &str = "                # Because `drop_underscores` is set.
                common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }
";
