//! Connections: where they come in, and how a listener is served.

pub mod address;
pub(crate) mod answer;
pub(crate) mod date;
pub(crate) mod framing;
pub mod listener;
pub(crate) mod read_through;
pub(crate) mod serve;
pub(crate) mod unread;
