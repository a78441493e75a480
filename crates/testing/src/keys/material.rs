//! The material of a key: the parsed pair, and its JWK members.
//!
//! The members of a JWK are those of [RFC 7518 §6], [RFC 8037 §2] and, for ML-DSA,
//! [draft-ietf-cose-dilithium §4].
//!
//! [RFC 7518 §6]: https://www.rfc-editor.org/rfc/rfc7518#section-6
//! [RFC 8037 §2]: https://www.rfc-editor.org/rfc/rfc8037#section-2
//! [draft-ietf-cose-dilithium §4]: https://datatracker.ietf.org/doc/draft-ietf-cose-dilithium/

use aws_lc_rs::encoding::{AsBigEndian, AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, KeyPair, PqdsaKeyPair, RsaEncoding, RsaKeyPair,
};
use serde_json::{Map, Value};

use super::der;
use crate::invariant::holds;

/// A key pair, or a secret.
pub(super) enum Material {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac {
        hash: hmac::Algorithm,
        secret: Vec<u8>,
    },
    MlDsa(PqdsaKeyPair),
    Rsa {
        pair: RsaKeyPair,
        padding: &'static dyn RsaEncoding,
    },
}

impl Material {
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
            Self::Hmac { hash, secret } => {
                let key = hmac::Key::new(*hash, secret);
                Ok(hmac::sign(&key, message).as_ref().to_vec())
            }
            Self::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature)?;
                Ok(signature)
            }
            Self::Rsa { pair, padding } => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
        }
    }

    /// Without `kty` and `crv`, which follow from the algorithm.
    pub(super) fn public_members(&self) -> Map<String, Value> {
        match self {
            Self::Ecdsa(pair) => {
                let (x, y) = coordinates(pair.public_key().as_ref());
                members([x, y])
            }
            Self::Ed25519(pair) => members([("x", base64url(pair.public_key().as_ref()))]),
            Self::Hmac { .. } => Map::new(),
            Self::MlDsa(pair) => members([("pub", base64url(pair.public_key().as_ref()))]),
            Self::Rsa { pair, .. } => {
                let public = der::rsa_public_members(pair.public_key().as_ref());
                let [n, e] = public.unwrap_or_default().map(base64url);
                members([("e", e), ("n", n)])
            }
        }
    }

    pub(super) fn private_members(&self) -> Map<String, Value> {
        match self {
            Self::Ecdsa(pair) => {
                let d = holds(pair.private_key().as_be_bytes());
                members([("d", base64url(d.as_ref()))])
            }
            Self::Ed25519(pair) => {
                let seed = holds(pair.seed().and_then(|seed| seed.as_be_bytes()));
                members([("d", base64url(seed.as_ref()))])
            }
            Self::Hmac { secret, .. } => members([("k", base64url(secret))]),
            // The document ends with the seed. A pair parsed from an expanded key has no seed, and
            // so no `priv`.
            Self::MlDsa(pair) => pair
                .to_pkcs8v1()
                .ok()
                .and_then(|document| document.as_ref().last_chunk::<32>().copied())
                .map(|seed| members([("priv", base64url(&seed))]))
                .unwrap_or_default(),
            Self::Rsa { pair, .. } => {
                let names = ["d", "p", "q", "dp", "dq", "qi"];
                let document: Pkcs8V1Der<'_> = holds(pair.as_der());
                let values = der::rsa_private_members(document.as_ref()).unwrap_or_default();
                members(names.into_iter().zip(values.map(base64url)))
            }
        }
    }

    pub(super) fn spki(&self) -> Option<Result<Vec<u8>, Unspecified>> {
        let der: Result<PublicKeyX509Der<'_>, Unspecified> = match self {
            Self::Ecdsa(pair) => pair.public_key().as_der(),
            Self::Ed25519(pair) => pair.public_key().as_der(),
            Self::Hmac { .. } => return None,
            Self::MlDsa(pair) => pair.public_key().as_der(),
            Self::Rsa { pair, .. } => pair.public_key().as_der(),
        };
        Some(der.map(|der| der.as_ref().to_vec()))
    }

    pub(super) fn pkcs1(&self) -> Option<Vec<u8>> {
        let Self::Rsa { pair, .. } = self else {
            return None;
        };
        Some(pair.public_key().as_ref().to_vec())
    }

    pub(super) fn secret(&self) -> Option<&[u8]> {
        let Self::Hmac { secret, .. } = self else {
            return None;
        };
        Some(secret)
    }
}

/// The members `x` and `y` of an uncompressed point: a byte 4, then both at full length.
fn coordinates(point: &[u8]) -> ((&'static str, Value), (&'static str, Value)) {
    let both = point.strip_prefix(&[4]).unwrap_or_default();
    let (x, y) = both.split_at_checked(both.len() / 2).unwrap_or_default();
    (("x", base64url(x)), ("y", base64url(y)))
}

fn members(members: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    members
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect()
}

fn base64url(bytes: &[u8]) -> Value {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes).into()
}
