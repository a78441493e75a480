//! The resource server: all stages, for all its issuers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bearward_core::confirmation::Evidence;
use bearward_core::credentials::UncheckedCredentials;
use bearward_core::id_token::{IdToken, IdTokenRefused};
use bearward_core::rejection::{InvalidRequest, InvalidToken, Rejection};
use bearward_core::vouch::{AccessToken, IdTokenOf, TokenKind, Unvouched};
use bearward_core::{
    Challenge, Claimed, Policy, Principal, ProtectedResourceMetadata, ProtectionSpace, RequestHead,
    Requirements, Sources, UnixTime,
};
use foldhash::{HashMap, HashMapExt};
use http::HeaderName;

use crate::authenticated::Authenticated;
pub use crate::build_error::BuildError;
use crate::clock::Clock;
use crate::failures::{self, FailureLimit, Permit};
use crate::fetch::{Egress, HttpTransport, Transport};
use crate::issuer::Issuer;
use crate::key_store::{KeyState, KeyStore, Selected};
use crate::known_headers::KnownHeaders;
use crate::misfit::Misfits;
use crate::sync;
use crate::token_cache::{Cache, Found, Seen, TokenCache, TokenCacheState};
use crate::trusted::Trusted;

/// Authenticates requests. Cheap to clone; clones share the keys.
#[derive(Clone)]
pub struct ResourceServer(Arc<Inner>);

struct Inner {
    issuers: HashMap<Arc<str>, Trusted>,
    cache: Option<Arc<Cache>>,
    cache_settings: Option<TokenCache>,
    headers: KnownHeaders,
    misfits: Misfits,
    space: ProtectionSpace,
    metadata: Option<ProtectedResourceMetadata>,
    sources: Sources,
    id_token_field: HeaderName,
    clock: Clock,
}

