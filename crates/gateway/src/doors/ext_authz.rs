//! The door for Envoy: ext_authz v3 over gRPC.
//!
//! Envoy lets a request pass on an empty `CheckResponse`. So this code never builds one by default:
//! only an [`Admission`] makes an answer that admits. Every other answer has a status other than `OK`
//! and a denied response. `error_response` is never used, since `failure_mode_allow` could turn it into
//! an admission.

use std::net::IpAddr;

use bearward_gate::decision::{Admission, Decision, Reason, Refusal};
use bearward_gate::gate::Gate;
use bearward_gate::grpc;
use bearward_gate::host::is_host;
use bearward_gate::original::{Original, is_grpc};
use bearward_gate::peer::{Peer, TrustedPeers};
use bearward_gate::publication::Published;
use bearward_gate::target::shown;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use tonic::Response;

use crate::doors::client::{Client, NamedClient, X_FORWARDED_FOR};
use crate::doors::in_force::{Current, InForce};
use crate::doors::only::only;
use crate::record::request::Request;
use crate::record::request_id::{self, RequestId};

pub mod messages;
mod metadata;
pub(crate) mod serve;

use messages::{
    CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue, HeaderValueOption, HttpRequest,
    HttpResponse, HttpStatus, OkHttpResponse, Status,
};

/// Answers Envoy's questions.
#[derive(Clone, Debug)]
pub struct ExtAuthz {
    current: Current,
    trusted: TrustedPeers,
}

impl ExtAuthz {
    /// Answers `trusted` peers with the decisions of the gate in force.
    #[must_use]
    pub const fn new(current: Current, trusted: TrustedPeers) -> Self {
        Self { current, trusted }
    }

    /// Who may ask.
    pub(crate) const fn trusted(&self) -> &TrustedPeers {
        &self.trusted
    }

    /// Answers a question from `peer`. The response's extensions hold the [`Decision`], or
    /// [`Published`] if the answer is the protected resource metadata.
    pub async fn answer(&self, peer: Peer, question: &CheckRequest) -> Response<CheckResponse> {
        let answered = self.decide(peer, question).await;
        let mut response = Response::new(answered.response);
        answered.decision.insert_into(response.extensions_mut());
        response
    }

    /// The original request and its path, as far as they are known without a decision.
    pub(crate) fn read(&self, peer: Peer, question: &CheckRequest) -> (Request, Box<str>) {
        let read = self.original(peer, question);
        let path = read.as_ref().map(|read| shown(read.target));
        (begin(peer, read.as_ref()), path.unwrap_or_default())
    }

    /// The original request, if a trusted peer describes one.
    fn original<'q>(&self, peer: Peer, question: &'q CheckRequest) -> Option<OriginalRequest<'q>> {
        let is_trusted = self.trusted.contains(peer);
        is_trusted
            .then(|| OriginalRequest::read(question))
            .flatten()
    }

    /// Answers a question, and returns what to report.
    pub(crate) async fn decide(&self, peer: Peer, question: &CheckRequest) -> Answered {
        let is_trusted = self.trusted.contains(peer);
        let read = self.original(peer, question);
        let request = begin(peer, read.as_ref());
        let (mut response, decision) = match &read {
            None if !is_trusted => {
                refuse(Refusal::plain(None, Reason::UntrustedPeer), Body::Problem)
            }
            None => refuse(Refusal::plain(None, Reason::DialectField), Body::Problem),
            Some(read) => {
                let client = || self.client(question, &read.headers);
                self.decide_on(read, client).await
            }
        };
        name(&mut response, &request.id);
        Answered {
            response,
            decision,
            request,
        }
    }

    /// The client whose failures count, if it is known: the peer of Envoy, or if that is a trusted
    /// proxy, whom it names.
    fn client(&self, question: &CheckRequest, headers: &HeaderMap) -> Option<Client> {
        let source = question.attributes.as_ref()?.source.as_ref()?;
        let source = source.address.as_ref()?.socket_address.as_ref()?;
        let address = source.address.parse::<IpAddr>().ok()?;
        match self.trusted.contains(address.into()) {
            true => NamedClient::read(headers, &X_FORWARDED_FOR, &self.trusted)?.accountable(),
            false => Some(Client::of(address.into())),
        }
    }

    async fn decide_on(
        &self,
        request: &OriginalRequest<'_>,
        client: impl FnOnce() -> Option<Client>,
    ) -> Decided {
        let in_force = self.current.load();
        let headers = &request.headers;
        let host = Some(request.host);
        let original = Original::new(&request.method, request.target, host, headers);
        match in_force.asked_by(client).decide(&original).await {
            Decision::Admit(admission) => {
                let response = admit(&in_force, &admission, &original);
                (response, Decision::Admit(admission))
            }
            Decision::Publish(published) => publish(published),
            Decision::Refuse(refusal) if is_grpc(headers) => refuse(*refusal, Body::None),
            Decision::Refuse(refusal) => refuse(*refusal, Body::Problem),
        }
    }
}

