//! Who sent this request, and may they? Validates the JWT access tokens of an OAuth 2.0 or OpenID
//! Connect issuer for an application server.
//!
//! A [`ResourceServer`] finds the issuer's keys by discovery, keeps them fresh in the background,
//! and turns the head of a request into a [`Principal`], or into a [`Rejection`] with the answer the
//! RFCs prescribe.
//!
//! ```no_run
//! use bearward::{Requirements, ResourceServer};
//!
//! # async fn example(request: http::Request<()>) -> Result<(), Box<dyn std::error::Error>> {
//! let server = ResourceServer::new("https://id.example.com", "https://api.example.com")?;
//! let writers = Requirements::builder().scope("orders:write").build()?;
//!
//! match server.authenticate(&request).await {
//!     Ok(sender) => match server.authorize(&request, &sender, &writers).await {
//!         Ok(()) => println!("{} may", sender.subject()),
//!         Err(rejection) => println!("{}", server.challenge(&rejection, &request).status()),
//!     },
//!     Err(rejection) => println!("{}", server.challenge(&rejection, &request).status()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | stage | module |
//! |---|---|
//! | parse the credentials and the token | `bearward_core` |
//! | select the issuer, then its key: the one await | this crate |
//! | verify the signature, check the claims, authorize | `bearward_core` |
//!
//! With axum, use `bearward-axum`, which re-exports this crate.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod authenticated;
mod build_error;
mod clock;
mod discovery;
#[cfg(feature = "explain")]
pub mod explain;
pub mod fetch;
pub mod issuer;
pub mod issuer_url;
mod key_source;
pub mod key_store;
mod known_headers;
pub mod resource_server;
mod schedule;
mod snapshot;
mod sync;
pub mod token_cache;
mod trusted;

pub use bearward_core as core;
pub use bearward_core::{
    Algorithm, Challenge, ClaimPath, JwkSet, Policy, Principal, PrincipalKind, Profile,
    ProtectedResourceMetadata, ProtectionSpace, Rejection, RequestHead, Requirements, UnixTime,
};

pub use crate::authenticated::Authenticated;
pub use crate::issuer::Issuer;
pub use crate::resource_server::{BuildError, IssuerState, ResourceServer};
pub use crate::token_cache::TokenCache;
