#![doc = include_str!("../README.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod layer;
mod service;

pub use crate::layer::BearerLayer;
pub use crate::service::BearerService;
