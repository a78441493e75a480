//! The gate: all that is decided about a request, in one place, for every door.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bearward::{Authenticated, Principal, Rejection, RequestHead, ResourceServer};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_LENGTH, ORIGIN, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Uri};

use crate::decision::{Admission, Decision, Reason, Refusal};
use crate::identity::{Identity, IdentityError};
use crate::misleading::names_another;
use crate::original::Original;
use crate::origins::Origins;
use crate::proxy::{Upstream, Upstreams};
use crate::publication::{Publication, Published};
use crate::route::{Access, Mode, Preflight, Route, Routes};
use crate::target::{Target, TargetError};

/// Decides who may pass, and as whom. Immutable: a new configuration is a new gate.
#[derive(Clone, Debug)]
pub struct Gate {
    server: ResourceServer,
    routes: Routes,
    identity: Identity,
    origins: Origins,
    publication: Option<Publication>,
    upstreams: Upstreams,
}

impl Gate {
    /// A gate of its parts.
    #[must_use]
    pub fn new(server: ResourceServer, routes: Routes, identity: Identity) -> Self {
        Self {
            publication: server.metadata().map(Publication::of),
            server,
            routes,
            identity,
            origins: Origins::default(),
            upstreams: Upstreams::default(),
        }
    }

    /// Lets pages of these origins read refusals; none by default.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Leads the routes to these upstreams, for the reverse proxy; to none by default. They are part
    /// of the gate so that a request goes where the gate that decided about it leads.
    #[must_use]
    pub fn upstreams(mut self, upstreams: Upstreams) -> Self {
        self.upstreams = upstreams;
        self
    }

    /// The answer to a request for the protected resource metadata, which is nobody's secret and
    /// falls under no route; `None` for any other.
    #[must_use]
    pub fn published(&self, method: &Method, target: &str) -> Option<Published> {
        self.publication.as_ref()?.answer(method, target)
    }

    /// Decides about a request, for every door and for whoever explains what a door would answer.
    pub async fn decide(&self, original: &Original<'_>) -> Decision {
        match self.published(original.method, original.target) {
            Some(published) => Decision::Publish(Box::new(published)),
            None => self.decide_by_route(original).await,
        }
    }

    /// The same for a door whose answer says only whether the application may have the request: the
    /// metadata cannot be its answer, so a request for it is one like any other.
    pub(crate) async fn decide_by_route(&self, original: &Original<'_>) -> Decision {
        let mut decision = self.decided(original).await;
        if let Decision::Refuse(refusal) = &mut decision {
            self.origins.expose(original.headers, &mut refusal.headers);
        }
        decision
    }

    async fn decided(&self, original: &Original<'_>) -> Decision {
        if has_several_readings(original.method) {
            return refuse(None, Reason::MethodCase);
        }
        let target = match Target::parse(original.target) {
            Ok(target) => target,
            Err(error) => return refuse(None, error.into()),
        };
        let is_kept = |name: &str| self.identity.keeps(name);
        if target
            .query()
            .is_some_and(|query| names_another(query, is_kept))
        {
            return refuse(None, Reason::QueryOverride);
        }
        // Its query may hold a second credential, so it must be readable as a URI, too.
        let Ok(uri) = original.target.parse::<Uri>() else {
            return refuse(None, Reason::TargetForm);
        };
        let selection = self.routes.select(original.method, original.host, &target);
        let Some(selection) = selection else {
            return refuse(None, Reason::NoRule);
        };
        if let Some(route) = selection.iter().find(|route| !route.allows(&target)) {
            return refuse(Some(route), Reason::AmbiguousPath);
        }
        let head = RequestHead::new(original.method, &uri, original.headers);
        let mut sender = None;
        let mut shadowed = None;
        for route in selection.iter() {
            match self.pass(original, head, route, &mut sender).await {
                Ok(()) => {}
                Err(rejection) if route.mode == Mode::Shadow => {
                    shadowed.get_or_insert(Reason::Rejected(rejection));
                }
                Err(rejection) => {
                    let challenge = self.server.challenge(&rejection, head);
                    let route = Arc::clone(route);
                    let refusal = Refusal::challenged(route, rejection, &challenge);
                    return Decision::Refuse(Box::new(refusal));
                }
            }
        }
        let principal = sender.and_then(Result::ok);
        let principal = principal.filter(|_| shadowed.is_none());
        self.admit(selection.route, principal, shadowed)
    }

    /// The resource server whose tokens are accepted.
    #[must_use]
    pub const fn server(&self) -> &ResourceServer {
        &self.server
    }

    /// The routes, in order.
    #[must_use]
    pub const fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The identity fields.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The upstream of a route.
    pub(crate) fn upstream(&self, route: &Route) -> Option<&Arc<Upstream>> {
        self.upstreams.find(route.upstream.as_deref()?)
    }

    pub(crate) const fn all_upstreams(&self) -> &Upstreams {
        &self.upstreams
    }

