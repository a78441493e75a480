//! The resource server: all stages, for all its issuers.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bearward_core::credentials::Credentials;
use bearward_core::id_token::{IdToken, IdTokenRefused};
use bearward_core::jws::UnverifiedJws;
use bearward_core::rejection::{InvalidRequest, InvalidToken, Rejection};
use bearward_core::{
    Challenge, Policy, Principal, ProtectedResourceMetadata, ProtectionSpace, RequestHead,
    Requirements, UnixTime,
};
use foldhash::{HashMap, HashMapExt};
use http::HeaderName;

pub use crate::build_error::BuildError;
use crate::clock::Clock;
use crate::fetch::{HttpTransport, Transport};
use crate::issuer::Issuer;
use crate::key_store::{KeyState, KeyStore, Selected};
use crate::known_headers::KnownHeaders;
use crate::sync;
use crate::token_cache::{Cache, Found, Seen, TokenCache, TokenCacheState};
use crate::trusted::Trusted;

/// Authenticates requests. Cheap to clone; clones share the keys.
#[derive(Clone)]
pub struct ResourceServer(Arc<Inner>);

struct Inner {
    issuers: HashMap<Arc<str>, Arc<Trusted>>,
    cache: Option<Arc<Cache>>,
    cache_settings: Option<TokenCache>,
    headers: KnownHeaders,
    space: ProtectionSpace,
    metadata: Option<ProtectedResourceMetadata>,
    id_token_field: HeaderName,
    clock: Clock,
}

