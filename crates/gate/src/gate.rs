//! The gate, which makes every decision about a request, for every door: access, requirements,
//! preflights, shadow mode.

use std::future::Future;
use std::sync::Arc;

use bearward_core::credentials::Credentials;
use bearward_core::{
    Challenge, Principal, ProtectedResourceMetadata, Rejection, RequestHead, Requirements, Sources,
};
use http::{HeaderMap, Method, Uri};

use crate::decision::{Admission, Decision, Reason, Refusal, Refused, Verdict};
use crate::identity::{Identity, IdentityError, Token};
use crate::misleading::names_another;
use crate::original::Original;
use crate::origins::Origins;
use crate::publication::{Publication, Published};
use crate::route::{Access, Mode, Preflight, Route, Routes};
use crate::target::{self, Target, TargetError};

/// Decides who may pass, and as whom. Immutable: a new configuration makes a new gate.
#[derive(Clone, Debug)]
pub struct Gate {
    routes: Routes,
    identity: Identity,
    origins: Origins,
    publication: Option<Publication>,
    /// Those of all routes.
    sources: Sources,
}

/// The resource server, which tells the gate who sent a request. It may have to fetch keys, so only its
/// answers make a decision wait; the gate itself has no I/O.
pub trait Authenticator: Sync {
    /// Finds out who sent the request with this head, whose token may be in `Authorization` or in one
    /// of these sources.
    fn authenticate(
        &self,
        head: RequestHead<'_>,
        sources: &Sources,
    ) -> impl Future<Output = Result<Principal, Rejection>> + Send;

    /// Checks that this principal, who sent the request with this head, meets the requirements.
    fn authorize(
        &self,
        head: RequestHead<'_>,
        principal: &Principal,
        requirements: &Requirements,
    ) -> impl Future<Output = Result<(), Rejection>> + Send;

    /// The response to a rejection of the request with this head.
    fn challenge(&self, rejection: &Rejection, head: RequestHead<'_>) -> Challenge;
}

impl Gate {
    /// A gate with these routes, which writes these identity fields.
    #[must_use]
    pub fn new(routes: Routes, identity: Identity) -> Self {
        Self {
            sources: routes.sources(),
            routes,
            identity,
            origins: Origins::default(),
            publication: None,
        }
    }

    /// Lets pages of these origins read refusals; none by default.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Whether pages of any origin may read refusals.
    #[must_use]
    pub fn has_origins(&self) -> bool {
        !self.origins.is_empty()
    }

    /// Lets the page that sent a request with these fields read a response of your own, such as one
    /// about an upstream that does not answer. The gate's refusals are so already.
    pub fn expose(&self, sent: &HeaderMap, response: &mut HeaderMap) {
        self.origins.expose(sent, response);
    }

    /// Serves this metadata; none by default.
    #[must_use]
    pub fn publish(mut self, metadata: Option<&ProtectedResourceMetadata>) -> Self {
        self.publication = metadata.map(Publication::of);
        self
    }

    /// The response to a request for the protected resource metadata, which is public and falls under
    /// no route; `None` for any other target.
    #[must_use]
    pub fn published(&self, original: &Original<'_>) -> Option<Published> {
        self.publication.as_ref()?.answer(original)
    }

    /// Decides on a request, for every door and for `explain`, which shows what a door would answer.
    pub async fn decide(
        &self,
        original: &Original<'_>,
        authenticator: &impl Authenticator,
    ) -> Decision {
        match self.published(original) {
            Some(published) => Decision::Publish(Box::new(published)),
            None => self.decide_by_route(original, authenticator).await.into(),
        }
    }

    /// Decides on a request for a door whose answer only allows or denies it: such an answer cannot
    /// hold the metadata, so the routes decide on requests for the metadata as well.
    pub async fn decide_by_route(
        &self,
        original: &Original<'_>,
        authenticator: &impl Authenticator,
    ) -> Verdict {
        let mut path = Box::default();
        let mut verdict = self.judge(original, authenticator, &mut path).await;
        match &mut verdict {
            Ok(admission) => admission.path = path,
            Err(refusal) => {
                self.origins.expose(original.headers, &mut refusal.headers);
                refusal.path = match path.is_empty() && original.target.starts_with('/') {
                    true => target::shown(original.target),
                    false => path,
                };
            }
        }
        verdict
    }

