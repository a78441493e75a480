//! tower middleware for [`bearward`]: authenticates each request, and puts the
//! [`Principal`](bearward::Principal) into its extensions or answers with the challenge.
//!
//! For axum use `bearward-axum`, which adds extractors.
//!
//! ```no_run
//! use bearward::{Requirements, ResourceServer};
//! use bearward_tower::BearerLayer;
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = ResourceServer::new("https://id.example.com", "https://api.example.com")?;
//! let writers = Requirements::builder().scope("orders:write").build()?;
//!
//! let everything = BearerLayer::new(&server);
//! let orders = BearerLayer::new(&server).require(writers);
//! # Ok(())
//! # }
//! ```

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod layer;
mod service;

pub use crate::layer::BearerLayer;
pub use crate::service::BearerService;
