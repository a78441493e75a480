//! The service: request in, [`ResourceServer::authenticate`], principal into the extensions or
//! challenge out.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bearward::{Principal, Rejection, RequestHead, ResourceServer};
use http::{Extensions, Request, Response};
use tower_service::Service;

use crate::layer::{Access, BearerLayer};

/// What [`BearerLayer`] puts around a service.
///
/// A refused request does not reach the service; its answer has the [`Rejection`] in its
/// extensions, for layers outside to log and count.
#[derive(Clone, Debug)]
pub struct BearerService<S> {
    pub(crate) layer: BearerLayer,
    pub(crate) inner: S,
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

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // The one that was polled ready is the one to call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            // A head of borrowed parts: the body takes no part in it and need not be `Sync`.
            let (parts, body) = request.into_parts();
            let admitted = layer
                .admit(RequestHead::from(&parts), &parts.extensions)
                .await;
            request = Request::from_parts(parts, body);
            match admitted {
                Ok(principal) => {
                    layer.hand_over(principal, request.extensions_mut());
                    inner.call(request).await
                }
                Err(rejection) => Ok(layer.refuse(rejection)),
            }
        })
    }
}

/// What a layer leaves in the extensions for layers further in: whom it authenticated, and with which
/// resource server. The principal beside it is for the application, which may put another in its
/// place.
#[derive(Clone)]
struct Authenticated {
    principal: Principal,
    by: ResourceServer,
}

impl BearerLayer {
    /// Who sent the request, `None` for nobody where that is allowed.
    async fn admit(
        &self,
        head: RequestHead<'_>,
        extensions: &Extensions,
    ) -> Result<Option<Principal>, Rejection> {
        let principal = match self.authenticated(extensions) {
            Some(principal) => principal,
            None => match self.server.authenticate(head).await {
                Ok(principal) => principal,
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

    /// The principal that a layer further out has authenticated with the same resource server.
    fn authenticated(&self, extensions: &Extensions) -> Option<Principal> {
        let Authenticated { principal, by } = extensions.get()?;
        by.is_same(&self.server).then(|| principal.clone())
    }

    fn admits_nobody(&self) -> bool {
        self.access == Access::Optional && self.requirements.is_empty()
    }

    fn hand_over(&self, principal: Option<Principal>, extensions: &mut Extensions) {
        match principal {
            Some(principal) => {
                extensions.insert(principal.clone());
                extensions.insert(Authenticated {
                    principal,
                    by: self.server.clone(),
                });
            }
            // Nobody means nobody, whatever a layer further out has left here.
            None => {
                extensions.remove::<Principal>();
                extensions.remove::<Authenticated>();
            }
        }
    }

    fn refuse<B: From<&'static str>>(&self, rejection: Rejection) -> Response<B> {
        tracing::debug!(reason = rejection.reason(), "request refused");
        let mut response = self.server.challenge(&rejection).into_response();
        response.extensions_mut().insert(rejection);
        response
    }
}
