//! Upstreams: the applications that requests are sent to, each at one address or several, and which
//! requests are sent again.
//!
//! After a failed connection, an address is skipped for a while, then tried again. A request that was
//! sent to an application is not sent again, with one exception: see [`Upstream::send`].

mod address;
mod connect;
mod pool;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use http::{HeaderValue, Request, Version};
use tokio::time::timeout;

pub use self::address::{Address, AddressError};
pub use self::connect::{Tls, TlsError};
pub(super) use self::pool::ConnectionLease;
pub(crate) use self::pool::IDLE_MAX;
use self::pool::{Answered, Endpoint, Reuse, Sender, Unanswered};
use super::body_error::BodyError;
use super::places::{Most, Purpose, Room};
use super::upload::{Progress, Upload};

/// The upstreams by name, for every route. Cheap to clone, and immutable: a new [gate](crate::Gate)
/// comes with new ones.
#[derive(Clone, Debug, Default)]
pub struct Upstreams(Arc<HashMap<Arc<str>, Arc<Upstream>, RandomState>>);

impl Upstreams {
    /// These upstreams.
    #[must_use]
    pub fn new(upstreams: impl IntoIterator<Item = Upstream>) -> Self {
        Self::shared(upstreams.into_iter().map(Arc::new))
    }

    /// These upstreams, shared with other values, connections included.
    pub(crate) fn shared(upstreams: impl IntoIterator<Item = Arc<Upstream>>) -> Self {
        let named = |upstream: Arc<Upstream>| (Arc::clone(&upstream.name), upstream);
        Self(Arc::new(upstreams.into_iter().map(named).collect()))
    }

    /// Each address, and whether the last attempt to connect to it succeeded, ordered by upstream name.
    #[must_use]
    pub fn state(&self) -> Vec<AddressState> {
        let mut states: Vec<_> = self.0.values().flat_map(|each| each.state()).collect();
        states.sort_by(|a, b| (&a.upstream, &a.address).cmp(&(&b.upstream, &b.address)));
        states
    }

    /// The name of each, and how much of this kind is in progress to it, ordered by name.
    pub(crate) fn loads(&self, purpose: Purpose) -> Vec<(&str, u32)> {
        let load = |upstream| {
            let Upstream { name, room, .. } = Arc::as_ref(upstream);
            (&**name, room.taken(purpose))
        };
        let mut loads: Vec<_> = self.0.values().map(load).collect();
        loads.sort_unstable();
        loads
    }

    /// How many idle connections are kept to each address, 64 at most.
    pub(crate) fn keep_idle(&self, count: usize) {
        for endpoint in self.0.values().flat_map(|upstream| &upstream.endpoints) {
            endpoint.keep_idle(count);
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.0.get(name)
    }
}

/// One address of an upstream, for metrics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AddressState {
    /// The name of the upstream.
    pub upstream: Arc<str>,
    /// The address.
    pub address: String,
    /// Whether the last attempt to connect to it succeeded; true before the first attempt.
    pub is_up: bool,
}

/// One application.
#[derive(Debug)]
pub struct Upstream {
    pub(super) name: Arc<str>,
    protocol: Protocol,
    endpoints: Vec<Endpoint>,
    next: AtomicUsize,
    tls: Option<Tls>,
    pub(super) host: Option<HeaderValue>,
    connect: Duration,
    response: Duration,
    pub(super) idle: Duration,
    cooldown: Duration,
    pub(super) most: Most,
    pub(super) room: Arc<Room>,
}

/// The protocol to use with an upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// The protocol that the request came in.
    Auto,
    /// HTTP/1.1. The default: every application speaks it.
    #[default]
    Http1,
    /// HTTP/2; without TLS, by prior knowledge. gRPC needs it; it has no upgrades.
    Http2,
}

