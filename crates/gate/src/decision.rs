//! The gate's decision. A door carries it out; it decides nothing itself.
//!
//! INVARIANT: [`Gate::decide`](crate::Gate::decide) alone makes an [`Admission`], after every check. It
//! has no `Default`, and nothing converts into it.

use std::sync::Arc;

use bearward_core::{Challenge, Principal, Rejection, Requirements};
use http::{HeaderMap, StatusCode};

use crate::identity::IdentityFields;
use crate::problem::{document, problem};
use crate::publication::Published;
use crate::route::Route;

/// What happens to a request.
#[derive(Clone, Debug)]
#[must_use]
#[expect(
    clippy::exhaustive_enums,
    reason = "a request is admitted, refused or answered"
)]
pub enum Decision {
    /// It passes.
    Admit(Box<Admission>),
    /// It asks for the protected resource metadata, which the gateway answers itself.
    Publish(Box<Published>),
    /// It does not.
    Refuse(Box<Refusal>),
}

/// The verdict of the routes on a request: it passes, or it does not.
pub type Verdict = Result<Box<Admission>, Box<Refusal>>;

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        verdict.map_or_else(Self::Refuse, Self::Admit)
    }
}

impl Decision {
    /// Puts it into the extensions of a response, together with the details of the refusal or
    /// publication.
    pub fn insert_into(self, extensions: &mut http::Extensions) {
        match &self {
            Self::Admit(_) => {}
            Self::Publish(published) => {
                extensions.insert(Published::clone(published));
            }
            Self::Refuse(refusal) => refusal.reason.insert_into(extensions),
        }
        extensions.insert(self);
    }
}

/// A request that passes, and its sender.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Admission {
    /// The route it falls under.
    pub route: Arc<Route>,
    /// Who sent it; `None` on a public route, or on an optional one without credentials.
    pub principal: Option<Principal>,
    /// The identity fields, each to be set or removed.
    pub identity: Arc<IdentityFields>,
    /// Who sent it, if a route in shadow mode would have refused the sender, whom the application then does
    /// not see. For a log alone.
    pub shadowed_sender: Option<Principal>,
    /// Why it would have been refused, on a route in shadow mode.
    pub shadowed: Option<Reason>,
    /// Its path, for a log.
    pub path: Box<str>,
}

/// A request that does not pass, and the response to it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The route it falls under, if one was found.
    pub route: Option<Arc<Route>>,
    /// Why.
    pub reason: Reason,
    /// Who sent it, if the token was accepted and something else is the reason. For a log alone.
    pub sender: Option<Principal>,
    /// The requirement that the sender does not meet, if that is the reason.
    pub unmet: Option<Box<Unmet>>,
    /// Its path, for a log; empty if it has none.
    pub path: Box<str>,
    /// The status.
    pub status: StatusCode,
    /// The fields of the response, including the challenge if there is one.
    pub headers: HeaderMap,
    /// The body: a fixed problem document.
    pub body: &'static str,
}

impl Refusal {
    /// The response to a rejection by the pipeline.
    pub(crate) fn challenged(route: Arc<Route>, refused: Refused, challenge: &Challenge) -> Self {
        Self {
            route: Some(route),
            reason: Reason::Rejected(refused.rejection),
            sender: None,
            unmet: refused.unmet,
            path: Box::default(),
            status: challenge.status(),
            headers: challenge.headers().clone(),
            body: challenge.body(),
        }
    }

    /// The response for one of the gateway's own reasons. It has no challenge: no token would help.
    #[must_use]
    pub fn plain(route: Option<Arc<Route>>, reason: Reason) -> Self {
        let (_, status) = reason.row();
        Self {
            route,
            reason,
            sender: None,
            unmet: None,
            path: Box::default(),
            status,
            headers: problem(),
            body: document(status),
        }
    }
}

/// A requirement that a principal does not meet, by the names of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unmet {
    /// The name of the requirements.
    pub requirements: Option<Box<str>>,
    /// The claim, by the names of its path with ` > ` between them; or `kind`, `client` or `scope`, which are
    /// not read from one claim alone.
    pub claim: Box<str>,
}

