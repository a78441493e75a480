//! The gateway: the verdicts of [`bearward`] for an application server in any language.
//!
//! A door (forward auth, ext_authz, reverse proxy) tells what was [asked](original::Original); the
//! [`Gate`] decides; the door carries the [`Decision`] out in its own dialect.
//!
//! ```text
//! peer and dialect → Original → Target → Route → Principal → authorized → IdentityFields → Decision
//! ```

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod access_log;
mod address;
pub mod admin;
pub mod config;
mod date;
pub mod ext_authz;
pub mod forward_auth;
pub mod gateway;
mod in_force;
mod interruption;
pub mod listener;
pub mod log;
pub mod metrics;
pub mod proxy;
pub mod recipe;
mod request;
pub mod telemetry;
mod unread;

pub use bearward_gate::{
    Decision, Gate, decision, gate, host, identity, misleading, original, origins, publication,
    route, target,
};

pub use crate::in_force::{Current, InForce};
