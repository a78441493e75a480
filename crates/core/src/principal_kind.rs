//! Whom a principal stands for: what a profile decides, and a requirement may ask for.

/// Whether a principal is a user, or a client that acts for itself.
///
/// Only marks that the issuer alone sets decide this (see [`Profile`](crate::Profile)), never a
/// name that users choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 9068 §2.2 knows a resource owner or none; an issuer says which, or does not"
)]
pub enum PrincipalKind {
    /// A user, through a client.
    User,
    /// A client for itself: client credentials.
    Machine,
    /// Either: the issuer marks neither. It satisfies no requirement for a user or for a machine.
    Unknown,
}

impl PrincipalKind {
    /// How it is spelt in output: `user`, `machine` or `unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Machine => "machine",
            Self::Unknown => "unknown",
        }
    }
}