impl Unmet {
    fn of(
        requirements: &Requirements,
        principal: &Principal,
        rejection: &Rejection,
    ) -> Option<Box<Self>> {
        let asked = requirements.unmet(principal, rejection)?;
        let claim = asked.claim().map_or_else(
            || asked.name().to_owned(),
            |path| path.names().collect::<Vec<_>>().join(" > "),
        );
        Some(Box::new(Self {
            requirements: requirements.name().map(Box::from),
            claim: claim.into(),
        }))
    }
}

/// A rejection by a route, and the requirement that it is about.
pub(crate) struct Refused {
    pub(crate) rejection: Rejection,
    unmet: Option<Box<Unmet>>,
}

impl Refused {
    /// These requirements reject the principal.
    pub(crate) fn by(
        requirements: &Requirements,
        principal: &Principal,
        rejection: Rejection,
    ) -> Self {
        Self {
            unmet: Unmet::of(requirements, principal, &rejection),
            rejection,
        }
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self {
            rejection,
            unmet: None,
        }
    }
}

/// Why the gateway refused: the pipeline's reasons and its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The pipeline refused.
    #[error(transparent)]
    Rejected(Rejection),
    /// The path has several readings.
    #[error("the path can be read in several ways")]
    AmbiguousPath,
    /// The encoding of the field cannot carry the claim.
    #[error("an identity field cannot represent a claim")]
    ClaimNotHeaderSafe,
    /// A claim is longer than its field may be.
    #[error("a claim is longer than an identity field may be")]
    ClaimTooLarge,
    /// A field of the dialect is missing, empty or repeated.
    #[error(
        "a field in which the proxy describes the original request is missing, empty or repeated"
    )]
    DialectField,
    /// An internal error: this must not happen.
    #[error("an internal error")]
    Internal,
    /// The method has a lower case letter.
    #[error("the method has a lower-case letter, which some applications treat as upper case")]
    MethodCase,
    /// No route matches.
    #[error("no route matches")]
    NoRule,
    /// The query names another method or path than the request line.
    #[error("the query names another method or path, which some frameworks use")]
    QueryOverride,
    /// The request target is not a path with an optional query.
    #[error("the request target is not a path with an optional query")]
    TargetForm,
    /// The peer is not one of the configured proxies.
    #[error("the peer is not one of the configured proxies")]
    UntrustedPeer,
}

impl Reason {
    fn insert_into(&self, extensions: &mut http::Extensions) {
        if let Self::Rejected(rejection) = self {
            extensions.insert(rejection.clone());
        }
        extensions.insert(self.clone());
    }

    /// The stable code, for logs, metrics and `docs/reasons.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.row().0
    }

    /// The gateway's own reasons.
    pub const OWN: &'static [Self] = &[
        Self::AmbiguousPath,
        Self::ClaimNotHeaderSafe,
        Self::ClaimTooLarge,
        Self::DialectField,
        Self::Internal,
        Self::MethodCase,
        Self::NoRule,
        Self::QueryOverride,
        Self::TargetForm,
        Self::UntrustedPeer,
    ];

    /// The code, and the status of an answer without a challenge.
    fn row(&self) -> (&'static str, StatusCode) {
        match self {
            Self::Rejected(rejection) => (rejection.reason(), StatusCode::INTERNAL_SERVER_ERROR),
            Self::AmbiguousPath => ("ambiguous_path", StatusCode::BAD_REQUEST),
            Self::ClaimNotHeaderSafe => ("claim_not_header_safe", StatusCode::FORBIDDEN),
            Self::ClaimTooLarge => ("claim_too_large", StatusCode::FORBIDDEN),
            Self::DialectField => ("dialect_field", StatusCode::FORBIDDEN),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
            Self::MethodCase => ("method_case", StatusCode::BAD_REQUEST),
            Self::NoRule => ("no_rule", StatusCode::FORBIDDEN),
            Self::QueryOverride => ("query_override", StatusCode::BAD_REQUEST),
            Self::TargetForm => ("target_form", StatusCode::BAD_REQUEST),
            Self::UntrustedPeer => ("untrusted_peer", StatusCode::FORBIDDEN),
        }
    }
}
