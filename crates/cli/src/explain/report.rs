//! What there is to say about a token: its checks, and what follows from them.

use bearward_core::Principal;
use bearward_core::jws::UnverifiedJws;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::anatomy::Anatomy;
use super::asked::{Asked, Keys};
use super::{checks, recognise};
use crate::reasons::Explanation;
use crate::{Exit, verifier};

/// All there is to say about a token.
pub(super) struct Report {
    pub(super) checks: Vec<Check>,
    pub(super) decision: Decision,
    /// What the token was recognised as, or what it lacks by a hair, in sentences.
    pub(super) hints: Vec<String>,
    /// It is no JWT at all and was recognised as what it is, so that its checks say nothing more.
    pub(super) is_named: bool,
}

impl Report {
    pub(super) fn new(anatomy: &Anatomy<'_>, asked: &Asked) -> Self {
        let checks = checks::all(anatomy, asked);
        let decision = Decision::new(anatomy, asked, &checks);
        let hints = recognise::hints(anatomy, asked);
        let is_named = matches!(decision, Decision::Refused("not_compact_jws"))
            && recognise::is_named(anatomy);
        Self {
            checks,
            decision,
            hints,
            is_named,
        }
    }

    /// Whom the token is of, if it is accepted.
    pub(super) const fn principal(&self) -> Option<&Principal> {
        match &self.decision {
            Decision::Accepted(principal) => Some(principal),
            Decision::KeysUnavailable | Decision::Refused(_) | Decision::Undecided => None,
        }
    }

    pub(super) const fn exit(&self) -> Exit {
        match self.decision {
            Decision::Accepted(_) => Exit::Good,
            Decision::Refused(_) => Exit::Refused,
            Decision::KeysUnavailable | Decision::Undecided => Exit::Undecided,
        }
    }

    /// What explains the decision.
    pub(super) fn reason(&self) -> Option<Explanation> {
        match self.decision {
            Decision::Accepted(_) | Decision::Undecided => None,
            Decision::KeysUnavailable => Explanation::of("keys_unavailable"),
            Decision::Refused(code) => Explanation::of(code),
        }
    }

    /// The reasons for which the token would be refused next, each once.
    pub(super) fn other_failures(&self) -> Vec<&'static str> {
        let mut codes: Vec<&str> = Vec::new();
        for code in self.checks.iter().filter_map(|check| check.verdict.code()) {
            let is_first = matches!(self.decision, Decision::Refused(first) if first == code);
            if !is_first && !codes.contains(&code) {
                codes.push(code);
            }
        }
        codes
    }

    /// The names of the checks that were not made.
    pub(super) fn unchecked(&self) -> Vec<&'static str> {
        let checks = self.checks.iter();
        let unchecked = checks.filter(|check| check.verdict == Verdict::Unchecked);
        unchecked.map(|check| check.name).collect()
    }

    pub(super) fn to_json(&self) -> String {
        // Strings and options of them always have a JSON text.
        serde_json::to_string(&self.as_json()).unwrap_or_default()
    }

    pub(super) fn as_json(&self) -> Json<'_> {
        let reason = self.reason();
        Json {
            accepted: match self.decision {
                Decision::Accepted(_) => Some(true),
                Decision::Refused(_) => Some(false),
                Decision::KeysUnavailable | Decision::Undecided => None,
            },
            kind: self.principal().map(|principal| principal.kind().as_str()),
            reason: reason.as_ref().map(|reason| reason.code),
            means: reason.as_ref().map(|reason| reason.means.clone()),
            remedy: reason.map(|reason| reason.remedy),
            hints: &self.hints,
            checks: &self.checks,
        }
    }
}

/// Members in this order.
#[derive(Serialize)]
pub(super) struct Json<'r> {
    accepted: Option<bool>,
    /// Whether it is of a user or a machine, if it is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    means: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    hints: &'r [String],
    checks: &'r [Check],
}

/// One check.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) verdict: Verdict,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// With the code of the reason.
    Fail(&'static str),
    /// Something else was in the way, or no option says what to expect.
    Unchecked,
}

impl Verdict {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail(_) => "FAIL",
            Self::Unchecked => "-",
        }
    }

    pub(super) const fn code(self) -> Option<&'static str> {
        match self {
            Self::Fail(code) => Some(code),
            Self::Ok | Self::Unchecked => None,
        }
    }
}

impl Serialize for Check {
    /// Members in this order; `reason` where it failed.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut check = serializer.serialize_map(None)?;
        check.serialize_entry("check", self.name)?;
        check.serialize_entry("expected", &self.expected)?;
        check.serialize_entry("found", &self.found)?;
        check.serialize_entry("verdict", self.verdict.as_str())?;
        if let Some(reason) = self.verdict.code() {
            check.serialize_entry("reason", reason)?;
        }
        check.end()
    }
}

/// What becomes of the token.
pub(super) enum Decision {
    Accepted(Box<Principal>),
    /// All that could be checked is in order, but there are no keys.
    KeysUnavailable,
    /// With the code of the first reason.
    Refused(&'static str),
    /// Nothing failed, but options were left out.
    Undecided,
}

impl Decision {
    fn new(anatomy: &Anatomy<'_>, asked: &Asked, checks: &[Check]) -> Self {
        // With everything at hand it is the pipeline that decides, on the token as it was given.
        if let (true, Keys::Known(keys)) = (asked.is_complete(), &asked.keys) {
            return match verifier::verify(anatomy.given, keys, &asked.policy, asked.now) {
                Ok(principal) => Self::Accepted(Box::new(principal)),
                Err(reason) => Self::Refused(reason.code()),
            };
        }
        if let Err(reason) = UnverifiedJws::parse(anatomy.given) {
            return Self::Refused(reason.code());
        }
        let failed = checks.iter().find_map(|check| check.verdict.code());
        match (failed, &asked.keys) {
            (Some(code), _) => Self::Refused(code),
            (None, Keys::Unavailable(_)) => Self::KeysUnavailable,
            (None, _) => Self::Undecided,
        }
    }
}
