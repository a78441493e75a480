//! An issuer as configured in a resource server: its policy, and the source of its keys.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bearward_core::{JwkSet, Policy};

use crate::build_error::BuildError;
use crate::clock::Clock;
use crate::fetch::{
    Authorization, Egress, FetchError, HttpTransport, HttpTransportError, Transport,
};
use crate::issuer_url::{IssuerUrl, KeyUri, PlainHttp};
use crate::key_source::{Found, KeySource, Location};
use crate::key_store::{KeyStore, KidKeys, Origin, TenantKeys, Tenants};
use crate::schedule::Freshness;

/// An issuer whose access tokens are accepted.
#[derive(Debug)]
#[must_use]
pub struct Issuer {
    pub(crate) policies: Vec<Policy>,
    keys: KeysFrom,
    internal_origin: Option<String>,
    plain_http: PlainHttp,
    freshness: Freshness,
    snapshot: Option<PathBuf>,
    egress: Egress,
    authorization: Option<Authorization>,
    tenants: Option<TenantList>,
}

/// The tenants of an issuer with a placeholder.
#[derive(Debug)]
struct TenantList {
    claim: String,
    tenants: Vec<String>,
}

#[derive(Debug)]
enum KeysFrom {
    Discovery,
    JwksUri(String),
    Static(JwkSet),
}

impl Issuer {
    /// An issuer that publishes its metadata at a well-known URL (OIDC Discovery, RFC 8414).
    pub fn discover(policy: Policy) -> Self {
        Self::new(policy, KeysFrom::Discovery)
    }

    /// An issuer whose JWK Set is at a known URL.
    ///
    /// Under [`Profile::AwsAlb`], the URL of each key, with `{kid}` in the place of its name. A key is
    /// fetched when the first token with its `kid` arrives, as PEM. At most 64 keys are held at a time,
    /// and unknown ones trigger as many fetches as those of any other issuer.
    ///
    /// [`Profile::AwsAlb`]: bearward_core::Profile::AwsAlb
    pub fn jwks_uri(policy: Policy, url: impl Into<String>) -> Self {
        Self::new(policy, KeysFrom::JwksUri(url.into()))
    }

    /// An issuer whose keys you already have: a file, or static secrets. Nothing is fetched.
    pub fn jwk_set(policy: Policy, keys: JwkSet) -> Self {
        Self::new(policy, KeysFrom::Static(keys))
    }

    /// Makes this an issuer that has a name for each tenant, such as Microsoft Entra: the policy's
    /// issuer has a placeholder, as in `https://login.microsoftonline.com/{tenantid}/v2.0`, and only
    /// tokens of these `tenants` are accepted. Their `iss` has the tenant in the place of the
    /// placeholder, and the `claim`, Microsoft's `tid`, names the same tenant.
    ///
    /// The keys of each tenant are discovered at its own name when the first of its tokens arrives.
    /// Those of at most 1024 tenants are held at a time, and unknown keys trigger as many fetches for
    /// all tenants together as for any other issuer. Snapshots are not kept.
    ///
    /// Building the resource server fails with [`BuildError::Tenants`] if the issuer does not have
    /// exactly one placeholder, or a tenant is not made of letters, digits, `-`, `_` and `.`.
    pub fn tenants<T: Into<String>>(
        mut self,
        claim: impl Into<String>,
        tenants: impl IntoIterator<Item = T>,
    ) -> Self {
        self.tenants = Some(TenantList {
            claim: claim.into(),
            tenants: tenants.into_iter().map(Into::into).collect(),
        });
        self
    }

    /// Another name of the same issuer, with the same keys: when you activate a custom domain,
    /// Authgear changes `iss` but keeps the keys.
    pub fn also(mut self, policy: Policy) -> Self {
        self.policies.push(policy);
        self
    }

    /// The internal address of the issuer, if we cannot reach its public origin: scheme, host and
    /// port. All requests for the issuer's host go there, whatever the scheme that its metadata
    /// writes, and carry the public name (`Host`, `X-Forwarded-Proto`).
    pub fn internal_origin(mut self, origin: impl Into<String>) -> Self {
        self.internal_origin = Some(origin.into());
        self
    }

    /// Fetches keys over plain http beyond this machine: anyone on the network path can then choose
    /// them, and read an [`Issuer::authorization`].
    pub const fn insecure_plain_http(mut self) -> Self {
        self.plain_http = PlainHttp::Anywhere;
        self
    }

    /// How long we use keys while the issuer is unreachable. Default: 24 h. 0 means only while they
    /// are fresh.
    pub const fn stale_if_error(mut self, stale_if_error: Duration) -> Self {
        self.freshness = Freshness { stale_if_error };
        self
    }

    /// Keeps the last good key set in this file, for a restart during an outage. Default: not kept.
    pub fn snapshot(mut self, path: impl Into<PathBuf>) -> Self {
        self.snapshot = Some(path.into());
        self
    }

    /// How to reach the issuer: through a proxy, with its own certificate authority, with a client
    /// certificate. Default: as the resource server reaches all issuers.
    pub fn egress(mut self, egress: Egress) -> Self {
        self.egress = egress;
        self
    }

