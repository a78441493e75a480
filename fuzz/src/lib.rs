//! What the targets share: one issuer, one API, one point in time, and readings of the same bytes
//! that have nothing of ours in them, to compare with.
//!
//! Each target asserts what `docs/fuzzing.md` says of it; a panic is a finding.

pub mod cache_control;
pub mod claims;
#[cfg(feature = "gateway")]
pub mod config;
pub mod credentials;
pub mod discovery;
pub mod draft;
pub mod header;
pub mod json;
pub mod jwks;
pub mod path;
#[cfg(feature = "gateway")]
pub mod question;
pub mod setting;
