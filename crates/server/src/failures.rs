//! A limit on failures: how many tokens of one sender may fail to verify before the signatures of
//! others are no longer checked.
//!
//! The counts, the clock and the knowledge who sent a request are the caller's; here is only when
//! they are asked. A token that was verified before costs no check and asks nothing. A token whose
//! own claims refuse it is refused for that reason, whoever signed it: the client has to learn that
//! its token has expired.

use std::time::Duration;

use bearward_core::rejection::{InvalidToken, Rejection, TooManyFailures};

/// What one sender's failures amount to. All methods are called on the path of a request, so none may
/// wait.
pub trait FailureLimit: Sync {
    /// Whether the sender has had too many failures.
    fn is_exceeded(&self) -> bool;

    /// Takes one of the checks that even a sender over its limit gets, so that good tokens from the
    /// same address can pass. Returns whether there was one.
    fn take_check(&self) -> bool;

    /// Gives back a check that was taken, since the token was good.
    fn give_back_check(&self);

    /// Counts a failure.
    fn failed(&self);

    /// How long until a further check is possible, if none can be taken now.
    fn retry_after(&self) -> Duration;
}

/// No limit.
pub(crate) struct Unlimited;

impl FailureLimit for Unlimited {
    fn is_exceeded(&self) -> bool {
        false
    }

    fn take_check(&self) -> bool {
        true
    }

    fn give_back_check(&self) {}

    fn failed(&self) {}

    fn retry_after(&self) -> Duration {
        Duration::ZERO
    }
}

/// Permission to check the signature of one token.
pub(crate) struct Permit<'l, L> {
    limit: &'l L,
    /// Whether it was taken by a sender over its limit.
    is_reserved: bool,
}

impl<'l, L: FailureLimit> Permit<'l, L> {
    /// Permission for a token whose claims break the rule that `fault` returns, if any.
    pub(crate) fn obtain(
        limit: &'l L,
        fault: impl FnOnce() -> Option<InvalidToken>,
    ) -> Result<Self, Rejection> {
        let is_reserved = limit.is_exceeded();
        let permit = Self { limit, is_reserved };
        if is_reserved {
            fault().map_or(Ok(()), Err)?;
            if !limit.take_check() {
                return Err(permit.too_many());
            }
        }
        Ok(permit)
    }

    /// The signature is right.
    pub(crate) fn verified(&self) {
        if self.is_reserved {
            self.limit.give_back_check();
        }
    }

    /// The token was refused although its signature was checked.
    pub(crate) fn failed(&self) {
        self.limit.failed();
    }

    /// The rejection of such a token.
    pub(crate) fn rejection(&self, refused: InvalidToken) -> Rejection {
        match self.is_reserved {
            true => self.too_many(),
            false => refused.into(),
        }
    }

    fn too_many(&self) -> Rejection {
        TooManyFailures::new(self.limit.retry_after()).into()
    }
}
