//! What a token is held against, as far as the options say.

use bearward_core::{JwkSet, Policy, UnixTime};

/// What a token is held against.
pub(super) struct Asked {
    pub(super) policy: Policy,
    pub(super) keys: Keys,
    pub(super) now: UnixTime,
    /// Every issuer whose tokens are accepted, where a configuration says so.
    configured: Vec<String>,
}

impl Asked {
    /// Stands in the policy for an issuer or audience that no option names. No option can: arguments
    /// end at a NUL.
    pub(super) const UNCONFIGURED: &str = "\u{0}";

    /// As options say.
    pub(super) const fn new(policy: Policy, keys: Keys, now: UnixTime) -> Self {
        Self {
            policy,
            keys,
            now,
            configured: Vec::new(),
        }
    }

    /// As a configuration of these issuers says.
    pub(super) fn configured(mut self, issuers: impl IntoIterator<Item = String>) -> Self {
        self.configured = issuers.into_iter().collect();
        self
    }

    pub(super) const fn is_configured(&self) -> bool {
        !self.configured.is_empty()
    }

    /// Every issuer whose tokens are accepted.
    pub(super) fn issuers(&self) -> impl Iterator<Item = &str> {
        let configured = self.configured.iter().map(String::as_str);
        let by_option = self.issuer().filter(|_| !self.is_configured());
        configured.chain(by_option)
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        Some(&**self.policy.issuer()).filter(|issuer| *issuer != Self::UNCONFIGURED)
    }

    pub(super) fn audiences(&self) -> impl Iterator<Item = &str> {
        let audiences = self.policy.audiences();
        audiences.filter(|audience| *audience != Self::UNCONFIGURED)
    }

    /// Whether everything is there that it takes to accept a token.
    pub(super) fn is_complete(&self) -> bool {
        self.issuer().is_some() && self.audiences().next().is_some()
    }
}

/// The issuer's keys, or why there are none.
pub(super) enum Keys {
    Known(JwkSet),
    /// They could not be fetched.
    Unavailable(String),
    /// No option says where they are.
    Unconfigured,
    /// The token is none that a key could verify.
    Unneeded,
}
