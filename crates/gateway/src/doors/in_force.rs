//! What is in force: all that a configuration says about requests, as one value.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bearward::{
    Authenticated, Challenge, Principal, Rejection, RequestHead, Requirements, ResourceServer,
    Sources,
};
use bearward_gate::decision::{Decision, Verdict};
use bearward_gate::gate::{Authenticator, Gate};
use bearward_gate::original::Original;
use bearward_gate::route::Route;

use super::proxy::upstream::{Upstream, Upstreams};

/// A gate, its resource server, and the upstreams of its routes. Immutable.
#[derive(Clone, Debug)]
pub struct InForce {
    server: ResourceServer,
    gate: Gate,
    upstreams: Upstreams,
}

impl InForce {
    /// A gate that verifies tokens with `server` and publishes its metadata. Its routes have no
    /// upstream yet.
    #[must_use]
    pub fn new(server: ResourceServer, gate: Gate) -> Self {
        Self {
            gate: gate.publish(server.metadata()),
            server,
            upstreams: Upstreams::default(),
        }
    }

    /// Sets the upstreams of the routes, for the reverse proxy.
    #[must_use]
    pub fn upstreams(mut self, upstreams: Upstreams) -> Self {
        self.upstreams = upstreams;
        self
    }

    /// Decides on a request, as [`Gate::decide`] does.
    pub async fn decide(&self, original: &Original<'_>) -> Decision {
        self.gate.decide(original, self).await
    }

    pub(crate) async fn decide_by_route(&self, original: &Original<'_>) -> Verdict {
        self.gate.decide_by_route(original, self).await
    }

    /// The resource server that verifies tokens.
    #[must_use]
    pub const fn server(&self) -> &ResourceServer {
        &self.server
    }

    /// The gate.
    #[must_use]
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(crate) const fn all_upstreams(&self) -> &Upstreams {
        &self.upstreams
    }

    /// The upstream of a route.
    pub(crate) fn upstream(&self, route: &Route) -> Option<&Arc<Upstream>> {
        self.upstreams.find(route.upstream.as_deref()?)
    }
}

impl Authenticator for InForce {
    async fn authenticate(
        &self,
        head: RequestHead<'_>,
        sources: &Sources,
    ) -> Result<Principal, Rejection> {
        let authenticated = self.server.authenticate_from(head, sources).await;
        authenticated.map(Authenticated::into_principal)
    }

    async fn authorize(
        &self,
        head: RequestHead<'_>,
        principal: &Principal,
        requirements: &Requirements,
    ) -> Result<(), Rejection> {
        self.server.authorize(head, principal, requirements).await
    }

    fn challenge(&self, rejection: &Rejection, head: RequestHead<'_>) -> Challenge {
        self.server.challenge(rejection, head)
    }
}

/// What is in force now, for all doors. A reload replaces it between two requests, never within one:
/// each request is decided and forwarded by the value it [loaded](Current::load). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Current(Arc<ArcSwap<InForce>>);

impl Current {
    /// Puts `first` in force.
    #[must_use]
    pub fn new(first: InForce) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    /// What is in force now.
    #[must_use]
    pub fn load(&self) -> Arc<InForce> {
        self.0.load_full()
    }

    /// Puts `next` in force.
    pub fn replace(&self, next: InForce) {
        self.0.store(Arc::new(next));
    }
}
