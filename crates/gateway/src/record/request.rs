//! A request as it is counted, logged and traced, from whichever door it came.

use std::sync::Arc;
use std::time::Duration;

use bearward_gate::decision::Decision;
use http::StatusCode;

/// A request as it is counted and logged.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Request<'r> {
    /// Where it came in.
    pub door: Door,
    /// The name of its route, if it got as far.
    pub route: Option<&'r Arc<str>>,
    /// `admitted`, or the code of the refusal.
    pub reason: &'static str,
    /// Why it would have been refused, on a route in shadow mode.
    pub shadowed: Option<&'static str>,
    /// The status of the decision.
    pub status: StatusCode,
    /// The name of its upstream, if it was sent to one.
    pub upstream: Option<&'r Arc<str>>,
    /// Whether the answer was sent to its end, where that is known.
    pub is_complete: Option<bool>,
    /// How long it took.
    pub duration: Duration,
}

impl<'r> Request<'r> {
    /// A request that was decided on.
    #[must_use]
    pub fn decided(door: Door, decision: &'r Decision, duration: Duration) -> Self {
        let (route, reason, shadowed, status) = match decision {
            Decision::Admit(admission) => (
                Some(&admission.route.name),
                ADMITTED,
                admission.shadowed.as_ref().map(|reason| reason.code()),
                StatusCode::OK,
            ),
            Decision::Publish(published) => (None, METADATA, None, published.status),
            Decision::Refuse(refusal) => (
                refusal.route.as_ref().map(|route| &route.name),
                refusal.reason.code(),
                None,
                refusal.status,
            ),
        };
        Self {
            door,
            route,
            reason,
            shadowed,
            status,
            upstream: None,
            is_complete: None,
            duration,
        }
    }
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

/// The reason of a request for the protected resource metadata, which falls under no route.
pub const METADATA: &str = "metadata";
