//! What a token is held against, as far as the options say.

use bearward_core::{JwkSet, Policy, UnixTime};

/// What a token is held against.
#[derive(Debug)]
pub struct Asked {
    /// The policy of the issuer.
    pub policy: Policy,
    /// The issuer's keys.
    pub keys: Keys,
    /// The time at which it is decided.
    pub now: UnixTime,
    /// Every issuer whose tokens are accepted, where a configuration says so.
    configured: Vec<String>,
}

impl Asked {
    /// Stands in the policy for an issuer or audience that no option names. No option can: arguments
    /// end at a NUL.
    pub const UNCONFIGURED: &str = "\u{0}";

    /// As options say: [`Asked::UNCONFIGURED`] stands for an issuer or audience that none names.
    #[must_use]
    pub const fn new(policy: Policy, keys: Keys, now: UnixTime) -> Self {
        Self {
            policy,
            keys,
            now,
            configured: Vec::new(),
        }
    }

    /// As a configuration of these issuers says.
    #[must_use]
    pub fn configured(mut self, issuers: impl IntoIterator<Item = String>) -> Self {
        self.configured = issuers.into_iter().collect();
        self
    }

    pub(crate) const fn is_configured(&self) -> bool {
        !self.configured.is_empty()
    }

    /// Every issuer whose tokens are accepted.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &str> {
        let configured = self.configured.iter().map(String::as_str);
        let by_option = self.issuer().filter(|_| !self.is_configured());
        configured.chain(by_option)
    }

    pub(crate) fn issuer(&self) -> Option<&str> {
        Some(&**self.policy.issuer()).filter(|issuer| *issuer != Self::UNCONFIGURED)
    }

    pub(crate) fn audiences(&self) -> impl Iterator<Item = &str> {
        let audiences = self.policy.audiences();
        audiences.filter(|audience| *audience != Self::UNCONFIGURED)
    }

    /// Whether everything is there that it takes to accept a token.
    pub(crate) fn is_complete(&self) -> bool {
        self.issuer().is_some() && self.audiences().next().is_some()
    }
}

/// The issuer's keys, or why there are none.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "keys are known, or there is one of three reasons"
)]
pub enum Keys {
    /// They are known.
    Known(JwkSet),
    /// They could not be fetched.
    Unavailable(String),
    /// No option says where they are.
    Unconfigured,
    /// The token is none that a key could verify.
    Unneeded,
}
