//! The ID token that a client sends along for re-authentication, and what it changes.

use std::io::{self, Write};

use bearward::explain::{Asked, Check, IdTokenReport};
use bearward_core::Principal;
use bearward_core::id_token::{IdToken, IdTokenRefused};
use serde::Serialize;

use super::table::{BAD, BOLD, GOOD, write_checks, write_labelled};
use crate::reasons::Explanation;

/// What is known of an ID token that was given.
pub(super) enum SentAlong {
    /// Its checks.
    Explained(IdTokenReport),
    /// It belongs to the principal of an access token, and there is none, or no keys.
    NotExamined,
}

impl SentAlong {
    pub(super) fn new(given: &[u8], principal: Option<&Principal>, asked: &Asked) -> Self {
        let report = principal.and_then(|principal| IdTokenReport::new(given, principal, asked));
        report.map_or(Self::NotExamined, Self::Explained)
    }

    /// Its report.
    pub(super) const fn report(&self) -> Option<&IdTokenReport> {
        match self {
            Self::Explained(report) => Some(report),
            Self::NotExamined => None,
        }
    }

    /// The ID token, or why it does not count, if it was examined.
    pub(super) fn verified(&self) -> Option<Result<&IdToken, IdTokenRefused>> {
        let outcome = self.report()?.outcome.as_ref();
        Some(outcome.map_err(|refused| *refused))
    }

    pub(super) fn to_json(&self) -> Json<'_> {
        let report = self.report();
        Json {
            accepted: report.map(|report| report.outcome.is_ok()),
            reason: report.and_then(IdTokenReport::code),
            logins: report.map(|report| report.logins.as_str()),
            checks: report.map(|report| report.checks.as_slice()),
        }
    }
}

/// Serialized in this order.
#[derive(Serialize)]
pub(super) struct Json<'r> {
    accepted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logins: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<&'r [Check]>,
}

pub(super) fn write(sent: &SentAlong, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{BOLD}the ID token{BOLD:#}")?;
    let Some(report) = sent.report() else {
        return write_labelled("why", NOT_EXAMINED, out);
    };
    match report.code() {
        None => writeln!(
            out,
            "{GOOD}accepted{GOOD:#}: it belongs to the access token"
        )?,
        Some(code) => {
            writeln!(out, "{BAD}refused{BAD:#}: {code}")?;
            if let Some(why) = report.why() {
                write_labelled("why", &why, out)?;
            }
            let reason = Explanation::of(code);
            let more = reason.as_ref().map(Explanation::more);
            write_labelled("more", &more.unwrap_or_default(), out)?;
        }
    }
    write_labelled("logins", &report.logins, out)?;
    writeln!(out)?;
    write_checks(&report.checks, out)
}

const NOT_EXAMINED: &str =
    "Not examined: an ID token counts only along with an access token that is accepted.";
