//! The setting: questions as each proxy asks them, and the doors that answer.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;

use bearward::fetch::{Answer, ConnectFailure, FetchError, Get, Transport};
use bearward::{Issuer, JwkSet, RequestHead, ResourceServer};
use bearward_gateway::decision::{Decision, Reason};
use bearward_gateway::doors::forward_auth::{ForwardAuth, Peer, TrustedPeers};
use bearward_gateway::identity::{ClaimSource, Encoding, Identity};
use bearward_gateway::route::{Access, PathPattern, Route, Routes};
use bearward_gateway::{Current, Gate, InForce};
use bearward_testing::Token;
use bearward_testing::conformance::{
    AUDIENCE, DOWN_ISSUER, ISSUER, NOW, RouteAccess, key_set, metadata, policy, routes,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response};

pub(crate) type Ask = fn(Request<()>) -> Request<()>;

/// Every dialect, and how its proxy asks.
pub(crate) const DIALECTS: [(&str, Ask); 4] = [
    ("nginx", ask_nginx),
    ("traefik", ask_traefik),
    ("caddy", ask_caddy),
    ("envoy", ask_envoy),
];

/// Of a status as it is carried in full, by challenges alone, and without server errors: the one that the
/// proxy of this dialect carries.
pub(super) fn carried(dialect: &str, [all, challenge, no_server_error]: [u16; 3]) -> u16 {
    match dialect {
        "nginx" => challenge,
        "envoy" => no_server_error,
        _ => all,
    }
}

pub(crate) const LOOPBACK: Peer = Peer::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST));

pub(super) const TO_REMOVE: &str = "x-envoy-auth-headers-to-remove";

/// Fields that some proxy or server takes for the original request.
pub(super) const FORWARDING: &[&str] = &[
    "forwarded",
    "x-envoy-original-path",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x_forwarded_uri",
    "x_original_uri",
];

/// Method, target, host; for Envoy the one that is a field.
pub(super) fn dialect_fields(dialect: &str) -> &'static [&'static str] {
    match dialect {
        "nginx" => &["x-original-method", "x-original-uri", "x-original-host"],
        "envoy" => &["host"],
        _ => &["x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"],
    }
}

/// What nginx asks with the recipe: the client's fields, ours in the place of theirs.
pub(crate) fn ask_nginx(request: Request<()>) -> Request<()> {
    ask_by_fields(request, "/auth/nginx", dialect_fields("nginx"))
}

pub(crate) fn ask_traefik(request: Request<()>) -> Request<()> {
    ask_by_fields(request, "/auth/traefik", dialect_fields("traefik"))
}

/// With the client's query, as Caddy merges it in.
pub(crate) fn ask_caddy(request: Request<()>) -> Request<()> {
    let query = request.uri().query().map(|query| format!("?{query}"));
    let endpoint = format!("/auth/caddy{}", query.unwrap_or_default());
    ask_by_fields(request, &endpoint, dialect_fields("caddy"))
}

pub(crate) fn ask_envoy(request: Request<()>) -> Request<()> {
    let (mut parts, ()) = request.into_parts();
    parts.uri = format!("/auth/envoy{}", parts.uri).parse().unwrap();
    host_of(&mut parts.headers);
    Request::from_parts(parts, ())
}

pub(super) fn ask_by_fields(
    request: Request<()>,
    endpoint: &str,
    names: &[&'static str],
) -> Request<()> {
    let (mut parts, ()) = request.into_parts();
    let host = host_of(&mut parts.headers);
    let [method, target, host_name] = names else {
        panic!("three fields");
    };
    let headers = &mut parts.headers;
    headers.insert(*method, parts.method.as_str().parse().unwrap());
    headers.insert(*target, parts.uri.to_string().parse().unwrap());
    headers.insert(*host_name, host);
    headers.insert("host", HeaderValue::from_static("bearward.internal"));
    parts.method = Method::GET;
    parts.uri = endpoint.parse().unwrap();
    Request::from_parts(parts, ())
}

pub(super) fn host_of(headers: &mut HeaderMap) -> HeaderValue {
    let host = headers
        .entry("host")
        .or_insert(HeaderValue::from_static("api.example"));
    host.clone()
}

pub(crate) fn head_of(question: &Request<()>) -> RequestHead<'_> {
    RequestHead::from(question)
}

pub(super) async fn answer(
    door: &ForwardAuth,
    question: Request<()>,
) -> Response<Cow<'static, str>> {
    door.answer(LOOPBACK, head_of(&question)).await
}

pub(super) fn reason(response: &Response<Cow<'static, str>>) -> Option<Reason> {
    response.extensions().get().cloned()
}

pub(super) fn decision(response: &Response<Cow<'static, str>>) -> Decision {
    response.extensions().get::<Decision>().unwrap().clone()
}

