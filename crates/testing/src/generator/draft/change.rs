//! What can be done to a token, and which check that breaks.

use bearward_core::rejection::InvalidToken;
use fastrand::Rng;

use super::super::Signer;
use super::{Draft, Text};
use crate::token::Parts;

/// The checks of a token, in the order in which they are made: size and shape, base64url, the
/// header's JSON and its members, the payload's JSON, the issuer, what its policy says of the
/// header, key, signature, claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Check {
    /// No longer than 16 KiB.
    Size,
    /// Three parts, of which only the signature may be empty.
    Shape,
    /// A header no longer than 4 KiB.
    HeaderSize,
    /// Canonical base64url.
    Base64url,
    /// The header is a JSON object.
    HeaderJson,
    /// `alg` is a string.
    Alg,
    /// `alg` is the name of an algorithm.
    AlgName,
    /// No `crit`.
    Crit,
    /// No `b64`.
    B64,
    /// No `zip`.
    Zip,
    /// `kid` is a string of 1 to 256 bytes.
    Kid,
    /// `typ` is a string.
    Typ,
    /// The payload is a JSON object.
    PayloadJson,
    /// `iss` is that of an issuer.
    Issuer,
    /// The issuer may use the algorithm.
    AlgAllowed,
    /// The issuer's access tokens have this `typ`.
    TypAccepted,
    /// There is one key for this `kid` and `alg`.
    Key,
    /// The signature is as long as the key makes it.
    SignatureLength,
    /// The signature verifies.
    Signature,
    /// `aud` names us.
    Audience,
    /// `exp` has not passed.
    Expiry,
    /// `nbf` has come.
    NotBefore,
    /// `iat` has come.
    IssuedAt,
    /// The claims of RFC 9068 are there.
    RequiredClaims,
    /// Claims have their types.
    ClaimTypes,
    /// `client_id` is a string.
    ClientId,
    /// No `cnf`.
    Confirmation,
}

/// Something that can be done to a token.
pub(in crate::generator) struct Change {
    pub(in crate::generator) name: &'static str,
    /// What it touches: two changes of one token touch nothing in common.
    pub(in crate::generator) touches: &'static [&'static str],
    /// Whether it can be done to this token.
    pub(in crate::generator) applies: fn(&Draft) -> bool,
    pub(in crate::generator) edit: Edit,
    /// The check it breaks and the reason to refuse the token then; none if the token stays good.
    pub(in crate::generator) breaks: Option<(Check, InvalidToken)>,
}

impl Change {
    /// A change that leaves the token good.
    pub(in crate::generator) const fn edge(
        name: &'static str,
        touches: &'static [&'static str],
        edit: Edit,
    ) -> Self {
        Self {
            name,
            touches,
            applies: |_| true,
            edit,
            breaks: None,
        }
    }

    /// A change that breaks a check.
    pub(in crate::generator) const fn spoil(
        name: &'static str,
        touches: &'static [&'static str],
        edit: Edit,
        check: Check,
        reason: InvalidToken,
    ) -> Self {
        Self {
            breaks: Some((check, reason)),
            ..Self::edge(name, touches, edit)
        }
    }

    pub(in crate::generator) const fn only_if(mut self, applies: fn(&Draft) -> bool) -> Self {
        self.applies = applies;
        self
    }
}

/// At which step of making a token a change is made, and how. Values are JSON texts, so that they
/// can be what no JSON library would write.
#[derive(Clone, Copy)]
pub(in crate::generator) enum Edit {
    /// A claim gets one of these values.
    Claim(&'static str, &'static [&'static str]),
    /// A claim is taken out.
    WithoutClaim(&'static str),
    /// A claim is called otherwise.
    RenamedClaim(&'static str, &'static str),
    /// A header member gets one of these values.
    Header(&'static str, &'static [&'static str]),
    /// A header member is taken out.
    WithoutHeader(&'static str),
    /// Members, key: before anything is written.
    Draft(fn(&mut Draft, &mut Rng)),
    /// The text of the header, before base64url.
    HeaderText(fn(&mut Text, &mut Rng)),
    /// The text of the payload, before base64url.
    PayloadText(fn(&mut Text, &mut Rng)),
    /// One of the parts in base64url; none if it cannot be done to this part.
    Encoding(fn(&str, &mut Rng) -> Option<String>),
    /// The signature, of these parts and of this signer's token.
    Signature(fn(&mut Parts, &Signer, &mut Rng)),
    /// The whole token.
    Token(fn(&mut String, &mut Rng)),
}
