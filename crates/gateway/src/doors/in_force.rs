//! What is in force: all that a configuration says about requests, as one value.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bearward::failures::FailureLimit;
use bearward::{
    Authenticated, Challenge, Principal, Rejection, RequestHead, Requirements, ResourceServer,
    Sources,
};
use bearward_gate::decision::{Decision, Verdict};
use bearward_gate::gate::{Authenticator, Gate};
use bearward_gate::original::Original;
use bearward_gate::route::Route;

use super::client::Client;
use super::failures::{ClientFailures, Failures};
use super::proxy::upstream::{Upstream, Upstreams};

/// A gate, its resource server, and the upstreams of its routes. Immutable.
#[derive(Clone, Debug)]
pub struct InForce {
    server: ResourceServer,
    gate: Gate,
    upstreams: Upstreams,
    failures: Option<Failures>,
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
            failures: None,
        }
    }

    /// Sets the upstreams of the routes, for the reverse proxy.
    #[must_use]
    pub fn upstreams(mut self, upstreams: Upstreams) -> Self {
        self.upstreams = upstreams;
        self
    }

    /// Limits the failures of each client; by default there is no limit.
    #[must_use]
    pub fn failures(mut self, failures: Option<Failures>) -> Self {
        self.failures = failures;
        self
    }

    /// Decides on a request, as [`Gate::decide`] does, for a client that is not known.
    pub async fn decide(&self, original: &Original<'_>) -> Decision {
        self.asked_by(|| None).decide(original).await
    }

    /// The same for the requests of a client, if it is known. Nobody asks for it if nothing is limited.
    pub(super) fn asked_by(&self, client: impl FnOnce() -> Option<Client>) -> Asked<'_> {
        let failures = self.failures.as_ref();
        Asked {
            in_force: self,
            failures: failures.and_then(|failures| Some(failures.of(client()?))),
        }
    }

    /// The failures of clients, if they are limited.
    pub(crate) const fn counted_failures(&self) -> Option<&Failures> {
        self.failures.as_ref()
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

/// What is in force, for the requests of one client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'f> {
    in_force: &'f InForce,
    /// `None` if nothing limits them.
    failures: Option<ClientFailures<'f>>,
}

impl Asked<'_> {
    /// What limits the failures of the client, if anything does.
    fn limit(&self) -> Option<&dyn FailureLimit> {
        let failures = self.failures.as_ref();
        failures.map(|failures| -> &dyn FailureLimit { failures })
    }

    pub(super) async fn decide(&self, original: &Original<'_>) -> Decision {
        self.in_force.gate.decide(original, self).await
    }

    pub(super) async fn decide_by_route(&self, original: &Original<'_>) -> Verdict {
        self.in_force.gate.decide_by_route(original, self).await
    }
}

impl Authenticator for Asked<'_> {
    async fn authenticate(
        &self,
        head: RequestHead<'_>,
        sources: &Sources,
    ) -> Result<Principal, Rejection> {
        let server = &self.in_force.server;
        let authenticated = server.authenticate_within(head, sources, self.limit());
        let authenticated = authenticated.await;
        authenticated.map(Authenticated::into_principal)
    }

    async fn authorize(
        &self,
        head: RequestHead<'_>,
        principal: &Principal,
        requirements: &Requirements,
    ) -> Result<(), Rejection> {
        let server = &self.in_force.server;
        server
            .authorize_within(head, principal, requirements, self.limit())
            .await
    }

    fn challenge(&self, rejection: &Rejection, head: RequestHead<'_>) -> Challenge {
        self.in_force.server.challenge(rejection, head)
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
