//! An explained request as text.

use std::io::{self, Write};

use bearward::explain::text;
use bearward_core::source::Source;
use bearward_gateway::route::{Access, Mode, Preflight, Route, Router};

use super::outcome::Outcome;
use super::required::Alternative;
use super::routes::{Tried, Verdict};
use super::{Applied, Explained};
use crate::explain::table::{
    BAD, BOLD, DIM, GOOD, wrapped, write_checks, write_labelled, write_meaning, write_note,
    write_remarks,
};
use crate::explain::{explanation_of, id_token};

/// Writes the explanation.
pub(in crate::explain) fn write(explained: &Explained, out: &mut impl Write) -> io::Result<()> {
    write_request(explained, out)?;
    writeln!(out)?;
    write_outcome(explained, out)?;
    write_tried(&explained.tried, out)?;
    for applied in &explained.routes {
        write_route(applied, out)?;
    }
    if let Some(report) = &explained.token {
        writeln!(out, "\n{BOLD}the token{BOLD:#}")?;
        write_checks(&report.checks, out)?;
    }
    if let Some(id_token) = &explained.id_token {
        id_token::write(id_token, out)?;
    }
    for applied in &explained.routes {
        let count = applied.alternatives.len();
        for (at, alternative) in applied.alternatives.iter().enumerate() {
            write_alternative(at.saturating_add(1), count, alternative, out)?;
        }
    }
    Ok(())
}

/// Text from a request or a configuration, made safe to show a person.
pub(super) fn described(text: &str) -> String {
    text::shown(text, TEXT_CHARS)
}

/// The configuration's word for it, and its meaning.
pub(super) const fn access(access: Access) -> (&'static str, &'static str) {
    match access {
        Access::Required => ("required", "a valid access token is needed"),
        Access::Optional => (
            "optional",
            "credentials are optional, but invalid ones are refused",
        ),
        Access::Public => ("public", "everybody; credentials are ignored"),
    }
}

fn write_request(explained: &Explained, out: &mut impl Write) -> io::Result<()> {
    let request = &explained.request;
    let target = described(&request.url.target);
    writeln!(out, "{BOLD}{} {target}{BOLD:#}", request.method)?;
    let host = request.url.host.as_deref();
    let host = host.map_or_else(|| "not given".to_owned(), described);
    write_labelled("host", &host, out)?;
    match &explained.path {
        Ok(path) => write_labelled("path", &described(path), out),
        Err(why) => write_labelled("path", why, out),
    }
}

fn write_tried(tried: &[Tried], out: &mut impl Write) -> io::Result<()> {
    if tried.is_empty() {
        return Ok(());
    }
    let name = |tried: &Tried| text::shown(&tried.name, NAME_CHARS);
    let widths = tried.iter().map(|tried| name(tried).chars().count());
    let width = widths.max().unwrap_or_default().max("route".len());
    let verdict_width = Verdict::NotTried.as_str().len();
    writeln!(
        out,
        "\n{BOLD}{:width$}  {:verdict_width$}  why{BOLD:#}",
        "route", "verdict"
    )?;
    for tried in tried {
        let style = match tried.verdict {
            Verdict::Matches | Verdict::MayMatch => GOOD,
            Verdict::No | Verdict::NotTried => DIM,
        };
        let why = wrapped(&described(&tried.why), WHY);
        for (at, line) in why.iter().enumerate() {
            let (name, verdict) = match at {
                0 => (name(tried), tried.verdict.as_str()),
                _ => (String::new(), ""),
            };
            writeln!(
                out,
                "{name:width$}  {style}{verdict:verdict_width$}{style:#}  {line}"
            )?;
        }
    }
    Ok(())
}

fn write_route(applied: &Applied, out: &mut impl Write) -> io::Result<()> {
    let Applied {
        route,
        forbids,
        alternatives,
    } = applied;
    writeln!(out, "\n{BOLD}the route {}{BOLD:#}", described(&route.name))?;
    if let Some(forbids) = forbids {
        write_labelled("paths", forbids, out)?;
    }
    let (word, meaning) = access(route.access);
    write_labelled("access", &format!("{word}: {meaning}"), out)?;
    let groups: Vec<_> = alternatives
        .iter()
        .map(|alternative| described(&alternative.names.join(" and ")))
        .collect();
    let requires = match groups.as_slice() {
        [] => "nothing more".to_owned(),
        [group] => group.clone(),
        several => format!("one of: {}", several.join(" | ")),
    };
    if route.access != Access::Public {
        write_labelled("requires", &requires, out)?;
    }
    for (label, text) in settings(route) {
        write_labelled(label, &text, out)?;
    }
    Ok(())
}

fn settings(route: &Route) -> Vec<(&'static str, String)> {
    let mut settings = Vec::new();
    if route.preflight == Preflight::Passes {
        let text = "a CORS preflight passes without credentials";
        settings.push(("preflight", text.to_owned()));
    }
    if route.mode == Mode::Shadow {
        let text = "refusals are recorded in the log and the metrics, but the request passes";
        settings.push(("shadow", text.to_owned()));
    }
    if route.router != Router::Strict {
        settings.push(("router", route.router.as_str().to_owned()));
    }
    if !route.sources.is_empty() {
        settings.push(("tokens", format!("also in {}", sources(route).join(", "))));
    }
    if route.sources.iter().any(Source::is_ambient) {
        settings.push(("note", OF_COOKIES.to_owned()));
    }
    if let Some(upstream) = &route.upstream {
        settings.push(("upstream", described(upstream)));
    }
    settings
}

