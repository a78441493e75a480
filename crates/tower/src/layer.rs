//! The layer: a resource server and requirements.

use bearward::{Requirements, ResourceServer, Sources};
use http::{Extensions, Uri};

/// Admits only authenticated requests that meet the requirements.
///
/// You can nest layers with the same [`ResourceServer`], one around all routes and others around
/// single routes: each adds its requirements, and the token is verified once.
///
/// A cross-origin preflight (`OPTIONS`) carries no credentials; put a CORS layer outside this one
/// to answer it.
#[derive(Clone, Debug)]
#[must_use]
pub struct BearerLayer {
    pub(crate) server: ResourceServer,
    pub(crate) access: Access,
    pub(crate) requirements: Vec<Requirements>,
    pub(crate) sources: Sources,
    pub(crate) original_uri: fn(&Extensions) -> Option<&Uri>,
}

/// How to treat a request without credentials.
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
            sources: server.sources().clone(),
            original_uri: |_| None,
        }
    }

    /// Lets a request without credentials pass, without a principal. Bad credentials are still
    /// refused, and so are missing ones if there are requirements.
    pub const fn optional(mut self) -> Self {
        self.access = Access::Optional;
        self
    }

    /// Adds these requirements; a request must meet all of them.
    pub fn require(mut self, requirements: Requirements) -> Self {
        self.requirements.push(requirements);
        self
    }

    /// Where requests to these routes may carry their token in addition to `Authorization`, in place of
    /// what the [resource server](ResourceServer::sources) says.
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// Reads the original request target from the extensions, for frameworks whose routers change
    /// the request's URI: `bearward-axum` sets this. Default: the request's URI is the original.
    pub const fn original_uri(mut self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.original_uri = find;
        self
    }
}
