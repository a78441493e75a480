//! The setting: the resource server of the suite, plain services, and requests to them.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bearward::fetch::{Answer, ConnectFailure, FetchError, Get, Transport};
use bearward::resource_server::ResourceServerBuilder;
use bearward::{Issuer, JwkSet, Policy, Principal, ResourceServer, UnixTime};
use bearward_testing::conformance::{
    AUDIENCE, DOWN_ISSUER, ISSUER, NOW, key_set, metadata, policy,
};
use bearward_testing::{SigningKey, Token};
use http::{Request, Response};
use tower::util::service_fn;
use tower::{Service, ServiceExt};

/// The resource server that the suite asks for.
pub(crate) fn server() -> ResourceServer {
    settings().metadata(metadata()).build().unwrap()
}

/// The same, without metadata.
pub(crate) fn settings() -> ResourceServerBuilder {
    trusting([policy(ISSUER)])
        .issuer(Issuer::jwks_uri(
            policy(DOWN_ISSUER),
            "https://down.example/keys",
        ))
        .transport(Down)
}

/// Trusts issuers that share the keys of the suite, at its time.
pub(crate) fn trusting(policies: impl IntoIterator<Item = Policy>) -> ResourceServerBuilder {
    let keys = || JwkSet::parse(key_set().as_bytes()).unwrap();
    let issuers = policies
        .into_iter()
        .map(|policy| Issuer::jwk_set(policy, keys()));
    let builder = ResourceServer::builder().clock(|| NOW);
    issuers.fold(builder, ResourceServerBuilder::issuer)
}

/// A user's access token.
pub(crate) fn good() -> Token {
    Token::user(ISSUER, AUDIENCE, NOW)
}

/// The same, signed by someone who has not got the key.
pub(crate) fn forged() -> Token {
    let key = SigningKey::second(bearward::Algorithm::Rs256);
    let kid = SigningKey::first(bearward::Algorithm::Rs256);
    good().key(key.with_kid(kid.kid().unwrap()))
}

/// A request with this token.
pub(crate) fn with(token: &Token) -> Request<()> {
    let bearer = format!("Bearer {}", token.sign());
    Request::get("/")
        .header("authorization", bearer)
        .body(())
        .unwrap()
}

/// A request without credentials.
pub(crate) fn anonymous() -> Request<()> {
    Request::new(())
}

/// An answer for tests that look at the head.
pub(crate) type Text = Response<String>;

/// A service that shows the principal: `nobody` if there is none.
pub(crate) fn who<B: Send + 'static>()
-> impl Service<Request<B>, Response = Text, Error = Infallible, Future: Send> + Clone + Send {
    service_fn(async |request: Request<B>| {
        let principal: Option<&Principal> = request.extensions().get();
        let subject = principal.map_or("nobody", Principal::subject).to_owned();
        // The body is held over an await, as services do.
        tokio::task::yield_now().await;
        drop(request);
        Ok(Response::new(subject))
    })
}

/// What `service` answers to one request.
pub(crate) async fn answer<S, B>(service: &S, request: Request<B>) -> S::Response
where
    S: Service<Request<B>, Error = Infallible> + Clone,
{
    service.clone().oneshot(request).await.unwrap()
}

/// The reason that the answer leaves for layers outside; `None` if nothing was refused.
pub(crate) fn reason<B>(response: &Response<B>) -> Option<&'static str> {
    let rejection: Option<&bearward::Rejection> = response.extensions().get();
    rejection.map(bearward::Rejection::reason)
}

/// A clock that shows [`NOW`], and how often it was looked at.
#[derive(Clone, Default)]
pub(crate) struct CountingClock(Arc<AtomicUsize>);

impl CountingClock {
    pub(crate) fn clock(&self) -> impl Fn() -> UnixTime + Send + Sync + 'static {
        let count = Arc::clone(&self.0);
        move || {
            count.fetch_add(1, Ordering::Relaxed);
            NOW
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
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
