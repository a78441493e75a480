//! Traefik 3: `ForwardAuth`, as dynamic configuration for the file provider.

use std::net::SocketAddr;

use super::application::{Application, Http};
use super::bearward::Bearward;
use super::forward_auth::ForwardAuth;
use super::metadata::{self, Metadata};
use super::names::Names;
use super::place::over_tcp;
use super::tls::Tls;
use super::{RecipeError, fragment, lines};

pub(super) fn write(recipe: &ForwardAuth) -> Result<String, RecipeError> {
    let bearward = over_tcp(&recipe.bearward.place, PROXY)?;
    let scheme = recipe.bearward.scheme();
    let checks = checks(recipe.listen);
    let heading = recipe.heading(
        "Traefik in front of the application, asking bearward.",
        &checks,
    );
    let names = &recipe.names;
    let (listed, pattern) = (listed(names), names.pattern());
    let misleading = names.misleading_pattern(OWN);
    let host = fragment(recipe.application.host.as_ref(), |host| {
        format!("          Host: \"{host}\"\n")
    });
    let tls = fragment(recipe.bearward.tls.as_ref(), auth_tls);
    let metadata = fragment(recipe.metadata.as_ref(), published);
    let services = services(recipe)?;
    Ok(format!(
        r#"{heading}
http:
  routers:
{metadata}    application:
      rule: 'PathPrefix(`/`)'
      middlewares: [bearward, application]
      service: application
    # Only WebSockets pass: nothing checks what follows an upgrade to another protocol.
    # Traefik tries the longer rule first.
    application-other-protocol:
      rule: 'PathPrefix(`/`) && HeaderRegexp(`Upgrade`, `.`) && !HeaderRegexp(`Upgrade`, `(?i)^websocket$`)'
      middlewares: [no-upgrade, bearward, application]
      service: application

  middlewares:
    no-upgrade:
      headers:
        customRequestHeaders:
          Upgrade: ""
    bearward:
      forwardAuth:
        address: "{scheme}://{bearward}/auth/traefik"
{tls}        # Do not trust a client's X-Forwarded-*.
        trustForwardHeader: false
        # Each field is set to the value in bearward's answer, or removed if the answer lacks it, like the credentials.
        authResponseHeaders:
{listed}          - X-Request-Id
        # Removes every other spelling that applications may treat as one of them, and fields from which they take
        # another path, host, client or user.
        authResponseHeadersRegex: '(?i)^({pattern}|{misleading})$'
    application:
      headers:
        customRequestHeaders:
          # From bearward's answer: the expression above matches it.
          X-Bearward-Status: ""
{host}
{services}"#
    ))
}

fn checks(listen: SocketAddr) -> String {
    format!(
        "Clients connect to {listen}, without TLS. The static configuration must contain:
    entryPoints:
      web:
        address: \"{listen}\"
        http:
          aliasHeadersStrategy: delete  # from 3.7.12; underscoreHeadersStrategy from 3.7.6
    providers:
      file:
        filename: /etc/traefik/bearward.yml  # this file
Every router in front of the application has `bearward` and `application`, and no middleware after them
  changes a path.
Traefik waits 30 s for a decision; this cannot be changed."
    )
}

fn listed(names: &Names) -> String {
    lines(names.answered(), |name| {
        format!("          - {}\n", name.title())
    })
}

/// Traefik verifies the certificate by the name in the address.
fn auth_tls(tls: &Tls) -> String {
    let authorities = fragment(tls.authorities.as_ref(), |file| {
        format!("          ca: \"{file}\"\n")
    });
    let client = fragment(tls.client.as_ref(), |client| {
        let (certificate, key) = (&client.certificate, &client.key);
        format!("          cert: \"{certificate}\"\n          key: \"{key}\"\n")
    });
    match authorities + &client {
        lines if lines.is_empty() => lines,
        lines => format!("        tls:\n{lines}"),
    }
}

fn published(metadata: &Metadata) -> String {
    let (comment, path) = (metadata::COMMENT, &metadata.path);
    format!(
        "    {comment}
    metadata:
      rule: 'Path(`{path}`)'
      priority: 1000
      service: bearward
"
    )
}

/// The services for requests.
fn services(recipe: &ForwardAuth) -> Result<String, RecipeError> {
    let Application { places, tls, .. } = &recipe.application;
    let scheme = match (tls, recipe.application.protocol) {
        (Some(_), _) => "https",
        (None, Http::One) => "http",
        (None, Http::Two) => "h2c",
    };
    let places = places.iter().map(|place| over_tcp(place, PROXY));
    let places: Vec<_> = places.collect::<Result<_, _>>()?;
    let mut services = service("application", scheme, &places, tls.as_ref());
    let mut transports = fragment(tls.as_ref(), |tls| transport("application", tls));
    if recipe.metadata.is_some() {
        let Bearward { place, tls } = &recipe.bearward;
        let place = over_tcp(place, PROXY)?;
        let scheme = recipe.bearward.scheme();
        services.push_str(&service("bearward", scheme, &[place], tls.as_ref()));
        transports.push_str(&fragment(tls.as_ref(), |tls| transport("bearward", tls)));
    }
    if !transports.is_empty() {
        transports.insert_str(0, "\n  serversTransports:\n");
    }
    Ok(format!("  services:\n{services}{transports}"))
}

fn service(name: &str, scheme: &str, places: &[String], tls: Option<&Tls>) -> String {
    let transport = fragment(tls, |_| format!("        serversTransport: {name}\n"));
    let servers = lines(places, |place| {
        format!("          - url: \"{scheme}://{place}\"\n")
    });
    format!(
        "    {name}:
      loadBalancer:
{transport}        servers:
{servers}"
    )
}

fn transport(name: &str, tls: &Tls) -> String {
    let server_name = &tls.name;
    let authorities = fragment(tls.authorities.as_ref(), |file| {
        format!("      rootCAs: [\"{file}\"]\n")
    });
    let client = fragment(tls.client.as_ref(), |client| {
        let (certificate, key) = (&client.certificate, &client.key);
        format!("      certificates: [{{ certFile: \"{certificate}\", keyFile: \"{key}\" }}]\n")
    });
    format!(
        "    {name}:
      serverName: \"{server_name}\"
{authorities}{client}"
    )
}

/// Fields that Traefik writes or removes itself before it asks.
const OWN: &[&str] = &[
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
];

const PROXY: &str = "Traefik";
