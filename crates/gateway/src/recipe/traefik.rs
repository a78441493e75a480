//! Traefik 3: `ForwardAuth`, as dynamic configuration for the file provider.

use std::net::SocketAddr;

use super::RecipeError;
use super::application::{Application, Http};
use super::bearward::Bearward;
use super::forward_auth::ForwardAuth;
use super::metadata::{self, Metadata};
use super::names::{Name, Names};
use super::place::over_tcp;
use super::tls::Tls;

pub(super) fn write(recipe: &ForwardAuth) -> Result<String, RecipeError> {
    let bearward = over_tcp(&recipe.bearward.place, PROXY)?;
    let scheme = recipe.bearward.scheme();
    let checks = checks(recipe.listen);
    let heading = recipe.heading("Traefik before the application, asking bearward.", &checks);
    let names = &recipe.names;
    let (listed, pattern) = (listed(names), names.pattern());
    let misleading = names.misleading_pattern(OWN);
    let host = recipe.application.host.as_ref();
    let host = host.map(|host| format!("          Host: \"{host}\"\n"));
    let host = host.unwrap_or_default();
    let asked = recipe.bearward.tls.as_ref().map(asked).unwrap_or_default();
    let metadata = recipe.metadata.as_ref().map(published).unwrap_or_default();
    let services = services(recipe)?;
    Ok(format!(
        r#"{heading}
http:
  routers:
{metadata}    application:
      rule: 'PathPrefix(`/`)'
      middlewares: [bearward, application]
      service: application
    # WebSockets pass, and no other protocol: what follows on such a connection is not decided on.
    # The longer rule is the first to be tried.
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
{asked}        # A client's X-Forwarded-* are not believed.
        trustForwardHeader: false
        # Each is set to what bearward says, or removed: so are the credentials, of which it says nothing.
        authResponseHeaders:
{listed}        # Every other spelling that applications may take for one of them is removed, and what makes them take
        # another path, host, client or user.
        authResponseHeadersRegex: '(?i)^({pattern}|{misleading})$'
    application:
      headers:
        customRequestHeaders:
          # Of the answer, and matched by the expression above.
          X-Bearward-Status: ""
{host}
{services}"#
    ))
}

fn checks(listen: SocketAddr) -> [String; 12] {
    [
        format!("Clients come in at {listen}, without TLS, by the static configuration, which has to say:"),
        "    entryPoints:".to_owned(),
        "      web:".to_owned(),
        format!("        address: \"{listen}\""),
        "        http:".to_owned(),
        "          aliasHeadersStrategy: delete  # from 3.7.12; underscoreHeadersStrategy from 3.7.6".to_owned(),
        "    providers:".to_owned(),
        "      file:".to_owned(),
        "        filename: /etc/traefik/bearward.yml  # this file".to_owned(),
        "Every router before the application has `bearward` and `application`, and no middleware behind them".to_owned(),
        "  changes a path.".to_owned(),
        "Traefik waits 30 s for a decision; that is not to be set.".to_owned(),
    ]
}

fn listed(names: &Names) -> String {
    let all = names.identity.iter().chain(&names.credentials);
    all.map(|name| format!("          - {}\n", Name::title(name)))
        .collect()
}

/// Traefik verifies the certificate by the name in the address.
fn asked(tls: &Tls) -> String {
    let mut lines = Vec::new();
    let authorities = tls.authorities.as_ref();
    lines.extend(authorities.map(|file| format!("          ca: \"{file}\"\n")));
    if let Some(client) = &tls.client {
        lines.push(format!("          cert: \"{}\"\n", client.certificate));
        lines.push(format!("          key: \"{}\"\n", client.key));
    }
    match lines.is_empty() {
        true => String::new(),
        false => format!("        tls:\n{}", lines.concat()),
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
    let mut transports = transport("application", tls.as_ref());
    if recipe.metadata.is_some() {
        let Bearward { place, tls } = &recipe.bearward;
        let place = over_tcp(place, PROXY)?;
        let scheme = recipe.bearward.scheme();
        services.push_str(&service("bearward", scheme, &[place], tls.as_ref()));
        transports.push_str(&transport("bearward", tls.as_ref()));
    }
    let transports = match transports.is_empty() {
        true => String::new(),
        false => format!("\n  serversTransports:\n{transports}"),
    };
    Ok(format!("  services:\n{services}{transports}"))
}

fn service(name: &str, scheme: &str, places: &[String], tls: Option<&Tls>) -> String {
    let transport = tls.map(|_| format!("        serversTransport: {name}\n"));
    let transport = transport.unwrap_or_default();
    let servers = places.iter();
    let servers: String = servers
        .map(|place| format!("          - url: \"{scheme}://{place}\"\n"))
        .collect();
    format!(
        "    {name}:
      loadBalancer:
{transport}        servers:
{servers}"
    )
}

fn transport(name: &str, tls: Option<&Tls>) -> String {
    let Some(tls) = tls else {
        return String::new();
    };
    let server_name = &tls.name;
    let authorities = tls.authorities.as_ref();
    let authorities = authorities.map(|file| format!("      rootCAs: [\"{file}\"]\n"));
    let authorities = authorities.unwrap_or_default();
    let client = tls.client.as_ref().map(|client| {
        let (certificate, key) = (&client.certificate, &client.key);
        format!("      certificates: [{{ certFile: \"{certificate}\", keyFile: \"{key}\" }}]\n")
    });
    let client = client.unwrap_or_default();
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
