//! The gate of bearward's gateway: decides whether a request may reach the application, and as whom.
//!
//! A door (forward auth, ext_authz, reverse proxy) says what was [asked](original::Original); the [`Gate`]
//! decides; the door carries the [`Decision`] out in its own dialect.
//!
//! ```text
//! Original → Target → Route → Principal → authorized → IdentityFields → Decision
//! ```
//!
//! This is the part without I/O, clock or globals, on `bearward-core` alone: it asks its caller, an
//! [`Authenticator`](gate::Authenticator), who sent a request, and that is the one thing it waits for.
//! Most users want the gateway itself, the program `bearward`.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

pub mod decision;
pub mod gate;
pub mod grpc;
pub mod host;
pub mod identity;
pub mod misleading;
pub mod original;
pub mod origins;
pub mod peer;
pub mod problem;
pub mod publication;
pub mod route;
pub mod target;

pub use crate::decision::Decision;
pub use crate::gate::Gate;
