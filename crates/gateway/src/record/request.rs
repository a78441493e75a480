//! One request, as log, metrics and traces report it.

use std::sync::Arc;
use std::time::Duration;

use bearward_gate::decision::Decision;
use http::StatusCode;

use super::interruption::Interruption;

/// The outcome of a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record {
    /// Where it came in.
    pub door: Door,
    /// The name of its route, if it matched one.
    pub route: Option<Arc<str>>,
    /// `admitted`, `metadata`, or the code of the refusal or interruption. `stream_expired` if a stream
    /// ended because its token expired.
    pub reason: &'static str,
    /// Why it would have been refused, on a route in shadow mode.
    pub shadowed: Option<&'static str>,
    /// The status of the answer; for a gRPC client, the HTTP status behind its gRPC status.
    pub status: StatusCode,
    /// The name of its upstream, if it was sent to one.
    pub upstream: Option<Arc<str>>,
    /// Whether the answer was sent to its end, if the door knows.
    pub end: Option<End>,
    /// How long it took; at the reverse proxy including body and tunnel.
    pub duration: Duration,
}

impl Record {
    /// A request of which only the door is known.
    pub(super) fn begun(door: Door) -> Self {
        Self {
            door,
            route: None,
            reason: Interruption::ClientGone.code(),
            shadowed: None,
            status: StatusCode::OK,
            upstream: None,
            end: None,
            duration: Duration::ZERO,
        }
    }

    /// A request at a door that only decides.
    #[must_use]
    pub fn decided(door: Door, decision: &Decision, duration: Duration) -> Self {
        let (route, reason, shadowed, status) = match decision {
            Decision::Admit(admission) => (
                Some(&admission.route),
                ADMITTED,
                admission.shadowed.as_ref().map(|reason| reason.code()),
                StatusCode::OK,
            ),
            Decision::Publish(published) => (None, METADATA, None, published.status),
            Decision::Refuse(refusal) => (
                refusal.route.as_ref(),
                refusal.reason.code(),
                None,
                refusal.status,
            ),
        };
        Self {
            route: route.map(|route| Arc::clone(&route.name)),
            reason,
            shadowed,
            status,
            duration,
            ..Self::begun(door)
        }
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// Before its end: the client left, or the upstream failed.
    Aborted,
    /// At its end.
    Complete,
}

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Door {
    /// Envoy's gRPC question.
    ExtAuthz,
    /// A proxy's question over HTTP.
    ForwardAuth,
    /// The reverse proxy.
    Proxy,
}

impl Door {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ExtAuthz => "ext_authz",
            Self::ForwardAuth => "forward_auth",
            Self::Proxy => "proxy",
        }
    }
}

/// The reason of a request that passed.
pub const ADMITTED: &str = "admitted";

/// The reason of a request for the protected resource metadata, which matches no route.
pub const METADATA: &str = "metadata";