    /// Our credentials at the issuer, sent with each request for its metadata and keys. Default: none,
    /// since most issuers publish both.
    ///
    /// They are sent only to the origin that you configured: the issuer's, its internal origin, or that
    /// of its JWK Set ([`Issuer::jwks_uri`]). If the issuer's metadata names a JWK Set at another
    /// origin, that is fetched without them.
    pub fn authorization(mut self, authorization: Authorization) -> Self {
        self.authorization = Some(authorization);
        self
    }

    /// The transport that reaches the issuer by its [`Issuer::egress`].
    ///
    /// # Errors
    ///
    /// [`HttpTransportError::Tls`] if TLS cannot be set up.
    pub fn transport(&self) -> Result<HttpTransport, HttpTransportError> {
        HttpTransport::through(&self.egress)
    }

    /// Fetches the keys once, for a program that verifies a batch and ends: over `transport`, which is
    /// usually that of [`Issuer::transport`].
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a URL cannot be used, [`BuildError::Fetch`] if fetching the keys fails, or
    /// [`BuildError::KeyByKid`] if each key has a URL of its own: see [`Issuer::fetch_key`].
    pub async fn fetch_keys(self, transport: &dyn Transport) -> Result<JwkSet, BuildError> {
        let Some(source) = self.key_source()? else {
            return match self.keys {
                KeysFrom::Static(keys) => Ok(keys),
                KeysFrom::Discovery | KeysFrom::JwksUri(_) => Err(BuildError::IssuerMissing),
            };
        };
        if source.document.is_by_kid() {
            return Err(BuildError::KeyByKid);
        }
        let fetched = source.fetch(transport, &mut Found::default()).await?;
        let (_, keys) = fetched.keys.ok_or(FetchError::Status(304))?;
        Ok(keys)
    }

    /// Fetches the key with this `kid` once, as [`Issuer::fetch_keys`] does for all keys of other issuers.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a URL cannot be used, [`BuildError::KeyByKid`] if the keys of this issuer have no
    /// URLs of their own or the `kid` is not a UUID, or [`BuildError::Fetch`] if fetching the key fails.
    pub async fn fetch_key(
        self,
        kid: &str,
        transport: &dyn Transport,
    ) -> Result<JwkSet, BuildError> {
        let source = self.key_source()?.ok_or(BuildError::KeyByKid)?;
        let url = source.url_of(kid).ok_or(BuildError::KeyByKid)?;
        let fetched = source.fetch_at(transport, url).await?;
        let (_, keys) = fetched.keys.ok_or(FetchError::Status(304))?;
        Ok(keys)
    }

    /// Whether its keys are fetched one by one: see [`Issuer::fetch_key`].
    #[must_use]
    pub fn is_by_kid(&self) -> bool {
        let is_static = matches!(self.keys, KeysFrom::Static(_));
        let mut policies = self.policies.iter();
        !is_static && policies.any(|policy| policy.profile().key_document().is_by_kid())
    }

    /// Returns the keys, kept fresh from now on. Reuses a store from `kept` if it has the same
    /// origin, or at least its keys if these can only be reached in another way now.
    pub(crate) fn start(
        self,
        transport: &mut impl FnMut(&Egress) -> Result<Arc<dyn Transport>, HttpTransportError>,
        clock: &Clock,
        kept: impl Fn(&str) -> Vec<Arc<KeyStore>>,
    ) -> Result<Vec<(Policy, Arc<KeyStore>)>, BuildError> {
        if self.tenants.is_some() {
            return self.start_tenants(transport, clock, kept);
        }
        let kept = self.policies.first().map(|policy| kept(policy.issuer()));
        let kept = kept.unwrap_or_default();
        let source = self.key_source()?;
        let keys = match (source, self.keys) {
            (None, KeysFrom::Static(keys)) => Arc::new(KeyStore::Static(keys)),
            (None, _) => return Err(BuildError::IssuerMissing),
            (Some(source), _) => {
                let origin = Origin {
                    source,
                    freshness: self.freshness,
                    snapshot: self.snapshot,
                    egress: self.egress,
                };
                match kept.iter().find(|keys| keys.is_of(&origin)) {
                    Some(keys) => Arc::clone(keys),
                    None if origin.source.document.is_by_kid() => {
                        let transport = transport(&origin.egress)?;
                        let keys = KidKeys::start(origin, transport, clock);
                        Arc::new(KeyStore::ByKid(keys))
                    }
                    None => {
                        let transport = transport(&origin.egress)?;
                        let former = kept.iter().find_map(|keys| keys.known_for(&origin));
                        Arc::new(KeyStore::start(origin, transport, clock, former))
                    }
                }
            }
        };
        let with_keys = |policy| (policy, Arc::clone(&keys));
        Ok(self.policies.into_iter().map(with_keys).collect())
    }

