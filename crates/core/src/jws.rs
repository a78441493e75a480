//! Stage 2, parse: the token as a JWS in compact serialization ([RFC 7515 §7.1]), and stage 4,
//! verify: its signature ([RFC 7515 §5.2]).
//!
//! We check size and shape first, then base64url (with padding only if every part is padded, and the
//! policy decides whether the issuer may do that), then the header's JSON and members (`b64` would
//! give the payload another meaning), then the payload's JSON. Each part is decoded once and parsed
//! once. The claims stay sealed until the signature is verified. We never read `jwk`, `jku`, `x5u`
//! or `x5c`: keys come only from the issuer. JSON serialization and decryption are not supported.
//!
//! [RFC 7515 §7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1
//! [RFC 7515 §5.2]: https://www.rfc-editor.org/rfc/rfc7515#section-5.2

use std::borrow::Cow;
use std::fmt;

use crate::base64url;
use crate::claims::Claims;
use crate::json::{JsonError, Tape};
use crate::jwk::VerificationKey;
use crate::jwk_set::Candidates;
use crate::limits;
use crate::rejection::InvalidToken;

pub use crate::header::{Header, Typ};

/// A parsed token. Nothing in it can be trusted yet.
pub struct UnverifiedJws<'t> {
    parts: Parts<'t>,
    header: Header,
    /// Whether the header was parsed for this token, not for an earlier one.
    header_is_new: bool,
    claims: Claims,
    signature: Vec<u8>,
}

impl<'t> UnverifiedJws<'t> {
    /// Parses a token, byte for byte. Whether its issuer may pad it (`=`) is for the policy to decide:
    /// see [`Header::is_padded`].
    ///
    /// # Errors
    ///
    /// The first rule about shape, encoding, JSON or header members that the token breaks.
    pub fn parse(token: &'t [u8]) -> Result<Self, InvalidToken> {
        Self::parse_knowing(token, None)
    }

    /// Like [`UnverifiedJws::parse`], with the same result, but faster if the token has the `known`
    /// header.
    ///
    /// # Errors
    ///
    /// As [`UnverifiedJws::parse`].
    pub fn parse_knowing(
        token: &'t [u8],
        known: Option<&KnownHeader>,
    ) -> Result<Self, InvalidToken> {
        let parts = Parts::split(token)?;
        let known = known.filter(|known| *known.encoded == *parts.header);
        // The part itself says it: a known header may have the length of one that needs no padding.
        let mut is_padded = known.is_some() && parts.header.ends_with(b"=");
        let header_text = match known {
            Some(_) => Vec::new(),
            None => decode(parts.header, &mut is_padded)?,
        };
        let signature = decode(parts.signature, &mut is_padded)?;
        let payload = decode(parts.payload, &mut is_padded)?;
        if is_padded {
            parts.check_padding()?;
        }

        // One tape serves the header, then the claims.
        let mut tape = Tape::with_capacity_for(payload.len());
        let header = if let Some(known) = known {
            known.header.clone()
        } else {
            let text = utf8(&header_text)?;
            tape = tape.parse(text)?;
            Header::parse(tape.root(text))?
        };
        let claims = Claims::parse(payload, tape)?;
        Ok(Self {
            parts,
            header: header.of_padded(is_padded),
            header_is_new: known.is_none(),
            claims,
            signature,
        })
    }

    /// The header members that select a key.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The issuer that the token claims: its `iss` or, without one, the trust domain of the [SPIFFE
    /// ID](crate::spiffe) in `sub`. Use it only to select one of the *configured* issuers.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::IssMissing`] or [`InvalidToken::IssType`].
    pub fn unverified_issuer(&self) -> Result<Cow<'_, str>, InvalidToken> {
        match self.claims.issuer() {
            Err(InvalidToken::IssMissing) => self.claims.trust_domain(),
            named => named,
        }
    }

    /// Checks the signature with each of `keys` until one verifies it, and releases the claims.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::AlgKeyMismatch`] if a key is not for the header's algorithm,
    /// [`InvalidToken::SignatureLength`] or [`InvalidToken::SignatureInvalid`].
    pub fn verify(self, keys: &Candidates) -> Result<VerifiedJws<'t>, InvalidToken> {
        let mut outcome = Err(InvalidToken::AlgKeyMismatch);
        for key in keys.iter() {
            outcome = self.check_signature(key);
            if outcome.is_ok() {
                break;
            }
        }
        outcome?;
        Ok(VerifiedJws {
            encoded_header: self.parts.header,
            header: self.header,
            header_is_new: self.header_is_new,
            claims: self.claims,
        })
    }

    fn check_signature(&self, key: &VerificationKey) -> Result<(), InvalidToken> {
        // `select` guarantees this; a key from elsewhere must not verify an algorithm that the
        // policy does not allow.
        if key.algorithm() != self.header.algorithm() {
            return Err(InvalidToken::AlgKeyMismatch);
        }
        key.verify(self.parts.signing_input, &self.signature)
    }

    /// The unverified claims. Use them to decide *not* to do work, or to explain.
    pub(crate) const fn unverified_claims(&self) -> &Claims {
        &self.claims
    }

    /// The header's JSON text. Anyone may have written it. Use it to explain a refusal; never act
    /// on it.
    #[must_use]
    pub fn danger_unverified_header(&self) -> String {
        let text = decode(self.parts.header, &mut false).unwrap_or_default();
        String::from_utf8(text).unwrap_or_default()
    }

    /// The payload's JSON text. Anyone may have written it. Use it to explain a refusal; never act
    /// on it.
    #[must_use]
    pub fn danger_unverified_payload(&self) -> &str {
        self.claims.as_json()
    }
}

