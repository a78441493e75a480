//! Signature algorithms: the `alg` of a JWS ([RFC 7518 §3.1], [RFC 8037 §3.1], [RFC 9864 §2.2]).
//!
//! A name that is not here does not exist for us; `none` is not here. It does not say which
//! algorithms an issuer may use: that is the allow-list of its policy.
//!
//! [RFC 7518 §3.1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
//! [RFC 8037 §3.1]: https://www.rfc-editor.org/rfc/rfc8037#section-3.1
//! [RFC 9864 §2.2]: https://www.rfc-editor.org/rfc/rfc9864#section-2.2

use std::fmt;
use std::str::FromStr;

/// A JWS signature algorithm, by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256. Only for an issuer configured with a static secret.
    Hs256,
    /// HMAC with SHA-384. Only for an issuer configured with a static secret.
    Hs384,
    /// HMAC with SHA-512. Only for an issuer configured with a static secret.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// EdDSA under its old, polymorphic name; here always on Ed25519.
    EdDsa,
    /// EdDSA on Ed25519 under its fully specified name (RFC 9864).
    Ed25519,
    /// ML-DSA-44 (feature `ml-dsa`).
    #[cfg(feature = "ml-dsa")]
    MlDsa44,
    /// ML-DSA-65 (feature `ml-dsa`).
    #[cfg(feature = "ml-dsa")]
    MlDsa65,
    /// ML-DSA-87 (feature `ml-dsa`).
    #[cfg(feature = "ml-dsa")]
    MlDsa87,
}

impl Algorithm {
    /// Every algorithm, in the order of the registry.
    pub const ALL: &'static [Self] = &[
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::EdDsa,
        Self::Ed25519,
        #[cfg(feature = "ml-dsa")]
        Self::MlDsa44,
        #[cfg(feature = "ml-dsa")]
        Self::MlDsa65,
        #[cfg(feature = "ml-dsa")]
        Self::MlDsa87,
    ];

    /// The registered name, as it stands in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa44 => "ML-DSA-44",
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa65 => "ML-DSA-65",
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// Whether this is an HMAC, whose key is a shared secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Exact and case-sensitive, as RFC 7515 §4.1.1 wants it.
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .iter()
            .copied()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(UnknownAlgorithm)
    }
}

/// The name is not that of an algorithm bearward verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a supported signature algorithm")]
#[non_exhaustive]
pub struct UnknownAlgorithm;
