//! What [`ResourceServer::authenticate`](crate::ResourceServer::authenticate) finds out.

use std::ops::Deref;

use bearward_core::Principal;

/// Who sent a request, and what its answer has to say for that.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authenticated {
    /// Who sent it.
    pub principal: Principal,
}

impl Authenticated {
    /// Who sent it, alone.
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
