//! The reverse proxy: decides on the head of a request, and passes on what is admitted
//! ([RFC 9110 §7.6]).
//!
//! ```text
//! head → Decision → fields cleaned → identity fields set → upstream → answer, streamed
//! ```
//!
//! Bodies are never buffered: a refusal does not read them, and an admitted body passes as fast as the
//! slower side takes it. Requests are written anew, never copied, so that client and upstream cannot
//! differ on where one ends. The path that the gate decided on is the path forwarded.
//!
//! [RFC 9110 §7.6]: https://www.rfc-editor.org/rfc/rfc9110#section-7.6

mod activity;
mod answer;
mod body;
mod body_error;
mod connection;
mod download;
mod entrance;
mod fields;
mod forwarded;
mod guarded;
mod head;
mod idle;
mod inbound;
mod length;
mod limits;
mod places;
mod serve;
mod settings;
mod streams;
mod token;
mod tunnel;
mod upload;
pub(super) mod upstream;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bearward_gate::decision::{Admission, Decision};
use bearward_gate::gate::Gate;
use bearward_gate::misleading::Sender;
use bearward_gate::original::Original;
use bearward_gate::peer::Peer;
use http::header::{CONNECTION, ORIGIN, TE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Extensions, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::{Body, Incoming};
use hyper::upgrade::OnUpgrade;

use crate::doors::client::Client;
use crate::doors::in_force::{Asked, Current, InForce};
use crate::record::interruption::Interruption;
use crate::record::observer;
use crate::record::request::{ADMITTED, Door};
use crate::record::request_id;
use crate::record::telemetry::TraceParent;

use self::activity::Active;
use self::answer::Answer;
pub use self::body::ProxyBody;
pub use self::body_error::BodyError;
use self::connection::Connection;
use self::download::{Download, Kind};
use self::entrance::{Entrance, Outlook};
use self::forwarded::Via;
use self::head::Upgrade;
use self::inbound::{Inbound, RefusalForm};
pub use self::limits::Limits;
pub(crate) use self::places::{Most, Purpose, SharedMost};
use self::places::{Place, Room};
pub use self::serve::serve;
pub use self::settings::{Expiry, Settings};
use self::token::TokenTraces;
use self::tunnel::Tunnel;
use self::upload::{Progress, Unread, Upload};
pub(crate) use self::upstream::IDLE_MAX;
pub use self::upstream::{
    Address, AddressError, AddressState, Protocol, Tls, TlsError, Upstream, Upstreams,
};
use self::upstream::{ConnectionLease, Upstream as Target};

/// A request in progress, and the places that it holds until it ends.
type Exchange = observer::Exchange<TakenPlaces>;

/// The places that a request has taken.
#[derive(Debug, Default)]
struct TakenPlaces {
    gateway: Option<Place>,
    upstream: Option<Place>,
}

/// Decides on requests and passes them on.
#[derive(Clone, Debug)]
pub struct Proxy {
    current: Current,
    settings: Settings,
    most: Arc<SharedMost>,
    room: Arc<Room>,
}

impl Proxy {
    /// A proxy from the routes in force to their upstreams.
    #[must_use]
    pub fn new(current: Current, settings: Settings) -> Self {
        Self {
            most: Arc::new(SharedMost::new(settings.most)),
            room: Arc::default(),
            current,
            settings,
        }
    }

    /// The limits on requests in progress, which a reload replaces.
    pub(crate) const fn most(&self) -> &Arc<SharedMost> {
        &self.most
    }

    /// Answers a request from `peer`. The caller manages the connection.
    pub async fn serve_request(
        &self,
        peer: impl Into<Peer>,
        request: Request<Incoming>,
    ) -> Response<ProxyBody> {
        let inbound = Inbound::new(peer.into(), None, &request, &self.settings);
        self.answer(inbound, request).await
    }

    async fn answer(
        &self,
        mut inbound: Inbound,
        request: Request<Incoming>,
    ) -> Response<ProxyBody> {
        let parent = match inbound.trust {
            Sender::TrustedProxy => TraceParent::Proxy(request.headers()),
            Sender::Stranger | Sender::Envoy => TraceParent::Untrusted,
        };
        let observer = &self.settings.observer;
        let begun = observer.begin(Door::Proxy, request.method(), parent);
        let mut exchange: Exchange = begun.exchange(inbound.request(&request), request.uri());
        let mut request = request.map(Unread::new);
        let passed = self.pass(&inbound, &mut request, &mut exchange).await;
        let (kind, active) = (inbound.kind, inbound.active.take());
        let mut closes = kind.is_upgrade || inbound.is_last();
        let mut response = match passed {
            Ok(passed) => passed.into_response(exchange, inbound.connection, active),
            Err(mut answer) => {
                exchange.answered(answer.reason, answer.status);
                exchange.leave();
                let (head, mut unread) = request.into_parts();
                if !answer.is_exposed {
                    let in_force = self.current.load();
                    in_force.gate().expose(&head.headers, &mut answer.headers);
                }
                closes |= kind.is_http1 && !unread.is_over(&head.headers).await;
                let answer = match kind.refusal {
                    RefusalForm::Grpc => answer.into_grpc(),
                    RefusalForm::Head => answer.without_body(),
                    RefusalForm::Whole => *answer,
                };
                let id = exchange.id().value().clone();
                let mut response = Response::new(ProxyBody::fixed(answer.body, exchange, active));
                *response.status_mut() = answer.status;
                *response.headers_mut() = answer.headers;
                response.headers_mut().insert(request_id::ANSWERED, id);
                response
            }
        };
        if closes && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let last = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, last);
        }
        response
    }

    /// Takes a place at the gateway.
    fn enter(&self, client: Client, exchange: &mut Exchange) -> Result<(), Box<Answer>> {
        let place = Place::take(&self.room, client, Purpose::Request, self.most.load());
        exchange.holds().gateway = Some(place.ok_or_else(Answer::too_many)?);
        Ok(())
    }

    /// Sends a request to its upstream, if the gate admits it.
    async fn pass(
        &self,
        inbound: &Inbound,
        request: &mut Request<Unread>,
        exchange: &mut Exchange,
    ) -> Result<Passed, Box<Answer>> {
        // Before the request is read: a refusal has to cost less than the request it refuses.
        self.enter(inbound.client, exchange)?;
        let in_force = self.current.load();
        let is_ours = head::to_origin_form(request).is_some();
        let Some((target, host)) = head::read(request).filter(|_| is_ours) else {
            return Err(Box::new(Answer::target_form()));
        };
        let asked = in_force.asked_by(|| inbound.accountable);
        let admission = admit(asked, request, target, host, exchange).await?;
        let host = host.and_then(|host| head::host(request.headers(), host));
        let upstream = in_force.upstream(&admission.route);
        let upstream = upstream.ok_or_else(|| without_upstream(&admission, exchange))?;
        exchange.upstream(&upstream.name);

        let client = request.extensions_mut().remove::<OnUpgrade>();
        let upgrade = Upgrade::requested_by(request, &self.settings)
            .filter(|_| upstream.version(request.version()) == Version::HTTP_11);
        let kind = Kind::of(request.headers());
        let version = upstream.version(request.version());
        let outlook = Outlook::of(kind, version, upgrade.as_ref());
        let entrance = Entrance {
            proxy: self,
            upstream,
        };
        entrance.enter(inbound.client, outlook, exchange)?;
        let traces = TokenTraces::of(in_force.gate(), request.headers(), request.uri());
        let (head, body) = take(request, kind, self.settings.client_idle, in_force.gate());
        let outbound = Outbound {
            in_force: &in_force,
            admission: &admission,
            upstream,
            upgrade: upgrade.as_ref(),
            inbound,
            host,
            exchange,
        };
        let (mut response, lease) = outbound.send(head, body).await?;
        traces.clean_response(&mut response);
        exchange.answered(ADMITTED, response.status());

        let tunnel = agreed(&response, upgrade, client)?;
        let is_endless =
            tunnel.is_some() || kind == Kind::Grpc || fields::is_stream(response.headers());
        if is_endless {
            entrance.turn_into_stream(exchange)?;
        }
        let expiry = is_endless.then_some(self.settings.expiry);
        let remaining = expiry.and_then(|expiry| remaining(&in_force, &admission, expiry));
        let idle = upstream.idle;
        let mut response = response.map(|body| Download::new(body, kind, idle, remaining, lease));
        if tunnel.is_none() && response.body_mut().begin().await.is_err() {
            return Err(Answer::bad_gateway(Interruption::UpstreamFailed).into());
        }
        Ok(Passed {
            response,
            tunnel,
            remaining,
            idle,
        })
    }
}

