//! The gateway: the verdicts of [`bearward`] for an application server in any language.
//!
//! A door (forward auth, ext_authz, reverse proxy) tells what was [asked](original::Original); the
//! [`Gate`] decides; the door carries the [`Decision`] out in its own dialect.
//!
//! ```text
//! peer and dialect → Original → Target → Route → Principal → authorized → IdentityFields → Decision
//! ```
//!
//! | layer | what it is |
//! |---|---|
//! | [`bearward_gate`] | decides; no I/O |
//! | [`record`] | log, metrics, traces |
//! | [`net`] | addresses, listeners, TLS, the accept loop |
//! | [`doors`] | forward auth, ext_authz, reverse proxy, admin endpoints |
//! | [`config`] | the configuration file |
//! | [`recipe`] | the configuration of proxies |
//! | [`run`] | start, reload, stop |
//!
//! Each layer knows those above it in this table alone; `recipe` and `run` do not know each other.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

pub mod config;
pub mod doors;
pub mod net;
pub mod recipe;
pub mod record;
pub mod run;

pub use bearward_gate::{
    Decision, Gate, decision, gate, host, identity, misleading, original, origins, publication,
    route, target,
};

pub use crate::doors::in_force::{Current, InForce};
