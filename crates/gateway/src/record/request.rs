//! One request, as log, metrics and traces report it.

use std::sync::Arc;
use std::time::Duration;

use bearward::Principal;
use bearward_gate::decision::{Decision, Reason, Unmet};
use bearward_gate::peer::Peer;
use http::{Method, StatusCode};

use super::interruption::Interruption;
use super::request_id::RequestId;

/// What is known of a request before it is decided.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// Its id.
    pub id: RequestId,
    /// Its method, or `_OTHER` for one that is not common: any other text is the sender's.
    pub method: &'static str,
    /// The other end of the connection: the client, or the proxy in front of us.
    pub peer: Peer,
}

impl Request {
    /// A request of `peer` with this id and method.
    #[must_use]
    pub fn new(id: RequestId, method: &Method, peer: Peer) -> Self {
        Self {
            id,
            method: known(method),
            peer,
        }
    }
}

/// The name of a common method; any other is text that the sender chose.
pub(crate) fn known(method: &Method) -> &'static str {
    let known = [
        "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
    ];
    let known = known.into_iter().find(|name| *name == method.as_str());
    known.unwrap_or("_OTHER")
}

/// The outcome of a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record {
    /// The request.
    pub request: Request,
    /// Where it came in.
    pub door: Door,
    /// Its path, as [`shown`](bearward_gate::target::shown) writes it; empty if it was refused before its path was read.
    pub path: Box<str>,
    /// The id of its trace, if it is recorded.
    pub trace: Option<Box<str>>,
    /// What was decided, if anything was.
    pub verdict: Option<Verdict>,
    /// Who sent it, as a verified token says, also if the request was then refused.
    pub sender: Option<Principal>,
    /// The requirement that the sender does not meet, if that is the reason.
    pub unmet: Option<Box<Unmet>>,
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
    pub(super) fn begun(door: Door, request: Request) -> Self {
        Self {
            request,
            door,
            path: Box::default(),
            trace: None,
            verdict: None,
            sender: None,
            unmet: None,
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
    pub fn decided(door: Door, request: Request, decision: Decision, duration: Duration) -> Self {
        let begun = Self {
            duration,
            ..Self::begun(door, request)
        };
        match decision {
            Decision::Admit(admission) => Self {
                path: admission.path,
                verdict: Some(Verdict::Admitted),
                sender: admission.principal.or(admission.shadowed_sender),
                route: Some(Arc::clone(&admission.route.name)),
                reason: ADMITTED,
                shadowed: admission.shadowed.as_ref().map(Reason::code),
                ..begun
            },
            Decision::Publish(published) => Self {
                path: (*published.path).into(),
                reason: METADATA,
                status: published.status,
                ..begun
            },
            Decision::Refuse(refusal) => Self {
                path: refusal.path,
                verdict: Some(Verdict::Refused),
                reason: refusal.reason.code(),
                sender: refusal.sender,
                unmet: refusal.unmet,
                route: refusal.route.map(|route| Arc::clone(&route.name)),
                status: refusal.status,
                ..begun
            },
        }
    }
}

impl Record {
    /// Whether the application or the gateway made the answer that the client got; `None` at a door that only
    /// decides.
    #[must_use]
    pub fn answered_by(&self) -> Option<&'static str> {
        // Our own answers have a reason, and no upstream's.
        let is_of_application = self.upstream.is_some() && self.reason == ADMITTED;
        self.end.map(|_| match is_of_application {
            true => "application",
            false => "gateway",
        })
    }
}

/// What the gate decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The request may pass, whatever became of it afterwards.
    Admitted,
    /// It may not.
    Refused,
}

impl Verdict {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => ADMITTED,
            Self::Refused => "refused",
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
