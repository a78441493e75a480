//! What the operator decides about the proxy.

use std::time::Duration;

use bearward_gate::peer::TrustedPeers;

use crate::record::observer::Observer;

use super::places::Most;

/// How requests are forwarded. Every default is the safe one.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(super) expiry: Expiry,
    pub(super) client_idle: Duration,
    pub(super) upgrades: Vec<String>,
    pub(super) trusted: TrustedPeers,
    pub(super) observer: Observer,
    pub(super) most: Most,
}

/// What happens to tunnels and streams of events whose token expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expiry {
    /// They end this long after `exp`. The default, with the leeway of one minute.
    Ends(Duration),
    /// They go on.
    Ignored,
}

impl Settings {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            expiry: Expiry::Ends(Duration::from_secs(60)),
            client_idle: Duration::from_secs(30),
            upgrades: vec!["websocket".to_owned()],
            trusted: TrustedPeers::new([]),
            observer: Observer::default(),
            most: Most {
                requests: 4096,
                streams: 8192,
            },
        }
    }

    /// What happens to tunnels and streams of events whose token expires.
    #[must_use]
    pub const fn expiry(mut self, expiry: Expiry) -> Self {
        self.expiry = expiry;
        self
    }

    /// How long the next piece of a request's body may take to arrive; 30 s.
    #[must_use]
    pub const fn client_idle(mut self, limit: Duration) -> Self {
        self.client_idle = limit;
        self
    }

    /// Forwards upgrades to this protocol; `websocket` is always forwarded. Protocols that carry HTTP
    /// (`h2c`, `HTTP/2.0`, `TLS/1.2`) never are: the gate would not see the requests in the tunnel.
    #[must_use]
    pub fn allow_upgrade(mut self, protocol: &str) -> Self {
        self.upgrades.push(protocol.to_ascii_lowercase());
        self
    }

    /// How many requests may be in progress at a time; 4096. Further ones are answered with 503,
    /// and a client never has more than remain free for others.
    #[must_use]
    pub const fn max_requests(mut self, count: u32) -> Self {
        self.most.requests = count;
        self
    }

    /// The same for WebSockets, streams of events and gRPC calls; 8192.
    #[must_use]
    pub const fn max_streams(mut self, count: u32) -> Self {
        self.most.streams = count;
        self
    }

    /// Which peers are proxies whose `Forwarded` and `X-Forwarded-*` are kept; no address by default. A
    /// process that can open our Unix socket counts as one.
    #[must_use]
    pub fn trust(mut self, trusted: TrustedPeers) -> Self {
        self.trusted = trusted;
        self
    }

    /// Where requests are reported; to `tracing` by default.
    #[must_use]
    pub fn observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
