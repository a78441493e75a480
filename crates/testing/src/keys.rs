//! Signing keys: fixed ones, so that failures repeat, and generated ones for a rotation.
//!
//! A key has a JWK ([RFC 7517 §4], [RFC 7518 §6], [RFC 8037 §2]) with the same members as
//! Authgear's, and signs as JWS requires ([RFC 7518 §3]): ECDSA as `r || s`, RSASSA-PSS with a salt
//! as long as the hash.
//!
//! The fixed keys are published with this crate, including their private halves. They protect
//! nothing outside a test.
//!
//! [RFC 7517 §4]: https://www.rfc-editor.org/rfc/rfc7517#section-4
//! [RFC 7518 §3]: https://www.rfc-editor.org/rfc/rfc7518#section-3
//! [RFC 7518 §6]: https://www.rfc-editor.org/rfc/rfc7518#section-6
//! [RFC 8037 §2]: https://www.rfc-editor.org/rfc/rfc8037#section-2

mod der;
mod fixed;
mod material;
mod odd;
mod scheme;

use std::fmt;
use std::sync::Arc;

use bearward_core::Algorithm;
use serde_json::{Map, Value, json};

use crate::identifier;
use crate::invariant::holds;

use self::material::Material;
pub use self::odd::{OddJwk, rsa_jwk_with_bits};
use self::scheme::Scheme;

/// A key, the algorithm it signs with, and its `kid`.
///
/// ```
/// use bearward_testing::{Algorithm, SigningKey};
///
/// let key = SigningKey::first(Algorithm::Es256).with_kid("k1");
/// assert_eq!(key.public_jwk()["kty"], "EC");
/// assert_eq!(key.sign(b"text").len(), 64);
/// ```
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    kid: Option<String>,
    material: Arc<Material>,
}

impl SigningKey {
    /// The first fixed key for `algorithm`.
    ///
    /// Algorithms of one key type share it (all of RS\* and PS\*; all of HS\*; EdDSA and Ed25519),
    /// but each has a `kid` of its own.
    #[must_use]
    pub fn first(algorithm: Algorithm) -> Self {
        Self::fixed(algorithm, "first", |[first, _]| first)
    }

    /// The second fixed key for `algorithm`: as good as the first, but different.
    #[must_use]
    pub fn second(algorithm: Algorithm) -> Self {
        Self::fixed(algorithm, "second", |[_, second]| second)
    }

    /// A fixed RSA key of 4096 bits that signs RS256.
    #[must_use]
    pub fn rsa_4096() -> Self {
        holds(Self::parse(Algorithm::Rs256, fixed::RSA_4096))
            .with_kid(identifier::uuid_of("RS256 4096"))
    }

