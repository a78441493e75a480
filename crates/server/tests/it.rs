//! The resource server from outside: one module a concern, one function a rule.
//!
//! Most tests have an issuer in memory and a clock that stands still until everybody waits, so that
//! hours pass in milliseconds and every fetch is counted. Those in `sockets` have the real transport
//! and the development issuer. Names that begin with `t_` or `a_` carry the id of the attack they
//! refuse or of the good thing they accept.

#![cfg(test)]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "an overflow in a test is a failed test"
)]

mod authorize;
mod build;
mod by_kid;
mod clock;
mod discovery;
mod egress;
mod events;
mod failures;
mod fixture;
mod freshness;
mod generated;
mod issuers;
mod key_set;
mod matrix;
mod network;
mod outage;
mod refusals;
mod replaced_key;
mod snapshot;
mod sockets;
mod state;
mod tenants;
mod token_cache;
mod unknown_kid;
mod waiting;