impl ResourceServer {
    /// Accepts access tokens from one issuer for one audience, and discovers the issuer's keys.
    ///
    /// Needs a tokio runtime to fetch the keys, but does not wait for them: the issuer may be down.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the issuer or the audience cannot be used.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Result<Self, BuildError> {
        let policy = Policy::builder(issuer, audience).build()?;
        Self::builder().issuer(Issuer::discover(policy)).build()
    }

    /// Starts without issuers.
    pub fn builder() -> ResourceServerBuilder {
        ResourceServerBuilder::default()
    }

    /// Authenticates the sender of this request.
    ///
    /// # Errors
    ///
    /// Why the request is refused; [`ResourceServer::challenge`] is the answer to it.
    pub fn authenticate<'r>(
        &self,
        head: impl Into<RequestHead<'r>>,
    ) -> impl Future<Output = Result<Authenticated, Rejection>> {
        // Not a future within a future, which would take more instructions than reading the field.
        self.authenticate_from(head, &self.0.sources)
    }

    /// The same with these sources in place of the resource server's own, for a route that has others.
    ///
    /// # Errors
    ///
    /// As [`ResourceServer::authenticate`].
    pub fn authenticate_from<'r>(
        &self,
        head: impl Into<RequestHead<'r>>,
        sources: &Sources,
    ) -> impl Future<Output = Result<Authenticated, Rejection>> {
        self.authenticate_within(head, sources, None)
    }

    /// The same for a sender whose failures are limited, if `limit` is one.
    ///
    /// # Errors
    ///
    /// As [`ResourceServer::authenticate`], and [`Rejection::TooManyFailures`].
    pub async fn authenticate_within<'r>(
        &self,
        head: impl Into<RequestHead<'r>>,
        sources: &Sources,
        limit: Option<&dyn FailureLimit>,
    ) -> Result<Authenticated, Rejection> {
        // INVARIANT: we admit only a JWS, whose three parts are base64url, so no other characters but `=`.
        let credentials = UncheckedCredentials::parse_from(head.into(), sources)?;
        let claimed = self.vouch(credentials.for_jws(), self.now(), limit).await;
        match claimed.and_then(|claimed| Ok(claimed.proven(Evidence::NONE)?)) {
            Ok(principal) => Ok(Authenticated { principal }),
            Err(refused) => {
                if let Rejection::InvalidToken(reason) = refused {
                    self.0.misfits.refused(credentials.for_jws(), reason);
                }
                Err(credentials.refusal(refused))
            }
        }
    }

    /// Authenticates an access token without a request.
    ///
    /// # Errors
    ///
    /// Why the token is refused.
    pub async fn authenticate_token(&self, token: &[u8]) -> Result<Principal, Rejection> {
        let claimed = self.vouch(token, self.now(), None).await?;
        Ok(claimed.proven(Evidence::NONE)?)
    }

    /// Checks whether this principal, from [`ResourceServer::authenticate`], meets the
    /// requirements.
    ///
    /// If the access token is too old for the required re-authentication, the ID token in the field
    /// `X-Id-Token` decides.
    ///
    /// # Errors
    ///
    /// Why the request is refused.
    pub async fn authorize<'r>(
        &self,
        head: impl Into<RequestHead<'r>>,
        principal: &Principal,
        requirements: &Requirements,
    ) -> Result<(), Rejection> {
        self.authorize_within(head, principal, requirements, None)
            .await
    }

    /// The same for a sender whose failures are limited, if `limit` is one: an ID token whose signature is
    /// wrong is a failure as well.
    ///
    /// # Errors
    ///
    /// As [`ResourceServer::authorize`], and [`Rejection::TooManyFailures`].
    pub async fn authorize_within<'r>(
        &self,
        head: impl Into<RequestHead<'r>>,
        principal: &Principal,
        requirements: &Requirements,
        limit: Option<&dyn FailureLimit>,
    ) -> Result<(), Rejection> {
        let now = self.now();
        let Err(refused) = requirements.authorize(principal, now) else {
            return Ok(());
        };
        if !requirements.wants_id_token(&refused) {
            return Err(refused);
        }
        let mut fields = head.into().headers.get_all(&self.0.id_token_field).iter();
        let Some(id_token) = fields.next() else {
            return Err(refused);
        };
        if fields.next().is_some() {
            return Err(InvalidRequest::MultipleCredentials.into());
        }
        let permit = Permit::for_id_token(limit, principal)?;
        let id_token = self.vouch_id_token(id_token.as_bytes(), principal, now);
        let id_token = id_token.await?;
        permit.checked_id_token(principal, id_token.as_ref().err());
        let id_token = id_token.as_ref().map_err(|refused| *refused);
        requirements.authorize_with_id_token(principal, id_token, now)
    }

    /// The answer to a refused request with this `head`, in the scheme of its credentials.
    #[must_use]
    pub fn challenge<'r>(
        &self,
        rejection: &Rejection,
        head: impl Into<RequestHead<'r>>,
    ) -> Challenge {
        Challenge::to(head.into(), rejection, &self.0.space)
    }

    /// The metadata that this resource server publishes (RFC 9728), if configured.
    #[must_use]
    pub fn metadata(&self) -> Option<&ProtectedResourceMetadata> {
        self.0.metadata.as_ref()
    }

    /// Where a request may carry its token in addition to `Authorization`.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.0.sources
    }

    /// The state of the keys of each issuer, in the order of their names, for health endpoints and metrics.
    #[must_use]
    pub fn state(&self) -> Vec<IssuerState> {
        // All tenants of an issuer have one state.
        let mut states = BTreeMap::new();
        for (issuer, trusted) in &self.0.issuers {
            let tenants = trusted.keys.tenants();
            let issuer = tenants.map_or(issuer, |tenants| &tenants.issuer);
            let state = states.entry(issuer).or_insert_with(|| IssuerState {
                issuer: issuer.to_string(),
                keys: trusted.keys.state(),
                tenants: tenants.map(|_| 0),
                is_by_kid: trusted.keys.is_by_kid(),
            });
            state.tenants = state.tenants.map(|count| count.saturating_add(1));
        }
        states.into_values().collect()
    }

    /// The state of the cache of verified tokens, if there is one, for metrics.
    #[must_use]
    pub fn token_cache(&self) -> Option<TokenCacheState> {
        self.0.cache.as_deref().map(Cache::state)
    }

    /// Whether every issuer's tokens can be verified now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state().iter().all(IssuerState::is_ready)
    }

    /// Waits until we have tried once to fetch the keys of each issuer, successfully or not.
    pub async fn attempted(&self) {
        for trusted in self.0.issuers.values() {
            trusted.keys.attempted().await;
        }
    }

    /// Whether `other` is a clone of this one.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The time that checks of tokens use.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        (self.0.clock)()
    }

    /// The only await: takes the token from the cache, or waits for its issuer's key.
    async fn vouch(
        &self,
        token: &[u8],
        now: UnixTime,
        limit: Option<&dyn FailureLimit>,
    ) -> Result<Claimed, Rejection> {
        let before = match self.0.cache.as_ref().and_then(|cache| cache.find(token)) {
            Some(Found::Current(seen)) => return Ok(seen.check(now)?),
            Some(Found::Outdated(seen)) => Some(seen),
            None => None,
        };
        let unchecked = |refused: Rejection| failures::unchecked(limit, refused);
        let unvouched = self.parse(token, AccessToken, now);
        let unvouched = unvouched.map_err(|refused| unchecked(refused.into()))?;
        let trusted = *unvouched.issuer();
        let keys = &trusted.keys;
        let selected = keys.select(unvouched.header(), || unvouched.is_plausible());
        let mut selected = selected.await.map_err(unchecked)?;
        let claimed = match before.filter(|seen| seen.is_by(trusted, &selected)) {
            Some(seen) => seen.check(now)?,
            None => {
                let permit = Permit::obtain(limit, &unvouched)?;
                let vouched = unvouched.vouch(&selected.keys, |jws| self.0.headers.keep(jws));
                let claimed = match vouched {
                    Ok(claimed) => claimed,
                    // Boxed, so that the path of every valid token stays small.
                    Err(refused) => {
                        // At once: many tokens may wait for one replacement.
                        permit.failed();
                        let kind = AccessToken;
                        let again = self.vouch_again(token, kind, now, &mut selected, refused);
                        let again = Box::pin(again).await;
                        again.map_err(|refused| permit.rejection(refused))?
                    }
                };
                permit.verified(&claimed);
                claimed
            }
        };
        trusted.keys.mark_used(&selected);
        // We do not cache bound tokens: they are always refused, because there is no evidence yet.
        let cache = self.0.cache.as_ref();
        if let Some(cache) = cache.filter(|_| claimed.confirmation().is_none()) {
            cache.keep(token, Seen::new(trusted, selected, &claimed));
        }
        Ok(claimed)
    }

    /// Like [`Self::vouch`] for an ID token. The outer error means that its key is unavailable now.
    async fn vouch_id_token(
        &self,
        token: &[u8],
        principal: &Principal,
        now: UnixTime,
    ) -> Result<Result<IdToken, IdTokenRefused>, Rejection> {
        let checked = async {
            let unvouched = self.parse(token, IdTokenOf(principal), now)?;
            let keys = &unvouched.issuer().keys;
            let selected = keys.select(unvouched.header(), || unvouched.is_plausible());
            let mut selected = selected.await?;
            match unvouched.vouch(&selected.keys, |jws| self.0.headers.keep(jws)) {
                Ok(checked) => Ok(checked),
                Err(refused) => {
                    let kind = IdTokenOf(principal);
                    let again = self.vouch_again(token, kind, now, &mut selected, refused);
                    Ok(Box::pin(again).await?)
                }
            }
        };
        match checked.await {
            Err(Rejection::InvalidToken(reason)) => Ok(Err(reason.into())),
            checked => checked,
        }
    }

    /// Tries a refused token once more, if only its signature was wrong and the issuer has replaced
    /// the keys that were `selected`, and selects the new ones.
    async fn vouch_again<K: TokenKind>(
        &self,
        token: &[u8],
        kind: K,
        now: UnixTime,
        selected: &mut Selected,
        refused: InvalidToken,
    ) -> Result<K::Checked, InvalidToken> {
        let is_length = refused == InvalidToken::SignatureLength;
        if !is_length && refused != InvalidToken::SignatureInvalid {
            return Err(refused);
        }
        // Parsed once more: the first attempt consumed it, so that valid tokens are never copied.
        let unvouched = self.parse(token, kind, now)?;
        // The algorithm decides on the length, except of RSA, where the key does.
        if is_length && unvouched.header().algorithm().key_type() != "RSA" {
            return Err(refused);
        }
        let keys = &unvouched.issuer().keys;
        let is_plausible = || unvouched.is_plausible();
        let replaced = keys.replacement(unvouched.header(), selected, is_plausible);
        let replaced = replaced.await.ok_or(refused)?;
        *selected = replaced.selected.clone();
        let keys = Arc::clone(keys);
        unvouched.vouch(&selected.keys, |jws| {
            keys.brought(&replaced);
            self.0.headers.keep(jws);
        })
    }

    /// The steps before the key lookup. The claimed issuer only selects one of the configured ones.
    fn parse<'t, K: TokenKind>(
        &self,
        token: &'t [u8],
        kind: K,
        now: UnixTime,
    ) -> Result<Unvouched<'t, &Trusted, K>, InvalidToken> {
        let jws = self.0.headers.parse(token)?;
        Unvouched::new(jws, kind, now, |issuer| self.0.issuers.get(issuer))
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer")
            .field("issuers", &self.0.issuers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The state of one issuer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IssuerState {
    /// The issuer, as in `iss`.
    pub issuer: String,
    /// The state of its keys.
    pub keys: KeyState,
    /// For an issuer with a placeholder: how many tenants it has. `keys` is the state of those whose
    /// tokens have arrived, together.
    pub tenants: Option<usize>,
    /// Whether its keys are fetched one by one, when tokens name them. `keys` is the state of those that
    /// are held, together.
    pub is_by_kid: bool,
}

impl IssuerState {
    /// Whether its tokens can be verified now. The keys of tenants, and those that are fetched one by
    /// one, are fetched when their tokens arrive, and anybody can send a token that names one, so they
    /// decide nothing.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.tenants.is_some() || self.is_by_kid || self.keys.is_usable
    }
}

