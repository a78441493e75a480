//! An issuer that a resource server trusts.

use std::ops::Deref;
use std::sync::Arc;

use bearward_core::Policy;

use crate::key_store::KeyStore;

/// An issuer whose tokens are accepted. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Trusted(Arc<Inner>);

/// The policy for its tokens, and its keys.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) policy: Policy,
    pub(crate) keys: Arc<KeyStore>,
}

impl Trusted {
    pub(crate) fn new(policy: Policy, keys: Arc<KeyStore>) -> Self {
        Self(Arc::new(Inner { policy, keys }))
    }

    /// Whether this is a clone of `other`.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether both accept the same tokens with the same keys.
    pub(crate) fn accepts_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.keys, &other.keys) && self.policy == other.policy
    }
}

impl Deref for Trusted {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl AsRef<Policy> for Trusted {
    fn as_ref(&self) -> &Policy {
        &self.policy
    }
}
