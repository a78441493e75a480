#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod authenticated;
mod build_error;
mod clock;
mod discovery;
#[cfg(feature = "explain")]
pub mod explain;
pub mod failures;
pub mod fetch;
pub mod issuer;
pub mod issuer_url;
mod key_source;
pub mod key_store;
mod known_headers;
mod misfit;
pub mod resource_server;
mod schedule;
mod snapshot;
mod sync;
pub mod token_cache;
mod trusted;

pub use bearward_core as core;
pub use bearward_core::{
    Algorithm, Challenge, ClaimPath, JwkSet, Policy, Principal, PrincipalKind, Profile,
    ProtectedResourceMetadata, ProtectionSpace, Rejection, RequestHead, Requirements, Source,
    Sources, UnixTime,
};

pub use crate::authenticated::Authenticated;
pub use crate::issuer::Issuer;
pub use crate::resource_server::{BuildError, IssuerState, ResourceServer};
pub use crate::token_cache::TokenCache;
