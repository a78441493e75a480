//! Apache httpd, in front of our reverse proxy.

use super::chain::Chain;
use super::names::Names;
use super::tls::{Tls, scheme};
use super::{RecipeError, fragment, lines};

pub(super) fn write(recipe: &Chain) -> Result<String, RecipeError> {
    let listen = recipe.listen;
    let modules = match recipe.tls {
        Some(_) => "headers, proxy, proxy_http and ssl",
        None => "headers, proxy and proxy_http",
    };
    let names = match recipe.tls {
        Some(_) => {
            "The certificate of bearward has every name under which clients come, such as api.example.com: by their
  `Host` mod_proxy verifies it, because ProxyPreserveHost is on."
        }
        None => "",
    };
    let checks = format!(
        "The modules {modules} are loaded: `a2enmod` does it on Debian.
Clients come in at {listen}, without TLS; with `SSLEngine on`, X-Forwarded-Proto follows.
This is the only virtual host at this address, or the first: LimitRequestFieldSize is taken from it.
No other ProxyPass and no RewriteRule leads to the application.
{names}"
    );
    let heading = recipe.heading("Apache httpd before bearward's reverse proxy.", &checks);
    let bearward = &recipe.bearward;
    let scheme = scheme(recipe.tls.as_ref());
    let tls = fragment(recipe.tls.as_ref(), verified);
    let client = fragment(recipe.client.as_ref(), |file| {
        format!("    SSLProxyMachineCertificateFile {file}\n")
    });
    Ok(format!(
        "{heading}
Listen {listen}

<VirtualHost {listen}>
    # A token of 16 KiB is one field.
    LimitRequestFieldSize 32768
    # Paths go to bearward as they came: it refuses those that have two readings.
    AllowEncodedSlashes NoDecode
    MergeSlashes Off

    # What a client says of these is not believed: bearward believes this proxy. It removes the rest itself. mod_proxy adds X-Forwarded-For, -Host and -Server.
{forwarded}    RequestHeader set X-Forwarded-Proto expr=%{{REQUEST_SCHEME}}

    ProxyRequests Off
    ProxyPreserveHost On
{tls}{client}    # nocanon: the target as it came. retry=0: bearward is asked again at once after it was gone.
    ProxyPass \"/\" \"{scheme}://{bearward}/\" nocanon retry=0 connectiontimeout=2 timeout=60 upgrade=websocket
</VirtualHost>
",
        forwarded = forwarded(&recipe.names),
    ))
}

/// Apache can only remove fields by whole names.
fn forwarded(names: &Names) -> String {
    let (names, _) = names.of_proxies();
    lines(names, |name| {
        format!("    RequestHeader unset {}\n", name.title())
    })
}

fn verified(tls: &Tls) -> String {
    let authorities = tls.authorities_file();
    format!(
        "    # The certificate must have the name that the client asked for.
    SSLProxyEngine On
    SSLProxyVerify require
    SSLProxyVerifyDepth 4
    SSLProxyCheckPeerName On
    SSLProxyCheckPeerExpire On
    SSLProxyCACertificateFile {authorities}
"
    )
}
