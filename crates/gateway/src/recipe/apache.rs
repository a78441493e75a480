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
            "The certificate of bearward has every name that clients use, such as api.example.com: with
  ProxyPreserveHost, mod_proxy verifies the certificate against the client's `Host`."
        }
        None => "",
    };
    let checks = format!(
        "The modules {modules} are loaded: on Debian, use `a2enmod`.
Clients connect to {listen}, without TLS. To add TLS, set `SSLEngine on`; X-Forwarded-Proto follows.
This virtual host is the only one at this address, or the first: LimitRequestFieldSize comes from the first.
No other ProxyPass and no RewriteRule leads to the application.
{names}"
    );
    let heading = recipe.heading(
        "Apache httpd in front of bearward's reverse proxy.",
        &checks,
    );
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
    # A field must have room for a token of 16 KiB.
    LimitRequestFieldSize 32768
    # Pass paths to bearward unchanged: it refuses ambiguous ones.
    AllowEncodedSlashes NoDecode
    MergeSlashes Off

    # Do not trust the client's values of these: bearward trusts this proxy. It removes the other such fields itself. mod_proxy adds X-Forwarded-For, -Host and -Server.
{forwarded}    RequestHeader set X-Forwarded-Proto expr=%{{REQUEST_SCHEME}}

    ProxyRequests Off
    ProxyPreserveHost On
{tls}{client}    # nocanon: the target stays unchanged. retry=0: after an outage, bearward is used again at once.
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