/// The configuration should not allow this.
fn without_upstream(admission: &Admission, exchange: &Exchange) -> Box<Answer> {
    let (id, route) = (exchange.id().as_str(), &*admission.route.name);
    tracing::error!(id, route, "route without upstream");
    Answer::internal().into()
}

/// The two ends of a tunnel, if the application agreed to the upgrade.
fn agreed(
    response: &Response<Incoming>,
    upgrade: Option<Upgrade>,
    client: Option<OnUpgrade>,
) -> Result<Option<(Upgrade, OnUpgrade)>, Box<Answer>> {
    match (response.status(), upgrade, client) {
        (StatusCode::SWITCHING_PROTOCOLS, Some(upgrade), Some(client))
            if upgrade.is_agreed(response.headers()) =>
        {
            Ok(Some((upgrade, client)))
        }
        (StatusCode::SWITCHING_PROTOCOLS, ..) => {
            Err(Answer::bad_gateway(Interruption::UpstreamFailed).into())
        }
        _ => Ok(None),
    }
}

/// Has the gate decide on a request.
async fn admit(
    asked: Asked<'_>,
    request: &Request<Unread>,
    target: &str,
    host: Option<&str>,
    exchange: &mut Exchange,
) -> Result<Box<Admission>, Box<Answer>> {
    let original = Original::new(request.method(), target, host, request.headers())
        .with_body(!request.body().is_empty());
    match asked.decide(&original).await {
        Decision::Admit(mut admission) => {
            exchange.admitted(&mut admission);
            Ok(admission)
        }
        Decision::Publish(published) => {
            exchange.published(&published.path);
            Err(Box::new((*published).into()))
        }
        Decision::Refuse(mut refusal) => {
            exchange.refused(&mut refusal);
            Err(Box::new((*refusal).into()))
        }
    }
}

