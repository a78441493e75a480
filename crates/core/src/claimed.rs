//! The content of a verified token, between the stages check and prove.
//!
//! A [`Claimed`] authenticates nobody yet: a token may be bound to a key that its sender does not
//! have. [`Claimed::proven`] is the only way to a [`Principal`].

use std::fmt;

use crate::confirmation::{Confirmation, Evidence};
use crate::principal::{Principal, Said, Times};
use crate::rejection::InvalidToken;

/// The content of a token that a policy has checked. Cheap to clone.
///
/// It is not a principal, and does not reveal who that would be:
///
/// ```compile_fail
/// # use bearward_core::{Policy, Principal, UnixTime, jws::VerifiedJws};
/// # fn example(policy: &Policy, jws: VerifiedJws<'_>, now: UnixTime) {
/// let principal: Principal = policy.check(jws, now).unwrap();
/// # }
/// ```
///
/// ```compile_fail
/// # fn example(claimed: &bearward_core::Claimed) {
/// let subject = claimed.subject();
/// # }
/// ```
///
/// Only evidence turns it into a principal; a token that is bound to no key needs none:
///
/// ```
/// # use bearward_core::{Policy, Principal, UnixTime, jws::VerifiedJws};
/// use bearward_core::confirmation::Evidence;
/// # use bearward_core::rejection::InvalidToken;
///
/// # fn example(policy: &Policy, jws: VerifiedJws<'_>, now: UnixTime) -> Result<(), InvalidToken> {
/// let principal: Principal = policy.check(jws, now)?.proven(Evidence::NONE)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Claimed {
    principal: Principal,
}

impl Claimed {
    pub(crate) fn new(said: Said) -> Self {
        Self {
            principal: Principal::new(said),
        }
    }

    /// The principal that the token names, if `evidence` proves that the sender has the key that
    /// the token is bound to.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::CnfNotProven`] if the token is bound to a key and `evidence` does not prove
    /// possession.
    pub fn proven(self, evidence: Evidence) -> Result<Principal, InvalidToken> {
        if let Some(confirmation) = self.confirmation() {
            confirmation.check(evidence)?;
        }
        Ok(self.principal)
    }

    /// The key that the token is bound to; `None` for a bearer token.
    #[must_use]
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.principal.confirmation()
    }

    /// The memory that the claims take, in bytes, for caches with a limit.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.principal.all_claims().memory_bytes()
    }

    pub(crate) fn times(&self) -> Times {
        self.principal.times()
    }
}

impl fmt::Debug for Claimed {
    /// Shows no claims: they are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claimed")
            .field("is_bound", &self.confirmation().is_some())
            .finish_non_exhaustive()
    }
}
