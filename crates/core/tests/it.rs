//! The pipeline from outside: one module a standard, one function a rule.
//!
//! A test starts from a token that is right in every respect and spoils one thing. Names that begin
//! with `t_` or `a_` carry the id of the attack they refuse or of the good thing they accept.

#![cfg(test)]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "an overflow in a test is a failed test"
)]

mod aws_alb;
mod errors;
mod fixture;
mod generated;
mod json;
mod principal;
mod profiles;
mod providers;
mod recorded;
mod requirements;
mod rfc6750;
mod rfc7515;
mod rfc7517;
mod rfc7518;
mod rfc7519;
mod rfc7800;
mod rfc9068;
mod rfc9470;
mod rfc9728;
mod sources;
mod time;
mod vector_files;
mod vectors;
