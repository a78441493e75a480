//! Stage 6, prove: the key that a token is bound to, and the evidence that the sender has it ([RFC
//! 7800 §3.1]).
//!
//! `cnf` contains the thumbprint of a DPoP key (`jkt`, [RFC 9449 §6.1]) or of a client certificate
//! (`x5t#S256`, [RFC 8705 §3.1]). bearward does not check proofs or certificates: no evidence
//! exists yet, so it refuses bound tokens.
//!
//! [RFC 7800 §3.1]: https://www.rfc-editor.org/rfc/rfc7800#section-3.1
//! [RFC 8705 §3.1]: https://www.rfc-editor.org/rfc/rfc8705#section-3.1
//! [RFC 9449 §6.1]: https://www.rfc-editor.org/rfc/rfc9449#section-6.1

use crate::base64url;
use crate::claims::Claims;
use crate::json::Value;
use crate::jws::UnverifiedJws;
use crate::rejection::InvalidToken;

/// The key that a token is bound to.
///
/// A text that is no thumbprint also binds the token, to a key that nobody has; then both
/// [`jkt`](Self::jkt) and [`x5t_s256`](Self::x5t_s256) are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    jkt: Option<Thumbprint>,
    x5t_s256: Option<Thumbprint>,
}

impl Confirmation {
    /// Reads `cnf`, if there is one.
    ///
    /// RFC 7800 §3.1 lets a reader ignore members that it does not understand. We deliberately do
    /// not: the issuer bound the token to something, and ignoring that would unbind it.
    pub(crate) fn read(claims: &Claims) -> Result<Option<Self>, InvalidToken> {
        let Some(cnf) = claims.confirmation() else {
            return Ok(None);
        };
        let jkt = cnf.get("jkt").and_then(Value::as_str);
        let x5t_s256 = cnf.get("x5t#S256").and_then(Value::as_str);
        let is_dpop = |kind: Value<'_>| kind.is_str("DPoP");
        match (cnf.members().count(), &jkt, &x5t_s256) {
            (1, Some(_), None) | (1, None, Some(_)) => {}
            // Next to `jkt`, Keycloak writes how the key is proven.
            (2, Some(_), None) if cnf.get("kc-jkt-type").is_some_and(is_dpop) => {}
            _ => return Err(InvalidToken::CnfUnsupported),
        }
        Ok(Some(Self {
            jkt: jkt.and_then(|jkt| Thumbprint::parse(&jkt)),
            x5t_s256: x5t_s256.and_then(|x5t| Thumbprint::parse(&x5t)),
        }))
    }

    /// The key that an unverified token claims to be bound to. Use it to explain a refusal, never
    /// to admit anybody.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::CnfUnsupported`].
    pub fn danger_unverified(jws: &UnverifiedJws<'_>) -> Result<Option<Self>, InvalidToken> {
        Self::read(jws.unverified_claims())
    }

    /// The thumbprint of the key that signs DPoP proofs: `jkt`.
    #[must_use]
    pub const fn jkt(&self) -> Option<Thumbprint> {
        self.jkt
    }

    /// The thumbprint of the client's certificate: `x5t#S256`.
    #[must_use]
    pub const fn x5t_s256(&self) -> Option<Thumbprint> {
        self.x5t_s256
    }

    /// Whether `evidence` proves that the sender has the key.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::CnfNotProven`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "evidence is good for one decision"
    )]
    pub const fn check(&self, evidence: Evidence) -> Result<(), InvalidToken> {
        let Evidence(()) = evidence;
        Err(InvalidToken::CnfNotProven)
    }
}

/// A SHA-256 thumbprint of a key ([RFC 7638]) or of a certificate (RFC 8705 §3.1).
///
/// [RFC 7638]: https://www.rfc-editor.org/rfc/rfc7638
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Parses the only spelling of a thumbprint: 43 characters of base64url.
    fn parse(text: &str) -> Option<Self> {
        let bytes = base64url::decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The bytes of the digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The evidence in a request that its sender has the key that the token is bound to.
#[derive(Debug)]
#[must_use]
pub struct Evidence(());

impl Evidence {
    /// No evidence: a plain Bearer request. Enough for a token that is bound to no key.
    pub const NONE: Self = Self(());
}

#[cfg(test)]
mod tests {
    use super::{Confirmation, Thumbprint};
    use crate::claims::Claims;
    use crate::json::Tape;

    const TEXT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    fn read(cnf: &str) -> Confirmation {
        let claims = format!("{{\"cnf\":{cnf}}}");
        let claims = Claims::parse(claims.into_bytes(), Tape::default()).unwrap();
        Confirmation::read(&claims).unwrap().unwrap()
    }

    #[test]
    fn a_confirmation_has_the_thumbprint_of_the_key() {
        let thumbprint = Thumbprint::parse(TEXT);
        assert!(thumbprint.is_some_and(|thumbprint| thumbprint.as_bytes()[..2] == [0xD1, 0x97]));
        let by_key = read(&format!("{{\"jkt\":\"{TEXT}\"}}"));
        assert_eq!((by_key.jkt(), by_key.x5t_s256()), (thumbprint, None));
        let by_certificate = read(&format!("{{\"x5t#S256\":\"{TEXT}\"}}"));
        let found = (by_certificate.jkt(), by_certificate.x5t_s256());
        assert_eq!(found, (None, thumbprint));
    }

    #[test]
    fn what_is_no_thumbprint_binds_to_a_key_that_nobody_has() {
        let cut = TEXT.strip_suffix('I').unwrap();
        let odd = format!("{cut}J");
        let long = format!("{TEXT}AA");
        let padded = format!("{TEXT}=");
        for text in ["", "x", cut, &odd, &long, &padded] {
            let bound = read(&format!("{{\"jkt\":\"{text}\"}}"));
            assert_eq!((bound.jkt(), bound.x5t_s256()), (None, None), "{text}");
        }
    }
}
