//! The adapter from outside: the suite for adapters, and what is axum's own.

#![cfg(test)]

mod authgear;
mod conformance;
mod extract;
mod fixture;
mod issuer;
mod metadata;
mod quickstart;
mod routing;
