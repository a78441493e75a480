//! The doors: each reads what is asked about in its own dialect, lets the gate decide, and carries the
//! decision out. And the endpoints for the operator.

pub mod admin;
mod client;
pub mod ext_authz;
pub mod failures;
pub mod forward_auth;
pub mod in_force;
mod only;
pub mod proxy;
mod state;
