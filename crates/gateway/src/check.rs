//! What `bearward check` finds in a configuration without mistakes, and its verdict.
//!
//! A configuration is good unless nothing could pass: a route, an issuer, or the gateway as a whole. What
//! is only unusual is a warning, and the verdict counts them. This module contacts no issuer: its caller
//! brings the state of their keys.

use std::time::SystemTime;

use bearward::IssuerState;
use bearward::core::jwk::UnusableJwk;
use bearward::core::limits::NAMELESS_KEYS;

use crate::config::{Code, Config, Mistakes, NO_KEY_FITS, ServerSettings};

/// What was found in a configuration without mistakes.
#[derive(Clone, Debug)]
pub struct Findings {
    warnings: Mistakes,
    placeless: Vec<Finding>,
    notes: Vec<String>,
    has_door: bool,
    are_ready: bool,
}

/// A warning that has no place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Its stable code.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// Whether nothing can pass because of it.
    pub is_fatal: bool,
}

impl Finding {
    /// A warning with this code.
    #[must_use]
    pub const fn warning(code: &'static str, message: String) -> Self {
        Self {
            code,
            message,
            is_fatal: false,
        }
    }

    /// A finding with which nothing can pass.
    #[must_use]
    pub const fn fatal(code: &'static str, message: String) -> Self {
        Self {
            code,
            message,
            is_fatal: true,
        }
    }
}

impl Findings {
    /// Looks at a configuration and at the keys of its issuers, as they are at the time `now`.
    #[must_use]
    pub fn of(config: &Config, issuers: &[IssuerState], now: SystemTime) -> Self {
        let about_keys = issuers
            .iter()
            .flat_map(|state| about_keys(&config.server, state));
        let certificates = config.certificate_warnings(now);
        let certificates = certificates
            .iter()
            .map(|warning| Finding::warning("certificate", warning.to_string()));
        Self {
            warnings: config.warnings.clone(),
            placeless: about_keys.chain(certificates).collect(),
            notes: notes(config),
            has_door: config.has_door(),
            are_ready: issuers.iter().all(IssuerState::is_ready),
        }
    }

    /// Adds a finding.
    pub fn add(&mut self, finding: Finding) {
        self.placeless.push(finding);
    }

    /// The warnings that have a place in the file.
    #[must_use]
    pub const fn warnings(&self) -> &Mistakes {
        &self.warnings
    }

    /// The others.
    #[must_use]
    pub const fn placeless(&self) -> &[Finding] {
        self.placeless.as_slice()
    }

    /// What is right if it is meant, and what the operator should know about it.
    #[must_use]
    pub const fn notes(&self) -> &[String] {
        self.notes.as_slice()
    }

    /// Whether something can pass: through a listener, at each route, by a token of each issuer.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let is_possible = !self.warnings.has_impossible();
        let is_fatal = self.placeless.iter().any(|finding| finding.is_fatal);
        self.has_door && self.are_ready && is_possible && !is_fatal
    }

    /// The verdict: `good`, with the number of warnings if there are any, or `not good`.
    #[must_use]
    pub fn verdict(&self) -> String {
        let listed = self.warnings.iter().count();
        let count = listed
            .saturating_add(self.warnings.left_out())
            .saturating_add(self.placeless.len());
        match (self.is_good(), count) {
            (false, _) => "not good".to_owned(),
            (true, 0) => "good".to_owned(),
            (true, 1) => "good, 1 warning".to_owned(),
            (true, count) => format!("good, {count} warnings"),
        }
    }
}

fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    // What a valid setting cannot do behind some proxy, which the configuration does not name.
    if !config.origins.is_empty() && config.listen.forward_auth.is_some() {
        let note = "behind ingress-nginx, `origins` does not let pages read refusals: it passes \
         on no field of a refusal except `WWW-Authenticate`; the recipes of the other proxies pass on what pages need";
        notes.push(note.to_owned());
    }
    for policy in config.server.by_audience() {
        let audiences: Vec<_> = policy.audiences().map(|name| format!("{name:?}")).collect();
        notes.push(format!(
            "{}: with `tokens = \"by_audience\"`, you vouch that only access tokens have the audience {}; \
             an ID token that has it would pass",
            policy.issuer(),
            audiences.join(" or ")
        ));
    }
    notes
}

/// What is wrong with an issuer's keys.
fn about_keys(server: &ServerSettings, state: &IssuerState) -> Vec<Finding> {
    let (issuer, keys) = (&state.issuer, &state.keys);
    let impossible = Code::Impossible.as_str();
    // Keys that are fetched one by one are not known yet.
    let are_known = keys.is_usable && !state.is_by_kid;
    let policy = server.policy(issuer).filter(|_| are_known);
    let fits = policy.map(|policy| {
        let allowed = policy.allows_any(keys.algorithms.iter().copied());
        (allowed, policy.allows_any(keys.selectable.iter().copied()))
    });
    let mut found = Vec::new();
    match fits {
        // Keys from a file have their warning already.
        Some((false, _)) if keys.fetched_at.is_some() => {
            found.push(Finding::fatal(
                impossible,
                format!("{issuer}: {NO_KEY_FITS}"),
            ));
        }
        Some((true, false)) => {
            found.push(Finding::fatal(
                impossible,
                format!("{issuer}: {NO_KEY_IS_FOUND}"),
            ));
        }
        Some(_) | None => {}
    }
    for kid in &keys.ambiguous {
        let text = format!(
            "{issuer}: several keys have the same `kid` or thumbprint {kid:?}, so tokens \
             that name it are refused"
        );
        found.push(Finding::warning("kid_ambiguous", text));
    }
    for algorithm in &keys.too_many_nameless {
        let text = format!(
            "{issuer}: more than {NAMELESS_KEYS} keys without a `kid` are for {algorithm}, so its tokens are refused"
        );
        found.push(Finding::warning("kid_missing", text));
    }
    // Keys for encryption are published on purpose.
    let unusable = keys.unusable.iter();
    for key in unusable.filter(|key| key.reason != UnusableJwk::OtherUse) {
        found.push(Finding::warning(
            key.reason.code(),
            format!("{issuer}: {key}"),
        ));
    }
    found
}

/// The keys are there, and no token can tell which one is meant.
const NO_KEY_IS_FOUND: &str = "no token can pass: each of its keys shares its `kid` or thumbprint \
 with another, \
    or has neither, and there are too many of those";
