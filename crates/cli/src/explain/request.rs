//! The explanation of a request: which route is for it and why, and its outcome.
//!
//! The gate decides, with the present keys. The details come from the same parts that the gate uses:
//! the target, the routes, the policy, the requirements.

use std::path::Path;

use bearward::explain::{Anatomy, Asked, Diagnosis, Keys, Meaning, Report};
use bearward_core::credentials::Credentials;
use bearward_core::{JwkSet, RequestHead, Sources};
use bearward_gateway::config::Config;
use bearward_gateway::host::canonical_host;
use bearward_gateway::original::Original;
use bearward_gateway::route::{Access, Route, Selection};
use bearward_gateway::target::Target;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};

use super::id_token::SentAlong;
use super::keys_or_why;
use crate::reasons::Explanation;
use crate::rules::Clock;
use crate::{Exit, Failure, keys, running, serve};

mod outcome;
mod refusal;
mod required;
mod routes;
mod shown;
mod text;
mod unmet;
mod url;

use self::outcome::Outcome;
use self::required::{Alternative, Sender};
use self::routes::Tried;
pub(super) use self::shown::to_json;
pub(super) use self::text::write;
pub(super) use self::url::Url;

/// The request to explain.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
}

/// The tokens that the request carries.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'t> {
    pub(super) access: Option<&'t [u8]>,
    pub(super) id: Option<&'t [u8]>,
}

/// The complete explanation of a request.
pub(super) struct Explained {
    request: Request,
    /// The path that routes match, or why there is none.
    path: Result<String, String>,
    tried: Vec<Tried>,
    /// The routes that decide; the one that matches comes last.
    routes: Vec<Applied>,
    /// The report on the token, if the token counts.
    token: Option<Report>,
    /// The ID token that was sent along.
    id_token: Option<SentAlong>,
    /// What is said about the refusal, if it is more than the reason means in general.
    refusal: Option<Diagnosis>,
    outcome: Outcome,
}

/// A route that decides on the request.
struct Applied {
    route: Route,
    /// What the path contains that the route does not allow.
    forbids: Option<String>,
    alternatives: Vec<Alternative>,
}

impl Explained {
    /// Explains `request`, with these tokens or none, under the configuration in `file`.
    pub(super) fn new(
        request: Request,
        tokens: Tokens<'_>,
        file: &Path,
        clock: Clock,
    ) -> Result<Self, Failure> {
        let (_, config) = serve::load(file)?;
        let target = Target::parse(&request.url.target);
        let path = target.as_ref().map(|target| target.path().to_owned());
        let path = path.map_err(ToString::to_string);
        let method = &request.method;
        let (host, none) = (request.url.host.as_deref(), HeaderMap::new());
        let original = Original::new(method, &request.url.target, host, &none);
        // Neither a route nor a token decides there.
        if let Some(published) = config.server.published(&original) {
            return Ok(Self {
                request,
                path,
                tried: Vec::new(),
                routes: Vec::new(),
                token: None,
                id_token: None,
                refusal: None,
                outcome: Outcome::published(&published),
            });
        }
        let target = target.as_ref().ok();
        let selection = target.and_then(|target| config.routes.select(method, host, target));
        let selected = || selection.iter().flat_map(Selection::iter);
        // If the gate ignores credentials, so does the explanation.
        let token_counts = target.is_some_and(|target| {
            selected().any(|route| route.access != Access::Public)
                && selected().all(|route| route.allows(target))
        });
        let given = tokens.access.filter(|_| token_counts);
        let in_url = selection.as_ref().filter(|_| token_counts);
        let in_url = in_url.and_then(|selection| token_in_url(&request, &selection.sources()));
        let tokens = Tokens {
            access: given,
            id: tokens.id.filter(|_| token_counts),
        };
        let anatomy = given.or(in_url.as_deref()).map(Anatomy::of);
        let mut examined = Examined::new(&config, anatomy.as_ref(), tokens, clock)?;
        let now = examined.asked.now;
        let applied = selected().map(|route| Applied {
            route: Route::clone(route),
            forbids: target.and_then(|target| routes::forbids(route, target)),
            alternatives: required::alternatives(route, examined.sender(), now),
        });
        let routes: Vec<Applied> = applied.collect();
        let host = host.map(canonical_host);
        let host = host.as_deref();
        let tried = target.map_or_else(Vec::new, |target| {
            routes::tried(&config.routes, method, host, target, selection.as_ref())
        });
        let outcome = examined.decide(&config, &request, tokens)?;
        let refusal = examined.diagnose(&outcome, &routes, &config);
        Ok(Self {
            path,
            request,
            tried,
            refusal,
            routes,
            token: examined.token,
            id_token: examined.id_token,
            outcome,
        })
    }

    /// What is wrong and what to do: as diagnosed if the token is refused for this `reason`, or else in general.
    fn meaning<'e>(&'e self, reason: Option<&'e Explanation>) -> Option<Meaning<'e>> {
        let general = reason.map(Explanation::meaning);
        if let Some(refusal) = &self.refusal {
            return Some(refusal.meaning());
        }
        let report = self.token.as_ref();
        match report.filter(|report| report.code() == reason.map(|reason| reason.code)) {
            Some(report) => report.meaning(general),
            None => general,
        }
    }

