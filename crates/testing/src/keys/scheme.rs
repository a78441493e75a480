//! The signing primitive of each algorithm ([RFC 7518 §3.1], [RFC 8037 §3.1], [RFC 9864 §2.2]) and
//! its fixed keys, one row each.
//!
//! Lookups use the registered name, so ML-DSA is always here: the features of `bearward-core` only
//! decide which algorithms a caller can name.
//!
//! [RFC 7518 §3.1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
//! [RFC 8037 §3.1]: https://www.rfc-editor.org/rfc/rfc8037#section-3.1
//! [RFC 9864 §2.2]: https://www.rfc-editor.org/rfc/rfc9864#section-2.2

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};

use bearward_core::Algorithm;

use super::KeyError;
use super::fixed::{self, Pair, pair};
use super::material::Material;

/// How an algorithm signs.
#[derive(Clone, Copy)]
pub(super) enum Scheme {
    Ecdsa(&'static EcdsaSigningAlgorithm),
    Ed25519,
    Hmac(hmac::Algorithm),
    MlDsa(&'static PqdsaSigningAlgorithm),
    Rsa(&'static dyn RsaEncoding),
}

impl Scheme {
    /// The scheme of `algorithm`.
    ///
    /// # Errors
    ///
    /// [`KeyError::UnknownAlgorithm`] if `bearward-core` knows an algorithm that this version does
    /// not.
    pub(super) fn of(algorithm: Algorithm) -> Result<Self, KeyError> {
        let (scheme, _) = row(algorithm).ok_or(KeyError::UnknownAlgorithm)?;
        Ok(scheme)
    }

    /// Parses `key`: PKCS#8, or the secret itself for HMAC.
    ///
    /// # Errors
    ///
    /// [`KeyError::Parse`] if it is not a key of this scheme.
    pub(super) fn parse(self, key: &[u8]) -> Result<Material, KeyError> {
        let parsed = match self {
            Self::Ecdsa(curve) => EcdsaKeyPair::from_pkcs8(curve, key).map(Material::Ecdsa),
            Self::Ed25519 => Ed25519KeyPair::from_pkcs8(key).map(Material::Ed25519),
            Self::Hmac(hash) => Ok(Material::Hmac {
                hash,
                secret: key.to_vec(),
            }),
            Self::MlDsa(set) => PqdsaKeyPair::from_pkcs8(set, key).map(Material::MlDsa),
            Self::Rsa(padding) => {
                RsaKeyPair::from_pkcs8(key).map(|pair| Material::Rsa { pair, padding })
            }
        };
        parsed.map_err(|_| KeyError::Parse)
    }

    /// Generates a key, in the form [`parse`](Self::parse) takes.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generate`] if the system has no randomness.
    pub(super) fn generate(self) -> Result<Vec<u8>, KeyError> {
        let generated = match self {
            Self::Ecdsa(curve) => EcdsaKeyPair::generate(curve)
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|document| document.as_ref().to_vec()),
            Self::Ed25519 => Ed25519KeyPair::generate()
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|document| document.as_ref().to_vec()),
            Self::Hmac(hash) => {
                let mut secret = vec![0; hash.tag_len()];
                aws_lc_rs::rand::fill(&mut secret).map(|()| secret)
            }
            Self::MlDsa(set) => PqdsaKeyPair::generate(set)
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|document| document.as_ref().to_vec()),
            Self::Rsa(_) => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|document| document.as_ref().to_vec()),
        };
        generated.map_err(|_| KeyError::Generate)
    }
}

/// The row of `algorithm`: how it signs, and its fixed keys.
pub(super) fn row(algorithm: Algorithm) -> Option<(Scheme, Pair)> {
    Some(match algorithm.as_str() {
        "HS256" => (Scheme::Hmac(hmac::HMAC_SHA256), fixed::HMAC),
        "HS384" => (Scheme::Hmac(hmac::HMAC_SHA384), fixed::HMAC),
        "HS512" => (Scheme::Hmac(hmac::HMAC_SHA512), fixed::HMAC),
        "RS256" => (Scheme::Rsa(&RSA_PKCS1_SHA256), fixed::RSA_2048),
        "RS384" => (Scheme::Rsa(&RSA_PKCS1_SHA384), fixed::RSA_2048),
        "RS512" => (Scheme::Rsa(&RSA_PKCS1_SHA512), fixed::RSA_2048),
        "PS256" => (Scheme::Rsa(&RSA_PSS_SHA256), fixed::RSA_2048),
        "PS384" => (Scheme::Rsa(&RSA_PSS_SHA384), fixed::RSA_2048),
        "PS512" => (Scheme::Rsa(&RSA_PSS_SHA512), fixed::RSA_2048),
        "ES256" => (
            Scheme::Ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            pair(include_bytes!("../../keys/p-256.der")),
        ),
        "ES384" => (
            Scheme::Ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            pair(include_bytes!("../../keys/p-384.der")),
        ),
        "ES512" => (
            Scheme::Ecdsa(&ECDSA_P521_SHA512_FIXED_SIGNING),
            pair(include_bytes!("../../keys/p-521.der")),
        ),
        "EdDSA" | "Ed25519" => (
            Scheme::Ed25519,
            pair(include_bytes!("../../keys/ed25519.der")),
        ),
        "ML-DSA-44" => (
            Scheme::MlDsa(&ML_DSA_44_SIGNING),
            pair(include_bytes!("../../keys/ml-dsa-44.der")),
        ),
        "ML-DSA-65" => (
            Scheme::MlDsa(&ML_DSA_65_SIGNING),
            pair(include_bytes!("../../keys/ml-dsa-65.der")),
        ),
        "ML-DSA-87" => (
            Scheme::MlDsa(&ML_DSA_87_SIGNING),
            pair(include_bytes!("../../keys/ml-dsa-87.der")),
        ),
        _ => return None,
    })
}
