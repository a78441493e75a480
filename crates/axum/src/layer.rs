//! The layer of `bearward-tower`, reading the request target from where axum keeps it.

use axum::extract::OriginalUri;
use bearward::{Requirements, ResourceServer, Sources};
use bearward_tower::BearerService;
use tower_layer::Layer;

/// Admits only authenticated requests that meet the requirements.
///
/// This is [`bearward_tower::BearerLayer`] for axum: a nested router sees a path without its
/// prefix, but this layer always sees the whole path.
#[derive(Clone, Debug)]
#[must_use]
pub struct BearerLayer(bearward_tower::BearerLayer);

impl BearerLayer {
    /// Every request must be authenticated.
    pub fn new(server: &ResourceServer) -> Self {
        let layer = bearward_tower::BearerLayer::new(server);
        Self(layer.original_uri(|extensions| extensions.get().map(|OriginalUri(uri)| uri)))
    }

    /// Lets a request without credentials pass, without a principal. Bad credentials are still
    /// refused, and so are missing ones if there are requirements.
    pub fn optional(self) -> Self {
        Self(self.0.optional())
    }

    /// Adds these requirements; a request must meet all of them.
    pub fn require(self, requirements: Requirements) -> Self {
        Self(self.0.require(requirements))
    }

    /// Where requests to these routes may carry their token in addition to `Authorization`, in place of
    /// what the [resource server](ResourceServer::sources) says.
    pub fn sources(self, sources: Sources) -> Self {
        Self(self.0.sources(sources))
    }
}

impl<S> Layer<S> for BearerLayer {
    type Service = BearerService<S>;

    fn layer(&self, inner: S) -> BearerService<S> {
        self.0.layer(inner)
    }
}