/// The question, with the id that Envoy sent.
fn begin(peer: Peer, read: Option<&OriginalRequest<'_>>) -> Request {
    let sent = read.and_then(|read| only(&read.headers, &request_id::PASSED_ON));
    let method = read.map_or(&Method::POST, |read| &read.method);
    Request::new(RequestId::sent_or_new(sent), method, peer)
}

/// An answer, and what to report.
pub(crate) struct Answered {
    pub(crate) response: CheckResponse,
    pub(crate) decision: Decision,
    pub(crate) request: Request,
}

/// An answer, and the decision to report.
type Decided = (CheckResponse, Decision);

/// Names the request to the application, or to the client that is refused.
fn name(response: &mut CheckResponse, id: &RequestId) {
    match &mut response.http_response {
        Some(HttpResponse::Ok(ok)) => ok.headers.push(field(&request_id::PASSED_ON, id.value())),
        Some(HttpResponse::Denied(denied)) => {
            denied
                .headers
                .push(field(&request_id::ANSWERED, id.value()));
        }
        None => {}
    }
}

/// The original request, as Envoy describes it: `path` is raw and includes the query; `query` and
/// `fragment` are always empty and not read.
struct OriginalRequest<'q> {
    method: Method,
    target: &'q str,
    host: &'q str,
    headers: HeaderMap,
}

impl<'q> OriginalRequest<'q> {
    fn read(question: &'q CheckRequest) -> Option<Self> {
        let attributes = question.attributes.as_ref()?;
        let request = attributes.request.as_ref()?.http.as_ref()?;
        Some(Self {
            method: Method::from_bytes(request.method.as_bytes()).ok()?,
            target: Some(request.path.as_str()).filter(|path| !path.is_empty())?,
            host: Some(request.host.as_str()).filter(|host| is_host(host))?,
            headers: fields(request)?,
        })
    }
}

