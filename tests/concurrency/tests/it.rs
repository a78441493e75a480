//! What must hold in whatever order things happen: properties of the key store and of the cache of
//! verified tokens, under schedules drawn by shuttle.
//!
//! All of crates/server runs as it is, from [`ResourceServer`](bearward::ResourceServer) down, over
//! the models of `bearward_model`. Time stands still unless a test lets it pass: so a request whose
//! wake-up was lost waits for ever, and shuttle reports a deadlock.

#![cfg(test)]

mod cache;
mod flights;
mod keys;
mod reload;
mod replaced;
mod scene;
mod waiting;
