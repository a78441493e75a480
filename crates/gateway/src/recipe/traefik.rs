//! Traefik 3: `ForwardAuth`, as dynamic configuration of the file provider.

use super::RecipeError;
use super::application::{Application, Http, Tls};
use super::forward_auth::ForwardAuth;
use super::names::{Name, Names};
use super::place::over_tcp;

pub(super) fn write(recipe: &ForwardAuth) -> Result<String, RecipeError> {
    let bearward = over_tcp(&recipe.bearward, "Traefik")?;
    let checks = [
        format!("Clients come in at {}, without TLS, by the static configuration, which has to say:", recipe.listen),
        "    entryPoints:".to_owned(),
        "      web:".to_owned(),
        format!("        address: \"{}\"", recipe.listen),
        "        http:".to_owned(),
        "          aliasHeadersStrategy: delete  # from 3.7.12; underscoreHeadersStrategy from 3.7.6".to_owned(),
        "    providers:".to_owned(),
        "      file:".to_owned(),
        "        filename: /etc/traefik/bearward.yml  # this file".to_owned(),
        "Every router before the application has `bearward` and `application`, and no middleware behind them".to_owned(),
        "  changes a path.".to_owned(),
        "Traefik waits 30 s for a decision; that is not to be set.".to_owned(),
    ];
    let heading = recipe.heading("Traefik before the application, asking bearward.", &checks);
    let names = &recipe.names;
    let (listed, pattern) = (listed(names), names.pattern());
    let host = recipe.application.host.as_ref();
    let host = host.map(|host| format!("          Host: \"{host}\"\n"));
    let host = host.unwrap_or_default();
    let application = application(&recipe.application)?;
    Ok(format!(
        r#"{heading}
http:
  routers:
    application:
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
        address: "http://{bearward}/auth/traefik"
        # A client's X-Forwarded-* are not believed.
        trustForwardHeader: false
        # Each is set to what bearward says, or removed: so are the credentials, of which it says nothing.
        authResponseHeaders:
{listed}        # Every other spelling that applications may take for one of them is removed.
        authResponseHeadersRegex: '(?i)^({pattern})$'
    application:
      headers:
        customRequestHeaders:
          # Of the answer, and matched by the expression above.
          X-Bearward-Status: ""
{host}
{application}"#
    ))
}

fn listed(names: &Names) -> String {
    let all = names.identity.iter().chain(&names.credentials);
    all.map(|name| format!("          - {}\n", Name::title(name)))
        .collect()
}

fn application(application: &Application) -> Result<String, RecipeError> {
    let scheme = match (application.tls.is_some(), application.protocol) {
        (true, _) => "https",
        (false, Http::One) => "http",
        (false, Http::Two) => "h2c",
    };
    let mut servers = String::new();
    for place in &application.places {
        let place = over_tcp(place, "Traefik")?;
        servers.push_str(&format!("          - url: \"{scheme}://{place}\"\n"));
    }
    let (named, transport) = match &application.tls {
        Some(tls) => ("        serversTransport: application\n", transport(tls)),
        None => ("", String::new()),
    };
    Ok(format!(
        "  services:
    application:
      loadBalancer:
{named}        servers:
{servers}{transport}"
    ))
}

fn transport(tls: &Tls) -> String {
    let name = &tls.name;
    let authorities = tls.authorities.as_ref();
    let authorities = authorities.map(|file| format!("      rootCAs: [\"{file}\"]\n"));
    let authorities = authorities.unwrap_or_default();
    format!(
        "
  serversTransports:
    application:
      serverName: \"{name}\"
{authorities}"
    )
}
