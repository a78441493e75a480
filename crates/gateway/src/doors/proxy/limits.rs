//! What the listener of the reverse proxy bears.

use std::time::Duration;

/// How many connections and streams there may be, and how long each may take. Every default is the safe one.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub(super) connections: u32,
    pub(super) streams: u32,
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) stall: Duration,
    pub(super) take: Duration,
    pub(super) drain: Duration,
}

impl Limits {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connections: 10_000,
            streams: 100,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(30),
            take: Duration::from_secs(60),
            drain: Duration::from_secs(30),
        }
    }

    /// How many connections are open at a time, tunnels included; 10 000. More wait to be accepted.
    #[must_use]
    pub const fn connections(mut self, count: u32) -> Self {
        self.connections = count;
        self
    }

    /// How many requests an HTTP/2 connection may have in progress; 100, the least that RFC 9113 §6.5.2
    /// recommends.
    #[must_use]
    pub const fn streams(mut self, count: u32) -> Self {
        self.streams = count;
        self
    }

    /// How long the head of a request may take, and a TLS handshake; 10 s.
    #[must_use]
    pub const fn head_timeout(mut self, limit: Duration) -> Self {
        self.head = limit;
        self
    }

    /// How long a connection may wait for its next request; 75 s.
    #[must_use]
    pub const fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle = limit;
        self
    }

    /// How long a client may read nothing of an answer; 30 s. Over HTTP/2: of all its waiting answers
    /// together.
    #[must_use]
    pub const fn stall_timeout(mut self, limit: Duration) -> Self {
        self.stall = limit;
        self
    }

    /// How long a client may take to read 16 KiB of an HTTP/2 answer, if that much is waiting; 60 s.
    /// After that the stream is reset, and the others on its connection go on.
    #[must_use]
    pub const fn take_timeout(mut self, limit: Duration) -> Self {
        self.take = limit;
        self
    }

    /// How long requests in progress may still take at shutdown; 30 s.
    #[must_use]
    pub const fn drain_timeout(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
