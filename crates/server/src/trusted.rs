//! An issuer as the resource server knows it.

use std::sync::Arc;

use bearward_core::Policy;

use crate::key_store::KeyStore;

/// An issuer whose tokens are accepted: what they must say, and its keys.
#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) policy: Policy,
    pub(crate) keys: Arc<KeyStore>,
}

impl Trusted {
    /// Whether the same tokens are accepted, by the same keys.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.keys, &other.keys) && self.policy == other.policy
    }
}
