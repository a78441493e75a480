//! `bearward explain`: every check of one token, what it expects and what it finds.
//!
//! `bearward::explain` has the contents; this module asks and prints.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use bearward::explain::{Anatomy, Asked, Decision, Keys, Report, text};
use bearward_core::{JwkSet, Policy};
use http::Method;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::format::Format;
use crate::keys::{KeySource, NoKeys};
use crate::reasons::Explanation;
use crate::rules::Rules;
use crate::{Exit, Failure, end, help};

mod by_id;
mod given;
mod id_token;
mod request;
mod table;

pub(crate) use self::by_id::NoAnswer;
pub(crate) use self::table::write_labelled;

use self::id_token::SentAlong;
use self::request::{Explained, Request, Tokens, Url};

/// Explains why an access token is accepted or refused: every check, with what it expects and what
/// it finds.
///
/// Without --issuer and --audience it shows what the token alone reveals.
///
/// With --url it explains a request to the gateway: which route matches and why, what the route
/// requires, which requirements the token meets, and which fields the application gets. Issuers and
/// rules then come from the configuration, and the token is optional.
///
/// With --id it asks a running gateway what became of a request.
#[derive(clap::Args)]
#[command(after_long_help = help::sections([EXITS, help::ENVIRONMENT, help::FILES]))]
pub(crate) struct Explain {
    /// The issuer, exactly as it should appear in `iss`
    #[arg(long, value_name = "ISS")]
    issuer: Option<String>,
    /// Your name in `aud`; repeat for several, of which a token needs one
    #[arg(long = "audience", value_name = "AUD")]
    audiences: Vec<String>,
    /// How to print the explanation [default: text]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The ID token that is sent along for re-authentication; it is explained as well
    #[arg(long, value_name = "TOKEN|file:PATH|-", requires = "token")]
    id_token: Option<OsString>,
    /// The token, or the file with it, or `-` to read it from stdin. A file and stdin keep it out of the
    /// shell's history
    #[arg(value_name = "TOKEN|file:PATH|-", required_unless_present_any = ["url", "id"])]
    token: Option<OsString>,
    /// The URL of a request to the gateway, or only its path
    #[arg(long, value_name = "URL", help_heading = "Request", group = "request")]
    #[arg(conflicts_with_all = [
        "issuer", "audiences", "jwks", "secret", "ca", "proxy", "internal_origin", "algorithms", "profile",
        "tokens", "subject_claim", "leeway",
    ])]
    url: Option<Url>,
    /// Its method
    #[arg(long, value_name = "METHOD", help_heading = "Request")]
    #[arg(requires = "url", default_value = "GET")]
    method: Method,
    /// The configuration of the gateway
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    #[arg(requires = "request", default_value = "bearward.toml")]
    config: PathBuf,
    /// The id of a request that was refused or failed, from `X-Bearward-Request-Id`, a log or a trace: asks the running gateway
    #[arg(
        long,
        value_name = "ID",
        help_heading = "Request that is over",
        group = "request"
    )]
    #[arg(conflicts_with_all = ["url", "token", "issuer", "audiences"])]
    id: Option<String>,
    /// Where the gateway's admin listener is [default: that of --config]
    #[arg(
        long,
        value_name = "URL",
        requires = "id",
        help_heading = "Request that is over"
    )]
    admin: Option<String>,
    // Last, since its help headings would also cover any later options.
    #[command(flatten)]
    keys: KeySource,
    #[command(flatten)]
    rules: Rules,
}

impl Explain {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if let Some(id) = &self.id {
            let format = self.format.unwrap_or(Format::Text);
            return by_id::explain(id, self.admin.as_deref(), &self.config, format);
        }
        let is_stdin =
            |given: &Option<OsString>| given.as_ref().is_some_and(|given| given == given::STDIN);
        if is_stdin(&self.token) && is_stdin(&self.id_token) {
            return Err(Failure::StdinTwice);
        }
        let read = |given: &Option<OsString>| given.as_deref().map(given::read).transpose();
        let (token, id_token) = (read(&self.token)?, read(&self.id_token)?);
        let format = self.format.unwrap_or(Format::Text);
        if let Some(url) = self.url {
            let method = self.method;
            let request = Request { method, url };
            let clock = self.rules.clock();
            let tokens = Tokens {
                access: token.as_deref(),
                id: id_token.as_deref(),
            };
            let explained = Explained::new(request, tokens, &self.config, clock)?;
            let written = match format {
                Format::Json => writeln!(io::stdout(), "{}", request::to_json(&explained)),
                Format::Text => request::write(&explained, &mut anstream::stdout()),
            };
            return end(written, explained.exit());
        }
        let given = token.unwrap_or_default();
        let anatomy = Anatomy::of(&given);
        let asked = self.asked(&anatomy)?;
        let report = Report::new(&anatomy, &asked);
        let sent_along =
            id_token.map(|id_token| SentAlong::new(&id_token, report.principal(), &asked));
        let written = match format {
            Format::Json => writeln!(io::stdout(), "{}", to_json(&report, sent_along.as_ref())),
            Format::Text => write(&report, sent_along.as_ref(), &mut anstream::stdout()),
        };
        end(written, exit(&report.decision))
    }

    fn asked(&self, anatomy: &Anatomy<'_>) -> Result<Asked, Failure> {
        let unconfigured = vec![Asked::UNCONFIGURED.to_owned()];
        let audiences = match self.audiences.is_empty() {
            true => &unconfigured,
            false => &self.audiences,
        };
        let issuer = self.issuer.as_deref().unwrap_or(Asked::UNCONFIGURED);
        let chosen = self.rules.profile();
        let assumed = anatomy.likely_profile().filter(|_| chosen.is_none());
        // A profile may not go with the options, and nobody asked for it.
        let assumed =
            assumed.and_then(|profile| self.rules.policy_under(profile, issuer, audiences).ok());
        let is_assumed = assumed.is_some();
        let policy = match assumed {
            Some(policy) => policy,
            None => self.rules.policy(issuer, audiences)?,
        };
        let keys = self.keys(anatomy, &policy)?;
        let near = match &keys {
            Keys::Known(_) => self.keys.near_secrets(&policy),
            Keys::Unavailable(_) | Keys::Unconfigured | Keys::Unneeded => Vec::new(),
        };
        let asked = Asked::new(policy, keys, self.rules.clock().now()).near_secrets(near);
        Ok(match is_assumed {
            true => asked.profile_assumed(),
            false => asked,
        })
    }

    /// Gets keys only if there is something to verify with them.
    fn keys(&self, anatomy: &Anatomy<'_>, policy: &Policy) -> Result<Keys, Failure> {
        if !anatomy.is_jws() {
            return Ok(Keys::Unneeded);
        }
        if self.issuer.is_none() && !self.keys.is_given() {
            return Ok(Keys::Unconfigured);
        }
        keys_or_why(self.keys.load(policy, anatomy.token()))
    }
}

