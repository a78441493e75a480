//! Stages 2 to 5, composed once for every caller: from a token to what it says.
//!
//! What lies between is for the caller, who may have to wait for it: the key. So the way is in two
//! steps, and each caller puts its own between them: [`Unvouched`] knows the issuer and what the key
//! must be like, [`Vouched`] has a good signature. [`vouch`] takes both steps where the keys are at
//! hand. Nothing in here waits.

use std::fmt;

use crate::claimed::Claimed;
use crate::id_token::{IdToken, IdTokenRefused};
use crate::jwk::VerificationKey;
use crate::jwk_set::JwkSet;
use crate::jws::{Header, UnverifiedJws, VerifiedJws};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::rejection::InvalidToken;
use crate::time::UnixTime;

/// The first step and the second of an access token whose issuer is known, with its keys at hand.
///
/// # Errors
///
/// The first check that the token does not pass.
pub fn vouch<'t, 'p>(
    jws: UnverifiedJws<'t>,
    keys: &JwkSet,
    policy: &'p Policy,
    now: UnixTime,
) -> Result<Vouched<'t, &'p Policy, AccessToken>, InvalidToken> {
    let is_issuer = |issuer: &str| (issuer == &**policy.issuer()).then_some(policy);
    let unvouched = Unvouched::new(jws, AccessToken, now, is_issuer)?;
    let key = keys.select(unvouched.header())?;
    unvouched.verify(key)
}

/// A token that lacks nothing but the key of its issuer: `I` is what the caller knows of that issuer,
/// `K` what the token must be.
pub struct Unvouched<'t, I, K> {
    jws: UnverifiedJws<'t>,
    expected: Expected<I, K>,
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
        let expected = Expected { issuer, kind, now };
        Ok(Self { jws, expected })
    }

    /// What the caller knows of the issuer.
    pub const fn issuer(&self) -> &I {
        &self.expected.issuer
    }

    /// The header, by which the key is selected.
    #[must_use]
    pub const fn header(&self) -> &Header {
        self.jws.header()
    }

    /// Whether the token could be good, so that it may cost a fetch of the issuer's keys.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let Expected { issuer, kind, now } = &self.expected;
        kind.is_plausible(issuer.as_ref(), &self.jws, *now)
    }

    /// Verifies the signature with a key of the issuer.
    ///
    /// # Errors
    ///
    /// As [`UnverifiedJws::verify`].
    pub fn verify(self, key: &VerificationKey) -> Result<Vouched<'t, I, K>, InvalidToken> {
        Ok(Vouched {
            jws: self.jws.verify(key)?,
            expected: self.expected,
        })
    }
}

/// A token that its issuer has signed.
pub struct Vouched<'t, I, K> {
    jws: VerifiedJws<'t>,
    expected: Expected<I, K>,
}

impl<'t, I: AsRef<Policy>, K: TokenKind> Vouched<'t, I, K> {
    /// The token, whose header is worth remembering now.
    #[must_use]
    pub const fn jws(&self) -> &VerifiedJws<'t> {
        &self.jws
    }

    /// Checks what the token says.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn check(self) -> Result<K::Checked, InvalidToken> {
        let Expected { issuer, kind, now } = self.expected;
        kind.check(issuer.as_ref(), self.jws, now)
    }
}

/// What both steps hold a token against.
struct Expected<I, K> {
    issuer: I,
    kind: K,
    now: UnixTime,
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

impl<I, K> fmt::Debug for Unvouched<'_, I, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unvouched").field(&self.jws).finish()
    }
}

impl<I, K> fmt::Debug for Vouched<'_, I, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Vouched").field(&self.jws).finish()
    }
}