    /// A new key for `algorithm` with a random `kid`; RSA keys have 2048 bits.
    ///
    /// RSA takes about 100 ms: in asynchronous code, call this where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generate`] if the system has no randomness; [`KeyError::UnknownAlgorithm`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let key = Scheme::of(algorithm)?.generate()?;
        let kid = identifier::random_uuid();
        Ok(Self::parse(algorithm, &key)?.with_kid(kid))
    }

    /// Your own key, from unencrypted PKCS#8 in DER, without a `kid`.
    ///
    /// # Errors
    ///
    /// [`KeyError::Parse`] if it is not a private key for `algorithm`; [`KeyError::Symmetric`] if
    /// the algorithm is an HMAC.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        if algorithm.is_symmetric() {
            return Err(KeyError::Symmetric);
        }
        Self::parse(algorithm, der)
    }

    /// A shared secret of any length, without a `kid`.
    ///
    /// It may be too short to be secure, or the text of a public key: tests of algorithm confusion
    /// need this.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotSymmetric`] if the algorithm is not an HMAC.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        if !algorithm.is_symmetric() {
            return Err(KeyError::NotSymmetric);
        }
        Self::parse(algorithm, secret)
    }

    /// The same key with another `kid`.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The same key without a `kid`: neither its JWK nor the tokens it signs have one.
    #[must_use]
    pub fn without_kid(mut self) -> Self {
        self.kid = None;
        self
    }

    /// Signs a `signing_input`; returns the signature in JWS format.
    #[must_use]
    pub fn sign(&self, signing_input: &[u8]) -> Vec<u8> {
        holds(self.material.sign(signing_input))
    }

    /// The public JWK, with the same members as Authgear's: `alg`, `created_at`, `kid`, `kty`,
    /// `use` and those of the key type.
    ///
    /// A shared secret has no public part: its JWK has no `k`.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        self.jwk(self.material.public_members())
    }

    /// The JWK with its private members, which no key set may contain.
    #[must_use]
    pub fn private_jwk(&self) -> Value {
        let mut members = self.material.public_members();
        members.extend(self.material.private_members());
        self.jwk(members)
    }

    /// The public key as SubjectPublicKeyInfo in DER; a shared secret has none.
    #[must_use]
    pub fn public_key_der(&self) -> Option<Vec<u8>> {
        self.material.spki().map(holds)
    }

    /// The public key as SubjectPublicKeyInfo in PEM; a shared secret has none.
    #[must_use]
    pub fn public_key_pem(&self) -> Option<String> {
        self.public_key_der().map(|der| pem("PUBLIC KEY", &der))
    }

    /// The public key as the RSAPublicKey of PKCS#1 in DER; only RSA keys have one.
    #[must_use]
    pub fn rsa_public_key_der(&self) -> Option<Vec<u8>> {
        self.material.pkcs1()
    }

    /// The public key as the RSAPublicKey of PKCS#1 in PEM; only RSA keys have one.
    #[must_use]
    pub fn rsa_public_key_pem(&self) -> Option<String> {
        self.rsa_public_key_der()
            .map(|der| pem("RSA PUBLIC KEY", &der))
    }

    /// The shared secret, to configure the verifier; only HMAC keys have one.
    #[must_use]
    pub fn secret(&self) -> Option<&[u8]> {
        self.material.secret()
    }

    /// The algorithm it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid`, if any.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    fn fixed(algorithm: Algorithm, name: &str, which: fn(fixed::Pair) -> &'static [u8]) -> Self {
        let row = scheme::row(algorithm).ok_or(KeyError::UnknownAlgorithm);
        let (_, keys) = holds(row);
        holds(Self::parse(algorithm, which(keys)))
            .with_kid(identifier::uuid_of(&format!("{algorithm} {name}")))
    }

    fn parse(algorithm: Algorithm, key: &[u8]) -> Result<Self, KeyError> {
        Ok(Self {
            algorithm,
            kid: None,
            material: Arc::new(Scheme::of(algorithm)?.parse(key)?),
        })
    }

    fn jwk(&self, mut members: Map<String, Value>) -> Value {
        members.insert("alg".into(), self.algorithm.as_str().into());
        members.insert("kty".into(), self.algorithm.key_type().into());
        if let Some(curve) = self.algorithm.curve() {
            members.insert("crv".into(), curve.into());
        }
        members.insert("created_at".into(), CREATED_AT.into());
        members.insert("use".into(), "sig".into());
        if let Some(kid) = &self.kid {
            members.insert("kid".into(), kid.as_str().into());
        }
        Value::Object(members)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The JWK Set of the public halves of these keys, in this order ([RFC 7517 §5]).
///
/// [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
#[must_use]
pub fn jwk_set<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Value {
    let keys: Vec<Value> = keys.into_iter().map(SigningKey::public_jwk).collect();
    json!({ "keys": keys })
}

/// Why something is not a key, or not a key for that algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The system could not generate a key.
    #[error("the key could not be generated")]
    Generate,
    /// A shared secret for an algorithm that signs with a private key.
    #[error("the algorithm does not sign with a shared secret")]
    NotSymmetric,
    /// Not PKCS#8, or not a key of the algorithm's type.
    #[error("not an unencrypted PKCS#8 private key for the algorithm")]
    Parse,
    /// A private key for an algorithm that signs with a shared secret.
    #[error("the algorithm signs with a shared secret")]
    Symmetric,
    /// An algorithm from a newer `bearward-core`.
    #[error("this version of the test kit does not know the algorithm")]
    UnknownAlgorithm,
}

/// `der` as PEM with this `label` ([RFC 7468 §2]).
///
/// [RFC 7468 §2]: https://www.rfc-editor.org/rfc/rfc7468#section-2
fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, char) in base64_simd::STANDARD.encode_to_string(der).char_indices() {
        if index > 0 && index.is_multiple_of(64) {
            text.push('\n');
        }
        text.push(char);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

/// The `created_at` of keys: 2025-01-01T00:00:00Z. Nobody reads it, but Authgear serves it.
const CREATED_AT: u64 = 1_735_689_600;
