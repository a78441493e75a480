//! The decision about a token, as the pipeline makes it, or as far as it can be made without keys.

use bearward_core::Principal;
use bearward_core::jws::UnverifiedJws;

use super::anatomy::Anatomy;
use super::asked::{Asked, Keys};
use super::check::Check;
use super::checks::INPUT;
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
    /// The decision about the token as given. If text was pasted along and the token alone is refused as well, its own
    /// reason is the one to know.
    pub(crate) fn new(anatomy: &Anatomy<'_>, asked: &Asked, checks: &[Check]) -> Self {
        let given = Self::of(anatomy.given, asked, checks);
        if anatomy.pasted.is_none() || !matches!(given, Self::Refused(_)) {
            return given;
        }
        match Self::of(anatomy.token(), asked, checks) {
            alone @ Self::Refused(_) => alone,
            Self::Accepted(_) | Self::KeysUnavailable | Self::Undecided => given,
        }
    }

    fn of(token: &[u8], asked: &Asked, checks: &[Check]) -> Self {
        // If nothing is missing, the pipeline decides.
        if let (true, Keys::Known(keys)) = (asked.is_complete(), &asked.keys) {
            return match verify(token, keys, asked) {
                Ok(principal) => Self::Accepted(Box::new(principal)),
                Err(reason) => Self::Refused(reason.code()),
            };
        }
        if let Err(reason) = UnverifiedJws::parse(token) {
            return Self::Refused(reason.code());
        }
        // Text that was pasted along is not part of a token that parses.
        let mut checks = checks.iter().filter(|check| check.name != INPUT);
        let failed = checks.find_map(|check| check.verdict.code());
        match (failed, &asked.keys) {
            (Some(code), _) => Self::Refused(code),
            (None, Keys::Unavailable(_)) => Self::KeysUnavailable,
            (None, _) => Self::Undecided,
        }
    }
}