/// Takes a request apart. The part left behind shows how much of the body has arrived, and for our own
/// answers, which page sent it.
fn take(
    request: &mut Request<Unread>,
    kind: Kind,
    limit: Duration,
    gate: &Gate,
) -> (Parts, Upload) {
    let trailers = (kind == Kind::Grpc).then(|| gate.identity().clone());
    let upload = request.body_mut().upload(limit, trailers);
    let (head, unread) = mem::take(request).into_parts();
    *request.body_mut() = unread;
    if gate.has_origins() {
        for origin in head.headers.get_all(ORIGIN) {
            request.headers_mut().append(ORIGIN, origin.clone());
        }
    }
    (head, upload)
}

/// How long a tunnel or stream may go on; for ever, if there is no token.
fn remaining(in_force: &InForce, admission: &Admission, expiry: Expiry) -> Option<Duration> {
    let Expiry::Ends(leeway) = expiry else {
        return None;
    };
    let end = admission.principal.as_ref()?.expires_at().plus(leeway);
    Some(end.since(in_force.server().now()).unwrap_or_default())
}

/// A request on its way to the upstream.
struct Outbound<'r> {
    in_force: &'r InForce,
    admission: &'r Admission,
    upstream: &'r Target,
    upgrade: Option<&'r Upgrade>,
    inbound: &'r Inbound,
    host: Option<HeaderValue>,
    exchange: &'r Exchange,
}