impl Upstream {
    /// An application at these addresses, which are used in turn.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, addresses: impl IntoIterator<Item = Address>) -> Self {
        Self {
            name: name.into(),
            protocol: Protocol::default(),
            endpoints: addresses.into_iter().map(Endpoint::new).collect(),
            next: AtomicUsize::new(0),
            tls: None,
            host: None,
            connect: Duration::from_secs(2),
            response: Duration::from_secs(60),
            idle: Duration::from_secs(300),
            cooldown: Duration::from_secs(5),
            most: Most {
                requests: 1024,
                streams: 4096,
            },
            room: Arc::default(),
        }
    }

    /// Sets the protocol.
    #[must_use]
    pub const fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Speaks TLS to it.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sends this `Host` instead of the client's.
    #[must_use]
    pub fn host(mut self, host: HeaderValue) -> Self {
        self.host = Some(host);
        self
    }

    /// How long connecting may take, TLS included; 2 s.
    #[must_use]
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// How long the head of an answer may take once the request is sent; 60 s.
    #[must_use]
    pub const fn response_timeout(mut self, limit: Duration) -> Self {
        self.response = limit;
        self
    }

    /// How long an answer or a tunnel may be silent, or a connection wait for its next request; 300 s.
    #[must_use]
    pub const fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle = limit;
        self
    }

    /// How long an address is skipped after a failed connection; 5 s.
    #[must_use]
    pub const fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// How many requests may be in progress to it at a time; 1024. Further ones are answered with 503,
    /// and a client never has more than remain free for others.
    #[must_use]
    pub const fn max_requests(mut self, count: u32) -> Self {
        self.most.requests = count;
        self
    }

    /// The same for WebSockets, streams of events and gRPC calls; 4096.
    #[must_use]
    pub const fn max_streams(mut self, count: u32) -> Self {
        self.most.streams = count;
        self
    }

    /// Replaces `before`, so that requests in progress there still count.
    pub(crate) fn succeeding(mut self, before: &Self) -> Self {
        self.room = Arc::clone(&before.room);
        self
    }

    fn state(&self) -> impl Iterator<Item = AddressState> {
        self.endpoints.iter().map(|endpoint| AddressState {
            upstream: Arc::clone(&self.name),
            address: endpoint.address.to_string(),
            is_up: endpoint.is_connected(),
        })
    }

    pub(super) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The version for a request that came in `version`.
    pub(super) fn version(&self, version: Version) -> Version {
        match self.protocol {
            Protocol::Auto if version == Version::HTTP_2 => Version::HTTP_2,
            Protocol::Auto | Protocol::Http1 => Version::HTTP_11,
            Protocol::Http2 => Version::HTTP_2,
        }
    }

    /// Sends a request in its own HTTP version, and waits for the head of the answer.
    ///
    /// The application may have closed a connection while it waited in the pool. Then the request is
    /// sent once more over a new connection, if nothing of it was sent before, or if it has no body and
    /// may be repeated ([RFC 9110 §9.2.2]); `again` builds it anew. A request without `again` reuses
    /// only connections that the application is known to keep open.
    ///
    /// [RFC 9110 §9.2.2]: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
    pub(super) async fn send(
        &self,
        request: Box<Request<Upload>>,
        again: Option<&impl Fn(&Arc<Progress>) -> Option<Box<Request<Upload>>>>,
    ) -> Result<Answered, UpstreamError> {
        let progress = Arc::clone(request.body().progress());
        let reuse = match again {
            Some(_) => Reuse::Any,
            None => Reuse::KeptOpen,
        };
        let sender = self.sender(request.version(), Some(reuse)).await?;
        let is_reused = sender.is_reused();
        let unsent = match self.attempt(sender, request, &progress).await {
            Ok(answered) => return Ok(answered),
            Err(Unanswered::Closed(unsent)) if is_reused => unsent,
            Err(unanswered) => return Err(unanswered.into()),
        };
        let Some(request) = unsent.or_else(|| again?(&progress)) else {
            return Err(UpstreamError::Lost);
        };
        Box::pin(self.send_anew(request, &progress)).await
    }

    async fn send_anew(
        &self,
        request: Box<Request<Upload>>,
        progress: &Progress,
    ) -> Result<Answered, UpstreamError> {
        let sender = self.sender(request.version(), None).await?;
        Ok(self.attempt(sender, request, progress).await?)
    }

    async fn attempt(
        &self,
        mut sender: Sender,
        request: Box<Request<Upload>>,
        progress: &Progress,
    ) -> Result<Answered, Unanswered> {
        let mut timer = sender.timer(self.response);
        let sent = tokio::select! {
            biased;
            sent = sender.send(request) => sent,
            () = progress.overdue(self.response, timer.as_mut()) => {
                Err(Unanswered::Failed(UpstreamError::Timeout))
            }
        };
        match (sent, progress.fault()) {
            (Ok((response, lease)), _) => Ok((response, lease.with(timer))),
            (Err(_), Some(error)) => Err(Unanswered::Failed(UpstreamError::Client(error))),
            (Err(unanswered), None) => Err(unanswered),
        }
    }

    /// A connection to the next available address: a reusable one, or a new one.
    async fn sender(
        &self,
        version: Version,
        reuse: Option<Reuse>,
    ) -> Result<Sender, UpstreamError> {
        let count = self.endpoints.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let first = first.checked_rem(count).unwrap_or(0);
        let turn = self.endpoints.iter().cycle();
        let mut turn: Vec<&Endpoint> = turn.skip(first).take(count).collect();
        if count > 1 {
            // Addresses known to be down come last: if all are down, one may be back.
            turn.sort_by_cached_key(|endpoint| !endpoint.is_up());
        }
        for endpoint in turn {
            if let Some(reuse) = reuse
                && let Some(sender) = endpoint.pooled(version, self.idle, reuse)
            {
                return Ok(sender);
            }
            // Boxed: connecting is rare, but every request would move its state.
            let connecting = Box::pin(endpoint.connect(version, self.tls.as_ref()));
            let error = match timeout(self.connect, connecting).await {
                Ok(Ok(sender)) => return Ok(sender),
                Ok(Err(error)) => error,
                Err(_) => io::ErrorKind::TimedOut.into(),
            };
            endpoint.rest(self.cooldown, &self.name, &error);
        }
        Err(UpstreamError::Connect)
    }
}

/// Why an upstream did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpstreamError {
    /// The client is at fault.
    Client(BodyError),
    /// We could connect to none of its addresses.
    Connect,
    /// The connection was lost before an answer came.
    Lost,
    /// The answer took too long.
    Timeout,
}

impl From<Unanswered> for UpstreamError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Closed(_) => Self::Lost,
            Unanswered::Failed(error) => error,
        }
    }
}
