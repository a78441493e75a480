//! Stages 2 to 5, composed once for every caller: from a token to what it says.
//!
//! What lies between is for the caller, who may have to wait for it: the key. So the way is in two
//! steps, and each caller puts its own between them: [`Unvouched::new`] finds the issuer and checks what
//! can be checked without its key, [`Unvouched::vouch`] has the key. [`vouch`] takes both steps where the
//! keys are at hand. Nothing in here waits.

use crate::claimed::Claimed;
use crate::id_token::{IdToken, IdTokenRefused};
use crate::jwk::VerificationKey;
use crate::jwk_set::JwkSet;
use crate::jws::{Header, UnverifiedJws, VerifiedJws};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::rejection::InvalidToken;
use crate::time::UnixTime;

/// Both steps for an access token of the issuer whose `policy` and `keys` are at hand. What is verified
/// is shown to `remember`, which may keep its header.
///
/// # Errors
///
/// The first check that the token does not pass.
pub fn vouch(
    jws: UnverifiedJws<'_>,
    keys: &JwkSet,
    policy: &Policy,
    now: UnixTime,
    remember: impl FnOnce(&VerifiedJws<'_>),
) -> Result<Claimed, InvalidToken> {
    let is_issuer = |issuer: &str| (issuer == &**policy.issuer()).then_some(policy);
    let unvouched = Unvouched::new(jws, AccessToken, now, is_issuer)?;
    let key = keys.select(unvouched.header())?;
    unvouched.vouch(key, remember)
}

/// A token that lacks nothing but the key of its issuer: `I` is what the caller knows of that issuer,
/// `K` what the token must be.
#[derive(Debug)]
pub struct Unvouched<'t, I, K> {
    jws: UnverifiedJws<'t>,
    issuer: I,
    kind: K,
    now: UnixTime,
}

impl<'t, I: AsRef<Policy>, K: TokenKind> Unvouched<'t, I, K> {
    /// Finds the issuer that the token claims to be of among the configured ones, and checks the
    /// header by its policy.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::IssMissing`], [`InvalidToken::IssType`], [`InvalidToken::IssuerUnknown`],
    /// [`InvalidToken::AlgNotAllowed`] or [`InvalidToken::TypNotAccepted`].
    pub fn new(
        jws: UnverifiedJws<'t>,
        kind: K,
        now: UnixTime,
        find: impl FnOnce(&str) -> Option<I>,
    ) -> Result<Self, InvalidToken> {
        let issuer = find(&jws.unverified_issuer()?).ok_or(InvalidToken::IssuerUnknown)?;
        kind.check_header(issuer.as_ref(), jws.header())?;
        Ok(Self {
            jws,
            issuer,
            kind,
            now,
        })
    }

    /// What the caller knows of the issuer.
    pub const fn issuer(&self) -> &I {
        &self.issuer
    }

    /// The header, by which the key is selected.
    #[must_use]
    pub const fn header(&self) -> &Header {
        self.jws.header()
    }

    /// Whether the token could be good, so that it may cost a fetch of the issuer's keys.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let policy = self.issuer.as_ref();
        self.kind.is_plausible(policy, &self.jws, self.now)
    }

    /// Verifies the signature with a key of the issuer, then checks what the token says. What is
    /// verified is shown to `remember`, which may keep its header.
    ///
    /// # Errors
    ///
    /// As [`UnverifiedJws::verify`], or the first rule that the token breaks.
    pub fn vouch(
        self,
        key: &VerificationKey,
        remember: impl FnOnce(&VerifiedJws<'_>),
    ) -> Result<K::Checked, InvalidToken> {
        let verified = self.jws.verify(key)?;
        remember(&verified);
        self.kind.check(self.issuer.as_ref(), verified, self.now)
    }
}

/// What a token must be: an [`AccessToken`], or an ID token, [`IdTokenOf`] a principal.
pub trait TokenKind {
    /// What comes of a good one.
    type Checked;

    /// Checks `typ` and `alg`: what can be refused before a key is looked up.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::AlgNotAllowed`] or [`InvalidToken::TypNotAccepted`].
    fn check_header(&self, policy: &Policy, header: &Header) -> Result<(), InvalidToken>;

    /// Whether a token whose key is not known could be good.
    fn is_plausible(&self, policy: &Policy, jws: &UnverifiedJws<'_>, now: UnixTime) -> bool;

    /// Checks what a verified token says.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
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
        policy.check(jws, now)
    }
}

/// An ID token that belongs to this principal.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a kind of token")]
pub struct IdTokenOf<'p>(pub &'p Principal);

impl TokenKind for IdTokenOf<'_> {
    /// An ID token may be good and belong to somebody else.
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