/// The report with the explanation of its decision, and that of the ID token.
fn to_json(report: &Report, sent_along: Option<&SentAlong>) -> String {
    let report = report_to_json(report);
    let Some(sent_along) = sent_along else {
        return report.get().to_owned();
    };
    let both = Both {
        token: report,
        id_token: sent_along.to_json(),
    };
    // Strings and options of them always serialize.
    serde_json::to_string(&both).unwrap_or_default()
}

/// Serialized in this order.
#[derive(Serialize)]
struct Both<'r> {
    token: Box<RawValue>,
    id_token: id_token::Json<'r>,
}

/// The report with the explanation of its decision.
fn report_to_json(report: &Report) -> Box<RawValue> {
    let reason = explanation(report);
    report.to_json(reason.as_ref().map(Explanation::meaning))
}

fn write(report: &Report, sent_along: Option<&SentAlong>, out: &mut impl Write) -> io::Result<()> {
    table::write(report, out)?;
    match sent_along {
        Some(sent_along) => id_token::write(sent_along, out),
        None => Ok(()),
    }
}

/// The explanation of the decision.
fn explanation(report: &Report) -> Option<Explanation> {
    report.code().and_then(explanation_of)
}

/// The explanation of a reason, for a reader who runs `bearward explain` already.
fn explanation_of(code: &str) -> Option<Explanation> {
    let mut reason = Explanation::of(code)?;
    if let Some((_, here)) = REMEDIES_HERE.iter().find(|(of, _)| *of == code) {
        (*here).clone_into(&mut reason.remedy);
    }
    Some(reason)
}

/// What replaces a remedy of the document that would have the reader run `bearward explain`.
const REMEDIES_HERE: &[(&str, &str)] = &[
    (
        "claim_not_header_safe",
        "Choose an encoding that can carry the claim (`json`, `percent` or `base64url`; for the subject of a preset, \
         `subject_encoding`), or remove such characters at the issuer.",
    ),
    (
        "id_token_invalid",
        "Send the ID token that the re-authentication returned, without delay. The rows of the ID token show what is \
         wrong with it.",
    ),
    (
        "id_token_mismatch",
        "Re-authenticate the same user with the client that got the access token. The rows of the ID token show which \
         claim differs.",
    ),
    (
        "claim_rule",
        "If the token has the claim, give the user the value that is required, and have the client refresh its token. If it \
         does not, correct the path in the requirement. The rows of the requirement show what the token has.",
    ),
    (
        "no_rule",
        "The list of routes says for each why it does not match. If one of them should, correct it or the request; if \
         none is for this request, add a route.",
    ),
];

const fn exit(decision: &Decision) -> Exit {
    match decision {
        Decision::Accepted(_) => Exit::Good,
        Decision::Refused(_) => Exit::Refused,
        Decision::KeysUnavailable | Decision::Undecided => Exit::Undecided,
    }
}

/// If an issuer does not answer, the rest can still be explained; a mistake is a failure.
fn keys_or_why(keys: Result<JwkSet, NoKeys>) -> Result<Keys, Failure> {
    match keys {
        Ok(keys) => Ok(Keys::Known(keys)),
        Err(error @ NoKeys::Fetch { .. }) => {
            let error = text::shown(&error.to_string(), FETCH_ERROR_CHARS);
            Ok(Keys::Unavailable(error))
        }
        Err(error) => Err(error.into()),
    }
}

/// Room for three URLs, each with its failure.
const FETCH_ERROR_CHARS: usize = 1000;

const EXITS: &str = "\
Exit status:
  0  The token would be accepted; with --url, the request would pass.
  1  It is refused.
  2  No decision was possible (no keys, or options left out), or a usage error.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_remedy_leads_back_to_this_command() {
        for reason in Explanation::all() {
            let here = explanation_of(reason.code).expect("a section").remedy;
            assert!(
                !here.contains("bearward explain"),
                "{}: {here}",
                reason.code
            );
            let is_replaced = REMEDIES_HERE.iter().any(|(code, _)| *code == reason.code);
            assert_eq!(
                reason.remedy.contains("bearward explain"),
                is_replaced,
                "{}",
                reason.code
            );
        }
    }
}
