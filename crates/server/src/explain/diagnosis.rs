//! What is wrong with a token and what to do about it, in sentences for the person who holds it.
//!
//! The general meaning of a reason fits every token that is refused for it. A diagnosis reads this
//! token: who issued it, for whom, and what it resembles. Where the text is not an access token at
//! all, or of another environment, nothing else is said: advice about its audience or its key would
//! mislead.

use serde::Serialize;

use super::anatomy::{Anatomy, Pasted};
use super::asked::{Asked, Keys};
use super::check::Check;
use super::checks::INPUT;
use super::decision::Decision;
use super::members::Members;
use super::verify;

mod claim;
mod cut;
mod kind;
mod opaque;
mod provider;
mod recipient;
mod signature;
mod undecided;

use self::provider::Provider;

/// Why this token is refused, and what its holder can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "two answers")]
pub struct Diagnosis {
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

impl Diagnosis {
    /// The same, as the meaning of a reason for this token.
    #[must_use]
    pub const fn meaning(&self) -> Meaning<'_> {
        Meaning {
            means: self.why.as_str(),
            remedy: self.remedy.as_str(),
        }
    }

    fn in_one(&self) -> String {
        format!("{} {}", self.why, self.remedy)
    }

    fn new(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            remedy: remedy.into(),
        }
    }
}

/// The meaning of a code, and the remedy: the texts from `docs/reasons.md`.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a reason has these two texts")]
pub struct Meaning<'r> {
    /// The problem.
    pub means: &'r str,
    /// The remedy.
    pub remedy: &'r str,
}

/// What is said about a token in addition to its checks.
#[derive(Default)]
pub(crate) struct Diagnosed {
    /// What explains the decision better than the meaning of its reason does.
    pub(crate) diagnosis: Option<Diagnosis>,
    /// Issuer and audience, if one of them fails and the token is of the right kind.
    pub(crate) recipient: Vec<Check>,
    /// Further remarks, in sentences.
    pub(crate) hints: Vec<String>,
    /// What was pasted along, if it matters.
    pub(crate) pasted: Option<Diagnosis>,
}

/// A token whose parts are readable, and what it is checked against.
struct Case<'c> {
    anatomy: &'c Anatomy<'c>,
    asked: &'c Asked,
    checks: &'c [Check],
    header: &'c Members,
    payload: &'c Members,
    provider: Option<&'static Provider>,
}

impl Diagnosed {
    pub(crate) fn of(
        anatomy: &Anatomy<'_>,
        asked: &Asked,
        checks: &[Check],
        decision: &Decision,
    ) -> Self {
        let pasted = Surroundings::of(anatomy, asked, checks);
        if matches!(decision, Decision::Accepted(_)) {
            return Self::default();
        }
        let whole = match &pasted {
            Some(pasted) if pasted.is_the_reason => Some(pasted.diagnosis()),
            Some(_) | None => by_shape(anatomy).or_else(|| cut::diagnose(anatomy, checks)),
        };
        let case = match (whole.is_none(), &anatomy.header, &anatomy.payload) {
            (true, Some(header), Some(payload)) => Some(Case {
                anatomy,
                asked,
                checks,
                header,
                payload,
                provider: Provider::of(header, payload, asked),
            }),
            _ => None,
        };
        let mut diagnosed = match case {
            Some(case) => case.diagnose(decision),
            None => Self {
                diagnosis: whole,
                ..Self::default()
            },
        };
        if diagnosed.diagnosis.is_none()
            && matches!(decision, Decision::Refused("base64_not_canonical"))
        {
            diagnosed.diagnosis = cut::encoding(anatomy, asked, checks);
        }
        diagnosed.pasted = pasted.as_ref().map(Surroundings::diagnosis);
        match (pasted, &diagnosed.diagnosis) {
            (Some(pasted), None) => diagnosed.diagnosis = Some(pasted.diagnosis()),
            (Some(pasted), Some(_)) if !pasted.is_the_reason => {
                diagnosed.hints.insert(0, pasted.hint());
            }
            (Some(_) | None, _) => {}
        }
        diagnosed
    }
}

/// The diagnosis of a text that is recognised without its payload: it is no JWS, so its checks add
/// nothing.
pub(crate) fn by_shape(anatomy: &Anatomy<'_>) -> Option<Diagnosis> {
    opaque::diagnose(anatomy.token(), anatomy.parts)
}