impl Outbound<'_> {
    /// Sends it, and waits for the head of the answer.
    async fn send(
        &self,
        mut head: Parts,
        body: Upload,
    ) -> Result<(Response<Incoming>, ConnectionLease), Box<Answer>> {
        head.version = self.upstream.version(head.version);
        let wants_trailers =
            head.version == Version::HTTP_2 && fields::wants_trailers(&head.headers);
        // They are about the client's connection.
        head.extensions = Extensions::new();
        let gate = self.in_force.gate();
        fields::clean_request(&mut head.headers, self.inbound.trust, gate.identity());
        token::take_out(gate, &mut head).ok_or_else(|| Box::new(Answer::internal()))?;
        let is_repeatable = body.is_end_stream() && head.method.is_idempotent();
        let copy = is_repeatable.then(|| head.clone());
        let again = |progress: &Arc<Progress>| {
            let body = Upload::empty(Arc::clone(progress));
            self.request(copy.clone()?, wants_trailers, body)
        };
        let request = self.request(head, wants_trailers, body);
        let request = request.ok_or_else(|| Box::new(Answer::internal()))?;
        let sent = self
            .upstream
            .send(request, is_repeatable.then_some(&again))
            .await;
        let (mut response, lease) = sent.map_err(|error| Box::new(Answer::from(error)))?;
        if length::check(response.headers_mut()).is_err() {
            return Err(Answer::bad_gateway(Interruption::UpstreamFraming).into());
        }
        Ok((response, lease))
    }

    /// The cleaned request with the fields that we set for the application.
    fn request(
        &self,
        mut head: Parts,
        wants_trailers: bool,
        body: Upload,
    ) -> Option<Box<Request<Upload>>> {
        let headers = &mut head.headers;
        let identity = &self.admission.identity.set;
        headers.reserve(identity.len().saturating_add(OWN_FIELDS));
        let via = Via {
            peer: &self.inbound.peer_name,
            host: self.host.as_ref(),
            scheme: self.inbound.scheme,
        };
        forwarded::set_forwarded(headers, self.inbound.trust, via);
        if let Some(upgrade) = self.upgrade {
            upgrade.set(headers);
        }
        if wants_trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        // Last, so that nothing above can remove them. The client's copies are already gone.
        for (name, value) in identity {
            headers.insert(name, value.clone());
        }
        let has_length = body.size_hint().exact().is_some();
        if head.version == Version::HTTP_11 && !has_length {
            // Explicit, since a GET would otherwise be taken to have no body.
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        head::address(&mut head, self.host.clone(), self.upstream)?;
        self.exchange.pass_on(&mut head.headers);
        Some(Box::new(Request::from_parts(head, body)))
    }
}

/// How many fields are set in addition to the identity fields, at most: `Forwarded` and three more of
/// its kind, `Host`, two each for an upgrade and for a trace, `TE` or `Transfer-Encoding`.
const OWN_FIELDS: usize = 10;

/// A request that was forwarded and answered.
struct Passed {
    response: Response<Download>,
    tunnel: Option<(Upgrade, OnUpgrade)>,
    remaining: Option<Duration>,
    idle: Duration,
}

impl Passed {
    fn into_response(
        self,
        exchange: Exchange,
        connection: Option<Connection>,
        active: Option<Active>,
    ) -> Response<ProxyBody> {
        let Self { mut response, .. } = self;
        let Some((upgrade, client)) = self.tunnel else {
            fields::end_hop(response.headers_mut());
            *response.version_mut() = Version::HTTP_11;
            return response.map(|body| ProxyBody::relayed(body, exchange, active));
        };
        let tunnel = Tunnel {
            client,
            upstream: hyper::upgrade::on(&mut response),
            idle: self.idle,
            remaining: self.remaining,
            exchange,
            connection,
        };
        tokio::spawn(tunnel.run());
        fields::end_hop(response.headers_mut());
        upgrade.set(response.headers_mut());
        response.map(|_| ProxyBody::tunnelled())
    }
}
