//! The outcome of the request.

use bearward::explain::{self, Report};
use bearward_core::rejection::InvalidRequest;
use bearward_gateway::decision::{Admission, Decision, Reason, Refusal};
use bearward_gateway::publication::Published;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue};

use crate::Exit;
use crate::explain::explanation_of;
use crate::reasons::Explanation;

/// The outcome of the request.
pub(super) enum Outcome {
    /// It passes.
    Admitted {
        /// Why it would have been refused, on a route in shadow mode.
        shadowed: Option<&'static str>,
        /// The identity fields that the application gets.
        fields: Vec<(String, String)>,
        /// The fields whose claims have characters that their encoding cannot carry.
        left_out: Vec<String>,
    },
    /// The gateway answers it itself, with the protected resource metadata.
    Published { status: u16 },
    /// It is refused.
    Refused {
        code: &'static str,
        /// The status, if the gate was asked.
        status: Option<u16>,
        challenge: Option<String>,
    },
    /// The keys could not be fetched, for this reason.
    Undecided(String),
}

impl Outcome {
    pub(super) fn decided(decision: Decision) -> Self {
        match decision {
            Decision::Admit(admission) => Self::admitted(&admission),
            Decision::Publish(published) => Self::published(&published),
            Decision::Refuse(refusal) => Self::refused(&refusal),
        }
    }

    pub(super) fn published(published: &Published) -> Self {
        Self::Published {
            status: published.status.as_u16(),
        }
    }

    /// The outcome as far as it is known without keys.
    pub(super) fn without_keys(report: &Report, error: &str) -> Self {
        if let explain::Decision::Refused(code) = report.decision {
            return Self::Refused {
                code,
                status: None,
                challenge: None,
            };
        }
        Self::Undecided(error.to_owned())
    }

    /// The text given as a token cannot be sent in a field.
    pub(super) const fn unsendable() -> Self {
        Self::Refused {
            code: InvalidRequest::MalformedCredentials.code(),
            status: Some(400),
            challenge: None,
        }
    }

    /// The reason's explanation.
    pub(super) fn reason(&self) -> Option<Explanation> {
        self.code().and_then(explanation_of)
    }

    /// The code of the reason.
    pub(super) const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Admitted { shadowed, .. } => *shadowed,
            Self::Published { .. } => None,
            Self::Refused { code, .. } => Some(code),
            Self::Undecided(_) => Some("keys_unavailable"),
        }
    }

    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Admitted { .. } | Self::Published { .. } => Exit::Good,
            Self::Refused { .. } => Exit::Refused,
            Self::Undecided(_) => Exit::Undecided,
        }
    }

    fn admitted(admission: &Admission) -> Self {
        let field = |(name, value): &(HeaderName, HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        };
        let left_out = admission.identity.left_out.iter();
        Self::Admitted {
            shadowed: admission.shadowed.as_ref().map(Reason::code),
            fields: admission.identity.set.iter().map(field).collect(),
            left_out: left_out.map(HeaderName::to_string).collect(),
        }
    }

    fn refused(refusal: &Refusal) -> Self {
        let challenge = refusal.headers.get(WWW_AUTHENTICATE);
        let challenge = challenge.map(|value| String::from_utf8_lossy(value.as_bytes()));
        Self::Refused {
            code: refusal.reason.code(),
            status: Some(refusal.status.as_u16()),
            challenge: challenge.map(Into::into),
        }
    }
}