    /// Also notes the canonical path, if it has one.
    async fn judge(
        &self,
        original: &Original<'_>,
        authenticator: &impl Authenticator,
        path: &mut Box<str>,
    ) -> Verdict {
        if has_several_readings(original.method) {
            return refuse(None, Reason::MethodCase);
        }
        // It names a host to connect to, and has no path to decide on.
        if original.method == Method::CONNECT {
            return refuse(None, Reason::TargetForm);
        }
        let origin_form = match Target::origin_form(original.target, original.host) {
            Ok(target) => target,
            Err(error) => return refuse(None, error.into()),
        };
        let target = match Target::parse(&origin_form) {
            Ok(target) => target,
            Err(error) => return refuse(None, error.into()),
        };
        *path = target.shown();
        let is_kept = |name: &str| self.identity.keeps(name);
        let query = target.query();
        if query.is_some_and(|query| names_another(query, is_kept)) {
            return refuse(None, Reason::QueryOverride);
        }
        // The query may hold a second credential, so the target must also parse as a URI.
        let Ok(uri) = target.raw().parse::<Uri>() else {
            return refuse(None, Reason::TargetForm);
        };
        let selection = self.routes.select(original.method, original.host, &target);
        let Some(selection) = selection else {
            return refuse(None, without_route(&target));
        };
        if let Some(route) = selection.iter().find(|route| !route.allows(&target)) {
            return refuse(Some(route), Reason::AmbiguousPath);
        }
        // A method that the application may read elsewhere decides on cookies: any may be meant.
        let is_overridden = query.is_some_and(|query| names_another(query, |_| false))
            || self.identity.passes_method(original.headers);
        let method = if is_overridden {
            &Method::POST
        } else {
            original.method
        };
        let head = RequestHead::new(method, &uri, original.headers);
        let head = head.with_host(original.host);
        let mut sender = Sender::of(selection.sources());
        let mut shadowed = None;
        for route in selection.iter() {
            match pass(original, head, route, &mut sender, authenticator).await {
                Ok(()) => {}
                Err(refused) if route.mode == Mode::Shadow => {
                    shadowed.get_or_insert(Reason::Rejected(refused.rejection));
                }
                Err(refused) => {
                    let challenge = authenticator.challenge(&refused.rejection, head);
                    let route = Arc::clone(route);
                    let mut refusal = Refusal::challenged(route, refused, &challenge);
                    refusal.sender = sender.found.and_then(Result::ok);
                    return Err(Box::new(refusal));
                }
            }
        }
        let sender = sender.found.and_then(Result::ok);
        self.admit(selection.route, sender, shadowed)
    }

    /// The routes, in order.
    #[must_use]
    pub const fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Where the requests of any route may carry their token in addition to `Authorization`.
    #[must_use]
    pub const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The [sources](Self::sources) whose tokens a door takes out of each request, whatever its route,
    /// as it does with `Authorization`; `None` if the application receives them.
    #[must_use]
    pub fn stripped_sources(&self) -> Option<&Sources> {
        let is_stripped = self.identity.token() == Token::Strip && !self.sources.is_empty();
        is_stripped.then_some(&self.sources)
    }

