#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

pub mod decision;
pub mod gate;
pub mod grpc;
pub mod host;
pub mod identity;
pub mod misleading;
pub mod original;
pub mod origins;
pub mod peer;
pub mod problem;
pub mod publication;
pub mod route;
pub mod target;

pub use crate::decision::Decision;
pub use crate::gate::Gate;
