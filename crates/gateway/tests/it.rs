//! The gateway from outside.

#![cfg(test)]

mod admin;
mod config;
mod conformance;
mod doors;
mod ext_authz;
mod forward_auth;
mod gate;
mod identity;
mod proxy;
mod publication;
mod recipes;
mod running;
mod telemetry;
mod tls;
