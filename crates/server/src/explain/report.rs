//! The report about a token: its checks, and the outcome.

use std::fmt;

use bearward_core::{Principal, Profile};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::anatomy::Anatomy;
use super::asked::Asked;
use super::check::{Check, Verdict};
use super::checks::{self, INPUT};
use super::decision::Decision;
use super::diagnosis::{self, Diagnosed, Diagnosis, Meaning};

/// The report about a token.
#[non_exhaustive]
pub struct Report {
    /// Every check, in the order of decision.
    pub checks: Vec<Check>,
    /// The outcome for the token.
    pub decision: Decision,
    /// What is wrong with this token in particular, if more can be said than the reason means in general.
    pub diagnosis: Option<Diagnosis>,
    /// Issuer and audience next to each other, if one of them fails; at Microsoft Entra, also the tenant.
    pub recipient: Vec<Check>,
    /// Further remarks, in sentences.
    pub hints: Vec<String>,
    /// The profile that the token is checked with, if nobody chose it.
    pub assumed_profile: Option<Profile>,
    /// What was pasted along with the token, and what to do about it.
    pub pasted: Option<Diagnosis>,
    /// It is no JWT at all but of a kind we recognise, so its checks add nothing.
    pub is_named: bool,
}

impl Report {
    /// Explains a token.
    #[must_use]
    pub fn new(anatomy: &Anatomy<'_>, asked: &Asked) -> Self {
        let checks = checks::all(anatomy, asked);
        let decision = Decision::new(anatomy, asked, &checks);
        let diagnosed = Diagnosed::of(anatomy, asked, &checks, &decision);
        let is_named = matches!(
            decision,
            Decision::Refused("not_compact_jws" | "jwe_not_supported")
        ) && diagnosis::by_shape(anatomy).is_some();
        Self {
            checks,
            decision,
            diagnosis: diagnosed.diagnosis,
            recipient: diagnosed.recipient,
            hints: diagnosed.hints,
            assumed_profile: asked.assumed_profile(),
            pasted: diagnosed.pasted,
            is_named,
        }
    }

    /// What is wrong and what to do: as diagnosed, or else as the reason means in `general`.
    #[must_use]
    pub fn meaning<'r>(&'r self, general: Option<Meaning<'r>>) -> Option<Meaning<'r>> {
        self.diagnosis.as_ref().map(Diagnosis::meaning).or(general)
    }

    /// What a token cannot show, if it is accepted.
    #[must_use]
    pub const fn note(&self) -> Option<&'static str> {
        match self.decision {
            Decision::Accepted(_) => Some(NOT_IN_TOKENS),
            Decision::KeysUnavailable | Decision::Refused(_) | Decision::Undecided => None,
        }
    }

    /// The principal of the token, if it is accepted.
    #[must_use]
    pub const fn principal(&self) -> Option<&Principal> {
        match &self.decision {
            Decision::Accepted(principal) => Some(principal),
            Decision::KeysUnavailable | Decision::Refused(_) | Decision::Undecided => None,
        }
    }

    /// The stable code from `docs/reasons.md` that explains the decision.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self.decision {
            Decision::Accepted(_) | Decision::Undecided => None,
            Decision::KeysUnavailable => Some("keys_unavailable"),
            Decision::Refused(code) => Some(code),
        }
    }

    /// The further reasons to refuse the token, each once. A consequence of the first reason is not another one: the keys
    /// of one issuer say nothing about the token of another, and a text of another kind has no parts.
    #[must_use]
    pub fn other_failures(&self) -> Vec<&'static str> {
        let mut codes: Vec<&str> = Vec::new();
        let is_of_stranger = matches!(self.decision, Decision::Refused("issuer_unknown"));
        let checks = self.checks.iter().filter(|check| match check.name {
            _ if self.is_named => false,
            INPUT => false,
            "key" | "signature" => !is_of_stranger,
            _ => true,
        });
        for code in checks.filter_map(|check| check.verdict.code()) {
            let is_first = matches!(self.decision, Decision::Refused(first) if first == code);
            if !is_first && !codes.contains(&code) {
                codes.push(code);
            }
        }
        codes
    }

    /// The names of the checks that were not made.
    #[must_use]
    pub fn unchecked(&self) -> Vec<&'static str> {
        let checks = self.checks.iter();
        let unchecked = checks.filter(|check| check.verdict == Verdict::Unchecked);
        unchecked.map(|check| check.name).collect()
    }

    /// The report as a JSON object, where the `general` meaning of its [code](Self::code) stands for a
    /// diagnosis that it lacks.
    #[must_use]
    pub fn to_json(&self, general: Option<Meaning<'_>>) -> Box<RawValue> {
        let meaning = self.meaning(general);
        let json = Json {
            accepted: match self.decision {
                Decision::Accepted(_) => Some(true),
                Decision::Refused(_) => Some(false),
                Decision::KeysUnavailable | Decision::Undecided => None,
            },
            assumed_profile: self.assumed_profile.map(Profile::as_str),
            kind: self.principal().map(|principal| principal.kind().as_str()),
            reason: self.code(),
            means: meaning.map(|meaning| meaning.means),
            remedy: meaning.map(|meaning| meaning.remedy),
            note: self.note(),
            recipient: &self.recipient,
            hints: &self.hints,
            checks: &self.checks,
        };
        // Serialising strings and options of strings does not fail.
        to_raw_value(&json).unwrap_or_default()
    }
}

impl fmt::Debug for Report {
    /// Shows no claims: they are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("decision", &self.decision)
            .finish_non_exhaustive()
    }
}

/// Members in this order.
#[derive(Serialize)]
struct Json<'r> {
    accepted: Option<bool>,
    /// The kind of principal, if the token is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'r str>,
    /// The profile, if nobody chose it.
    #[serde(skip_serializing_if = "Option::is_none")]
    assumed_profile: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    means: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'r str>,
    /// What a token cannot show.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'r str>,
    #[serde(skip_serializing_if = "<[Check]>::is_empty")]
    recipient: &'r [Check],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    hints: &'r [String],
    checks: &'r [Check],
}

const NOT_IN_TOKENS: &str = "A token does not show what happened after it was issued: whether its user was disabled or \
    deleted, or its session revoked. It is good until `exp`.";
