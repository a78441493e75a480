//! HAProxy, in front of our reverse proxy.

use super::chain::Chain;
use super::names::{Name, Names};
use super::tls::Tls;
use super::{RecipeError, fragment, lines};

pub(super) fn write(recipe: &Chain) -> Result<String, RecipeError> {
    let listen = recipe.listen;
    let checks = format!(
        "Clients connect to {listen}, without TLS. To add TLS, use `bind … ssl crt …`; X-Forwarded-Proto follows."
    );
    let heading = recipe.heading("HAProxy in front of bearward's reverse proxy.", &checks);
    let bearward = &recipe.bearward;
    let tls = fragment(recipe.tls.as_ref(), verified);
    let removed = removed(&recipe.names);
    let client = fragment(recipe.client.as_ref(), |file| format!(" crt {file}"));
    Ok(format!(
        "{heading}
global
    # The whole head, with a token of 16 KiB, must fit into one buffer.
    tune.bufsize 65536

defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    # For tunnels such as WebSockets.
    timeout tunnel 1h

frontend public
    bind {listen}
    # Do not trust the client's values of these: bearward trusts this proxy. It removes the other such fields itself.
{removed}    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]
    option forwardfor
    default_backend bearward

backend bearward
    server bearward {bearward}{tls}{client}
"
    ))
}

fn removed(names: &Names) -> String {
    let (names, beginnings) = names.of_proxies();
    let is_covered = |name: &&&Name| {
        let mut beginnings = beginnings.iter();
        beginnings.any(|beginning| name.lower().starts_with(beginning.lower()))
    };
    let singly = names.iter().filter(|name| !is_covered(name));
    let singly = lines(singly, |name| {
        format!("    http-request del-header {}\n", name.title())
    });
    let beginnings = lines(&beginnings, |name| {
        format!("    http-request del-header {} -m beg\n", name.title())
    });
    singly + &beginnings
}

fn verified(tls: &Tls) -> String {
    let name = &tls.name;
    let authorities = tls.authorities.as_deref().unwrap_or("@system-ca");
    format!(" ssl verify required ca-file {authorities} sni str({name}) verifyhost {name}")
}
