//! axum and [`bearward`]: an application learns who sent each request, in ten lines.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use bearward_axum::{BearerLayer, Caller, ResourceServer};
//!
//! async fn hello(caller: Caller) -> String {
//!     format!("Hello, {}!", caller.subject())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = ResourceServer::new("https://my-project.authgear.cloud", "https://my-project.authgear.cloud")?;
//!     let app = Router::new().route("/hello", get(hello)).layer(BearerLayer::new(&server));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     Ok(axum::serve(listener, app).await?)
//! }
//! ```
//!
//! A route that asks for more says so:
//!
//! ```no_run
//! # use axum::{Router, routing::{get, post}};
//! # use bearward_axum::{BearerLayer, Requirements, ResourceServer};
//! # use std::time::Duration;
//! # async fn orders() {}
//! # async fn transfer() {}
//! # fn app(server: &ResourceServer) -> Result<Router, Box<dyn std::error::Error>> {
//! let reading = Requirements::builder().scope("orders:read").build()?;
//! let recent = Requirements::builder().user().max_age(Duration::from_secs(300)).build()?;
//!
//! let app = Router::new()
//!     .route("/orders", get(orders).layer(BearerLayer::new(server).require(reading)))
//!     .route("/transfer", post(transfer).layer(BearerLayer::new(server).require(recent)));
//! # Ok(app)
//! # }
//! ```

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod extract;
mod layer;
mod metadata;

pub use bearward;
pub use bearward::{
    Algorithm, Challenge, ClaimPath, Issuer, JwkSet, Policy, Principal, PrincipalKind, Profile,
    ProtectedResourceMetadata, ProtectionSpace, Rejection, Requirements, ResourceServer,
};

pub use crate::extract::{Caller, LayerMissing};
pub use crate::layer::BearerLayer;
pub use crate::metadata::metadata_route;

/// The manual, of which every block of Rust is compiled.
#[cfg(doctest)]
mod manual {
    #[doc = include_str!("../../../docs/quickstart-axum.md")]
    mod quickstart_axum {}

    #[doc = include_str!("../../../docs/authgear.md")]
    mod authgear {}
}
