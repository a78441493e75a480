//! What a configuration refers to, by what may be shown of it: secrets, and documents.
//!
//! A [`Secret`] is made from a key whose kind says that it hides one. The schema marks these keys, and a
//! test plants a marker in each of them, so that no secret can be forgotten.

use std::fmt;

use super::key::Key;
use super::reader::{Hidden, SecretFile};

/// A secret, which is never shown. It has no `Display`, and its `Debug` is a fixed text.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(Box<[u8]>);

/// The type of a key that refers to a secret.
pub(super) trait Hides {}

impl Hides for Hidden {}
impl Hides for SecretFile {}

impl Secret {
    /// The secret that this key refers to.
    pub(super) fn of<T, V: Hides>(_: &Key<T, V>, bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// No secret at all.
    pub(super) fn none() -> Self {
        Self(Box::default())
    }

    /// The secret itself, for whatever uses it.
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// The contents of a file without secrets, such as certificates.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Document(pub(super) Box<[u8]>);

impl fmt::Debug for Document {
    /// Shows only how long it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.0.len())
    }
}
