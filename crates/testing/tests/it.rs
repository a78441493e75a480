//! The tests of the test kit.

#![cfg(test)]

mod keys;
mod token;

#[cfg(feature = "issuer")]
mod authorize;
#[cfg(feature = "issuer")]
mod browser;
#[cfg(feature = "issuer")]
mod control;
#[cfg(feature = "issuer")]
mod faults;
#[cfg(feature = "issuer")]
mod published;
#[cfg(feature = "issuer")]
mod rotation;
#[cfg(feature = "issuer")]
mod start;
#[cfg(feature = "issuer")]
mod token_endpoint;
