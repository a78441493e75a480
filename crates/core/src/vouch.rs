//! Stages 2 to 5, composed once for every caller: from a token to its checked claims.
//!
//! There are two steps, and between them each caller gets the key, for which it may have to wait.
//! [`Unvouched::new`] finds the issuer and checks everything that needs no key;
//! [`Unvouched::vouch`] takes the key. [`vouch`] does both if the keys are available. Nothing in
//! this file waits.

use crate::claimed::Claimed;
use crate::id_token::{IdToken, IdTokenRefused};
use crate::jwk_set::{Candidates, JwkSet};
use crate::jws::{Header, UnverifiedJws, VerifiedJws};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::rejection::InvalidToken;
use crate::time::UnixTime;

/// Does both steps for an access token, with the `policy` and `keys` of its issuer. `remember` gets
/// the verified token and may keep its header.
///
/// # Errors
///
/// The first check that the token fails.
pub fn vouch(
    jws: UnverifiedJws<'_>,
    keys: &JwkSet,
    policy: &Policy,
    now: UnixTime,
    remember: impl FnOnce(&VerifiedJws<'_>),
) -> Result<Claimed, InvalidToken> {
    let is_issuer = |issuer: &str| (issuer == &**policy.issuer()).then_some(policy);
    let unvouched = Unvouched::new(jws, AccessToken, now, is_issuer)?;
    let keys = keys.select(unvouched.header())?;
    unvouched.vouch(&keys, remember)
}

/// A token that only needs the key of its issuer: `I` is the caller's record of that issuer, `K`
/// the required kind of token.
#[derive(Debug)]
pub struct Unvouched<'t, I, K> {
    jws: UnverifiedJws<'t>,
    issuer: I,
    kind: K,
    now: UnixTime,
}

impl<'t, I: AsRef<Policy>, K: TokenKind> Unvouched<'t, I, K> {
    /// Finds the issuer that the token claims among the configured ones, and checks the header
    /// against its policy.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::IssMissing`], [`InvalidToken::IssType`], [`InvalidToken::IssuerUnknown`],
    /// [`InvalidToken::Base64NotCanonical`], [`InvalidToken::AlgNotAllowed`] or
    /// [`InvalidToken::TypNotAccepted`].
    pub fn new(
        jws: UnverifiedJws<'t>,
        kind: K,
        now: UnixTime,
        find: impl FnOnce(&str) -> Option<I>,
    ) -> Result<Self, InvalidToken> {
        let named = jws.unverified_issuer();
        let issuer = named.and_then(|named| find(&named).ok_or(InvalidToken::IssuerUnknown));
        let issuer = issuer.map_err(|reason| unless_padded(reason, jws.header()))?;
        // `iss` is right; before anything is fetched for a tenant, its other claim is, too.
        issuer.as_ref().check_tenant(jws.unverified_claims())?;
        kind.check_header(issuer.as_ref(), jws.header())?;
        Ok(Self {
            jws,
            issuer,
            kind,
            now,
        })
    }

    /// The caller's record of the issuer.
    pub const fn issuer(&self) -> &I {
        &self.issuer
    }

    /// The header, which selects the key.
    #[must_use]
    pub const fn header(&self) -> &Header {
        self.jws.header()
    }

    /// Whether the token could be valid, so that it may trigger a fetch of the issuer's keys.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let policy = self.issuer.as_ref();
        self.kind.is_plausible(policy, &self.jws, self.now)
    }

    /// Verifies the signature with the keys of the issuer that fit, then checks the claims. `remember` gets the
    /// verified token and may keep its header.
    ///
    /// # Errors
    ///
    /// As [`UnverifiedJws::verify`], or the first rule that the token breaks.
    pub fn vouch(
        self,
        keys: &Candidates,
        remember: impl FnOnce(&VerifiedJws<'_>),
    ) -> Result<K::Checked, InvalidToken> {
        let verified = self.jws.verify(keys)?;
        remember(&verified);
        self.kind.check(self.issuer.as_ref(), verified, self.now)
    }
}

