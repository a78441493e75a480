//! A key of the issuer: JWK ([RFC 7517 §4], [RFC 7518 §6], [RFC 8037 §2]).
//!
//! A JWK becomes one [`VerificationKey`] per algorithm that it may be used with. It is parsed once,
//! and algorithm, key type, curve, `alg`, `use` and `key_ops` must agree. Nothing is left to
//! compare afterwards: a key *has* its algorithm. We ignore certificates (`x5c`).
//!
//! [RFC 7517 §4]: https://www.rfc-editor.org/rfc/rfc7517#section-4
//! [RFC 7518 §6]: https://www.rfc-editor.org/rfc/rfc7518#section-6
//! [RFC 8037 §2]: https://www.rfc-editor.org/rfc/rfc8037#section-2

use std::fmt;

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::{ED25519, ParsedPublicKey, RsaPublicKeyComponents};
use aws_lc_rs::{digest, hmac};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::algorithm::{Algorithm, Scheme};
use crate::base64url;
use crate::rejection::InvalidToken;

mod malformed;
mod weak;
#[cfg(test)]
mod wycheproof;

/// A key with the one algorithm it verifies.
pub struct VerificationKey {
    algorithm: Algorithm,
    signature_bytes: usize,
    material: Material,
}

enum Material {
    Public(ParsedPublicKey),
    /// Boxed: twenty times the size of the other variant.
    Secret(Box<hmac::Key>),
}

impl VerificationKey {
    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A shared secret for HMAC ([RFC 7518 §3.2]).
    ///
    /// # Errors
    ///
    /// [`SecretError`] if the algorithm is not an HMAC, or the secret is shorter than its output.
    ///
    /// [RFC 7518 §3.2]: https://www.rfc-editor.org/rfc/rfc7518#section-3.2
    pub fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, SecretError> {
        let Scheme::Hmac(hash) = *algorithm.scheme() else {
            return Err(SecretError::NotSymmetric);
        };
        let signature_bytes = hash.digest_algorithm().output_len();
        if secret.len() < signature_bytes {
            return Err(SecretError::Weak);
        }
        Ok(Self {
            algorithm,
            signature_bytes,
            material: Material::Secret(Box::new(hmac::Key::new(hash, secret))),
        })
    }

    /// The ES256 key at this uncompressed point (SEC 1 §2.3.3), if it lies on P-256.
    pub(crate) fn p256(point: &[u8]) -> Option<Self> {
        let algorithm = Algorithm::Es256;
        let Scheme::Ec(_, coordinate_bytes, verification, _) = *algorithm.scheme() else {
            return None;
        };
        // aws-lc takes compressed points as well, which have another length.
        let signature_bytes = coordinate_bytes.saturating_mul(2);
        if point.len() != signature_bytes.saturating_add(1) {
            return None;
        }
        let key = ParsedPublicKey::new(verification, point).ok()?;
        Some(Self {
            algorithm,
            signature_bytes,
            material: Material::Public(key),
        })
    }

    /// Whether both keys verify exactly the same signatures. Secrets are not compared: no two count
    /// as the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let (Material::Public(ours), Material::Public(theirs)) = (&self.material, &other.material)
        else {
            return false;
        };
        self.algorithm == other.algorithm && ours.as_ref() == theirs.as_ref()
    }

    /// Checks `signature` over `signing_input`.
    pub(crate) fn verify(
        &self,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidToken> {
        // Checked before any conversion: the arithmetic never sees a wrong length.
        if signature.len() != self.signature_bytes {
            return Err(InvalidToken::SignatureLength);
        }
        match &self.material {
            Material::Public(key) => match self.algorithm.digest() {
                // We hash separately: the library would set up and copy a context.
                Some(hash) => {
                    let digest = digest::digest(hash, signing_input);
                    key.verify_digest_sig(&digest, signature)
                }
                None => key.verify_sig(signing_input, signature),
            },
            // aws-lc-rs documents this as constant-time.
            Material::Secret(key) => hmac::verify(key, signing_input, signature),
        }
        .map_err(|_| InvalidToken::SignatureInvalid)
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Why a static secret cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The algorithm is not HS256, HS384 or HS512.
    #[error("a static secret is for HS256, HS384 and HS512 only")]
    NotSymmetric,
    /// Shorter than the hash output (RFC 7518 §3.2), so an attacker could guess it.
    #[error("secret_weak: the secret is shorter than the output of the algorithm's hash")]
    Weak,
}

/// Why a JWK is left out of its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableJwk {
    /// For encryption or key agreement. Issuers publish such keys next to those for signatures.
    #[error("jwk_other_use: the key is for encryption, not for signatures")]
    OtherUse,
    /// It has private members: its publisher has given the key away.
    #[error("jwk_private: the key has private members")]
    Private,
    /// It is a shared secret, which has no place in a published set.
    #[error("jwk_symmetric: the key is a shared secret")]
    Symmetric,
    /// Of an unknown type, curve or algorithm, or contradictory, or not a key at all.
    #[error("jwk_unusable: the key is not a supported key for verifying signatures")]
    Unusable,
    /// Too small, or generated by a method known to be broken.
    #[error("jwk_weak: the key is too weak")]
    Weak,
}