impl Case<'_> {
    fn diagnose(&self, decision: &Decision) -> Diagnosed {
        let decided = match decision {
            Decision::Refused(code) => Some(*code),
            Decision::Accepted(_) | Decision::KeysUnavailable | Decision::Undecided => None,
        };
        if let Some(kind) = kind::diagnose(self) {
            return Diagnosed {
                diagnosis: Some(kind),
                ..Diagnosed::default()
            };
        }
        let recipient = recipient::pair(self);
        let elsewhere = recipient::environment(self).filter(|_| decided == Some("issuer_unknown"));
        if elsewhere.is_some() {
            return Diagnosed {
                diagnosis: elsewhere,
                recipient,
                ..Diagnosed::default()
            };
        }
        let diagnosis = match (decided, &self.asked.keys) {
            (Some(code), _) => self.of_reason(code),
            (None, Keys::Unavailable(error)) => Some(Diagnosis::new(
                format!(
                    "Nothing is wrong with the token so far, but its signature cannot be verified: {error}."
                ),
                "For the operator of this server: check the address of the keys, the proxy that leads to it (`proxy`) and the \
                 authority of its certificate (`ca`), then try again.",
            )),
            (None, Keys::Known(_) | Keys::Unconfigured | Keys::Unneeded) => {
                undecided::diagnose(self)
            }
        };
        let mut hints = self.hints(decided, diagnosis.as_ref());
        hints.extend(recipient::unasked(self).map(|of_token| of_token.in_one()));
        Diagnosed {
            hints,
            diagnosis,
            recipient,
            pasted: None,
        }
    }

    /// Remarks about reasons other than the `decided` one.
    fn hints(&self, decided: Option<&str>, diagnosis: Option<&Diagnosis>) -> Vec<String> {
        let mut hints = Vec::new();
        for code in self.checks.iter().filter_map(|check| check.verdict.code()) {
            if Some(code) == decided || !IN_HINTS.contains(&code) {
                continue;
            }
            let Some(other) = self.of_reason(code) else {
                continue;
            };
            let is_same_api = code == "aud_mismatch" && recipient::is_same_application(self);
            if is_same_api && decided == Some("issuer_unknown") {
                continue;
            }
            let hint = other.in_one();
            if Some(&other) != diagnosis && !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        hints
    }

    /// The diagnosis for a reason to refuse this token.
    fn of_reason(&self, code: &str) -> Option<Diagnosis> {
        match code {
            "alg_not_allowed" => signature::algorithm(self),
            "aud_mismatch" => recipient::audience(self),
            "aud_missing" => recipient::no_audience(self),
            "base64_not_canonical" => kind::padded(self),
            "claim_missing" => kind::profile(self).or_else(|| claim::missing(self)),
            "claim_type" => kind::profile(self),
            "cnf_not_proven" => claim::bound(self),
            "iat_in_future" => claim::in_future(self, "iat"),
            "issuer_unknown" => recipient::issuer(self),
            "kid_unknown" => signature::key(self),
            "signature_invalid" => signature::signature(self),
            "token_expired" => claim::expired(self),
            "token_not_yet_valid" => claim::in_future(self, "nbf"),
            "typ_not_accepted" => kind::profile(self),
            _ => None,
        }
    }

    /// The check with this name.
    fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// Where a setting is written: in a configuration, or as an option.
    fn setting(&self, key: &str, option: &str) -> String {
        match self.asked.is_configured() {
            true => format!("`{key}`"),
            false => format!("`{option}`"),
        }
    }
}

/// Text around the token, or within it.
struct Surroundings {
    pasted: Pasted,
    /// The token alone would be accepted.
    is_the_reason: bool,
}

impl Surroundings {
    /// What was pasted along with the token, if it matters.
    fn of(anatomy: &Anatomy<'_>, asked: &Asked, checks: &[Check]) -> Option<Self> {
        let pasted = anatomy.pasted.filter(|_| !anatomy.token().is_empty())?;
        let is_the_reason = matches!(
            &asked.keys,
            Keys::Known(keys) if verify(anatomy.token(), keys, asked).is_ok()
        );
        let mut checks = checks.iter();
        let matters = checks.any(|check| check.name == INPUT && check.verdict.code().is_some());
        matters.then_some(Self {
            pasted,
            is_the_reason,
        })
    }

    fn diagnosis(&self) -> Diagnosis {
        let why = match self.is_the_reason {
            true => format!(
                "The token has {}; the token would be accepted without {}.",
                self.pasted.found(),
                self.pasted.pronoun()
            ),
            false => self.hint(),
        };
        let remedy = match self.pasted {
            Pasted::LineBreaks => "Send the token alone, on one line.",
            Pasted::Quotes | Pasted::Scheme | Pasted::WhiteSpace => "Send the token alone.",
        };
        Diagnosis::new(why, remedy)
    }

    fn hint(&self) -> String {
        format!(
            "The token has {}; the checks below leave {} out.",
            self.pasted.found(),
            self.pasted.pronoun()
        )
    }
}

/// The reasons worth a remark if the token is refused for another one first.
const IN_HINTS: &[&str] = &[
    "alg_not_allowed",
    "aud_mismatch",
    "aud_missing",
    "claim_missing",
    "cnf_not_proven",
    "issuer_unknown",
    "typ_not_accepted",
];
