//! A client's connection, for the requests that arrive on it.

use std::sync::Arc;

use crate::net::serve::Slot;

use super::activity::Activity;
use super::forwarded::PeerName;
use super::places::Guest;

/// The connection that requests arrive on.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) scheme: &'static str,
    pub(super) peer_name: Arc<PeerName>,
    pub(super) slot: Slot,
    pub(super) activity: Arc<Activity>,
    #[expect(dead_code, reason = "held, not read")]
    pub(super) guest: Arc<Option<Guest>>,
}
