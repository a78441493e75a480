//! The faults of an issuer, on demand.

use std::fmt;
use std::str::FromStr;

/// A fault in the answers to fetches of metadata or keys; the other endpoints keep working.
///
/// A faulty answer is correct in every other respect: a client that overlooks the fault gets usable
/// keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is closed without an answer.
    Down,
    /// The key set is `{"keys":[]}`.
    EmptySet,
    /// The body never ends.
    Endless,
    /// Status 500.
    Error500,
    /// Status 200 and a page of HTML.
    Garbage,
    /// No answer until the fault is cleared; then waiting requests are answered.
    Hang,
    /// The document is padded to 4 MiB.
    HugeBody,
    /// The metadata's `jwks_uri` is plain `http`, and not on loopback.
    JwksUriDowngrade,
    /// The metadata's `jwks_uri` is a `file` URL.
    JwksUriFile,
    /// The metadata's `jwks_uri` has a host name that no resolver can look up.
    JwksUriUnresolvable,
    /// The key set has only the keys of [`OddJwk`](crate::keys::OddJwk).
    NoUsableKey,
    /// The key set has the keys of [`OddJwk`](crate::keys::OddJwk) around the good ones.
    OddKeys,
    /// Status 307 to another path, where the document is.
    Redirect,
    /// A byte every 200 ms.
    Slow,
    /// The key set has 10 000 keys, a thousand of them usable, in fewer than 256 KiB.
    TooManyKeys,
    /// The metadata's `issuer` is another.
    WrongIssuer,
}

impl Fault {
    /// Every fault.
    pub const ALL: &'static [Self] = &[
        Self::Down,
        Self::EmptySet,
        Self::Endless,
        Self::Error500,
        Self::Garbage,
        Self::Hang,
        Self::HugeBody,
        Self::JwksUriDowngrade,
        Self::JwksUriFile,
        Self::JwksUriUnresolvable,
        Self::NoUsableKey,
        Self::OddKeys,
        Self::Redirect,
        Self::Slow,
        Self::TooManyKeys,
        Self::WrongIssuer,
    ];

    /// The name, in kebab case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::EmptySet => "empty-set",
            Self::Endless => "endless",
            Self::Error500 => "error-500",
            Self::Garbage => "garbage",
            Self::Hang => "hang",
            Self::HugeBody => "huge-body",
            Self::JwksUriDowngrade => "jwks-uri-downgrade",
            Self::JwksUriFile => "jwks-uri-file",
            Self::JwksUriUnresolvable => "jwks-uri-unresolvable",
            Self::NoUsableKey => "no-usable-key",
            Self::OddKeys => "odd-keys",
            Self::Redirect => "redirect",
            Self::Slow => "slow",
            Self::TooManyKeys => "too-many-keys",
            Self::WrongIssuer => "wrong-issuer",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        Self::ALL
            .iter()
            .copied()
            .find(|fault| fault.as_str() == name)
            .ok_or(UnknownFault)
    }
}

/// No fault has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a fault")]
#[non_exhaustive]
pub struct UnknownFault;
