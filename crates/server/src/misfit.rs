//! Issuers whose profile is probably the wrong one: each is named once in the log, when the first of its
//! tokens is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bearward_core::Profile;
use bearward_core::jws::UnverifiedJws;
use bearward_core::rejection::InvalidToken;

use crate::trusted::Trusted;

/// The issuers with the default profile whose URLs are those of an issuer for another one.
pub(crate) struct Misfits(Box<[Misfit]>);

struct Misfit {
    issuer: Arc<str>,
    recognised: Profile,
    is_named: AtomicBool,
}

impl Misfits {
    pub(crate) fn among<'t>(issuers: impl Iterator<Item = &'t Trusted>) -> Self {
        let misfits = issuers.filter_map(|trusted| {
            let policy = &trusted.policy;
            let recognised = Profile::of_issuer(policy.issuer())?;
            (policy.profile() == Profile::default()).then(|| Misfit {
                issuer: Arc::clone(policy.issuer()),
                recognised,
                is_named: AtomicBool::new(false),
            })
        });
        Self(misfits.collect())
    }

    /// A token was refused for this reason.
    pub(crate) fn refused(&self, token: &[u8], reason: InvalidToken) {
        let is_of_profile = matches!(
            reason,
            InvalidToken::TypNotAccepted | InvalidToken::ClaimMissing
        );
        let is_open = |misfit: &Misfit| !misfit.is_named.load(Ordering::Relaxed);
        if !is_of_profile || !self.0.iter().any(is_open) {
            return;
        }
        let Ok(jws) = UnverifiedJws::parse(token) else {
            return;
        };
        let named = jws.unverified_issuer().ok();
        let misfit = self
            .0
            .iter()
            .find(|misfit| Some(&*misfit.issuer) == named.as_deref());
        let Some(misfit) = misfit.filter(|misfit| !misfit.is_named.swap(true, Ordering::Relaxed))
        else {
            return;
        };
        tracing::warn!(
            issuer = %misfit.issuer,
            reason = reason.code(),
            recognised = misfit.recognised.as_str(),
            "a token was refused; the issuer's URL is that of another profile than the default one"
        );
    }
}
