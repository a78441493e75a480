//! JWKs that a key set may contain but nobody may verify with.
//!
//! Each is wrong in one respect. If the key could still sign, [`OddJwk::signing_key`] returns it:
//! its tokens verify with the JWK, if the verifier overlooks the defect.

use std::fmt;

use bearward_core::Algorithm;
use serde_json::{Value, json};

use super::SigningKey;

/// A JWK ([RFC 7517 §4]) that is wrong in one respect.
///
/// ```
/// use bearward_testing::keys::OddJwk;
///
/// for odd in OddJwk::ALL {
///     println!("{odd}: {}", odd.jwk());
/// }
/// ```
///
/// [RFC 7517 §4]: https://www.rfc-editor.org/rfc/rfc7517#section-4
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OddJwk {
    /// A P-256 key whose `alg` is ES384.
    AlgContradictsCurve,
    /// A modulus that is not base64url.
    BadBase64,
    /// `use` is `enc`.
    EncryptionOnly,
    /// RSA with the exponent 65536.
    ExponentEven,
    /// RSA with the exponent 1, under which every signature verifies.
    ExponentOne,
    /// `key_ops` has no `verify`.
    KeyOpsWithoutVerify,
    /// A `kid` that is a number.
    KidNotText,
    /// An RSA key without its modulus.
    MissingMember,
    /// Not a JSON object.
    NotAnObject,
    /// A point that is not on its curve.
    OffCurve,
    /// An RSA key with its private members.
    PrivateMembers,
    /// RSA with 1024 bits.
    Rsa1024,
    /// RSA with 16384 bits.
    Rsa16384,
    /// A shared secret.
    Symmetric,
    /// A curve that none of our algorithms uses.
    UnknownCurve,
    /// A key type that does not exist.
    UnknownKty,
}

impl OddJwk {
    /// Every odd JWK.
    pub const ALL: &'static [Self] = &[
        Self::AlgContradictsCurve,
        Self::BadBase64,
        Self::EncryptionOnly,
        Self::ExponentEven,
        Self::ExponentOne,
        Self::KeyOpsWithoutVerify,
        Self::KidNotText,
        Self::MissingMember,
        Self::NotAnObject,
        Self::OffCurve,
        Self::PrivateMembers,
        Self::Rsa1024,
        Self::Rsa16384,
        Self::Symmetric,
        Self::UnknownCurve,
        Self::UnknownKty,
    ];

    /// The JWK. Its `kid`, if present, is the [name](Self::as_str).
    #[must_use]
    pub fn jwk(self) -> Value {
        let rsa = SigningKey::second(Algorithm::Rs256).with_kid(self.as_str());
        let ec = SigningKey::second(Algorithm::Es256).with_kid(self.as_str());
        match self {
            Self::AlgContradictsCurve => with(ec.public_jwk(), "alg", "ES384"),
            Self::BadBase64 => with(rsa.public_jwk(), "n", "!not base64url!"),
            Self::EncryptionOnly => with(rsa.public_jwk(), "use", "enc"),
            Self::ExponentEven => with(rsa.public_jwk(), "e", "AQAA"),
            Self::ExponentOne => with(rsa.public_jwk(), "e", "AQ"),
            Self::KeyOpsWithoutVerify => {
                let jwk = without(rsa.public_jwk(), "use");
                with(jwk, "key_ops", json!(["encrypt"]))
            }
            Self::KidNotText => with(rsa.public_jwk(), "kid", 7),
            Self::MissingMember => without(rsa.public_jwk(), "n"),
            Self::NotAnObject => self.as_str().into(),
            Self::OffCurve => {
                let jwk = ec.public_jwk();
                let x = jwk.get("x").cloned().unwrap_or_default();
                with(jwk, "y", x)
            }
            Self::PrivateMembers => rsa.private_jwk(),
            Self::Rsa1024 => with(rsa_jwk_with_bits(1024), "kid", self.as_str()),
            Self::Rsa16384 => with(rsa_jwk_with_bits(16384), "kid", self.as_str()),
            Self::Symmetric => SigningKey::second(Algorithm::Hs256)
                .with_kid(self.as_str())
                .private_jwk(),
            Self::UnknownCurve => with(without(ec.public_jwk(), "alg"), "crv", "secp256k1"),
            Self::UnknownKty => with(rsa.public_jwk(), "kty", "XYZ"),
        }
    }

    /// The key whose tokens would verify with this JWK if it were not odd.
    #[must_use]
    pub fn signing_key(self) -> Option<SigningKey> {
        let algorithm = match self {
            Self::AlgContradictsCurve => Algorithm::Es256,
            Self::EncryptionOnly | Self::KeyOpsWithoutVerify | Self::PrivateMembers => {
                Algorithm::Rs256
            }
            Self::Symmetric => Algorithm::Hs256,
            Self::BadBase64
            | Self::ExponentEven
            | Self::ExponentOne
            | Self::KidNotText
            | Self::MissingMember
            | Self::NotAnObject
            | Self::OffCurve
            | Self::Rsa1024
            | Self::Rsa16384
            | Self::UnknownCurve
            | Self::UnknownKty => return None,
        };
        Some(SigningKey::second(algorithm).with_kid(self.as_str()))
    }

    /// The name, in kebab case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlgContradictsCurve => "alg-contradicts-curve",
            Self::BadBase64 => "bad-base64",
            Self::EncryptionOnly => "encryption-only",
            Self::ExponentEven => "exponent-even",
            Self::ExponentOne => "exponent-one",
            Self::KeyOpsWithoutVerify => "key-ops-without-verify",
            Self::KidNotText => "kid-not-text",
            Self::MissingMember => "missing-member",
            Self::NotAnObject => "not-an-object",
            Self::OffCurve => "off-curve",
            Self::PrivateMembers => "private-members",
            Self::Rsa1024 => "rsa-1024",
            Self::Rsa16384 => "rsa-16384",
            Self::Symmetric => "symmetric",
            Self::UnknownCurve => "unknown-curve",
            Self::UnknownKty => "unknown-kty",
        }
    }
}

impl fmt::Display for OddJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The public JWK of an RSA key with a modulus of exactly this many `bits`, and no private half.
///
/// The modulus is odd and always the same; nobody knows whether it is a product of two primes. Use
/// it to test both sides of the key size limits.
#[must_use]
pub fn rsa_jwk_with_bits(bits: usize) -> Value {
    let mut modulus: Vec<u8> = (0_u64..)
        .flat_map(|block| crate::identifier::sha256(&block.to_be_bytes()))
        .take(bits.div_ceil(8))
        .collect();
    if let Some(first) = modulus.first_mut() {
        // The top byte contains 1 to 8 bits of the modulus; the highest of them is set.
        let unused = bits.div_ceil(8).saturating_mul(8).saturating_sub(bits);
        *first = (*first | 0x80).unbounded_shr(u32::try_from(unused).unwrap_or_default());
    }
    if let Some(last) = modulus.last_mut() {
        *last |= 1;
    }
    json!({
        "alg": "RS256",
        "e": "AQAB",
        "kid": format!("rsa-{bits}"),
        "kty": "RSA",
        "n": base64_simd::URL_SAFE_NO_PAD.encode_to_string(&modulus),
        "use": "sig",
    })
}

fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Some(members) = jwk.as_object_mut() {
        members.insert(name.into(), value.into());
    }
    jwk
}

fn without(mut jwk: Value, name: &str) -> Value {
    if let Some(members) = jwk.as_object_mut() {
        members.remove(name);
    }
    jwk
}
