//! The layer: which resource server, and what it asks for.

use bearward::{Requirements, ResourceServer};
use http::{Extensions, Uri};

/// Admits authenticated requests only, and of these only the ones that meet the requirements.
///
/// Layers of the same [`ResourceServer`] may be nested, one around all routes and others around
/// single ones: each adds its requirements, and the token is verified once.
///
/// A cross-origin preflight (`OPTIONS`) carries no credentials; put a CORS layer outside of this
/// one to answer it.
#[derive(Clone, Debug)]
#[must_use]
pub struct BearerLayer {
    pub(crate) server: ResourceServer,
    pub(crate) access: Access,
    pub(crate) requirements: Vec<Requirements>,
    pub(crate) original_uri: fn(&Extensions) -> Option<&Uri>,
}

/// What becomes of a request without credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Required,
    Optional,
}

impl BearerLayer {
    /// Every request must be authenticated.
    pub fn new(server: &ResourceServer) -> Self {
        Self {
            server: server.clone(),
            access: Access::Required,
            requirements: Vec::new(),
            original_uri: |_| None,
        }
    }

    /// A request without credentials passes, without principal. One with bad credentials is still
    /// refused, and so is one without where requirements are to be met.
    pub const fn optional(mut self) -> Self {
        self.access = Access::Optional;
        self
    }

    /// Asks for this as well; all that is asked for must be met.
    pub fn require(mut self, requirements: Requirements) -> Self {
        self.requirements.push(requirements);
        self
    }

    /// Finds the original request target among the extensions, for a framework whose routers change
    /// that of the request: `bearward-axum` sets it. Default: the request's is the original one.
    pub const fn original_uri(mut self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.original_uri = find;
        self
    }
}
