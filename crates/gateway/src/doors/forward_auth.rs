//! Forward auth: the proxy that is already there asks, and carries the answer out.
//!
//! One endpoint for each dialect, such as `/auth/nginx`. A dialect is a table: which fields describe
//! the original request, which statuses the proxy can carry, how it removes a field. All other fields
//! are ignored, even as a fallback: a client may have sent them.
//!
//! A request body is never read, and no decision may be stored.
//!
//! The protected resource metadata is served here as well, under its own path: a proxy that asks about
//! a request for it would send it on to the application, which does not have it.

mod dialect;
mod dialects;
pub(crate) mod serve;

use std::borrow::Cow;

use bearward::RequestHead;
use bearward_gate::decision::{Admission, Decision, Reason, Refusal};
use bearward_gate::gate::Gate;
use bearward_gate::original::Original;
pub use bearward_gate::peer::{Peer, TrustedPeers};
use bearward_gate::publication::Published;
use bearward_gate::target::shown;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::doors::in_force::{Current, InForce};
use crate::doors::only::only;
use crate::record::request::{ADMITTED, Request, known};
use crate::record::request_id::{self, RequestId};

use self::dialect::{Dialect, Removal, Statuses};
use self::dialects::DIALECTS;

/// The endpoints that proxies ask. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ForwardAuth {
    current: Current,
    trusted: TrustedPeers,
}

impl ForwardAuth {
    /// Answers these peers with the decisions of the gate in force.
    #[must_use]
    pub const fn new(current: Current, trusted: TrustedPeers) -> Self {
        Self { current, trusted }
    }

    /// Answers the request of `peer` with this head.
    ///
    /// The response's extensions hold the [`Decision`]; for a refusal also its [`Reason`] and any
    /// [`Rejection`](bearward::Rejection); for the protected resource metadata, [`Published`]. A path
    /// that is no endpoint gets an empty 404.
    pub async fn answer(
        &self,
        peer: impl Into<Peer>,
        head: RequestHead<'_>,
    ) -> Response<Cow<'static, str>> {
        let Answered {
            mut response,
            decision,
            ..
        } = self.decide(peer.into(), head).await;
        if let Some(decision) = decision {
            decision.insert_into(response.extensions_mut());
        }
        response
    }

    /// The original request and its path, as far as they are known without a decision.
    pub(crate) fn read(&self, peer: Peer, head: RequestHead<'_>) -> (Request, Box<str>) {
        let trusted = dialect(head).filter(|_| self.trusted.contains(peer));
        let mut request = begin(trusted, peer, head);
        let original = trusted.and_then(|dialect| dialect.read(head).ok());
        let path = original.map_or_else(Box::default, |original| {
            let original = original.original();
            request.method = known(original.method);
            shown(original.target)
        });
        (request, path)
    }

    /// The same, with the decision next to the response.
    pub(crate) async fn decide(&self, peer: Peer, head: RequestHead<'_>) -> Answered {
        let dialect = dialect(head);
        let trusted = dialect.filter(|_| self.trusted.contains(peer));
        let mut request = begin(trusted, peer, head);
        let (mut response, decision) = self.decide_for(dialect, head, &mut request).await;
        let field = decision.as_ref().map(|decision| match decision {
            Decision::Admit(_) => request_id::PASSED_ON,
            Decision::Publish(_) | Decision::Refuse(_) => request_id::ANSWERED,
        });
        if let Some(field) = field {
            let id = request.id.value().clone();
            response.headers_mut().insert(field, id);
        }
        let reason = decision.as_ref().and_then(|decision| match decision {
            Decision::Admit(_) => Some(ADMITTED),
            Decision::Publish(_) => None,
            Decision::Refuse(refusal) => Some(refusal.reason.code()),
        });
        if let Some(field) = trusted.and_then(|dialect| dialect.reason.as_ref())
            && let Some(reason) = reason
        {
            let reason = HeaderValue::from_static(reason);
            response.headers_mut().insert(field, reason);
        }
        Answered {
            response,
            decision,
            request,
        }
    }

    /// Also notes the method of the original request.
    async fn decide_for(
        &self,
        dialect: Option<&Dialect>,
        head: RequestHead<'_>,
        asked: &mut Request,
    ) -> Decided {
        let in_force = self.current.load();
        // Any peer may read it: the proxy routes requests for it here.
        let own = Original::new(head.method, head.uri.path(), None, head.headers);
        if let Some(published) = in_force.gate().published(&own) {
            return publish(published);
        }
        if !self.trusted.contains(asked.peer) {
            let refusal = Refusal::plain(None, Reason::UntrustedPeer);
            return refuse(refusal, Statuses::All);
        }
        let Some(dialect) = dialect else {
            return (not_found(), None);
        };
        let request = match dialect.read(head) {
            Ok(request) => request,
            Err(reason) => return refuse(Refusal::plain(None, reason), dialect.statuses),
        };
        let original = request.original();
        asked.method = known(original.method);
        let client = || dialect.client(head.headers, &self.trusted);
        match in_force.asked_by(client).decide_by_route(&original).await {
            Ok(admission) => admit(admission, dialect, &in_force, head.headers),
            Err(refusal) => refuse(*refusal, dialect.statuses),
        }
    }
}

