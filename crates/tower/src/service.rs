//! The service: request in, [`ResourceServer::authenticate`], principal into the extensions or
//! challenge out.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bearward::{Authenticated, Principal, Rejection, RequestHead, ResourceServer, Sources};
use http::request::Parts;
use http::{Extensions, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::layer::{Access, BearerLayer};

/// The service that [`BearerLayer`] wraps around another.
///
/// A refused request does not reach the service; its answer has the [`Rejection`] in its
/// extensions, for layers outside to log and count.
#[derive(Clone, Debug)]
pub struct BearerService<S> {
    pub(crate) layer: BearerLayer,
    pub(crate) inner: S,
}

impl<S> Layer<S> for BearerLayer {
    type Service = BearerService<S>;

    fn layer(&self, inner: S) -> BearerService<S> {
        BearerService {
            layer: self.clone(),
            inner,
        }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for BearerService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send,
    ReqBody: Send + 'static,
    ResBody: From<&'static str>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The one that was polled ready is the one to call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            // A head of borrowed parts: the body takes no part in it and need not be `Sync`.
            let (mut parts, body) = request.into_parts();
            match layer.admit(&parts).await {
                Ok(principal) => {
                    layer.hand_over(principal, &mut parts.extensions);
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(rejection) => Ok(layer.refuse(rejection, &parts)),
            }
        })
    }
}

/// A layer's message to inner layers, in the extensions: whom it authenticated, with which resource
/// server, and from which sources. The principal next to it is for the application, which may replace it.
#[derive(Clone)]
struct Outer {
    principal: Principal,
    by: ResourceServer,
    sources: Sources,
}

impl BearerLayer {
    /// The sender of the request, or `None` if optional credentials are missing.
    async fn admit(&self, parts: &Parts) -> Result<Option<Principal>, Rejection> {
        let head = self.head(parts);
        let principal = match self.authenticated(&parts.extensions) {
            Some(principal) => principal,
            None => match self.server.authenticate_from(head, &self.sources).await {
                Ok(Authenticated { principal, .. }) => principal,
                Err(Rejection::NoCredentials) if self.admits_nobody() => return Ok(None),
                Err(rejection) => return Err(rejection),
            },
        };
        for requirements in &self.requirements {
            self.server
                .authorize(head, &principal, requirements)
                .await?;
        }
        Ok(Some(principal))
    }

    /// The head of the request as sent.
    fn head<'r>(&self, parts: &'r Parts) -> RequestHead<'r> {
        let original = (self.original_uri)(&parts.extensions);
        RequestHead::new(
            &parts.method,
            original.unwrap_or(&parts.uri),
            &parts.headers,
        )
    }

    /// The principal that an outer layer authenticated with the same resource server, from the same
    /// sources.
    fn authenticated(&self, extensions: &Extensions) -> Option<Principal> {
        let Outer {
            principal,
            by,
            sources,
        } = extensions.get()?;
        let is_same = by.is_same(&self.server) && *sources == self.sources;
        is_same.then(|| principal.clone())
    }

    fn admits_nobody(&self) -> bool {
        self.access == Access::Optional && self.requirements.is_empty()
    }

    fn hand_over(&self, principal: Option<Principal>, extensions: &mut Extensions) {
        match principal {
            Some(principal) => {
                extensions.insert(principal.clone());
                extensions.insert(Outer {
                    principal,
                    by: self.server.clone(),
                    sources: self.sources.clone(),
                });
            }
            // Nobody means nobody, whatever a layer further out has left here.
            None => {
                extensions.remove::<Principal>();
                extensions.remove::<Outer>();
            }
        }
    }

    fn refuse<B: From<&'static str>>(&self, rejection: Rejection, parts: &Parts) -> Response<B> {
        tracing::debug!(reason = rejection.reason(), "request refused");
        let mut response = self
            .server
            .challenge(&rejection, self.head(parts))
            .into_response();
        response.extensions_mut().insert(rejection);
        response
    }
}
