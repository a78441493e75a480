//! The changes to a token, and the check that each one breaks.

use bearward_core::rejection::InvalidToken;
use fastrand::Rng;

use super::super::key_set::Signer;
use super::{Draft, Text};
use crate::token::Parts;

/// The checks of a token, in order: size and shape, base64url, the header's JSON and its members,
/// the payload's JSON, the issuer, the policy on the header, key, signature, claims.
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
    /// `kid` is a string of at most 256 bytes.
    Kid,
    /// `typ` is a string.
    Typ,
    /// The payload is a JSON object.
    PayloadJson,
    /// `iss` names an issuer.
    Issuer,
    /// The issuer may use the algorithm.
    AlgAllowed,
    /// The issuer's access tokens have this `typ`.
    TypAccepted,
    /// There is one key for this `kid` (or thumbprint) and `alg`; in a set without any `kid`, up to four.
    Key,
    /// The signature has the key's length.
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
    /// The claims of RFC 9068 are present.
    RequiredClaims,
    /// Claims have their types.
    ClaimTypes,
    /// `client_id` is a string.
    ClientId,
    /// No `cnf`.
    Confirmation,
}

/// A change to a token.
pub(in crate::generator) struct Change {
    pub(in crate::generator) name: &'static str,
    /// The parts it touches: two changes of one token touch different parts.
    pub(in crate::generator) touches: &'static [&'static str],
    /// Whether the change applies to this token.
    pub(in crate::generator) applies: fn(&Draft) -> bool,
    pub(in crate::generator) edit: Edit,
    /// The check it breaks and the reason to refuse the token; `None` if the token stays valid.
    pub(in crate::generator) breaks: Option<(Check, InvalidToken)>,
}

impl Change {
    /// A change that leaves the token valid.
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

/// The step at which to make a change, and how. Values are JSON texts, so they may be texts that no
/// JSON library would write.
#[derive(Clone, Copy)]
pub(in crate::generator) enum Edit {
    /// A claim gets one of these values.
    Claim(&'static str, &'static [&'static str]),
    /// A claim is removed.
    WithoutClaim(&'static str),
    /// A claim is renamed.
    RenamedClaim(&'static str, &'static str),
    /// A header member gets one of these values.
    Header(&'static str, &'static [&'static str]),
    /// A header member is removed.
    WithoutHeader(&'static str),
    /// Members and key, before anything is written.
    Draft(fn(&mut Draft, &mut Rng)),
    /// The text of the header, before base64url.
    HeaderText(fn(&mut Text, &mut Rng)),
    /// The text of the payload, before base64url.
    PayloadText(fn(&mut Text, &mut Rng)),
    /// One of the parts in base64url; `None` if the change does not apply to this part.
    Encoding(fn(&str, &mut Rng) -> Option<String>),
    /// The signature, from these parts and this signer.
    Signature(fn(&mut Parts, &Signer, &mut Rng)),
    /// The whole token.
    Token(fn(&mut String, &mut Rng)),
}
