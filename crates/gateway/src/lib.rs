#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

pub mod check;
pub mod config;
pub mod doors;
pub(crate) mod lock;
pub mod net;
pub mod recipe;
pub mod record;
pub mod run;

pub use bearward_gate::{
    Decision, Gate, decision, gate, host, identity, misleading, original, origins, publication,
    route, target,
};

pub use crate::doors::in_force::{Current, InForce};