impl UnusableJwk {
    /// The stable code, for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OtherUse => "jwk_other_use",
            Self::Private => "jwk_private",
            Self::Symmetric => "jwk_symmetric",
            Self::Unusable => "jwk_unusable",
            Self::Weak => "jwk_weak",
        }
    }
}

/// What is wrong with a JWK, for the operator: the member, and its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkFault {
    /// It is not an object.
    #[error("it is not an object")]
    NotAnObject,
    /// The member is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// The member has another JSON type than it must have.
    #[error("`{0}` has the wrong JSON type")]
    Type(&'static str),
    /// The member is there twice, so the key has two readings.
    #[error("`{0}` is there twice")]
    Twice(&'static str),
    /// The member is not base64url, nor another spelling of it that has one reading.
    #[error("`{0}` is not base64url")]
    Encoding(&'static str),
    /// The member has a value that we do not support, or that contradicts another member.
    #[error("`{0}` has a value that is not supported for this key")]
    Value(&'static str),
    /// The members are no public key of this type: no point of the curve, or of a wrong length.
    #[error("`{0}` is not a public key of this type")]
    NotAKey(&'static str),
}

/// Why a JWK is left out, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) reason: UnusableJwk,
    pub(crate) fault: Option<JwkFault>,
}

impl From<UnusableJwk> for LeftOut {
    fn from(reason: UnusableJwk) -> Self {
        Self {
            reason,
            fault: None,
        }
    }
}

impl From<JwkFault> for LeftOut {
    fn from(fault: JwkFault) -> Self {
        Self {
            reason: UnusableJwk::Unusable,
            fault: Some(fault),
        }
    }
}

/// What keys are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// `use` is `sig` or absent (RFC 7517 §4.2).
    Signatures,
    /// `use` is `jwt-svid` (SPIFFE Trust Domain and Bundle §4.2.2).
    JwtSvids,
}

/// The members of a JWK that matter. serde refuses duplicates of these.
#[derive(Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    kid: Option<String>,
    /// Of any type: these two make no key unusable.
    x5t: Option<serde_json::Value>,
    #[serde(rename = "x5t#S256")]
    x5t_s256: Option<serde_json::Value>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    #[cfg(feature = "ml-dsa")]
    #[serde(rename = "pub")]
    public: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    #[serde(rename = "priv")]
    private: Option<IgnoredAny>,
}

impl Jwk {
    pub(crate) fn parse(json: &str) -> Result<Self, LeftOut> {
        // serde would also accept an array of the members' values.
        if !json.starts_with('{') {
            return Err(JwkFault::NotAnObject.into());
        }
        serde_json::from_str(json).map_err(|_| malformed::fault(json).into())
    }

    /// The name in a text that is no JWK, for the operator.
    pub(crate) fn kid_of_malformed(json: &str) -> Option<String> {
        malformed::kid(json)
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `x5t` and `x5t#S256`: the thumbprints of its certificate (RFC 7517 §4.8, §4.9).
    pub(crate) fn thumbprints(&self) -> [Option<&str>; 2] {
        [&self.x5t, &self.x5t_s256].map(|member| member.as_ref()?.as_str())
    }

    /// `kty`, `crv` and `alg`, as far as it has them.
    pub(crate) fn kind(&self) -> String {
        let names = [Some(&self.kty), self.crv.as_ref(), self.alg.as_ref()];
        let names: Vec<_> = names.into_iter().flatten().map(String::as_str).collect();
        names.join(" ")
    }

    /// One key for each algorithm this JWK may be used with, if it may be used for this.
    pub(crate) fn verification_keys(&self, to: Use) -> Result<Vec<VerificationKey>, LeftOut> {
        if self.kty == "oct" {
            return Err(UnusableJwk::Symmetric.into());
        }
        // RFC 7518 §6.2.2 and §6.3.2. Any one of them is enough to compute the others.
        let private = [
            &self.d,
            &self.p,
            &self.q,
            &self.dp,
            &self.dq,
            &self.qi,
            &self.oth,
            &self.private,
        ];
        if private.into_iter().any(Option::is_some) {
            return Err(UnusableJwk::Private.into());
        }
        // RFC 7517 §4.2 and §4.3: both are optional, and each that is present must allow
        // verification.
        let usage = self.usage.as_deref();
        let for_signatures = match to {
            Use::Signatures => usage.is_none_or(|usage| usage == "sig"),
            Use::JwtSvids => usage == Some("jwt-svid"),
        };
        let for_verifying = self
            .key_ops
            .as_ref()
            .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !for_signatures || !for_verifying {
            let is_for_certificates = to == Use::JwtSvids && usage == Some("x509-svid");
            let member = if for_signatures { "key_ops" } else { "use" };
            return Err(match is_for_certificates || self.is_for_encryption() {
                true => UnusableJwk::OtherUse.into(),
                false => JwkFault::Value(member).into(),
            });
        }
        let mut algorithms = Algorithm::ALL.iter();
        let of_this_type = algorithms.find(|algorithm| self.is_of_type(**algorithm));
        let of_this_type = of_this_type.ok_or_else(|| self.unknown_type())?;
        let keys = match *of_this_type.scheme() {
            Scheme::Ec(_, coordinate_bytes, ..) => self.ec(coordinate_bytes),
            Scheme::Ed25519 => self.ed25519(),
            Scheme::Hmac(_) => Err(UnusableJwk::Symmetric.into()),
            #[cfg(feature = "ml-dsa")]
            Scheme::MlDsa(..) => self.ml_dsa(),
            Scheme::Rsa(..) => self.rsa(),
        }?;
        if keys.is_empty() {
            return Err(JwkFault::Value("alg").into());
        }
        Ok(keys)
    }

    /// Which member names a type that we do not know.
    fn unknown_type(&self) -> JwkFault {
        let mut algorithms = Algorithm::ALL.iter();
        match algorithms.any(|algorithm| algorithm.key_type() == self.kty) {
            false => JwkFault::Value("kty"),
            true if self.crv.is_none() => JwkFault::Missing("crv"),
            true => JwkFault::Value("crv"),
        }
    }

    /// Whether `use` and every one of `key_ops`, as far as they are present, say encryption or key
    /// agreement.
    fn is_for_encryption(&self) -> bool {
        const OPERATIONS: &[&str] = &[
            "encrypt",
            "decrypt",
            "wrapKey",
            "unwrapKey",
            "deriveKey",
            "deriveBits",
        ];
        let is_encryption = |op: &String| OPERATIONS.contains(&op.as_str());
        let are_encryption = |ops: &Vec<String>| !ops.is_empty() && ops.iter().all(is_encryption);
        self.usage.as_deref().is_none_or(|usage| usage == "enc")
            && self.key_ops.as_ref().is_none_or(are_encryption)
    }

    /// [RFC 7518 §6.3.1](https://www.rfc-editor.org/rfc/rfc7518#section-6.3.1).
    fn rsa(&self) -> Result<Vec<VerificationKey>, LeftOut> {
        let n = number("n", self.n.as_deref())?;
        let e = number("e", self.e.as_deref())?;
        // Some encoders put a sign byte before the modulus; we ignore it.
        let n = weak::without_leading_zeros(&n);
        let e = weak::without_leading_zeros(&e);
        weak::check_rsa(n, e)?;
        let key = RsaPublicKeyComponents { n, e };
        self.public_keys("n", |scheme| {
            let Scheme::Rsa(verification, _) = scheme else {
                return None;
            };
            Some((n.len(), key.to_parsed_public_key(verification)))
        })
    }

    /// [RFC 7518 §6.2.1](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1): the coordinates have
    /// the full length of the field. Some encoders leave leading zeros out, or put a sign byte before
    /// them: as numbers, they have one reading.
    fn ec(&self, coordinate_bytes: usize) -> Result<Vec<VerificationKey>, LeftOut> {
        let coordinate = |name, value| {
            let number = number(name, value)?;
            let number = weak::without_leading_zeros(&number);
            let zeros = coordinate_bytes.checked_sub(number.len());
            let zeros = vec![0; zeros.ok_or(JwkFault::NotAKey(name))?];
            Ok::<_, LeftOut>([&zeros, number].concat())
        };
        let x = coordinate("x", self.x.as_deref())?;
        let y = coordinate("y", self.y.as_deref())?;
        // SEC 1 §2.3.3: an uncompressed point. aws-lc checks that it lies on the curve.
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        self.public_keys("x", |scheme| {
            let Scheme::Ec(_, _, verification, _) = *scheme else {
                return None;
            };
            let key = ParsedPublicKey::new(verification, &point);
            Some((coordinate_bytes.saturating_mul(2), key))
        })
    }

    /// [RFC 8037 §2](https://www.rfc-editor.org/rfc/rfc8037#section-2).
    fn ed25519(&self) -> Result<Vec<VerificationKey>, LeftOut> {
        let point = number("x", self.x.as_deref())?;
        weak::check_ed25519(&point)?;
        self.public_keys("x", |_| Some((64, ParsedPublicKey::new(&ED25519, &point))))
    }

    /// draft-ietf-cose-dilithium §3: `alg` is required and names the parameter set.
    #[cfg(feature = "ml-dsa")]
    fn ml_dsa(&self) -> Result<Vec<VerificationKey>, LeftOut> {
        self.alg.as_ref().ok_or(JwkFault::Missing("alg"))?;
        let key = number("pub", self.public.as_deref())?;
        self.public_keys("pub", |scheme| {
            let Scheme::MlDsa(signature_bytes, verification) = *scheme else {
                return None;
            };
            Some((signature_bytes, ParsedPublicKey::new(verification, &key)))
        })
    }

    /// A key for each algorithm of this type that the JWK allows. `parse` returns the length of a
    /// signature and the parsed key, which `member` holds.
    fn public_keys(
        &self,
        member: &'static str,
        parse: impl Fn(&Scheme) -> Option<(usize, Result<ParsedPublicKey, KeyRejected>)>,
    ) -> Result<Vec<VerificationKey>, LeftOut> {
        let algorithms = Algorithm::ALL.iter().copied();
        algorithms
            .filter(|algorithm| self.is_of_type(*algorithm) && self.allows(*algorithm))
            .filter_map(|algorithm| Some((algorithm, parse(algorithm.scheme())?)))
            .map(|(algorithm, (signature_bytes, key))| {
                Ok(VerificationKey {
                    algorithm,
                    signature_bytes,
                    material: Material::Public(key.map_err(|_| JwkFault::NotAKey(member))?),
                })
            })
            .collect()
    }

    fn is_of_type(&self, algorithm: Algorithm) -> bool {
        let is_curve = |curve| self.crv.as_deref() == Some(curve);
        self.kty == algorithm.key_type() && algorithm.curve().is_none_or(is_curve)
    }

    /// A JWK with `alg` is for that algorithm only ([RFC 8725 §3.1]), under each of its names; without
    /// `alg`, for all algorithms of its type.
    ///
    /// [RFC 8725 §3.1]: https://www.rfc-editor.org/rfc/rfc8725#section-3.1
    fn allows(&self, algorithm: Algorithm) -> bool {
        self.alg.as_deref().is_none_or(|alg| {
            let named = alg.parse::<Algorithm>();
            named.is_ok_and(|named| named.is_same(algorithm))
        })
    }
}

fn number(name: &'static str, value: Option<&str>) -> Result<Vec<u8>, JwkFault> {
    let value = value.ok_or(JwkFault::Missing(name))?;
    base64url::decode_number(value).map_err(|_| JwkFault::Encoding(name))
}