impl<I: AsRef<Policy>> Unvouched<'_, I, AccessToken> {
    /// Whether the token has expired by its own account, whoever signed it. May only save the work of
    /// [`Self::vouch`], which would refuse the token as well.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        let policy = self.issuer.as_ref();
        let mut rules = policy.danger_unverified_rules(&self.jws, self.now);
        rules.any(|(_, outcome)| outcome == Err(InvalidToken::TokenExpired))
    }

    /// The subject that the token claims, if it has one. May only decide how much work
    /// [`Self::vouch`] may take.
    #[must_use]
    pub fn unverified_subject(&self) -> Option<String> {
        let claims = self.jws.unverified_claims();
        let subject = self.issuer.as_ref().subject(claims).ok().flatten()?;
        Some(claims.resolve(&subject).to_owned())
    }
}

/// Padding is wrong wherever no policy accepts it, whatever else is; but a load balancer writes it, and
/// then its issuer is what has to be configured.
#[cold]
fn unless_padded(reason: InvalidToken, header: &Header) -> InvalidToken {
    match header.is_padded() && header.signer().is_err() {
        true => InvalidToken::Base64NotCanonical,
        false => reason,
    }
}

/// The required kind of a token: an [`AccessToken`], or an ID token, [`IdTokenOf`] a principal.
pub trait TokenKind {
    /// The result for a valid token.
    type Checked;

    /// Checks padding, `alg` and `typ`, which need no key.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::Base64NotCanonical`], [`InvalidToken::AlgNotAllowed`] or
    /// [`InvalidToken::TypNotAccepted`].
    fn check_header(&self, policy: &Policy, header: &Header) -> Result<(), InvalidToken>;

    /// Whether a token with an unknown key could be valid.
    fn is_plausible(&self, policy: &Policy, jws: &UnverifiedJws<'_>, now: UnixTime) -> bool;

    /// Checks the claims of a verified token.
    ///
    /// # Errors
    ///
    /// The first rule that the token breaks.
    fn check(
        &self,
        policy: &Policy,
        jws: VerifiedJws<'_>,
        now: UnixTime,
    ) -> Result<Self::Checked, InvalidToken>;
}

/// An access token.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a kind of token")]
pub struct AccessToken;

impl TokenKind for AccessToken {
    type Checked = Claimed;

    fn check_header(&self, policy: &Policy, header: &Header) -> Result<(), InvalidToken> {
        policy.check_header(header)
    }

    fn is_plausible(&self, policy: &Policy, jws: &UnverifiedJws<'_>, now: UnixTime) -> bool {
        policy.is_plausible(jws, now)
    }

    fn check(
        &self,
        policy: &Policy,
        jws: VerifiedJws<'_>,
        now: UnixTime,
    ) -> Result<Claimed, InvalidToken> {
        // INVARIANT: `Unvouched::new` checked the header, by the same policy.
        policy.check_claims(jws, now)
    }
}

/// An ID token that belongs to this principal.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a kind of token")]
pub struct IdTokenOf<'p>(pub &'p Principal);

impl TokenKind for IdTokenOf<'_> {
    /// An ID token may be valid but belong to somebody else.
    type Checked = Result<IdToken, IdTokenRefused>;

    fn check_header(&self, policy: &Policy, header: &Header) -> Result<(), InvalidToken> {
        IdToken::check_header(policy, header)
    }

    fn is_plausible(&self, policy: &Policy, jws: &UnverifiedJws<'_>, now: UnixTime) -> bool {
        IdToken::is_plausible(policy, jws, self.0, now)
    }

    fn check(
        &self,
        policy: &Policy,
        jws: VerifiedJws<'_>,
        now: UnixTime,
    ) -> Result<Self::Checked, InvalidToken> {
        Ok(IdToken::check(policy, jws, self.0, now))
    }
}
