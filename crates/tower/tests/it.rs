//! The layer from outside: the suite for adapters, and what is tower's own.

#![cfg(test)]
mod answers;
mod conformance;
mod fixture;
mod log;
mod nested;
mod readiness;
mod service;
mod suite;
