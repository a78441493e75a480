//! The kind of a principal: a profile determines it, and a requirement may ask for it.

/// Whether a principal is a user or a client that acts on its own behalf.
///
/// Only marks that nobody but the issuer can set decide this (see [`Profile`](crate::Profile)),
/// never a name that users choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 9068 §2.2 knows a resource owner or none; an issuer says which, or does not"
)]
pub enum PrincipalKind {
    /// A user, through a client.
    User,
    /// A client on its own behalf: client credentials.
    Machine,
    /// Unknown: the issuer marks neither. It satisfies no requirement for a user or for a machine.
    Unknown,
}

impl PrincipalKind {
    /// The spelling in output: `user`, `machine` or `unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Machine => "machine",
            Self::Unknown => "unknown",
        }
    }
}
