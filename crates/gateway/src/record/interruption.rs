//! What may come in between a decision and the end of an answer, or between connections.

/// Why a request or connection of the reverse proxy ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interruption {
    /// The body of the request broke off.
    ClientBody,
    /// The client left.
    ClientGone,
    /// The client took too long.
    ClientTimeout,
    /// The gateway is stopping.
    Shutdown,
    /// The token of a stream has expired.
    StreamExpired,
    /// A TLS handshake was not completed.
    TlsHandshake,
    /// The client has more connections than remain free for others.
    TooManyConnections,
    /// The limit of requests or streams in progress is reached, in total or for this client.
    TooManyRequests,
    /// Nothing went through a tunnel for too long.
    TunnelIdle,
    /// No address of the upstream could be connected to.
    UpstreamConnect,
    /// The upstream closed the connection, or answered something that is not HTTP.
    UpstreamFailed,
    /// Readers could differ about where the answer of the upstream ends.
    UpstreamFraming,
    /// The upstream took too long.
    UpstreamTimeout,
}

impl Interruption {
    /// Every one.
    pub const ALL: &'static [Self] = &[
        Self::ClientBody,
        Self::ClientGone,
        Self::ClientTimeout,
        Self::Shutdown,
        Self::StreamExpired,
        Self::TlsHandshake,
        Self::TooManyConnections,
        Self::TooManyRequests,
        Self::TunnelIdle,
        Self::UpstreamConnect,
        Self::UpstreamFailed,
        Self::UpstreamFraming,
        Self::UpstreamTimeout,
    ];

    /// The stable code, for logs, metrics and `docs/reasons.md`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ClientBody => "client_body",
            Self::ClientGone => "client_gone",
            Self::ClientTimeout => "client_timeout",
            Self::Shutdown => "shutdown",
            Self::StreamExpired => "stream_expired",
            Self::TlsHandshake => "tls_handshake",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyRequests => "too_many_requests",
            Self::TunnelIdle => "tunnel_idle",
            Self::UpstreamConnect => "upstream_connect",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpstreamFraming => "upstream_framing",
            Self::UpstreamTimeout => "upstream_timeout",
        }
    }
}