/// The question, with the id that a trusted proxy of this dialect sent.
fn begin(trusted: Option<&Dialect>, peer: Peer, head: RequestHead<'_>) -> Request {
    let sent = trusted.and_then(|dialect| only(head.headers, &dialect.request_id));
    Request::new(RequestId::sent_or_new(sent), head.method, peer)
}

/// The dialect of the endpoint that is asked.
fn dialect(head: RequestHead<'_>) -> Option<&'static Dialect> {
    let path = head.uri.path();
    DIALECTS.iter().find(|dialect| dialect.is_at(path))
}

/// An answer, and what to report if there was a question.
pub(crate) struct Answered {
    pub(crate) response: Response<Cow<'static, str>>,
    pub(crate) decision: Option<Decision>,
    pub(crate) request: Request,
}

/// An answer, and the decision, if there was a question.
type Decided = (Response<Cow<'static, str>>, Option<Decision>);

/// 200, which means the same in every dialect, with each identity field set or removed.
fn admit(
    admission: Box<Admission>,
    dialect: &Dialect,
    in_force: &InForce,
    sent: &HeaderMap,
) -> Decided {
    let identity = &admission.identity;
    let shared = rests(in_force.gate(), sent);
    let fields = identity.set.len().saturating_add(identity.remove.len());
    let fields = fields.saturating_add(shared.len()).saturating_add(4);
    let mut response = answer(StatusCode::OK, StatusCode::OK, "", fields);
    let headers = response.headers_mut();
    let emptied = shared.iter().filter(|(_, rest)| rest.is_none());
    let emptied = emptied.map(|(name, _)| name);
    match &dialect.removal {
        Removal::Empty => {
            for name in identity.remove.iter().chain(emptied) {
                headers.insert(name, HeaderValue::from_static(""));
            }
        }
        Removal::Listed(field) => {
            let names = in_force.gate().identity().to_remove(identity, sent);
            let emptied = emptied.filter(|name| sent.contains_key(*name));
            let names = names.chain(emptied.map(HeaderName::as_str));
            let list = names.collect::<Vec<_>>().join(", ");
            match HeaderValue::try_from(list) {
                Ok(list) => headers.insert(field, list),
                Err(_) => {
                    let refusal = Refusal::plain(Some(admission.route), Reason::Internal);
                    return refuse(refusal, dialect.statuses);
                }
            };
        }
        Removal::Omitted => {}
    }
    for (name, value) in &identity.set {
        headers.insert(name, value.clone());
    }
    for (name, rest) in shared {
        if let Some(rest) = rest {
            headers.insert(name, rest);
        }
    }
    if let Some(field) = &dialect.subprotocol
        && let Some(handshake) = in_force.gate().sources().handshake(sent)
        && let Some(marker) = handshake.marker()
    {
        headers.insert(field, marker.clone());
    }
    (response, Some(Decision::Admit(admission)))
}

/// What the application gets of each field that may carry a token next to other values. The proxy
/// replaces the client's field by it, whether or not there was a token.
fn rests(gate: &Gate, sent: &HeaderMap) -> Vec<(HeaderName, Option<HeaderValue>)> {
    let Some(sources) = gate.stripped_sources() else {
        return Vec::new();
    };
    let rest = |name: HeaderName| {
        let rest = sources.rest_of(&name, sent);
        (name, rest)
    };
    sources.shared_fields().map(rest).collect()
}

/// The refusal, with a status that the proxy treats as a refusal.
fn refuse(refusal: Refusal, statuses: Statuses) -> Decided {
    let has_challenge = refusal.headers.contains_key(WWW_AUTHENTICATE);
    let status = statuses.carried(refusal.status, has_challenge);
    let fields = refusal.headers.len();
    let mut response = answer(status, refusal.status, refusal.body, fields);
    let headers = response.headers_mut();
    for (name, value) in &refusal.headers {
        headers.append(name, value.clone());
    }
    headers.insert(CACHE_CONTROL, NO_STORE);
    if status != refusal.status {
        // A problem document repeats the status of its response (RFC 9457 §3.1.2).
        headers.remove(CONTENT_TYPE);
        *response.body_mut() = Cow::Borrowed("");
    }
    (response, Some(Decision::Refuse(Box::new(refusal))))
}

/// The metadata. It does not depend on the request, so it may be stored.
fn publish(published: Published) -> Decided {
    let mut response = Response::new(Cow::Owned(published.body.to_string()));
    *response.status_mut() = published.status;
    *response.headers_mut() = published.headers.clone();
    (response, Some(Decision::Publish(Box::new(published))))
}

fn not_found() -> Response<Cow<'static, str>> {
    let mut response = Response::new(Cow::Borrowed(""));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// An answer with room for this many more fields.
fn answer(
    status: StatusCode,
    true_status: StatusCode,
    body: &'static str,
    fields: usize,
) -> Response<Cow<'static, str>> {
    let mut response = Response::new(Cow::Borrowed(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(fields.saturating_add(2));
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(STATUS, HeaderValue::from(true_status.as_u16()));
    response
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The status of the decision, whether or not the proxy can carry it.
const STATUS: HeaderName = HeaderName::from_static("x-bearward-status");
