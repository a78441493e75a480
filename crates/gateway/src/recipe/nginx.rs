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
        "This file is included in the http block: on Debian, save it as /etc/nginx/conf.d/bearward.conf. This address
  has no other default server: Debian's, /etc/nginx/sites-enabled/default, is for port 80.
Clients connect to {listen}, without TLS.
Every location in front of the application has everything that `location /` has: auth_request alone
  lets a client's identity headers through."
    );
    let heading = recipe.heading(
        "nginx in front of the application, asking bearward.",
        &checks,
    );
    let upstream = upstream(application);
    let of_origins = recipe.has_origins.then_some((ORIGINS, EXPOSED));
    let (origins, exposed) = of_origins.unwrap_or_default();
    let protected = protected(application, &recipe.names, origins);
    let asking = asking(&recipe.bearward);
    let metadata = fragment(recipe.metadata.as_ref(), |metadata| {
        published(metadata, &recipe.bearward)
    });
    let answered = match recipe.names.has_subprotocol() {
        true => ANSWERED,
        false => "",
    };
    Ok(format!(
        "{heading}
# Only WebSockets pass: nothing checks what follows an upgrade to another protocol.
map $http_upgrade $bw_upgrade {{
    default \"\";
    ~*^websocket$ websocket;
}}
map $bw_upgrade $bw_connection {{
    default upgrade;
    \"\" \"\";
}}
# auth_request itself adds the challenge to a 401.
map $bw_carried $bw_missing_challenge {{
    default \"\";
    403 $bw_challenge;
}}
{LOG_FORMAT}{answered}{upstream}
server {{
    # This must be the default server of its address: nginx takes the settings for client headers below from it.
    listen {listen} default_server;

    # A line with a token of 16 KiB must fit into one buffer.
    large_client_header_buffers 4 32k;
    # The fields set below need more room than nginx's default of 512.
    proxy_headers_hash_max_size 2048;
    proxy_headers_hash_bucket_size 128;
    # As by default: headers pass only if their names consist of letters, digits and hyphens.
    underscores_in_headers off;
    ignore_invalid_headers on;

{protected}
{asking}
{metadata}{DENIED}{exposed}{DENIED_STATUS}}}
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

fn protected(application: &Application, names: &Names, origins: &str) -> String {
    let pairs = lines(names.identity.iter().chain(&names.shared), pair);
    let subprotocol = match names.has_subprotocol() {
        true => SUBPROTOCOL,
        false => "",
    };
    let mut credentials = lines(&names.credentials, removed);
    if !credentials.is_empty() {
        credentials.insert_str(0, "\n        # The credentials are not passed on.\n");
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
        auth_request_set $bw_carried $upstream_status;
        auth_request_set $bw_status $upstream_http_x_bearward_status;
        auth_request_set $bw_reason $upstream_http_x_bearward_reason;
        auth_request_set $bw_challenge $upstream_http_www_authenticate;
        auth_request_set $bw_retry_after $upstream_http_retry_after;
{origins}
        # One pair for each identity header. If the value is empty, nginx sends no header, so a client's copy never passes.
{pairs}{credentials}{subprotocol}
        # Do not trust the client's values of these.
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Request-Id $request_id;
        proxy_set_header X-Bearward-Reason \"\";
        # These would make applications use a path, host, client or user that bearward did not check. nginx can
        # remove fields only by their full names.
{misleading}
        proxy_http_version 1.1;
        proxy_set_header Upgrade $bw_upgrade;
        proxy_set_header Connection $bw_connection;
        proxy_set_header Host {host};
        error_page 401 403 = @bearward_denied;
{tls}        # No path here, so the application gets exactly the target that bearward decided on.
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
{request}        # bearward decides only by these, and they overwrite the client's.
        proxy_set_header X-Original-URI $request_uri;
        proxy_set_header X-Original-Method $request_method;
        proxy_set_header X-Original-Host $http_host;
        # The id of the request in bearward's log: the one that $request_id writes into nginx's.
        proxy_set_header X-Original-Id $request_id;
        # Whose failures count, if bearward limits them.
        proxy_set_header X-Original-Client $remote_addr;
        # bearward's answer is only a head, with the user's roles in it, and must fit into one buffer.
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
        # bearward answers the preflights of pages itself.
        proxy_set_header Origin $http_origin;
        proxy_set_header Access-Control-Request-Method $http_access_control_request_method;
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

/// What the response to a handshake names.
const ANSWERED: &str = "# If the application accepts a WebSocket without naming a subprotocol: the one before the token.
map \"$status:$upstream_http_sec_websocket_protocol\" $bw_answered {
    default \"\";
    \"101:\" $bw_subprotocol;
}
";

const SUBPROTOCOL: &str = "
        auth_request_set $bw_subprotocol $upstream_http_x_bearward_subprotocol;
        add_header Sec-WebSocket-Protocol $bw_answered always;
";

const DENIED: &str = "    # Restores the decided status, and has every field of a refusal: auth_request only knows 401 and 403, and passes on
    # no other field than the challenge of a 401.
    location @bearward_denied {
        add_header WWW-Authenticate $bw_missing_challenge always;
        add_header Retry-After $bw_retry_after always;
        add_header Cache-Control no-store always;
        add_header X-Bearward-Request-Id $request_id always;
";

/// Fields of a refusal for pages of other origins.
const ORIGINS: &str =
    "        auth_request_set $bw_allow_origin $upstream_http_access_control_allow_origin;
        auth_request_set $bw_allow_credentials $upstream_http_access_control_allow_credentials;
        auth_request_set $bw_expose_headers $upstream_http_access_control_expose_headers;
        auth_request_set $bw_vary $upstream_http_vary;
";

const EXPOSED: &str = "        add_header Access-Control-Allow-Origin $bw_allow_origin always;
        add_header Access-Control-Allow-Credentials $bw_allow_credentials always;
        add_header Access-Control-Expose-Headers $bw_expose_headers always;
        add_header Vary $bw_vary always;
";

/// nginx's line about a request, with bearward's decision and the id of bearward's own line.
const LOG_FORMAT: &str = "
# For `access_log FILE bearward;`: the reason of bearward's decision, and the id that bearward's log has too. nginx
# alone learns the reason; no client does.
log_format bearward '$remote_addr [$time_iso8601] \"$request_method $uri\" $status '
    'reason=$bw_reason id=$request_id upstream=$upstream_status';
";

const DENIED_STATUS: &str = "        if ($bw_status = 400) {
            return 400;
        }
        if ($bw_status = 401) {
            return 401;
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
const OWN: &[&str] = &[
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
    "x-bearward-reason",
];

const UPSTREAM: &str = "bearward_application";
