//! `explain --id`: what became of a request, which the gateway's admin listener is asked about. The token is
//! rarely at hand.

use std::io::{self, Write};
use std::path::Path;

use bearward::fetch::{Get, HttpTransport, Transport};
use bearward_gateway::config::{self, Address};
use serde_json::{Map, Value, json};
use url::Url;

use super::table::{BAD, BOLD};
use super::write_labelled;
use crate::format::Format;
use crate::reasons::Explanation;
use crate::{Exit, Failure, end, running, serve};

/// Asks for the request and explains it.
pub(super) fn explain(
    id: &str,
    admin: Option<&str>,
    config: &Path,
    format: Format,
) -> Result<Exit, Failure> {
    let admin = match admin {
        Some(admin) => admin.to_owned(),
        None => configured(config)?,
    };
    let found = ask(id, &admin)?;
    if found.is_empty() {
        return Err(Failure::Admin(NoAnswer::Unknown(without_credentials(
            &admin,
        ))));
    }
    let mut out = anstream::stdout();
    let written = found.iter().try_for_each(|request| match format {
        Format::Json => writeln!(out, "{}", with_explanation(request)),
        Format::Text => write(request, &mut out),
    });
    end(written, Exit::Good)
}

/// Where the admin listener of this configuration is; at its default address if there is no such file.
fn configured(file: &Path) -> Result<String, Failure> {
    if !file.exists() {
        return Ok(format!("http://{}", config::default_admin_address()));
    }
    let (_, config) = serve::load(file)?;
    let admin = config.listen.admin.as_ref();
    match admin.map(|admin| (&admin.address, admin.tls.is_some())) {
        Some((Address::Tcp(address), false)) => Ok(format!("http://{address}")),
        Some((Address::Tcp(_), true)) => Err(Failure::Admin(NoAnswer::Name)),
        Some((Address::Unix(_), _)) => Err(Failure::Admin(NoAnswer::Socket)),
        None => Err(Failure::Admin(NoAnswer::NoListener)),
    }
}

/// The lines of the log about the request; none if the listener does not know it.
fn ask(id: &str, admin: &str) -> Result<Vec<Map<String, Value>>, Failure> {
    let not_there = |error: String| {
        Failure::Admin(NoAnswer::NotThere {
            admin: without_credentials(admin),
            error,
        })
    };
    let url = admin.parse::<Url>();
    let mut url = url.map_err(|error| not_there(error.to_string()))?;
    let Ok(mut segments) = url.path_segments_mut() else {
        return Err(not_there("it is not an http URL".to_owned()));
    };
    // One segment, whatever is in the id.
    segments.pop_if_empty().extend(["requests", id]);
    drop(segments);
    let transport = HttpTransport::new().map_err(|error| not_there(error.to_string()))?;
    let answer = running::block_on(transport.get(Get::new(&url))).map_err(Failure::Runtime)?;
    let answer = answer.map_err(|error| not_there(error.to_string()))?;
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let requests = body.get("requests").and_then(Value::as_array);
    match (answer.status, requests) {
        (200, Some(requests)) => {
            let requests = requests.iter().filter_map(Value::as_object);
            Ok(requests.cloned().collect())
        }
        (status, _) => Err(not_there(format!("it answered with status {status}"))),
    }
}

/// The address as a message may show it.
fn without_credentials(admin: &str) -> String {
    match admin.rsplit_once('@') {
        Some((_, address)) => address.to_owned(),
        None => admin.to_owned(),
    }
}

/// The request and the explanation of its reason, as one object.
fn with_explanation(request: &Map<String, Value>) -> Value {
    let reason = reason_of(request).map(|reason| {
        json!({
            "means": reason.means,
            "causes": reason.causes,
            "remedy": reason.remedy,
            "more": reason.anchor(),
        })
    });
    let mut request = request.clone();
    request.insert("explanation".to_owned(), reason.into());
    request.into()
}

fn reason_of(request: &Map<String, Value>) -> Option<Explanation> {
    Explanation::of(request.get("reason")?.as_str()?)
}

fn write(request: &Map<String, Value>, out: &mut impl Write) -> io::Result<()> {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let status = request
        .get("status")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let is_of_application = text("answered_by") == Some("application");
    let reason = text("reason").unwrap_or("unknown");
    match is_of_application {
        true => writeln!(
            out,
            "{BOLD}admitted{BOLD:#}: the {status} is the application's own"
        )?,
        false => writeln!(out, "{BAD}{reason}{BAD:#}: the answer was {status}")?,
    }
    let of = |names: &[&str]| {
        let parts = names.iter().filter_map(|name| text(name));
        parts.collect::<Vec<_>>().join(" ")
    };
    for (label, value) in [
        ("id", of(&["id"])),
        ("time", of(&["timestamp"])),
        ("request", of(&["method", "path"])),
        ("route", of(&["route"])),
        ("door", of(&["door"])),
        ("peer", of(&["peer"])),
        ("trace", of(&["trace"])),
        ("upstream", of(&["upstream"])),
        ("subject", of(&["subject"])),
        ("unmet", of(&["requirement"])),
        ("claim", of(&["claim"])),
    ] {
        if !value.is_empty() {
            write_labelled(label, &value, out)?;
        }
    }
    if is_of_application {
        let why = format!(
            "bearward admitted the request and passed on what the application answered. The \
             application's log has it under the X-Request-Id {}.",
            text("id").unwrap_or_default()
        );
        return write_labelled("remedy", &why, out);
    }
    let Some(reason) = reason_of(request) else {
        return Ok(());
    };
    write_labelled("means", &reason.means, out)?;
    for (at, cause) in reason.causes.iter().enumerate() {
        write_labelled(if at == 0 { "causes" } else { "" }, cause, out)?;
    }
    write_labelled("remedy", &reason.remedy, out)?;
    write_labelled("more", &reason.more(), out)
}

/// Why nothing can be said of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error(
        "the admin listener speaks TLS, and its name is not in the configuration: say where it is with --admin https://NAME:PORT"
    )]
    Name,
    #[error("the configuration has no [listen.admin]: add it, or say where it is with --admin URL")]
    NoListener,
    #[error("{admin}: {error}; is this the gateway's admin listener (--admin URL)?")]
    NotThere { admin: String, error: String },
    #[error(
        "the admin listener is a Unix socket: ask it with `curl --unix-socket PATH http://localhost/requests/ID`"
    )]
    Socket,
    #[error(
        "{0} knows no such request: it knows the last 1000 that were refused or failed since it started. Another \
         replica may have decided on it; or it was admitted and answered well, so only the log has it"
    )]
    Unknown(String),
}
