//! nginx: `auth_request`.
//!
//! `auth_request` distinguishes only 200, 401 and 403. A named location restores the status that was
//! decided, and the challenge of a 403.

use super::application::Application;
use super::bearward::Bearward;
use super::forward_auth::ForwardAuth;
use super::metadata::{self, Metadata};
use super::names::{Name, Names};
use super::place::Kind;
use super::tls::Tls;
use super::{LIMIT, RecipeError, fragment, lines};

pub(super) fn write(recipe: &ForwardAuth) -> Result<String, RecipeError> {
    let application = &recipe.application;
    application.over_http1("nginx")?;
    let listen = recipe.listen;
    let checks = format!(
        "It belongs into the http block: /etc/nginx/conf.d/bearward.conf does on Debian. There is no other default
  server of this address: Debian's is /etc/nginx/sites-enabled/default, of port 80.
Clients come in at {listen}, without TLS.
Every location before the application has all that `location /` has: auth_request alone
  lets a client's identity headers through."
    );
    let heading = recipe.heading("nginx before the application, asking bearward.", &checks);
    let upstream = upstream(application);
    let protected = protected(application, &recipe.names);
    let asking = asking(&recipe.bearward);
    let metadata = fragment(recipe.metadata.as_ref(), |metadata| {
        published(metadata, &recipe.bearward)
    });
    Ok(format!(
        "{heading}
# WebSockets pass, and no other protocol: what follows on such a connection is not decided on.
map $http_upgrade $bw_upgrade {{
    default \"\";
    ~*^websocket$ websocket;
}}
map $bw_upgrade $bw_connection {{
    default upgrade;
    \"\" \"\";
}}
{upstream}
server {{
    # The default server of this address: of another one, nginx would take the three settings below.
    listen {listen} default_server;

    # A token of 16 KiB: one line must fit into one buffer.
    large_client_header_buffers 4 32k;
    # As many names as are set below need more than the 512 that nginx has room for.
    proxy_headers_hash_max_size 2048;
    proxy_headers_hash_bucket_size 128;
    # What nginx does by default: no name of a header but with letters, digits and hyphens gets any further.
    underscores_in_headers off;
    ignore_invalid_headers on;

{protected}
{asking}
{metadata}{DENIED}}}
"
    ))
}

/// Joins several places under one name.
fn upstream(application: &Application) -> String {
    if application.places.len() == 1 {
        return String::new();
    }
    let servers = lines(&application.places, |place| {
        format!("    server {place};\n")
    });
    format!("\nupstream {UPSTREAM} {{\n{servers}}}\n")
}

fn protected(application: &Application, names: &Names) -> String {
    let pairs = lines(&names.identity, pair);
    let mut credentials = lines(&names.credentials, removed);
    if !credentials.is_empty() {
        credentials.insert_str(0, "\n        # The credentials go no further.\n");
    }
    let misleading = names.misleading(OWN).filter(|name| name.is_plain());
    let misleading = lines(misleading, removed);
    let host = application.host.as_deref().unwrap_or("$http_host");
    let scheme = application.scheme();
    let target = match application.places.as_slice() {
        [one] => one.to_string(),
        _ => UPSTREAM.to_owned(),
    };
    let tls = fragment(application.tls.as_ref(), verified);
    format!(
        "    location / {{
        auth_request /_bearward;
        auth_request_set $bw_status $upstream_http_x_bearward_status;
        auth_request_set $bw_challenge $upstream_http_www_authenticate;
        auth_request_set $bw_retry_after $upstream_http_retry_after;

        # One pair for each identity header. Without a value nginx sends none, so a client's copy ends here.
{pairs}{credentials}
        # What a client says of these is not believed.
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        # These make applications use another path, host, client or user than the one decided on. nginx removes by
        # whole names only.
{misleading}
        proxy_http_version 1.1;
        proxy_set_header Upgrade $bw_upgrade;
        proxy_set_header Connection $bw_connection;
        proxy_set_header Host {host};
        error_page 403 = @bearward_denied;
{tls}        # Without a path: the application gets the very target that was decided on.
        proxy_pass {scheme}://{target};
    }}
"
    )
}

fn pair(name: &Name) -> String {
    let (title, variable) = (name.title(), name.underscored());
    format!(
        "        auth_request_set $bw_{variable} $upstream_http_{variable};
        proxy_set_header {title} $bw_{variable};\n"
    )
}

fn removed(name: &Name) -> String {
    format!("        proxy_set_header {} \"\";\n", name.title())
}

fn verified(tls: &Tls) -> String {
    let name = &tls.name;
    let authorities = tls.authorities_file();
    let client = fragment(tls.client.as_ref(), |client| {
        let (certificate, key) = (&client.certificate, &client.key);
        format!(
            "        proxy_ssl_certificate {certificate};
        proxy_ssl_certificate_key {key};\n"
        )
    });
    format!(
        "        proxy_ssl_server_name on;
        proxy_ssl_name {name};
        proxy_ssl_verify on;
        proxy_ssl_verify_depth 4;
        proxy_ssl_trusted_certificate {authorities};
{client}"
    )
}

fn asking(bearward: &Bearward) -> String {
    let target = target(bearward, "/auth/nginx");
    let request = without_body(bearward);
    format!(
        "    location = /_bearward {{
        internal;
        proxy_pass {target};
{request}        # bearward decides by these and by no others; they overwrite what a client sent.
        proxy_set_header X-Original-URI $request_uri;
        proxy_set_header X-Original-Method $request_method;
        proxy_set_header X-Original-Host $http_host;
        # The answer is a head alone, which must fit into one buffer: the roles of a user are in it.
        proxy_buffer_size 32k;
        proxy_buffers 4 32k;
    }}
"
    )
}

fn published(metadata: &Metadata, bearward: &Bearward) -> String {
    let path = &metadata.path;
    let target = target(bearward, path);
    let request = without_body(bearward);
    let comment = metadata::COMMENT;
    format!(
        "    {comment}
    location = {path} {{
        proxy_pass {target};
        proxy_pass_request_headers off;
{request}    }}

"
    )
}

/// The URL of a path of bearward.
fn target(bearward: &Bearward, path: &str) -> String {
    let (scheme, place) = (bearward.scheme(), &bearward.place);
    match &place.0 {
        // The colon ends the path of the socket.
        Kind::Unix(socket) => format!("{scheme}://unix:{socket}:{path}"),
        Kind::Ip(_) | Kind::Name(..) => format!("{scheme}://{place}{path}"),
    }
}

/// The settings of every request to bearward.
fn without_body(bearward: &Bearward) -> String {
    let tls = fragment(bearward.tls.as_ref(), verified);
    format!(
        "        proxy_pass_request_body off;
        proxy_set_header Content-Length \"\";
        proxy_connect_timeout {LIMIT};
        proxy_send_timeout {LIMIT};
        proxy_read_timeout {LIMIT};
{tls}"
    )
}

const DENIED: &str = "    # What was decided, where auth_request knows 401 and 403 only.
    location @bearward_denied {
        add_header WWW-Authenticate $bw_challenge always;
        add_header Retry-After $bw_retry_after always;
        add_header Cache-Control no-store always;
        if ($bw_status = 400) {
            return 400;
        }
        if ($bw_status = 429) {
            return 429;
        }
        if ($bw_status = 503) {
            return 503;
        }
        return 403;
    }
";

/// Fields that the recipe sets.
const OWN: &[&str] = &["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

const UPSTREAM: &str = "bearward_application";
