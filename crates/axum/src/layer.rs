//! The layer of `bearward-tower`, which finds the request target where axum keeps it.

use axum::extract::OriginalUri;
use bearward::{Requirements, ResourceServer};
use bearward_tower::BearerService;
use tower_layer::Layer;

/// Admits authenticated requests only, and of these only the ones that meet the requirements.
///
/// It is [`bearward_tower::BearerLayer`], for axum: a nested router sees a path without the part under
/// which it is nested, and this layer the whole one, wherever it stands.
#[derive(Clone, Debug)]
#[must_use]
pub struct BearerLayer(bearward_tower::BearerLayer);

impl BearerLayer {
    /// Every request must be authenticated.
    pub fn new(server: &ResourceServer) -> Self {
        let layer = bearward_tower::BearerLayer::new(server);
        Self(layer.original_uri(|extensions| extensions.get().map(|OriginalUri(uri)| uri)))
    }

    /// A request without credentials passes, without principal. One with bad credentials is still
    /// refused, and so is one without where requirements are to be met.
    pub fn optional(self) -> Self {
        Self(self.0.optional())
    }

    /// Asks for this as well; all that is asked for must be met.
    pub fn require(self, requirements: Requirements) -> Self {
        Self(self.0.require(requirements))
    }
}

impl<S> Layer<S> for BearerLayer {
    type Service = BearerService<S>;

    fn layer(&self, inner: S) -> BearerService<S> {
        self.0.layer(inner)
    }
}
