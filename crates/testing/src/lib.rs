#![cfg_attr(feature = "issuer", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "issuer"),
    doc = "Signing keys and tokens, good ones and spoilt ones."
)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "generator")]
pub mod generator;
mod identifier;
mod invariant;
#[cfg(feature = "issuer")]
pub mod issuer;
mod json;
pub mod keys;
pub mod providers;
pub mod strict_json;
pub mod token;

#[cfg(feature = "issuer")]
pub use self::issuer::{DevIssuer, Fault};
pub use self::keys::SigningKey;
pub use self::token::Token;
pub use bearward_core::{Algorithm, UnixTime};
