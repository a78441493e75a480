//! Re-authentication with an ID token sent along ([OIDC Core §2], [§3.1.3.7]).
//!
//! Authgear's `reauthenticate()` yields a new ID token, while the access token keeps its old
//! `auth_time` until it is refreshed. The request then carries both, and the ID token must have the
//! same issuer, user and client as the access token. An ID token alone never authenticates a
//! request.
//!
//! [OIDC Core §2]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
//! [§3.1.3.7]: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation

use std::fmt;

use crate::authgear;
use crate::claims::Claims;
use crate::jws::{Header, Typ, UnverifiedJws, VerifiedJws};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::rejection::InvalidToken;
use crate::time::UnixTime;

/// A verified ID token that belongs to a principal.
pub struct IdToken {
    claims: Claims,
}

impl IdToken {
    /// The claims that mark a token of another kind: an ID token has no scope, and names its client in
    /// `aud`.
    pub const NEVER_HAS: &'static [&'static str] = &[
        "scope",
        "scp",
        "client_id",
        "cid",
        "appid",
        "cnf",
        "events",
        "htm",
        "htu",
    ];

    /// Checks padding, `alg` and `typ`, which need no key.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::Base64NotCanonical`], [`InvalidToken::AlgNotAllowed`] or [`InvalidToken::TypNotAccepted`].
    pub fn check_header(policy: &Policy, header: &Header) -> Result<(), InvalidToken> {
        policy.check_padding(header)?;
        if !policy.allows(header.algorithm()) {
            return Err(InvalidToken::AlgNotAllowed);
        }
        if header.typ() != Typ::Jwt {
            return Err(InvalidToken::TypNotAccepted);
        }
        Ok(())
    }

    /// Whether an ID token with an unknown key could be valid, so that it may trigger a fetch of
    /// the issuer's keys.
    #[must_use]
    pub fn is_plausible(
        policy: &Policy,
        jws: &UnverifiedJws<'_>,
        principal: &Principal,
        now: UnixTime,
    ) -> bool {
        Self::check_header(policy, jws.header()).is_ok()
            && check_claims(policy, jws.unverified_claims(), principal, now).is_ok()
    }

    /// Checks the claims of a verified ID token, and that it belongs to `principal`.
    ///
    /// # Errors
    ///
    /// [`IdTokenRefused`] with the first rule that the token breaks.
    pub fn check(
        policy: &Policy,
        jws: VerifiedJws<'_>,
        principal: &Principal,
        now: UnixTime,
    ) -> Result<Self, IdTokenRefused> {
        Self::check_header(policy, jws.header())?;
        let claims = jws.into_claims();
        check_claims(policy, &claims, principal, now)?;
        Ok(Self { claims })
    }

    /// When the user authenticated, if the token contains it.
    #[must_use]
    pub fn auth_time(&self) -> Option<UnixTime> {
        self.claims.auth_time()
    }

    /// Whether the device's biometrics authenticated the user.
    #[must_use]
    pub fn is_biometric(&self) -> bool {
        let amr = self.claims.amr();
        amr.is_some_and(|amr| amr.contains(authgear::AMR_BIOMETRIC))
    }

    /// Whether the user is able to re-authenticate; `None` if the claim is missing.
    #[must_use]
    pub fn can_reauthenticate(&self) -> Option<bool> {
        self.claims.get(authgear::CAN_REAUTHENTICATE)?.as_bool()
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdToken").finish_non_exhaustive()
    }
}

/// An ID token has no scope, and names its client in `aud`: a token with further claims is an
/// access token or some other kind. Keycloak and Cognito name the kind in a claim.
fn check_kind(claims: &Claims) -> Result<(), InvalidToken> {
    let is_marked = IdToken::NEVER_HAS
        .iter()
        .any(|name| claims.get(name).is_some());
    let is_other =
        |name: &str, kind: &str| claims.get(name).is_some_and(|claim| !claim.is_str(kind));
    if is_marked || is_other("typ", "ID") || is_other("token_use", "id") {
        return Err(InvalidToken::TypNotAccepted);
    }
    Ok(())
}

fn check_claims(
    policy: &Policy,
    claims: &Claims,
    principal: &Principal,
    now: UnixTime,
) -> Result<(), IdTokenRefused> {
    if *claims.issuer()? != *principal.issuer() {
        return Err(IdTokenRefused::Mismatch);
    }
    check_kind(claims)?;
    let audience = claims.audience()?;
    policy.check_expiry(claims, now)?;
    policy.check_not_before(claims, now)?;
    let issued_at = policy.check_issued_at(claims, now)?;
    issued_at.ok_or(InvalidToken::ClaimMissing)?;
    let subject = policy.subject(claims)?.ok_or(InvalidToken::ClaimMissing)?;
    let subject = claims.resolve(&subject);
    // OIDC Core §3.1.3.7: `aud` contains our client: the one that the access token was issued to.
    let client_id = principal.client_id().ok_or(IdTokenRefused::Mismatch)?;
    let is_ours =
        policy.client_ids().next().is_none() || policy.client_ids().any(|ours| ours == client_id);
    // `azp`, if present, must be that client as well.
    let is_to_it = claims.get("azp").is_none_or(|azp| azp.is_str(client_id));
    if subject != principal.subject() || !audience.contains(client_id) || !is_ours || !is_to_it {
        return Err(IdTokenRefused::Mismatch);
    }
    Ok(())
}

/// Why an ID token sent along does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdTokenRefused {
    /// It is not valid.
    #[error(transparent)]
    Invalid(#[from] InvalidToken),
    /// Its issuer, user or client is not that of the access token.
    #[error("the ID token has another issuer, user or client than the access token")]
    Mismatch,
}
