#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod extract;
mod layer;
mod metadata;

pub use bearward;
pub use bearward::{
    Algorithm, Challenge, ClaimPath, Issuer, JwkSet, Policy, Principal, PrincipalKind, Profile,
    ProtectedResourceMetadata, ProtectionSpace, Rejection, Requirements, ResourceServer,
};

pub use crate::extract::{Caller, LayerMissing};
pub use crate::layer::BearerLayer;
pub use crate::metadata::metadata_route;

/// The manual, whose Rust code blocks are all compiled.
#[cfg(doctest)]
mod manual {
    #[doc = include_str!("../../../docs/quickstart-axum.md")]
    mod quickstart_axum {}

    #[doc = include_str!("../../../docs/authgear.md")]
    mod authgear {}
}
