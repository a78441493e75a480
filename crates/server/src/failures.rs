//! A limit on failures: how many tokens of one sender may fail to verify before the signatures of
//! others are no longer checked.
//!
//! The counts, the clock and the knowledge who sent a request are the caller's; here is only when
//! they are asked. A token that was verified before costs no check and asks nothing. A token that has
//! expired is refused for that reason, whoever signed it: the client has to learn it. Every other
//! refusal of a sender over its limit is the same, or it would show which claims are right.

use std::time::Duration;

use bearward_core::confirmation::Evidence;
use bearward_core::id_token::IdTokenRefused;
use bearward_core::rejection::{InvalidToken, Rejection, TooManyFailures};
use bearward_core::vouch::{AccessToken, Unvouched};
use bearward_core::{Claimed, Policy, Principal};

/// What one sender's failures amount to. All methods are called on the path of a request, so none may
/// wait.
pub trait FailureLimit: Sync {
    /// Whether the sender has had too many failures.
    fn is_exceeded(&self) -> bool;

    /// Takes one of the checks that even a sender over its limit gets, so that good tokens from the
    /// same address can pass. `None` if there is none.
    fn take_check(&self, claimed: Subject<'_>) -> Option<Check>;

    /// A token of this subject was verified. Gives back the check that was `taken` for it, if any.
    fn verified(&self, subject: Subject<'_>, taken: Option<Check>);

    /// Counts a failure.
    fn failed(&self);

    /// How long until a further check is possible, if none can be taken now.
    fn retry_after(&self) -> Duration;
}

/// The subject of a token. Before verification, anybody may claim any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a subject is unique by these two"
)]
pub struct Subject<'t> {
    /// The issuer.
    pub issuer: &'t str,
    /// The subject; empty if there is none.
    pub subject: &'t str,
}

impl<'t> Subject<'t> {
    fn of(principal: &'t Principal) -> Self {
        Self {
            issuer: principal.issuer(),
            subject: principal.subject(),
        }
    }
}

/// A check that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a check is of these two kinds")]
pub enum Check {
    /// One for any token.
    Any,
    /// One for tokens that claim a subject whose tokens were verified before.
    OfSubject,
}

/// Permission to check the signature of one token.
pub(crate) struct Permit<'l> {
    limit: Option<&'l dyn FailureLimit>,
    /// The check that a sender over its limit has taken.
    taken: Option<Check>,
}

impl<'l> Permit<'l> {
    /// Permission for this token, of a sender whose failures this limits, if anything does.
    pub(crate) fn obtain<I: AsRef<Policy>>(
        limit: Option<&'l dyn FailureLimit>,
        token: &Unvouched<'_, I, AccessToken>,
    ) -> Result<Self, Rejection> {
        let Some(exceeded) = limit.filter(|limit| limit.is_exceeded()) else {
            return Ok(Self { limit, taken: None });
        };
        if token.has_expired() {
            return Err(InvalidToken::TokenExpired.into());
        }
        let subject = token.unverified_subject();
        let subject = Subject {
            issuer: token.issuer().as_ref().issuer(),
            subject: subject.as_deref().unwrap_or_default(),
        };
        match exceeded.take_check(subject) {
            Some(check) => Ok(Self {
                limit,
                taken: Some(check),
            }),
            None => Err(TooManyFailures::new(exceeded.retry_after()).into()),
        }
    }

    /// Permission for an ID token that this principal sends along.
    pub(crate) fn for_id_token(
        limit: Option<&'l dyn FailureLimit>,
        principal: &Principal,
    ) -> Result<Self, Rejection> {
        let Some(exceeded) = limit.filter(|limit| limit.is_exceeded()) else {
            return Ok(Self { limit, taken: None });
        };
        match exceeded.take_check(Subject::of(principal)) {
            Some(check) => Ok(Self {
                limit,
                taken: Some(check),
            }),
            None => Err(TooManyFailures::new(exceeded.retry_after()).into()),
        }
    }

    /// The ID token was accepted, or refused for this reason. Only a wrong signature is a failure: clients
    /// may send an old ID token with each request.
    pub(crate) fn checked_id_token(&self, principal: &Principal, refused: Option<&IdTokenRefused>) {
        let Some(limit) = self.limit else {
            return;
        };
        match refused {
            Some(IdTokenRefused::Invalid(
                InvalidToken::SignatureInvalid | InvalidToken::SignatureLength,
            )) => limit.failed(),
            _ => limit.verified(Subject::of(principal), self.taken),
        }
    }

    /// The token was verified, and says this.
    pub(crate) fn verified(&self, claimed: &Claimed) {
        let Some(limit) = self.limit else {
            return;
        };
        match claimed.clone().proven(Evidence::NONE) {
            Ok(principal) => {
                limit.verified(Subject::of(&principal), self.taken);
            }
            // It is refused nevertheless, and costs a check each time.
            Err(_) => limit.failed(),
        }
    }

    /// The token was refused although its signature was checked.
    pub(crate) fn failed(&self) {
        if let Some(limit) = self.limit {
            limit.failed();
        }
    }

    /// The rejection of such a token.
    pub(crate) fn rejection(&self, refused: InvalidToken) -> Rejection {
        match self.limit.filter(|_| self.taken.is_some()) {
            Some(limit) => TooManyFailures::new(limit.retry_after()).into(),
            None => refused.into(),
        }
    }
}

/// How a token is refused whose signature was not checked: to a sender over its limit as any other, or the
/// answer would show which issuers, keys and types are right.
pub(crate) fn unchecked(limit: Option<&dyn FailureLimit>, refused: Rejection) -> Rejection {
    let is_refused = matches!(
        refused,
        Rejection::InvalidToken(reason) if reason != InvalidToken::TokenExpired
    );
    match limit.filter(|limit| is_refused && limit.is_exceeded()) {
        Some(limit) => TooManyFailures::new(limit.retry_after()).into(),
        None => refused,
    }
}