impl fmt::Debug for UnverifiedJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedJws")
            .field("algorithm", &self.header.algorithm())
            .finish_non_exhaustive()
    }
}

/// A token whose signature was verified with one of the issuer's keys. The policy still has to
/// check its claims.
pub struct VerifiedJws<'t> {
    encoded_header: &'t [u8],
    header: Header,
    header_is_new: bool,
    claims: Claims,
}

impl VerifiedJws<'_> {
    /// The header members that selected the key.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the header was parsed for this token, because it was not known.
    #[must_use]
    pub const fn header_is_new(&self) -> bool {
        self.header_is_new
    }

    pub(crate) const fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(crate) fn into_claims(self) -> Claims {
        self.claims
    }
}

impl fmt::Debug for VerifiedJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedJws")
            .field("algorithm", &self.header.algorithm())
            .finish_non_exhaustive()
    }
}

/// The header of a verified token, with its encoding. An issuer writes the same header into each
/// token that it signs with one key, so decoding and parsing it once is enough.
///
/// It is only the result of parsing those bytes: a known header grants nothing.
#[derive(Clone)]
pub struct KnownHeader {
    encoded: Box<[u8]>,
    header: Header,
}

impl KnownHeader {
    /// The header of this token, to be remembered. Remember only what an issuer signed: anybody can
    /// make up headers.
    #[must_use]
    pub fn of(verified: &VerifiedJws<'_>) -> Self {
        Self {
            encoded: verified.encoded_header.into(),
            header: verified.header.clone(),
        }
    }

    /// The encoding, as in tokens.
    #[must_use]
    pub const fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// The encoded header of a token, the text before the first dot, to look up a known header.
    #[must_use]
    pub fn encoded_in(token: &[u8]) -> Option<&[u8]> {
        let end = memchr::memchr(b'.', token)?;
        token.get(..end)
    }
}

impl fmt::Debug for KnownHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownHeader")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// The three parts, not decoded.
struct Parts<'t> {
    signing_input: &'t [u8],
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
}

impl<'t> Parts<'t> {
    fn split(token: &'t [u8]) -> Result<Self, InvalidToken> {
        if token.len() > limits::TOKEN_BYTES {
            return Err(InvalidToken::TokenTooLarge);
        }
        // JSON serialization, or white space before the token: not this form at all.
        if matches!(token.first(), Some(b'{' | b' ' | b'\t' | b'\r' | b'\n')) {
            return Err(InvalidToken::NotCompactJws);
        }
        let mut dots = memchr::memchr_iter(b'.', token);
        let (Some(first), Some(second)) = (dots.next(), dots.next()) else {
            return Err(InvalidToken::NotCompactJws);
        };
        match dots.count() {
            0 => {}
            2 => return Err(InvalidToken::JweNotSupported),
            _ => return Err(InvalidToken::NotCompactJws),
        }
        let part = |from: usize, to: usize| token.get(from..to).unwrap_or_default();
        let parts = Self {
            signing_input: part(0, second),
            header: part(0, first),
            payload: part(first.saturating_add(1), second),
            signature: part(second.saturating_add(1), token.len()),
        };
        if parts.header.is_empty() || parts.payload.is_empty() {
            return Err(InvalidToken::NotCompactJws);
        }
        if parts.header.len() > limits::HEADER_BYTES {
            return Err(InvalidToken::TokenTooLarge);
        }
        Ok(parts)
    }

    /// Either no part is padded or each is: otherwise anybody could turn a token into another text, by
    /// adding padding to its signature or taking it away.
    #[cold]
    fn check_padding(&self) -> Result<(), InvalidToken> {
        let parts = [self.header, self.payload, self.signature];
        match parts.iter().all(|part| part.len().is_multiple_of(4)) {
            true => Ok(()),
            false => Err(InvalidToken::Base64NotCanonical),
        }
    }
}

/// Tries padding only where there is some, so that other tokens pay nothing for it.
#[inline]
fn decode(part: &[u8], is_padded: &mut bool) -> Result<Vec<u8>, InvalidToken> {
    base64url::decode(part).or_else(|_| decode_padded(part, is_padded))
}

#[cold]
fn decode_padded(part: &[u8], is_padded: &mut bool) -> Result<Vec<u8>, InvalidToken> {
    *is_padded = true;
    base64url::decode_padded(part).map_err(|_| InvalidToken::Base64NotCanonical)
}

fn utf8(bytes: &[u8]) -> Result<&str, InvalidToken> {
    std::str::from_utf8(bytes).map_err(|_| InvalidToken::JsonInvalid)
}

impl From<JsonError> for InvalidToken {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::DuplicateMember => Self::JsonDuplicateMember,
            JsonError::Invalid => Self::JsonInvalid,
            JsonError::Limits => Self::JsonLimits,
        }
    }
}

#[cfg(test)]
mod tests;
