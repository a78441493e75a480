//! The decision about a token, as the pipeline makes it, or as far as it can be made without keys.

use bearward_core::Principal;
use bearward_core::jws::UnverifiedJws;

use super::anatomy::Anatomy;
use super::asked::{Asked, Keys};
use super::check::Check;
use super::verify;

/// The outcome for a token.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a token is accepted, refused, or something was missing to decide on it"
)]
pub enum Decision {
    /// Accepted, with this principal.
    Accepted(Box<Principal>),
    /// All checks that need no key passed, but there are no keys.
    KeysUnavailable,
    /// Refused, with the code of the first reason.
    Refused(&'static str),
    /// Nothing failed, but options were left out.
    Undecided,
}

impl Decision {
    pub(crate) fn new(anatomy: &Anatomy<'_>, asked: &Asked, checks: &[Check]) -> Self {
        // If nothing is missing, the pipeline decides about the token as given.
        if let (true, Keys::Known(keys)) = (asked.is_complete(), &asked.keys) {
            return match verify(anatomy.given, keys, asked) {
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
