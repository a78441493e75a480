//! Caddy: `forward_auth`.

use super::application::{Application, Http};
use super::bearward::Bearward;
use super::forward_auth::ForwardAuth;
use super::metadata::{self, Metadata};
use super::names::{Name, Names};
use super::place::{Kind, Place};
use super::tls::{ClientCertificate, Tls};
use super::{LIMIT, RecipeError, fragment, lines};

pub(super) fn write(recipe: &ForwardAuth) -> Result<String, RecipeError> {
    let listen = recipe.listen;
    let checks = format!(
        "Clients connect to {listen}, without TLS. To get certificates, replace `http://:PORT` with the name
  of the site, and remove `bind`.
Every handler in front of the application is inside this `route`, below `forward_auth`."
    );
    let heading = recipe.heading(
        "Caddy in front of the application, asking bearward.",
        &checks,
    );
    let (ip, port) = (listen.ip(), listen.port());
    let names = &recipe.names;
    let connection = names.in_connection();
    let (stripped, misleading) = (stripped(names), misleading(names));
    let copied = names.identity.iter().chain(&names.shared);
    let copied = lines(copied, |name| format!("\t\t\t\t{}\n", name.title()));
    let emptied = lines(&names.shared, emptied);
    let (bearward, transport) = (reached(&recipe.bearward), auth_transport(&recipe.bearward));
    let metadata = fragment(recipe.metadata.as_ref(), |metadata| {
        published(metadata, &recipe.bearward)
    });
    let proxied = proxied(&recipe.application, names);
    Ok(format!(
        "{heading}
http://:{port} {{
	bind {ip}
	route {{
{metadata}		# Caddy removes the headers that the client's Connection names, but only after setting the identity headers.
		@connection header_regexp Connection \"(?i){connection}\"
		respond @connection 400

		# Only WebSockets pass: nothing checks what follows an upgrade to another protocol.
		@upgrade {{
			header Upgrade *
			not header_regexp Upgrade (?i)^websocket$
		}}
		request_header @upgrade -Upgrade

		# Every spelling of an identity header that applications may treat as the same.
{stripped}
		# These would make applications use a path, host, client or user that bearward did not check.
{misleading}
		forward_auth {bearward} {{
			uri /auth/caddy
			copy_headers {{
{copied}				X-Request-Id
			}}
{transport}		}}
{emptied}
{proxied}	}}
}}
"
    ))
}

/// One line removes all spellings of a reserved prefix, and every other field with this word in its
/// name.
fn stripped(names: &Names) -> String {
    let mut fields = vec!["*Authgear*".to_owned(), "*Bearward*".to_owned()];
    for name in names.unreserved() {
        fields.push(name.title());
        fields.extend(name.spellings());
    }
    for name in &names.credentials {
        fields.extend(name.spellings());
    }
    if names.drops_underscores {
        // Caddy compares names literally, and PHP reads a dot as `_`.
        fields.extend(["*_*", "*.*"].map(str::to_owned));
    }
    removed(&fields)
}

/// Older versions set a copied header without a value, which is no subprotocol.
fn emptied(name: &Name) -> String {
    let (title, matcher) = (name.title(), name.underscored());
    format!(
        "\t\t@no_{matcher} header_regexp {title} ^$
\t\trequest_header @no_{matcher} -{title}\n"
    )
}

fn misleading(names: &Names) -> String {
    // bearward must see a token before it is taken out.
    let has_token = |name: &Name| {
        let mut fields = names.of_sources.iter();
        fields.any(|field| field.lower().starts_with(name.lower()))
    };
    let beginnings = names.beginnings(OWN).filter(|name| !has_token(name));
    let beginnings = beginnings.map(|name| format!("{}*", name.written()));
    let mut fields: Vec<_> = beginnings.collect();
    for name in names.misleading_singly(OWN) {
        fields.push(name.written());
        // Replaces every hyphen with `_`, as CGI does. If names with `_` are dropped, they are gone
        // already.
        if !names.drops_underscores && name.is_plain() && name.underscored() != *name.lower() {
            fields.push(name.underscored());
        }
    }
    removed(&fields)
}

fn removed(fields: &[String]) -> String {
    lines(fields, |field| format!("\t\trequest_header -{field}\n"))
}

/// Fields that `reverse_proxy` sets itself.
const OWN: &[&str] = &["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

fn published(metadata: &Metadata, bearward: &Bearward) -> String {
    let (comment, path) = (metadata::COMMENT, &metadata.path);
    let (reached, transport) = (reached(bearward), auth_transport(bearward));
    format!(
        "\t\t{comment}
		reverse_proxy {path} {reached} {{
			rewrite {path}
{transport}		}}

"
    )
}

fn reached(bearward: &Bearward) -> String {
    dialled(&bearward.place, bearward.tls.as_ref())
}

/// The transport to bearward.
fn auth_transport(bearward: &Bearward) -> String {
    let mut lines = vec![
        format!("dial_timeout {LIMIT}"),
        format!("response_header_timeout {LIMIT}"),
    ];
    if let Some(tls) = &bearward.tls {
        lines.push(format!("tls_timeout {LIMIT}"));
        lines.extend(verified(tls));
    }
    let lines = super::lines(lines, |line| format!("\t\t\t\t{line}\n"));
    format!("\t\t\ttransport http {{\n{lines}\t\t\t}}\n")
}

fn verified(tls: &Tls) -> Vec<String> {
    let mut lines = vec![format!("tls_server_name {}", tls.name)];
    let authorities = tls.authorities.as_ref();
    lines.extend(authorities.map(|file| format!("tls_trusted_ca_certs {file}")));
    if let Some(ClientCertificate { certificate, key }) = &tls.client {
        lines.push(format!("tls_client_auth {certificate} {key}"));
    }
    lines
}

fn proxied(application: &Application, names: &Names) -> String {
    let tls = application.tls.as_ref();
    let places = application.places.iter();
    let places: Vec<_> = places.map(|place| dialled(place, tls)).collect();
    let credentials = names.credentials.iter();
    let credentials = credentials.map(|name| format!("header_up -{}", name.title()));
    let mut lines: Vec<_> = credentials.collect();
    if !lines.is_empty() {
        lines.insert(0, "# The credentials are not passed on.".to_owned());
    }
    if let Some(host) = &application.host {
        lines.push(format!("header_up Host {host}"));
    }
    let transport = transport(application);
    if !transport.is_empty() {
        lines.push("transport http {".to_owned());
        lines.extend(transport.iter().map(|line| format!("\t{line}")));
        lines.push("}".to_owned());
    }
    let lines = super::lines(lines, |line| format!("\t\t\t{line}\n"));
    format!("\t\treverse_proxy {} {{\n{lines}\t\t}}\n", places.join(" "))
}

fn transport(application: &Application) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(tls) = &application.tls {
        lines.extend(verified(tls));
    }
    if application.protocol == Http::Two {
        let versions = match application.tls {
            Some(_) => "2",
            None => "h2c",
        };
        lines.push(format!("versions {versions}"));
    }
    lines
}

/// The address of a server with this TLS.
fn dialled(place: &Place, tls: Option<&Tls>) -> String {
    let scheme = fragment(tls, |_| "https://".to_owned());
    match &place.0 {
        Kind::Unix(path) => format!("{scheme}unix/{path}"),
        Kind::Ip(_) | Kind::Name(..) => format!("{scheme}{place}"),
    }
}
