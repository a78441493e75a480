//! The result of [`ResourceServer::authenticate`](crate::ResourceServer::authenticate).

use std::ops::Deref;

use bearward_core::Principal;

/// The sender of a request, and what its answer must contain because of that.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authenticated {
    /// The sender.
    pub principal: Principal,
}

impl Authenticated {
    /// Only the sender.
    #[must_use]
    pub fn into_principal(self) -> Principal {
        self.principal
    }
}

impl Deref for Authenticated {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}