/// Where its requests may carry their token, other than in `Authorization`.
pub(super) fn sources(route: &Route) -> Vec<String> {
    let sources = route.sources.iter();
    sources
        .map(|source| described(&source.to_string()))
        .collect()
}

fn write_alternative(
    at: usize,
    count: usize,
    alternative: &Alternative,
    out: &mut impl Write,
) -> io::Result<()> {
    let names = described(&alternative.names.join(" and "));
    let which = match count {
        1 => String::new(),
        _ => format!(", alternative {at} of {count}"),
    };
    writeln!(out, "\n{BOLD}required{which}: {names}{BOLD:#}")?;
    write_checks(&alternative.checks, out)?;
    let mut written: Vec<&str> = Vec::new();
    for check in &alternative.checks {
        let Some(code) = check.verdict.code().filter(|code| !written.contains(code)) else {
            continue;
        };
        written.push(code);
        let mut unmet = alternative
            .unmet
            .iter()
            .filter(|unmet| unmet.code == code)
            .peekable();
        if unmet.peek().is_none() {
            let reason = explanation_of(code).map(|reason| reason.remedy);
            let remedy = format!("{code}: {}", reason.unwrap_or_default());
            write_labelled("remedy", &remedy, out)?;
        }
        for unmet in unmet {
            write_labelled("why", &format!("{code}: {}", unmet.why), out)?;
            write_labelled("remedy", &unmet.remedy, out)?;
        }
    }
    Ok(())
}

fn write_outcome(explained: &Explained, out: &mut impl Write) -> io::Result<()> {
    match &explained.outcome {
        Outcome::Admitted {
            shadowed,
            fields,
            left_out,
        } => {
            write!(out, "{GOOD}admitted{GOOD:#}")?;
            if let Some(code) = shadowed {
                let why = "because the route is in shadow mode";
                write!(out, ", {why}; else {BAD}refused{BAD:#}: {code}")?;
            }
            writeln!(out)?;
            write_fields(fields, out)?;
            if !left_out.is_empty() {
                let text = format!("{}: {LEFT_OUT}", left_out.join(", "));
                write_labelled("lacks", &text, out)?;
            }
        }
        Outcome::Published { status } => {
            let what = match status {
                200 => "with the protected resource metadata",
                _ => "the protected resource metadata supports only GET, HEAD and preflights",
            };
            writeln!(out, "{GOOD}answered{GOOD:#}, {status}: {what}")?;
            write_labelled("means", PUBLISHED, out)?;
        }
        Outcome::Refused {
            code,
            status,
            challenge,
        } => {
            let status = status.map(|status| format!(", {status}"));
            let status = status.unwrap_or_default();
            writeln!(out, "{BAD}refused{BAD:#}: {code}{status}")?;
            if let Some(challenge) = challenge {
                let challenge = described(challenge);
                write_labelled("challenge", &challenge, out)?;
            }
        }
        Outcome::Undecided(error) => {
            writeln!(out, "{BAD}undecided{BAD:#}: keys_unavailable")?;
            write_labelled("found", error, out)?;
        }
    }
    let reason = explained.outcome.reason();
    write_meaning(explained.meaning(reason.as_ref()), out)?;
    if let Some(report) = &explained.token {
        write_remarks(report, out)?;
        if let Outcome::Admitted { .. } = explained.outcome {
            write_note(report, out)?;
        }
    }
    match reason {
        Some(reason) => write_labelled("more", &reason.more(), out),
        None => Ok(()),
    }
}

/// What explains a refusal that the token alone does not show.
const OF_COOKIES: &str = "A browser also sends a cookie with requests that pages of strangers cause. So WebSocket handshakes and \
    unsafe methods with the token in a cookie must come from the origin of the API or from `origins`: else csrf_origin, 403.";

const PUBLISHED: &str = "The gateway answers this request itself, before any route, from any sender. A proxy with \
    forward auth must send such requests to the gateway, as its recipe does.";

const LEFT_OUT: &str = "the claim has characters outside ASCII, which the encoding of the field cannot carry; set \
    `encoding` to `percent`, `json` or `base64url`";

/// Writes the fields that the application gets; the client's own are removed.
fn write_fields(fields: &[(String, String)], out: &mut impl Write) -> io::Result<()> {
    let mut text = "no identity field: the application does not learn who sent the request";
    if !fields.is_empty() {
        text = "these identity fields, none of which comes from the client:";
    }
    write_labelled("gets", text, out)?;
    let widths = fields.iter().map(|(name, _)| name.len());
    let width = widths.max().unwrap_or_default();
    for (name, value) in fields {
        let value = text::shown(value, VALUE_CHARS);
        writeln!(out, "    {name:width$}  {value}")?;
    }
    Ok(())
}

/// The last column of the routes, in characters.
const WHY: usize = 72;

/// Longest texts shown.
const TEXT_CHARS: usize = 600;
const NAME_CHARS: usize = 40;
const VALUE_CHARS: usize = 400;
