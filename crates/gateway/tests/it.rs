//! The gateway from outside.

#![cfg(test)]
#![expect(
    clippy::arithmetic_side_effects,
    reason = "an overflow in a test is a failed test"
)]

mod admin;
mod alb;
mod alerts;
mod cases;
mod config;
mod conformance;
mod doors;
mod egress;
mod ext_authz;
mod failures;
mod forward_auth;
mod lines;
mod log;
mod matrix;
mod one_line;
mod possible;
mod proxy;
mod publication;
mod recipes;
mod request_ids;
mod rotations;
mod running;
mod targets;
mod telemetry;
mod tls;
