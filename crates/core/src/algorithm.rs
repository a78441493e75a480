//! Signature algorithms: the `alg` of a JWS ([RFC 7518 §3.1], [RFC 8037 §3.1], [RFC 9864 §2.2]).
//!
//! Each algorithm has one row: its name, the keys it takes, the length of its signatures and the
//! code that verifies them. We know no names other than these, and `none` is not among them. The
//! policy of an issuer, not this file, lists the algorithms that the issuer may use.
//!
//! [RFC 7518 §3.1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
//! [RFC 8037 §3.1]: https://www.rfc-editor.org/rfc/rfc8037#section-3.1
//! [RFC 9864 §2.2]: https://www.rfc-editor.org/rfc/rfc9864#section-2.2

#[cfg(feature = "ml-dsa")]
use aws_lc_rs::signature::PqdsaVerificationAlgorithm;
use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, RsaParameters};
use aws_lc_rs::{digest, hmac};

use crate::rows::rows;

rows! {
    /// A JWS signature algorithm, by its registered name.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum Algorithm of Row, or UnknownAlgorithm;

    /// HMAC with SHA-256 (RFC 7518 §3.2). Only for an issuer configured with a static secret.
    Hs256 = Row { name: "HS256", scheme: Scheme::Hmac(hmac::HMAC_SHA256) };
    /// HMAC with SHA-384 (RFC 7518 §3.2). Only for an issuer configured with a static secret.
    Hs384 = Row { name: "HS384", scheme: Scheme::Hmac(hmac::HMAC_SHA384) };
    /// HMAC with SHA-512 (RFC 7518 §3.2). Only for an issuer configured with a static secret.
    Hs512 = Row { name: "HS512", scheme: Scheme::Hmac(hmac::HMAC_SHA512) };
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256 = Row { name: "RS256", scheme: Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256, &digest::SHA256) };
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518 §3.3).
    Rs384 = Row { name: "RS384", scheme: Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384, &digest::SHA384) };
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3).
    Rs512 = Row { name: "RS512", scheme: Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512, &digest::SHA512) };
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256 = Row { name: "ES256", scheme: Scheme::Ec("P-256", 32, &signature::ECDSA_P256_SHA256_FIXED, &digest::SHA256) };
    /// ECDSA on P-384 with SHA-384 (RFC 7518 §3.4).
    Es384 = Row { name: "ES384", scheme: Scheme::Ec("P-384", 48, &signature::ECDSA_P384_SHA384_FIXED, &digest::SHA384) };
    /// ECDSA on P-521 with SHA-512 (RFC 7518 §3.4).
    Es512 = Row { name: "ES512", scheme: Scheme::Ec("P-521", 66, &signature::ECDSA_P521_SHA512_FIXED, &digest::SHA512) };
    /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
    Ps256 = Row { name: "PS256", scheme: Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA256, &digest::SHA256) };
    /// RSASSA-PSS with SHA-384 (RFC 7518 §3.5).
    Ps384 = Row { name: "PS384", scheme: Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA384, &digest::SHA384) };
    /// RSASSA-PSS with SHA-512 (RFC 7518 §3.5).
    Ps512 = Row { name: "PS512", scheme: Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA512, &digest::SHA512) };
    /// EdDSA under its old, polymorphic name (RFC 8037 §3.1); here always on Ed25519.
    EdDsa = Row { name: "EdDSA", scheme: Scheme::Ed25519 };
    /// EdDSA on Ed25519 under its fully specified name (RFC 9864 §2.2).
    Ed25519 = Row { name: "Ed25519", scheme: Scheme::Ed25519 };
    /// ML-DSA-44 (draft-ietf-cose-dilithium; feature `ml-dsa`).
    #[cfg(feature = "ml-dsa")]
    MlDsa44 = Row { name: "ML-DSA-44", scheme: Scheme::MlDsa(2420, &signature::ML_DSA_44) };
    /// ML-DSA-65 (draft-ietf-cose-dilithium; feature `ml-dsa`).
    #[cfg(feature = "ml-dsa")]
    MlDsa65 = Row { name: "ML-DSA-65", scheme: Scheme::MlDsa(3309, &signature::ML_DSA_65) };
    /// ML-DSA-87 (draft-ietf-cose-dilithium; feature `ml-dsa`).
    #[cfg(feature = "ml-dsa")]
    MlDsa87 = Row { name: "ML-DSA-87", scheme: Scheme::MlDsa(4627, &signature::ML_DSA_87) };
}

impl Algorithm {
    /// Whether this is an HMAC, whose key is a shared secret. A policy does not allow it by default.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self.scheme(), Scheme::Hmac(_))
    }

    /// The type of its keys, as `kty` spells it.
    #[must_use]
    pub const fn key_type(self) -> &'static str {
        match self.scheme() {
            Scheme::Ec(..) => "EC",
            Scheme::Ed25519 => "OKP",
            Scheme::Hmac(_) => "oct",
            #[cfg(feature = "ml-dsa")]
            Scheme::MlDsa(..) => "AKP",
            Scheme::Rsa(..) => "RSA",
        }
    }

    /// The curve of its keys, as `crv` spells it, if they have one.
    #[must_use]
    pub const fn curve(self) -> Option<&'static str> {
        match self.scheme() {
            Scheme::Ec(curve, ..) => Some(curve),
            Scheme::Ed25519 => Some("Ed25519"),
            Scheme::Hmac(_) | Scheme::Rsa(..) => None,
            #[cfg(feature = "ml-dsa")]
            Scheme::MlDsa(..) => None,
        }
    }

    /// Whether both are the same algorithm: `EdDSA` on Ed25519 and `Ed25519` are one under two names
    /// ([RFC 9864 §2.2]).
    ///
    /// [RFC 9864 §2.2]: https://www.rfc-editor.org/rfc/rfc9864#section-2.2
    pub(crate) fn is_same(self, other: Self) -> bool {
        let is_ed25519 = |algorithm: Self| matches!(algorithm.scheme(), Scheme::Ed25519);
        self == other || is_ed25519(self) && is_ed25519(other)
    }

    pub(crate) const fn scheme(self) -> &'static Scheme {
        &self.row().scheme
    }

    /// The hash that is signed in place of the message, if we compute it separately.
    pub(crate) const fn digest(self) -> Option<&'static digest::Algorithm> {
        match *self.scheme() {
            Scheme::Ec(.., digest) | Scheme::Rsa(_, digest) => Some(digest),
            Scheme::Ed25519 | Scheme::Hmac(_) => None,
            #[cfg(feature = "ml-dsa")]
            Scheme::MlDsa(..) => None,
        }
    }
}

/// The row of an algorithm.
pub(crate) struct Row {
    name: &'static str,
    scheme: Scheme,
}

/// The kind of key, the length of signatures, the code that verifies them, and the hash that is
/// signed in place of the message.
pub(crate) enum Scheme {
    /// The curve, and the length of a coordinate; a signature has the length of two coordinates.
    Ec(
        &'static str,
        usize,
        &'static EcdsaVerificationAlgorithm,
        &'static digest::Algorithm,
    ),
    Ed25519,
    /// A signature is as long as the hash; a secret is at least as long.
    Hmac(hmac::Algorithm),
    /// The length of a signature.
    #[cfg(feature = "ml-dsa")]
    MlDsa(usize, &'static PqdsaVerificationAlgorithm),
    /// A signature is as long as the modulus.
    Rsa(&'static RsaParameters, &'static digest::Algorithm),
}

/// bearward verifies no algorithm with this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a supported signature algorithm")]
#[non_exhaustive]
pub struct UnknownAlgorithm;
