//! The policy, keys and time for an explanation, if the options give them.

use bearward_core::{JwkSet, Policy, Profile, UnixTime};

/// The policy, keys and time that a token is checked with.
#[derive(Debug)]
pub struct Asked {
    /// The policy of the issuer.
    pub policy: Policy,
    /// The issuer's keys.
    pub keys: Keys,
    /// The time of the decision.
    pub now: UnixTime,
    /// Every issuer whose tokens are accepted, if there is a configuration.
    configured: Vec<String>,
    /// Whether nobody chose the profile of the policy.
    is_profile_assumed: bool,
    /// Keys from secrets that are nearly the configured one.
    pub(crate) near_secrets: Vec<NearSecret>,
}

impl Asked {
    /// A placeholder in the policy for an issuer or audience without an option. No option can have
    /// this value: arguments end at a NUL.
    pub const UNCONFIGURED: &str = "\u{0}";

    /// From options: use [`Asked::UNCONFIGURED`] for a missing issuer or audience.
    #[must_use]
    pub const fn new(policy: Policy, keys: Keys, now: UnixTime) -> Self {
        Self {
            policy,
            keys,
            now,
            configured: Vec::new(),
            is_profile_assumed: false,
            near_secrets: Vec::new(),
        }
    }

    /// Keys that a signature may verify with if the secret was written wrongly.
    #[must_use]
    pub fn near_secrets(mut self, near: impl IntoIterator<Item = NearSecret>) -> Self {
        self.near_secrets = near.into_iter().collect();
        self
    }

    /// Marks the profile of the policy as assumed from the issuer of the token.
    #[must_use]
    pub const fn profile_assumed(mut self) -> Self {
        self.is_profile_assumed = true;
        self
    }

    /// The profile of the policy, if nobody chose it.
    pub(crate) fn assumed_profile(&self) -> Option<Profile> {
        self.is_profile_assumed.then(|| self.policy.profile())
    }

    /// From a configuration with these issuers.
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

    /// Whether everything needed to accept a token is present.
    pub(crate) fn is_complete(&self) -> bool {
        self.issuer().is_some() && self.audiences().next().is_some()
    }
}

/// The key from a secret that differs from the configured one only at its end.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a key and two texts about it")]
pub struct NearSecret {
    /// The key.
    pub keys: JwkSet,
    /// How the secret differs, after "verifies with the secret".
    pub difference: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// The issuer's keys, or why there are none.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "keys are known, or there is one of three reasons"
)]
pub enum Keys {
    /// The keys are known.
    Known(JwkSet),
    /// The keys could not be fetched.
    Unavailable(String),
    /// No option gives their location.
    Unconfigured,
    /// No key could verify this kind of token.
    Unneeded,
}
