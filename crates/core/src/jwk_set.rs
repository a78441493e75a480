//! The keys of an issuer: JWK Set ([RFC 7517 §5]), and stage 3, select: the one key that fits a
//! token's header.
//!
//! Unusable keys are left out and listed; the others stay. We never try several keys: a token that
//! does not identify one of several is refused. This file fetches nothing.
//!
//! [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5

use std::fmt;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::header::Header;
use crate::jwk::{Jwk, UnusableJwk, VerificationKey};
use crate::limits;
use crate::rejection::InvalidToken;

/// The usable keys of one issuer, parsed.
#[derive(Clone)]
pub struct JwkSet {
    keys: Vec<Arc<VerificationKey>>,
    by_kid: HashMap<Box<str>, Vec<usize>>,
    unusable: Vec<UnusableKey>,
}

impl JwkSet {
    /// Parses a JWK Set document.
    ///
    /// # Errors
    ///
    /// [`JwkSetError`] if the document is not a JWK Set, is too large, or has no usable key. A
    /// single odd key is no error: it is left out, see [`JwkSet::unusable`].
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        if document.len() > limits::DOCUMENT_BYTES {
            return Err(JwkSetError::TooLarge);
        }
        // RFC 8259 §8.1: all of it is UTF-8. serde_json checks only what it keeps.
        let document = str::from_utf8(document).map_err(|_| JwkSetError::NotAJwkSet)?;
        // serde would also accept an array of the members' values.
        if !document.trim_ascii_start().starts_with('{') {
            return Err(JwkSetError::NotAJwkSet);
        }
        let document: Document<'_> =
            serde_json::from_str(document).map_err(|_| JwkSetError::NotAJwkSet)?;
        if document.keys.len() > limits::JWK_SET_KEYS {
            return Err(JwkSetError::TooManyKeys);
        }
        let mut set = Self::empty();
        for (index, json) in document.keys.into_iter().enumerate() {
            set.add_jwk(index, json.get());
        }
        if set.keys.is_empty() {
            return Err(JwkSetError::NoUsableKey);
        }
        Ok(set)
    }

    /// A set of static secrets, each with its `kid` or without.
    #[must_use]
    pub fn from_secrets(
        secrets: impl IntoIterator<Item = (Option<String>, VerificationKey)>,
    ) -> Self {
        let mut set = Self::empty();
        for (kid, key) in secrets {
            set.add(kid.as_deref(), [key]);
        }
        set
    }

    /// Replaces keys that `other` also has with `other`'s, so that a holder of such a key can tell
    /// that [`select`](Self::select) still finds it.
    #[must_use]
    pub fn sharing(mut self, other: &Self) -> Self {
        for key in &mut self.keys {
            if let Some(same) = other.keys.iter().find(|theirs| theirs.is_same(key)) {
                *key = Arc::clone(same);
            }
        }
        self
    }

    /// The one key that fits the header.
    ///
    /// A `kid` selects the key with that name. Without a `kid`, exactly one key must support the
    /// token's algorithm. If no key of the set has a name, the token's `kid` is ignored.
    ///
    /// # Errors
    ///
    /// [`InvalidToken::KidUnknown`], [`InvalidToken::KidMissing`], [`InvalidToken::KidAmbiguous`]
    /// or [`InvalidToken::AlgKeyMismatch`].
    pub fn select(&self, header: &Header) -> Result<&Arc<VerificationKey>, InvalidToken> {
        let fits = |key: &&Arc<VerificationKey>| key.algorithm() == header.algorithm();
        let Some(kid) = header.kid().filter(|_| !self.by_kid.is_empty()) else {
            return only(self.keys.iter().filter(fits), InvalidToken::KidMissing);
        };
        let indices = self.by_kid.get(kid).ok_or(InvalidToken::KidUnknown)?;
        let named = indices.iter().filter_map(|index| self.keys.get(*index));
        only(named.filter(fits), InvalidToken::KidAmbiguous)
    }

    /// The names of the usable keys.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.by_kid.keys().map(AsRef::as_ref)
    }

    /// The keys that were left out, and why.
    #[must_use]
    pub fn unusable(&self) -> &[UnusableKey] {
        &self.unusable
    }

    fn empty() -> Self {
        Self {
            keys: Vec::new(),
            by_kid: HashMap::new(),
            unusable: Vec::new(),
        }
    }

    fn add_jwk(&mut self, index: usize, json: &str) {
        let parsed = Jwk::parse(json).and_then(|jwk| Ok((jwk.verification_keys()?, jwk)));
        match parsed {
            Ok((keys, jwk)) => self.add(jwk.kid(), keys),
            Err(reason) => self.unusable.push(UnusableKey { index, reason }),
        }
    }

    fn add(&mut self, kid: Option<&str>, keys: impl IntoIterator<Item = VerificationKey>) {
        for key in keys {
            if let Some(kid) = kid {
                let indices = self.by_kid.entry(kid.into()).or_default();
                indices.push(self.keys.len());
            }
            self.keys.push(Arc::new(key));
        }
    }
}

impl fmt::Debug for JwkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwkSet")
            .field("kids", &self.kids().collect::<Vec<_>>())
            .field("unusable", &self.unusable)
            .finish_non_exhaustive()
    }
}

/// A key of a set that is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusableKey {
    /// Its index in `keys`, from 0.
    pub index: usize,
    /// Why it is not used.
    pub reason: UnusableJwk,
}

/// Why a document is not a JWK Set we can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// No key can be used.
    #[error("the JWK Set has no usable key")]
    NoUsableKey,
    /// Not an object with an array `keys`.
    #[error("the document is not a JWK Set")]
    NotAJwkSet,
    /// Larger than [`limits::DOCUMENT_BYTES`].
    #[error(
        "jwks_too_large: the JWK Set is larger than {} bytes",
        limits::DOCUMENT_BYTES
    )]
    TooLarge,
    /// More keys than [`limits::JWK_SET_KEYS`].
    #[error(
        "jwks_too_large: the JWK Set has more than {} keys",
        limits::JWK_SET_KEYS
    )]
    TooManyKeys,
}

#[derive(Deserialize)]
struct Document<'d> {
    #[serde(borrow)]
    keys: Vec<&'d RawValue>,
}

/// The only key; the error is `several` if there are more, and a mismatched algorithm if there is
/// none.
fn only<'k>(
    mut keys: impl Iterator<Item = &'k Arc<VerificationKey>>,
    several: InvalidToken,
) -> Result<&'k Arc<VerificationKey>, InvalidToken> {
    let key = keys.next().ok_or(InvalidToken::AlgKeyMismatch)?;
    if keys.next().is_some() {
        return Err(several);
    }
    Ok(key)
}
