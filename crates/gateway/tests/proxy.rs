//! The reverse proxy, over sockets of the loopback interface.

mod faults;
mod fields;
pub(crate) mod fixture;
mod framing;
mod grpc;
mod held;
pub(crate) mod limits;
mod places;
mod sources;
mod streams;
mod upgrades;
mod upstreams;