/// Settings of a [`ResourceServer`].
#[must_use]
pub struct ResourceServerBuilder {
    issuers: Vec<Issuer>,
    space: ProtectionSpace,
    metadata: Option<ProtectedResourceMetadata>,
    token_cache: Option<TokenCache>,
    kept: Kept,
    sources: Sources,
    id_token_field: HeaderName,
    transport: Option<Arc<dyn Transport>>,
    clock: Clock,
}

impl Default for ResourceServerBuilder {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            space: ProtectionSpace::default(),
            metadata: None,
            token_cache: None,
            kept: Kept::default(),
            sources: Sources::default(),
            id_token_field: HeaderName::from_static("x-id-token"),
            transport: None,
            clock: Arc::new(|| SystemTime::now().into()),
        }
    }
}

impl ResourceServerBuilder {
    /// An issuer whose access tokens are accepted; call again for more.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// The protection space in challenges. Default: the realm `api`.
    pub fn protection_space(mut self, space: ProtectionSpace) -> Self {
        self.space = space;
        self
    }

    /// The metadata that this resource server publishes (RFC 9728); challenges then contain its
    /// URL. Default: none.
    pub fn metadata(mut self, metadata: ProtectedResourceMetadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Remembers verified tokens, so that a repeated token costs no signature check: see
    /// [`TokenCache`]. Default: remembers none.
    pub const fn token_cache(mut self, token_cache: TokenCache) -> Self {
        self.token_cache = Some(token_cache);
        self
    }

    /// Reuses `other`'s key stores for issuers configured identically here (name, URL, times):
    /// nothing is fetched again, and an issuer that is down now does no harm. For programs that
    /// change their settings while they run.
    ///
    /// Also shares `other`'s cache of verified tokens, if both have the same issuers with the same
    /// keys and policies, and the cache limits are equal.
    pub fn keep_keys_of(mut self, other: &ResourceServer) -> Self {
        self.kept.0.push(other.clone());
        self
    }

    /// Where a request may carry its token in addition to `Authorization`. Default: nowhere.
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// The field in which an ID token is sent along for re-authentication. Default: `X-Id-Token`.
    pub fn id_token_field(mut self, field: HeaderName) -> Self {
        self.id_token_field = field;
        self
    }

    /// The transport for requests to the issuers without an [`Issuer::egress`] of their own. Default:
    /// [`HttpTransport::new`].
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// The clock for checks of tokens. Default: the system's.
    pub fn clock(mut self, clock: impl Fn() -> UnixTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the resource server, which starts to fetch keys at once. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the settings cannot be used. An issuer that does not answer is no error.
    pub fn build(self) -> Result<ResourceServer, BuildError> {
        if self.issuers.is_empty() {
            return Err(BuildError::IssuerMissing);
        }
        if !sync::has_runtime() {
            return Err(BuildError::NoRuntime);
        }
        // Created only if there are keys to fetch, because it reads the system's authorities; one for
        // all issuers that are reached in the same way.
        let mut transports = HashMap::new();
        if let Some(transport) = self.transport {
            transports.insert(Egress::default(), transport);
        }
        let mut transport = |egress: &Egress| {
            if let Some(transport) = transports.get(egress) {
                return Ok(Arc::clone(transport));
            }
            let made: Arc<dyn Transport> = Arc::new(HttpTransport::through(egress)?);
            transports.insert(egress.clone(), Arc::clone(&made));
            Ok(made)
        };
        let mut issuers = HashMap::new();
        for issuer in self.issuers {
            let kept = |name: &str| self.kept.keys_of(name);
            for (policy, keys) in issuer.start(&mut transport, &self.clock, kept)? {
                let trusted = self.kept.or_same(Trusted::new(policy, keys));
                let issuer = Arc::clone(trusted.policy.issuer());
                let before = issuers.insert(issuer, trusted);
                before.map_or(Ok(()), |_| Err(BuildError::Duplicate))?;
            }
        }
        let cache = self.token_cache.and_then(|settings| {
            let kept = self.kept.cache(settings, &issuers);
            kept.or_else(|| settings.build().map(Arc::new))
        });
        let mut space = self.space;
        let sources = self.sources;
        let metadata = self.metadata.map(|metadata| match sources.has_query() {
            true => metadata.sources(&sources),
            false => metadata,
        });
        if let Some(metadata) = &metadata {
            let named = space.resource_metadata(metadata.url());
            space = named.map_err(|_| BuildError::Url)?;
        }
        Ok(ResourceServer(Arc::new(Inner {
            misfits: Misfits::among(issuers.values()),
            issuers,
            cache,
            cache_settings: self.token_cache,
            headers: KnownHeaders::new(),
            space,
            metadata,
            sources,
            id_token_field: self.id_token_field,
            clock: self.clock,
        })))
    }
}

/// Earlier resource servers, from which a new one reuses unchanged parts.
#[derive(Default)]
struct Kept(Vec<ResourceServer>);

impl Kept {
    fn named<'k>(&'k self, issuer: &'k str) -> impl Iterator<Item = &'k Trusted> {
        let named = move |server: &'k ResourceServer| server.0.issuers.get(issuer);
        self.0.iter().filter_map(named)
    }

    fn keys_of(&self, issuer: &str) -> Vec<Arc<KeyStore>> {
        let named = self.named(issuer);
        named.map(|trusted| Arc::clone(&trusted.keys)).collect()
    }

    /// Returns the earlier issuer if it is equal, so that its verified tokens stay valid.
    fn or_same(&self, trusted: Trusted) -> Trusted {
        let same = self
            .named(trusted.policy.issuer())
            .find(|before| before.accepts_as(&trusted))
            .cloned();
        same.unwrap_or(trusted)
    }

    /// The cache of an earlier server with exactly these issuers. Both fill it from now on, and its
    /// entries are valid for both.
    fn cache(
        &self,
        settings: TokenCache,
        issuers: &HashMap<Arc<str>, Trusted>,
    ) -> Option<Arc<Cache>> {
        let is_here = |(name, before): (&Arc<str>, &Trusted)| {
            let now = issuers.get(name);
            now.is_some_and(|now| now.is(before))
        };
        let mut servers = self.0.iter().map(|server| &*server.0);
        let same = servers.find(|server| {
            let is_same_many = server.issuers.len() == issuers.len();
            let has_same_limits = server.cache_settings == Some(settings);
            has_same_limits && is_same_many && server.issuers.iter().all(is_here)
        });
        same?.cache.clone()
    }
}

impl fmt::Debug for ResourceServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServerBuilder")
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}