    /// The identity fields.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    fn admit(
        &self,
        route: &Arc<Route>,
        sender: Option<Principal>,
        shadowed: Option<Reason>,
    ) -> Verdict {
        let (principal, shadowed_sender) = match shadowed {
            None => (sender, None),
            Some(_) => (None, sender),
        };
        let identity = match self.identity.of(principal.as_ref()) {
            Ok(identity) => identity,
            // Without a principal, no claim could cause the error.
            Err(error) if route.mode == Mode::Shadow && principal.is_some() => {
                return self.admit(route, principal, Some(error.into()));
            }
            Err(error) => {
                let mut refusal = Refusal::plain(Some(Arc::clone(route)), error.into());
                refusal.sender = principal.or(shadowed_sender);
                return Err(Box::new(refusal));
            }
        };
        Ok(Box::new(Admission {
            route: Arc::clone(route),
            principal,
            identity,
            shadowed_sender,
            shadowed,
            path: Box::default(),
        }))
    }
}

/// Why there is no route: nothing matches, or one of several readings has none.
fn without_route(target: &Target<'_>) -> Reason {
    match target.oddities().is_empty() {
        true => Reason::NoRule,
        false => Reason::AmbiguousPath,
    }
}

/// Who sent a request, once a route has needed to know: a proof can be used only once.
struct Sender {
    /// Everywhere that one of the routes that decide looks for a token.
    sources: Sources,
    found: Option<Result<Principal, Rejection>>,
}

impl Sender {
    /// Not known yet.
    const fn of(sources: Sources) -> Self {
        Self {
            sources,
            found: None,
        }
    }

    /// The sender, as far as this route reads credentials.
    async fn for_route(
        &mut self,
        head: RequestHead<'_>,
        route: &Route,
        authenticator: &impl Authenticator,
    ) -> Result<&Principal, Rejection> {
        // A token where another route alone looks is none on this one.
        if route.sources != self.sources {
            Credentials::parse_from(head, &route.sources)?;
        }
        let found = match &mut self.found {
            Some(found) => found,
            found => found.insert(authenticator.authenticate(head, &self.sources).await),
        };
        found.as_ref().map_err(Clone::clone)
    }
}

/// Whether a route lets the request pass.
async fn pass(
    original: &Original<'_>,
    head: RequestHead<'_>,
    route: &Route,
    sender: &mut Sender,
    authenticator: &impl Authenticator,
) -> Result<(), Refused> {
    if route.access == Access::Public {
        return Ok(());
    }
    if route.preflight == Preflight::Passes && original.is_preflight() {
        return Ok(());
    }
    match sender.for_route(head, route, authenticator).await {
        Ok(principal) => authorize(head, principal, route, authenticator).await,
        Err(Rejection::NoCredentials) if route.access == Access::Optional => Ok(()),
        Err(rejection) => Err(rejection.into()),
    }
}

/// Whether the principal meets one of the groups; if not, returns the first group's rejection.
async fn authorize(
    head: RequestHead<'_>,
    principal: &Principal,
    route: &Route,
    authenticator: &impl Authenticator,
) -> Result<(), Refused> {
    let mut refused = None;
    for group in &route.require {
        match meets(head, principal, group, authenticator).await {
            Ok(()) => return Ok(()),
            Err(by_group) => {
                refused.get_or_insert(by_group);
            }
        }
    }
    refused.map_or(Ok(()), Err)
}

async fn meets(
    head: RequestHead<'_>,
    principal: &Principal,
    group: &[Requirements],
    authenticator: &impl Authenticator,
) -> Result<(), Refused> {
    for requirements in group {
        authenticator
            .authorize(head, principal, requirements)
            .await
            .map_err(|rejection| Refused::by(requirements, principal, rejection))?;
    }
    Ok(())
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

fn refuse(route: Option<&Arc<Route>>, reason: Reason) -> Verdict {
    Err(Box::new(Refusal::plain(route.cloned(), reason)))
}

/// Methods are case-sensitive ([RFC 9110 §9.1]), and all registered ones are in upper case; but Django,
/// Werkzeug and ASP.NET take `post` for `POST`, and a route for `POST` does not match `post`.
///
/// [RFC 9110 §9.1]: https://www.rfc-editor.org/rfc/rfc9110#section-9.1
fn has_several_readings(method: &Method) -> bool {
    let method = method.as_str();
    method.bytes().any(|byte| byte.is_ascii_lowercase())
}
