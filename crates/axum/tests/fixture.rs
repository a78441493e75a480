//! The setting: the resource server of the suite, and requests to routers.

use std::future::Future;
use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use bearward::fetch::{Answer, ConnectFailure, FetchError, Get, Transport};
use bearward::resource_server::ResourceServerBuilder;
use bearward_axum::{Caller, Issuer, JwkSet, ProtectedResourceMetadata, Rejection, ResourceServer};
use bearward_testing::Token;
use bearward_testing::conformance::{
    AUDIENCE, DOWN_ISSUER, ISSUER, NOW, key_set, metadata, policy,
};
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// The resource server that the suite asks for.
pub(crate) fn server() -> ResourceServer {
    publishing(metadata())
}

/// The same, with other metadata.
pub(crate) fn publishing(metadata: ProtectedResourceMetadata) -> ResourceServer {
    settings().metadata(metadata).build().unwrap()
}

/// The same, without metadata.
pub(crate) fn settings() -> ResourceServerBuilder {
    let keys = JwkSet::parse(key_set().as_bytes()).unwrap();
    let down = "https://down.example/keys";
    ResourceServer::builder()
        .issuer(Issuer::jwk_set(policy(ISSUER), keys))
        .issuer(Issuer::jwks_uri(policy(DOWN_ISSUER), down))
        .transport(Down)
        .clock(|| NOW)
}

/// A user's access token.
pub(crate) fn good() -> Token {
    Token::user(ISSUER, AUDIENCE, NOW)
}

/// A request for `path` without credentials.
pub(crate) fn get(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

/// A request for `path` with this token.
pub(crate) fn get_with(path: &str, token: &Token) -> Request<()> {
    let bearer = format!("Bearer {}", token.sign());
    let request = Request::get(path).header("authorization", bearer);
    request.body(()).unwrap()
}

/// What `app` answers to one request, its body read.
pub(crate) async fn answer(app: &Router, request: Request<()>) -> Response<String> {
    let request = request.map(|()| Body::empty());
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.into()).unwrap())
}

/// The reason that the answer leaves for layers outside; `None` if nothing was refused.
pub(crate) fn reason(response: &Response<String>) -> Option<&'static str> {
    let rejection: Option<&Rejection> = response.extensions().get();
    rejection.map(Rejection::reason)
}

/// A handler for those who have been authenticated.
pub(crate) async fn who(Caller(principal): Caller) -> String {
    principal.subject().to_owned()
}

/// A handler for everybody.
pub(crate) async fn who_if_anybody(caller: Option<Caller>) -> String {
    caller.map_or_else(|| "nobody".to_owned(), |who| who.subject().to_owned())
}

/// Nothing is ever reached.
#[derive(Debug)]
struct Down;

impl Transport for Down {
    fn get<'a>(
        &'a self,
        _: Get<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>> {
        Box::pin(async { Err(FetchError::Connect(ConnectFailure::Refused)) })
    }
}
