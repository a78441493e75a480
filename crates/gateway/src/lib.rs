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
pub mod decision;
pub mod ext_authz;
pub mod forward_auth;
pub mod gate;
pub mod gateway;
mod grpc;
pub mod identity;
mod in_force;
mod interruption;
pub mod listener;
pub mod log;
pub mod metrics;
pub mod misleading;
pub mod original;
pub mod origins;
mod peer;
mod problem;
pub mod proxy;
pub mod publication;
pub mod recipe;
mod request;
pub mod route;
pub mod target;
pub mod telemetry;
mod unread;

pub use crate::decision::Decision;
pub use crate::gate::Gate;
pub use crate::in_force::{Current, InForce};