/// The fields, from the one map that Envoy filled. `headers` joins repeated fields, `header_map` lists
/// them singly. In either form, two `Authorization` fields are refused.
fn fields(request: &HttpRequest) -> Option<HeaderMap> {
    let singly = request.header_map.as_ref();
    let singly = singly.map_or(&[][..], |map| map.headers.as_slice());
    if !singly.is_empty() && !request.headers.is_empty() {
        return None;
    }
    let joined = request.headers.iter();
    let joined = joined.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let singly = singly.iter().map(|field| {
        let value = match field.raw_value.is_empty() {
            true => field.value.as_bytes(),
            false => field.raw_value.as_slice(),
        };
        (field.key.as_str(), value)
    });
    let mut fields = HeaderMap::new();
    for (name, value) in joined.chain(singly) {
        // Envoy has one host, whatever it calls it.
        if [":authority", "host"].contains(&name) && value != request.host.as_bytes() {
            return None;
        }
        if name.starts_with(':') {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = http::HeaderValue::from_bytes(value).ok()?;
        // Several `Authorization` fields, joined. If a bearer token is first, the comma makes it
        // malformed; another scheme would hide it.
        if name == AUTHORIZATION && value.as_bytes().contains(&b',') && !is_bearer(&value) {
            fields.try_append(name.clone(), value.clone()).ok()?;
        }
        // More fields than a map can have are no request.
        fields.try_append(name, value).ok()?;
    }
    Some(fields)
}

fn is_bearer(value: &http::HeaderValue) -> bool {
    let scheme = value.as_bytes().get(..7);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Bearer "))
}

fn admit(in_force: &InForce, admission: &Admission, original: &Original<'_>) -> CheckResponse {
    let fields = &admission.identity;
    // A field that the client sent in another spelling reaches the application unless it is named here.
    let remove = in_force
        .gate()
        .identity()
        .to_remove(fields, original.headers);
    let principal = admission.principal.as_ref();
    let set = fields.set.iter();
    let mut ok = OkHttpResponse {
        headers: set.map(|(name, value)| field(name, value)).collect(),
        headers_to_remove: remove.map(str::to_owned).collect(),
        response_headers_to_add: Vec::new(),
        query_parameters_to_remove: Vec::new(),
    };
    take_out_token(&mut ok, in_force.gate(), original);
    CheckResponse {
        status: Some(Status { code: OK }),
        dynamic_metadata: principal.map(|principal| metadata::of(principal.all_claims())),
        http_response: Some(HttpResponse::Ok(ok)),
    }
}

/// Has Envoy take a token out of the places that it shares with other values, and complete the
/// response to a handshake that lost a subprotocol by this.
fn take_out_token(ok: &mut OkHttpResponse, gate: &Gate, original: &Original<'_>) {
    let sent = original.headers;
    let mut parameters = gate.sources().token_parameters(original.target).peekable();
    if parameters.peek().is_some() {
        // RFC 6750 §2.3.
        let private = http::HeaderValue::from_static("private");
        let private = with_action(&CACHE_CONTROL, &private, APPEND);
        ok.response_headers_to_add.push(private);
    }
    let Some(sources) = gate.stripped_sources() else {
        return;
    };
    ok.query_parameters_to_remove = parameters.map(str::to_owned).collect();
    for name in sources.shared_fields() {
        let rest = sources.rest_of(&name, sent);
        match &rest {
            rest if rest.as_ref() == sent.get(&name) => {}
            Some(rest) => ok.headers.push(field(&name, rest)),
            None => ok.headers_to_remove.push(name.to_string()),
        }
    }
    if let Some(handshake) = sources.handshake(sent)
        && let Some(marker) = handshake.marker()
    {
        let marker = with_action(&SEC_WEBSOCKET_PROTOCOL, marker, ADD_IF_ABSENT);
        ok.response_headers_to_add.push(marker);
    }
}

/// The body of a denied response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Empty: for a gRPC client, Envoy turns the answer into a status and the body into its message.
    None,
    /// The problem document.
    Problem,
}

fn refuse(refusal: Refusal, body: Body) -> Decided {
    let mut headers = refusal.headers.clone();
    let body = match body {
        Body::None => {
            headers.remove(CONTENT_TYPE);
            ""
        }
        Body::Problem => refusal.body,
    };
    let response = denied(refusal.status, refusal.status, &headers, body);
    (response, Decision::Refuse(Box::new(refusal)))
}

/// The metadata, as a denied response, which Envoy sends itself: the application does not have it.
fn publish(published: Box<Published>) -> Decided {
    let (headers, body) = (&published.headers, &published.body);
    let response = denied(StatusCode::FORBIDDEN, published.status, headers, body);
    (response, Decision::Publish(published))
}

/// A response that Envoy sends to the client in the application's place. `verdict` is what its gRPC
/// status says, `status` what the client gets.
fn denied(
    verdict: StatusCode,
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
) -> CheckResponse {
    CheckResponse {
        status: Some(Status {
            code: grpc::code(verdict),
        }),
        dynamic_metadata: None,
        http_response: Some(HttpResponse::Denied(DeniedHttpResponse {
            status: Some(HttpStatus {
                code: i32::from(status.as_u16()),
            }),
            headers: headers
                .iter()
                .map(|(name, value)| field(name, value))
                .collect(),
            body: body.to_owned(),
        })),
    }
}

fn field(name: &HeaderName, value: &http::HeaderValue) -> HeaderValueOption {
    with_action(name, value, OVERWRITE)
}

fn with_action(name: &HeaderName, value: &http::HeaderValue, action: i32) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_string(),
            // Envoy does not read `raw_value` in an answer. Our values are ASCII.
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
            raw_value: Vec::new(),
        }),
        append_action: action,
        keep_empty_value: true,
    }
}

/// `HeaderAppendAction::APPEND_IF_EXISTS_OR_ADD`.
const APPEND: i32 = 0;

/// `HeaderAppendAction::ADD_IF_ABSENT`.
const ADD_IF_ABSENT: i32 = 1;

/// `HeaderAppendAction::OVERWRITE_IF_EXISTS_OR_ADD`.
const OVERWRITE: i32 = 2;

/// The number of the gRPC status `OK`.
const OK: i32 = 0;
