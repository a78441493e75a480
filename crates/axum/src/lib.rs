#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod extract;
mod metadata;

pub use bearward;
pub use bearward::{
    Algorithm, Challenge, ClaimPath, Issuer, JwkSet, Policy, PrincipalKind, Profile,
    ProtectedResourceMetadata, ProtectionSpace, Rejection, Requirements, ResourceServer,
};
pub use bearward_tower::BearerLayer;

pub use crate::extract::{LayerMissing, Principal};
pub use crate::metadata::metadata_route;

/// The manual, of which every block of Rust is compiled.
#[cfg(doctest)]
mod manual {
    #[doc = include_str!("../../../docs/quickstart-axum.md")]
    mod quickstart_axum {}

    #[doc = include_str!("../../../docs/authgear.md")]
    mod authgear {}
}
