//! The reverse proxy, over sockets of the loopback interface.

mod fields;
pub(crate) mod fixture;
mod framing;
mod grpc;
pub(crate) mod limits;
mod places;
mod streams;
mod upgrades;
mod upstreams;