    /// The policy and the keys of each tenant. Reuses the stores of `kept` that have the same origin.
    fn start_tenants(
        mut self,
        transport: &mut impl FnMut(&Egress) -> Result<Arc<dyn Transport>, HttpTransportError>,
        clock: &Clock,
        kept: impl Fn(&str) -> Vec<Arc<KeyStore>>,
    ) -> Result<Vec<(Policy, Arc<KeyStore>)>, BuildError> {
        let list = self.tenants.take().ok_or(BuildError::Tenants)?;
        let has_own_keys = !matches!(self.keys, KeysFrom::Discovery);
        let ([template], false) = (self.policies.as_slice(), has_own_keys) else {
            return Err(BuildError::Tenants);
        };
        if list.claim.is_empty() {
            return Err(BuildError::Tenants);
        }
        let template = template.clone();
        let (before, after) = placeholder(template.issuer()).ok_or(BuildError::Tenants)?;
        let transport = transport(&self.egress)?;
        let mut shared = None;
        let mut issuers = Vec::new();
        for tenant in &list.tenants {
            if !is_tenant(tenant) {
                return Err(BuildError::Tenants);
            }
            let name = format!("{before}{tenant}{after}");
            self.policies = vec![template.for_tenant(&name, &list.claim, tenant)];
            let origin = Origin {
                source: self.key_source()?.ok_or(BuildError::Tenants)?,
                freshness: self.freshness,
                snapshot: None,
                egress: self.egress.clone(),
            };
            let same = kept(&name).into_iter().find(|keys| keys.is_of(&origin));
            let keys = same.unwrap_or_else(|| {
                let new =
                    || Tenants::new(Arc::clone(template.issuer()), Arc::clone(&transport), clock);
                let tenants = shared.get_or_insert_with(new);
                Arc::new(KeyStore::Tenant(TenantKeys::new(
                    origin,
                    Arc::clone(tenants),
                )))
            });
            // Tenants that are added later share what those before them do.
            if let KeyStore::Tenant(tenant) = &*keys {
                shared.get_or_insert_with(|| Arc::clone(&tenant.tenants));
            }
            issuers.extend(self.policies.drain(..).map(|policy| (policy, keys.clone())));
        }
        Ok(issuers)
    }

    fn new(policy: Policy, keys: KeysFrom) -> Self {
        Self {
            policies: vec![policy],
            keys,
            internal_origin: None,
            plain_http: PlainHttp::default(),
            freshness: Freshness::default(),
            snapshot: None,
            egress: Egress::default(),
            authorization: None,
            tenants: None,
        }
    }

    /// The URL to fetch the keys from; `None` for keys from the configuration.
    fn key_source(&self) -> Result<Option<KeySource>, BuildError> {
        let policy = self.policies.first().ok_or(BuildError::IssuerMissing)?;
        let has_internal_origin = self.internal_origin.is_some();
        let plain_http = self.plain_http.of_public_urls(has_internal_origin);
        let is_by_kid = self.is_by_kid();
        let is_odd = |policy: &Policy| policy.profile().key_document().is_by_kid() != is_by_kid;
        let location = match &self.keys {
            KeysFrom::Static(_) => return Ok(None),
            KeysFrom::JwksUri(url)
                if is_by_kid && self.snapshot.is_none() && !self.policies.iter().any(is_odd) =>
            {
                Location::KeyUri(KeyUri::parse(url, plain_http)?)
            }
            KeysFrom::Discovery | KeysFrom::JwksUri(_) if is_by_kid => {
                return Err(BuildError::KeyUri);
            }
            KeysFrom::Discovery => {
                Location::Discovery(IssuerUrl::Issuer.parse(policy.issuer(), plain_http)?)
            }
            KeysFrom::JwksUri(url) => Location::JwksUri(IssuerUrl::JwksUri.parse(url, plain_http)?),
        };
        let internal_origin = self.internal_origin.as_deref();
        let internal_origin =
            internal_origin.map(|url| IssuerUrl::InternalOrigin.parse(url, self.plain_http));
        let mut algorithms = self.policies.iter().flat_map(|policy| policy.algorithms());
        if algorithms.any(|algorithm| algorithm.is_symmetric()) {
            return Err(BuildError::SecretFromUrl);
        }
        Ok(Some(KeySource {
            issuer: Arc::clone(policy.issuer()),
            location,
            internal_origin: internal_origin.transpose()?,
            plain_http: self.plain_http,
            document: policy.profile().key_document(),
            authorization: self.authorization.clone(),
        }))
    }
}

/// The text before and behind the only placeholder of an issuer, such as `{tenantid}`.
#[must_use]
pub fn placeholder(issuer: &str) -> Option<(&str, &str)> {
    let (before, rest) = issuer.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    let is_only = ![before, name, after].concat().contains(['{', '}']);
    (is_only && !name.is_empty() && before.contains("://")).then_some((before, after))
}

/// Whether this can be a tenant: nothing that means something in a URL, or has several readings.
#[must_use]
pub fn is_tenant(tenant: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_dots = tenant.bytes().all(|byte| byte == b'.');
    !is_dots && tenant.len() <= TENANT_BYTES && tenant.bytes().all(is_plain)
}

/// The longest tenant: a UUID has 36, a host name at most 253.
const TENANT_BYTES: usize = 253;