    pub(super) const fn exit(&self) -> Exit {
        self.outcome.exit()
    }
}

/// The tokens of a request, examined.
struct Examined {
    asked: Asked,
    token: Option<Report>,
    id_token: Option<SentAlong>,
}

impl Examined {
    fn new(
        config: &Config,
        anatomy: Option<&Anatomy<'_>>,
        tokens: Tokens<'_>,
        clock: Clock,
    ) -> Result<Self, Failure> {
        let asked = asked(config, anatomy, clock)?;
        let token = anatomy.map(|anatomy| Report::new(anatomy, &asked));
        let principal = token.as_ref().and_then(Report::principal);
        let id_token = tokens.id;
        let id_token = id_token.map(|id_token| SentAlong::new(id_token, principal, &asked));
        Ok(Self {
            asked,
            token,
            id_token,
        })
    }

    fn sender(&self) -> Option<Sender<'_>> {
        Some(Sender {
            principal: self.token.as_ref()?.principal()?,
            id_token: self.id_token.as_ref().and_then(SentAlong::verified),
        })
    }

    /// What is said about the refusal; a hint that says the same goes.
    fn diagnose(
        &mut self,
        outcome: &Outcome,
        routes: &[Applied],
        config: &Config,
    ) -> Option<Diagnosis> {
        let refusal = refusal::diagnose(outcome, routes, self, config)?;
        if let Some(report) = &mut self.token {
            report.hints.retain(|hint| !refusal.why.starts_with(hint));
        }
        Some(refusal)
    }

    fn decide(
        &self,
        config: &Config,
        request: &Request,
        tokens: Tokens<'_>,
    ) -> Result<Outcome, Failure> {
        match (&self.token, &self.asked.keys) {
            // The gate could not decide without the keys.
            (Some(report), Keys::Unavailable(error)) => Ok(Outcome::without_keys(report, error)),
            _ => decide(config, &self.asked, request, tokens),
        }
    }
}

/// The token in the query, if a route reads it there.
fn token_in_url(request: &Request, sources: &Sources) -> Option<Vec<u8>> {
    let (uri, none) = (request.url.target.parse().ok()?, HeaderMap::new());
    let head = RequestHead::new(&request.method, &uri, &none);
    let found = Credentials::parse_from(head, sources).ok()?;
    Some(found.access_token().to_vec())
}

/// What to check a token against: the policy of the issuer it names, or else of the first.
fn asked(config: &Config, anatomy: Option<&Anatomy<'_>>, clock: Clock) -> Result<Asked, Failure> {
    let named = anatomy.and_then(Anatomy::unverified_issuer);
    let mut issuers = config.server.issuers();
    let known = issuers.find(|name| Some(*name) == named.as_deref());
    let name = known.or_else(|| config.server.issuers().next());
    let name = name.unwrap_or_default();
    let policy = config.server.policy(name);
    let policy = policy.ok_or(bearward::BuildError::IssuerMissing)?;
    // No keys are fetched from an issuer that is not configured.
    let keys = match anatomy.filter(|anatomy| anatomy.is_jws() && known.is_some()) {
        Some(anatomy) => {
            let issuer = config.server.issuer(name)?;
            keys_or_why(keys::fetched(issuer, name, anatomy.token()))?
        }
        None => Keys::Unneeded,
    };
    let issuers = config.server.issuers().map(str::to_owned);
    Ok(Asked::new(policy, keys, clock.now()).configured(issuers))
}

/// Asks the gate for its decision.
fn decide(
    config: &Config,
    asked: &Asked,
    request: &Request,
    tokens: Tokens<'_>,
) -> Result<Outcome, Failure> {
    let mut headers = HeaderMap::new();
    if let Some(id_token) = tokens.id {
        let Ok(id_token) = HeaderValue::from_bytes(id_token) else {
            return Ok(Outcome::unsendable());
        };
        headers.insert(config.identity.id_token_field(), id_token);
    }
    if let Some(token) = tokens.access {
        let credentials = [b"Bearer ", token].concat();
        let Ok(credentials) = HeaderValue::from_bytes(&credentials) else {
            // No server would accept such a field.
            return Ok(Outcome::unsendable());
        };
        headers.insert(AUTHORIZATION, credentials);
    }
    let none = JwkSet::from_secrets([]);
    let keys = match &asked.keys {
        Keys::Known(keys) => keys,
        Keys::Unavailable(_) | Keys::Unconfigured | Keys::Unneeded => &none,
    };
    let now = asked.now;
    let server = config.server.with_keys(asked.policy.issuer(), keys)?;
    let decided = running::block_on(async {
        let server = server.clock(move || now).build()?;
        let in_force = config.in_force(server);
        let Request { method, url } = request;
        let original = Original::new(method, &url.target, url.host.as_deref(), &headers);
        Ok::<_, Failure>(in_force.decide(&original).await)
    });
    Ok(Outcome::decided(decided.map_err(Failure::Runtime)??))
}