    /// Whether a route lets the request pass. Who sent it is found out once, by the first route that
    /// asks: a proof is good for one time.
    async fn pass(
        &self,
        original: &Original<'_>,
        head: RequestHead<'_>,
        route: &Route,
        sender: &mut Option<Result<Principal, Rejection>>,
    ) -> Result<(), Rejection> {
        if route.access == Access::Public {
            return Ok(());
        }
        if route.preflight == Preflight::Passes && is_preflight(original) {
            return Ok(());
        }
        let sender = match sender {
            Some(sender) => sender,
            None => {
                let authenticated = self.server.authenticate(head).await;
                sender.insert(authenticated.map(Authenticated::into_principal))
            }
        };
        match sender {
            Ok(principal) => self.authorize(head, principal, route).await,
            Err(Rejection::NoCredentials) if route.access == Access::Optional => Ok(()),
            Err(rejection) => Err(rejection.clone()),
        }
    }

    /// One of the groups must be met; the refusal told is that of the first.
    async fn authorize(
        &self,
        head: RequestHead<'_>,
        principal: &Principal,
        route: &Route,
    ) -> Result<(), Rejection> {
        let mut refused = None;
        for group in &route.require {
            match self.meets(head, principal, group).await {
                Ok(()) => return Ok(()),
                Err(rejection) => {
                    refused.get_or_insert(rejection);
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    async fn meets(
        &self,
        head: RequestHead<'_>,
        principal: &Principal,
        group: &[bearward::Requirements],
    ) -> Result<(), Rejection> {
        for requirements in group {
            self.server.authorize(head, principal, requirements).await?;
        }
        Ok(())
    }

    fn admit(
        &self,
        route: &Arc<Route>,
        principal: Option<Principal>,
        shadowed: Option<Reason>,
    ) -> Decision {
        let identity = match self.identity.of(principal.as_ref()) {
            Ok(identity) => identity,
            // Without a principal there is no claim that could be at fault.
            Err(error) if route.mode == Mode::Shadow && principal.is_some() => {
                return self.admit(route, None, Some(error.into()));
            }
            Err(error) => return refuse(Some(route), error.into()),
        };
        Decision::Admit(Box::new(Admission {
            route: Arc::clone(route),
            principal,
            identity,
            shadowed,
        }))
    }
}

/// The gate that is in force, for all doors. A new configuration replaces it between two requests,
/// never within one: a request is decided and passed on by the gate it [loaded](SharedGate::load).
#[derive(Clone, Debug)]
pub struct SharedGate(Arc<ArcSwap<Gate>>);

impl SharedGate {
    /// Puts `gate` in force.
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(gate)))
    }

    /// The gate in force now.
    #[must_use]
    pub fn load(&self) -> Arc<Gate> {
        self.0.load_full()
    }

    /// Puts another gate in force.
    pub fn replace(&self, gate: Gate) {
        self.0.store(Arc::new(gate));
    }
}

impl From<TargetError> for Reason {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Ambiguous(_) => Self::AmbiguousPath,
            TargetError::Form => Self::TargetForm,
        }
    }
}

impl From<IdentityError> for Reason {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::NotHeaderSafe => Self::ClaimNotHeaderSafe,
            IdentityError::TooLarge => Self::ClaimTooLarge,
        }
    }
}

fn refuse(route: Option<&Arc<Route>>, reason: Reason) -> Decision {
    Decision::Refuse(Box::new(Refusal::plain(route.cloned(), reason)))
}

/// Methods are case-sensitive ([RFC 9110 §9.1]), and all that are registered are in upper case; but
/// Django, Werkzeug and ASP.NET take `post` for `POST`, which a route for `POST` does not match.
///
/// [RFC 9110 §9.1]: https://www.rfc-editor.org/rfc/rfc9110#section-9.1
fn has_several_readings(method: &Method) -> bool {
    let method = method.as_str();
    method.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// A CORS preflight as browsers send it ([Fetch §4.8]): nothing else passes for one.
///
/// [Fetch §4.8]: https://fetch.spec.whatwg.org/#cors-preflight-fetch
fn is_preflight(original: &Original<'_>) -> bool {
    let headers = original.headers;
    let the_one = |name| {
        let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        lines.next().filter(|_| lines.next().is_none())
    };
    // `null`, or scheme and host: never nothing, never two words.
    let is_origin = |origin: &[u8]| !origin.is_empty() && origin.iter().all(u8::is_ascii_graphic);
    let has_body = || {
        headers.contains_key(TRANSFER_ENCODING)
            || headers
                .get(CONTENT_LENGTH)
                .is_some_and(|length| length.as_bytes() != b"0")
    };
    *original.method == Method::OPTIONS
        && !original.has_body
        && the_one(ORIGIN).is_some_and(is_origin)
        && the_one(ACCESS_CONTROL_REQUEST_METHOD)
            .is_some_and(|name| Method::from_bytes(name).is_ok())
        && !has_body()
}