/// The code of the reason; `admitted` if there is none.
pub(super) fn code(response: &Response<Cow<'static, str>>) -> &'static str {
    reason(response).map_or("admitted", |reason| reason.code())
}

/// The one value of a field.
pub(super) fn field(response: &Response<Cow<'static, str>>, name: &str) -> String {
    let mut values = response.headers().get_all(name).iter();
    let value = values.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(values.next().is_none(), "{name} twice");
    value.to_str().unwrap().to_owned()
}

pub(super) fn assert_removed(response: &Response<Cow<'static, str>>, dialect: &str, name: &str) {
    let value = response.headers().get(name);
    match dialect {
        "caddy" => assert_eq!(value.unwrap(), "", "{dialect} {name}"),
        "envoy" => {
            assert!(value.is_none(), "{dialect} {name}");
            let list = field(response, TO_REMOVE);
            assert!(
                list.split(", ").any(|listed| listed == name),
                "{dialect} {name}"
            );
        }
        _ => assert!(value.is_none(), "{dialect} {name}"),
    }
}

/// No challenge: no token would help.
pub(super) fn assert_refused_plainly(response: &Response<Cow<'static, str>>, status: u16) {
    assert_eq!(response.status(), status);
    let title = response.status().canonical_reason().unwrap();
    let document = format!("{{\"title\":\"{title}\",\"status\":{status}}}");
    assert_eq!(*response.body(), document);
    assert_eq!(field(response, "content-type"), "application/problem+json");
    assert!(!response.headers().contains_key("www-authenticate"));
}

pub(super) fn user() -> Token {
    Token::user(ISSUER, AUDIENCE, NOW)
}

pub(crate) fn get(target: &str) -> Request<()> {
    Request::get(target).body(()).unwrap()
}

pub(crate) fn good(target: &str) -> Request<()> {
    with(&user(), target)
}

pub(super) fn with(token: &Token, target: &str) -> Request<()> {
    let mut request = get(target);
    let bearer = format!("Bearer {}", token.sign());
    request
        .headers_mut()
        .insert("authorization", bearer.parse().unwrap());
    request
}

pub(super) fn prefix(path: &str) -> PathPattern {
    PathPattern::prefix(path).unwrap()
}

/// The subject in `X-Subject`, which the suite wants.
pub(crate) fn identity() -> Identity {
    let identity = Identity::builder().field("X-Subject", ClaimSource::Subject, Encoding::Plain);
    identity.build().unwrap()
}

/// The door that the suite asks for.
pub(crate) fn door() -> ForwardAuth {
    door_of([], identity())
}

/// With these routes, or those of the suite if there are none.
pub(super) fn door_of(routes: impl IntoIterator<Item = Route>, identity: Identity) -> ForwardAuth {
    let gate = gate(routes, identity, None);
    ForwardAuth::new(Current::new(gate), TrustedPeers::default())
}

pub(super) fn door_of_transport(hangs: Hangs) -> ForwardAuth {
    let gate = gate([], identity(), Some(hangs));
    ForwardAuth::new(Current::new(gate), TrustedPeers::default())
}

pub(crate) fn gate(
    own: impl IntoIterator<Item = Route>,
    identity: Identity,
    transport: Option<Hangs>,
) -> InForce {
    let mut own: Vec<_> = own.into_iter().collect();
    if own.is_empty() {
        own = routes().iter().map(route).collect();
    }
    InForce::new(server(transport), Gate::new(Routes::new(own), identity))
}

pub(crate) fn route(asked: &bearward_testing::conformance::Route) -> Route {
    let mut route = Route::new(asked.path(), [PathPattern::exact(asked.path()).unwrap()]);
    route.access = match asked.access() {
        RouteAccess::Optional => Access::Optional,
        RouteAccess::Required => Access::Required,
    };
    route.require = asked
        .requirements()
        .map(|all| vec![all.clone()])
        .into_iter()
        .collect();
    route
}

pub(super) fn server(transport: Option<Hangs>) -> ResourceServer {
    let keys = JwkSet::parse(key_set().as_bytes()).unwrap();
    let down = "https://down.example/keys";
    let server = ResourceServer::builder()
        .issuer(Issuer::jwk_set(policy(ISSUER), keys))
        .issuer(Issuer::jwks_uri(policy(DOWN_ISSUER), down))
        .metadata(metadata())
        .clock(|| NOW);
    let server = match transport {
        Some(hangs) => server.transport(hangs),
        None => server.transport(Down),
    };
    server.build().unwrap()
}

type Fetched<'a> = Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>>;

/// Nothing is ever reached.
#[derive(Debug)]
struct Down;

impl Transport for Down {
    fn get<'a>(&'a self, _: Get<'a>) -> Fetched<'a> {
        Box::pin(async { Err(FetchError::Connect(ConnectFailure::Refused)) })
    }
}

/// Nothing is ever answered.
#[derive(Debug)]
pub(crate) struct Hangs;

impl Transport for Hangs {
    fn get<'a>(&'a self, _: Get<'a>) -> Fetched<'a> {
        Box::pin(std::future::pending())
    }
}