impl ResourceServer {
    /// Accepts the access tokens of one issuer, whose keys are discovered, for one audience.
    ///
    /// Needs a tokio runtime, on which the keys are fetched. It does not wait for them: the issuer
    /// may be down.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if issuer or audience cannot be used.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Result<Self, BuildError> {
        let policy = Policy::builder(issuer, audience).build()?;
        Self::builder().issuer(Issuer::discover(policy)).build()
    }

    /// Starts with no issuer.
    pub fn builder() -> ResourceServerBuilder {
        ResourceServerBuilder::default()
    }

    /// Who sent this request?
    ///
    /// # Errors
    ///
    /// Why the request is refused; [`ResourceServer::challenge`] is the answer to it.
    pub async fn authenticate<'r>(
        &self,
        head: impl Into<RequestHead<'r>>,
    ) -> Result<Principal, Rejection> {
        // INVARIANT: only a JWS is admitted, whose three parts are base64url, so no other character is.
        let credentials = Credentials::parse_all_but_characters(head.into())?;
        let principal = self.authenticate_token(credentials.access_token()).await;
        principal.map_err(|refused| credentials.refusal(refused))
    }

    /// Whose access token is this, apart from any request?
    ///
    /// # Errors
    ///
    /// Why the token is refused.
    pub async fn authenticate_token(&self, token: &[u8]) -> Result<Principal, Rejection> {
        let now = self.now();
        let before = match self.0.cache.as_ref().and_then(|cache| cache.find(token)) {
            Some(Found::Current(seen)) => return Ok(seen.check(now)?),
            Some(Found::Outdated(seen)) => Some(seen),
            None => None,
        };
        let jws = self.0.headers.parse(token)?;
        let trusted = self.select_issuer(&jws)?;
        let Trusted { policy, keys } = &**trusted;
        policy.check_header(jws.header())?;
        let is_plausible = || policy.is_plausible(&jws, now);
        let selected = keys.select(jws.header(), is_plausible).await?;
        let principal = match before.filter(|seen| seen.is_by(trusted, &selected)) {
            Some(seen) => seen.check(now)?,
            None => {
                let verified = jws.verify(&selected.key)?;
                self.0.headers.keep(&verified);
                policy.check(verified, now)?
            }
        };
        if let Some(cache) = &self.0.cache {
            cache.keep(token, Seen::new(trusted, selected, &principal));
        }
        Ok(principal)
    }

    /// May this principal, whom [`ResourceServer::authenticate`] found to have sent the request?
    ///
    /// Where re-authentication is asked for and the access token is too old for it, the ID token of
    /// the field `X-Id-Token` decides.
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
        let id_token = self
            .verify_id_token(id_token.as_bytes(), principal, now)
            .await?;
        let id_token = id_token.as_ref().map_err(|refused| *refused);
        requirements.authorize_with_id_token(principal, id_token, now)
    }

    /// What a refused sender is answered.
    #[must_use]
    pub fn challenge(&self, rejection: &Rejection) -> Challenge {
        Challenge::new(rejection, &self.0.space)
    }

    /// What this resource server publishes of itself (RFC 9728), if it was configured.
    #[must_use]
    pub fn metadata(&self) -> Option<&ProtectedResourceMetadata> {
        self.0.metadata.as_ref()
    }

    /// The state of the keys of each issuer, in the order of their names, for health endpoints and metrics.
    #[must_use]
    pub fn state(&self) -> Vec<IssuerState> {
        let state = |(issuer, trusted): (&Arc<str>, &Arc<Trusted>)| IssuerState {
            issuer: issuer.to_string(),
            keys: trusted.keys.state(),
        };
        let mut states: Vec<_> = self.0.issuers.iter().map(state).collect();
        states.sort_by(|a, b| a.issuer.cmp(&b.issuer));
        states
    }

    /// The state of the cache of verified tokens, if there is one, for metrics.
    #[must_use]
    pub fn token_cache(&self) -> Option<TokenCacheState> {
        self.0.cache.as_deref().map(Cache::state)
    }

    /// Whether every issuer's tokens can be verified now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0
            .issuers
            .values()
            .all(|trusted| trusted.keys.state().is_usable)
    }

    /// Waits until the keys of each issuer have been asked for once, successfully or not.
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

    /// The time by which tokens are judged.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        (self.0.clock)()
    }

    /// The claimed issuer chooses among the configured ones, and for nothing else.
    fn select_issuer(&self, jws: &UnverifiedJws<'_>) -> Result<&Arc<Trusted>, InvalidToken> {
        let issuer = jws.unverified_issuer()?;
        self.trusted(&issuer).ok_or(InvalidToken::IssuerUnknown)
    }

    fn trusted(&self, issuer: &str) -> Option<&Arc<Trusted>> {
        self.0.issuers.get(issuer)
    }

    /// The same stages for an ID token. The outer error is that its key cannot be had now.
    async fn verify_id_token(
        &self,
        token: &[u8],
        principal: &Principal,
        now: UnixTime,
    ) -> Result<Result<IdToken, IdTokenRefused>, Rejection> {
        match self.try_verify_id_token(token, principal, now).await {
            Ok(id_token) => Ok(Ok(id_token)),
            Err(IdTokenFailure::Refused(refused)) => Ok(Err(refused)),
            Err(IdTokenFailure::Unavailable(rejection)) => Err(rejection),
        }
    }

    async fn try_verify_id_token(
        &self,
        token: &[u8],
        principal: &Principal,
        now: UnixTime,
    ) -> Result<IdToken, IdTokenFailure> {
        let jws = self.0.headers.parse(token)?;
        let Trusted { policy, keys } = &**self.select_issuer(&jws)?;
        IdToken::check_header(policy, jws.header())?;
        let is_plausible = || IdToken::is_plausible(policy, &jws, principal, now);
        let Selected { key, .. } = keys.select(jws.header(), is_plausible).await?;
        let verified = jws.verify(&key)?;
        Ok(IdToken::check(policy, verified, principal, now)?)
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer")
            .field("issuers", &self.0.issuers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

enum IdTokenFailure {
    Refused(IdTokenRefused),
    Unavailable(Rejection),
}

impl From<InvalidToken> for IdTokenFailure {
    fn from(reason: InvalidToken) -> Self {
        Self::Refused(reason.into())
    }
}

impl From<IdTokenRefused> for IdTokenFailure {
    fn from(refused: IdTokenRefused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Rejection> for IdTokenFailure {
    fn from(rejection: Rejection) -> Self {
        if let Rejection::InvalidToken(reason) = rejection {
            return reason.into();
        }
        Self::Unavailable(rejection)
    }
}

/// The state of one issuer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IssuerState {
    /// The issuer, as it stands in `iss`.
    pub issuer: String,
    /// The state of its keys.
    pub keys: KeyState,
}

/// Settings of a [`ResourceServer`].
#[must_use]
pub struct ResourceServerBuilder {
    issuers: Vec<Issuer>,
    space: ProtectionSpace,
    metadata: Option<ProtectedResourceMetadata>,
    token_cache: Option<TokenCache>,
    kept: Kept,
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

    /// What challenges say of this server. Default: the realm `api`.
    pub fn protection_space(mut self, space: ProtectionSpace) -> Self {
        self.space = space;
        self
    }

    /// What this resource server publishes of itself (RFC 9728); challenges then name its URL.
    /// Default: nothing.
    pub fn metadata(mut self, metadata: ProtectedResourceMetadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Remembers verified tokens, so that one that comes again costs no signature check: see
    /// [`TokenCache`]. Default: none is remembered.
    pub const fn token_cache(mut self, token_cache: TokenCache) -> Self {
        self.token_cache = Some(token_cache);
        self
    }

    /// Takes over the keys that `other` has of issuers that are here too, if they are come by in the
    /// same way (same name, URL, times): nothing is fetched anew, and an issuer that is down now
    /// costs nothing. For a program that changes its settings while it runs.
    ///
    /// The tokens that it verified as well, if both have the same issuers with the same keys and
    /// policies, and the cache has the same limits. The two share it.
    pub fn keep_keys_of(mut self, other: &ResourceServer) -> Self {
        self.kept.0.push(other.clone());
        self
    }

    /// The field in which an ID token is sent along for re-authentication. Default: `X-Id-Token`.
    pub fn id_token_field(mut self, field: HeaderName) -> Self {
        self.id_token_field = field;
        self
    }

    /// What carries requests to the issuers. Default: [`HttpTransport::new`].
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// The clock by which tokens are judged. Default: the system's.
    pub fn clock(mut self, clock: impl Fn() -> UnixTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The resource server, which starts to fetch keys at once. Needs a tokio runtime.
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
        // Set up for keys that are to be fetched, and for them alone: it reads the authorities of the
        // system.
        let mut transport = self.transport;
        let mut transport = || match &transport {
            Some(transport) => Ok(Arc::clone(transport)),
            None => {
                let made: Arc<dyn Transport> = Arc::new(HttpTransport::new()?);
                transport = Some(Arc::clone(&made));
                Ok(made)
            }
        };
        let mut issuers = HashMap::new();
        for issuer in self.issuers {
            let kept = self.kept.keys_of(&issuer);
            let (policies, keys) = issuer.start(&mut transport, &self.clock, &kept)?;
            for policy in policies {
                let keys = Arc::clone(&keys);
                let trusted = self.kept.or_same(Trusted { policy, keys });
                trust(&mut issuers, trusted)?;
            }
        }
        let cache = self.token_cache.and_then(|settings| {
            let kept = self.kept.cache(settings, &issuers);
            kept.or_else(|| settings.build().map(Arc::new))
        });
        let mut space = self.space;
        if let Some(metadata) = &self.metadata {
            let named = space.resource_metadata(metadata.url());
            space = named.map_err(|_| BuildError::Url)?;
        }
        Ok(ResourceServer(Arc::new(Inner {
            issuers,
            cache,
            cache_settings: self.token_cache,
            headers: KnownHeaders::new(),
            space,
            metadata: self.metadata,
            id_token_field: self.id_token_field,
            clock: self.clock,
        })))
    }
}

/// Resource servers from which another takes over what stays the same.
#[derive(Default)]
struct Kept(Vec<ResourceServer>);

impl Kept {
    fn named<'k>(&'k self, issuer: &'k str) -> impl Iterator<Item = &'k Arc<Trusted>> {
        let named = move |server: &'k ResourceServer| server.trusted(issuer);
        self.0.iter().filter_map(named)
    }

    fn keys_of(&self, issuer: &Issuer) -> Vec<Arc<KeyStore>> {
        let name = issuer.policies.first().map(Policy::issuer);
        let named = name.into_iter().flat_map(|name| self.named(name));
        named.map(|trusted| Arc::clone(&trusted.keys)).collect()
    }

    /// This issuer, or the same one if it was there before: what it verified then stays.
    fn or_same(&self, trusted: Trusted) -> Arc<Trusted> {
        let issuer = trusted.policy.issuer();
        let same = self
            .named(issuer)
            .find(|before| before.is_same(&trusted))
            .cloned();
        same.unwrap_or_else(|| Arc::new(trusted))
    }

    /// The cache of one with these very issuers, no more and no less: both fill it from now on, and
    /// whatever is in it holds for both.
    fn cache(
        &self,
        settings: TokenCache,
        issuers: &HashMap<Arc<str>, Arc<Trusted>>,
    ) -> Option<Arc<Cache>> {
        let is_here = |(name, before): (&Arc<str>, &Arc<Trusted>)| {
            let now = issuers.get(name);
            now.is_some_and(|now| Arc::ptr_eq(now, before))
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

fn trust(
    issuers: &mut HashMap<Arc<str>, Arc<Trusted>>,
    trusted: Arc<Trusted>,
) -> Result<(), BuildError> {
    let issuer = Arc::clone(trusted.policy.issuer());
    match issuers.insert(issuer, trusted) {
        Some(_) => Err(BuildError::Duplicate),
        None => Ok(()),
    }
}

impl fmt::Debug for ResourceServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServerBuilder")
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}
