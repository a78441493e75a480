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
use crate::issuer_url::{IssuerUrl, PlainHttp};
use crate::key_source::{Found, KeySource, Location};
use crate::key_store::{KeyStore, Origin};
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
    pub fn jwks_uri(policy: Policy, url: impl Into<String>) -> Self {
        Self::new(policy, KeysFrom::JwksUri(url.into()))
    }

    /// An issuer whose keys you already have: a file, or static secrets. Nothing is fetched.
    pub fn jwk_set(policy: Policy, keys: JwkSet) -> Self {
        Self::new(policy, KeysFrom::Static(keys))
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
    /// [`BuildError`] if a URL cannot be used, or [`BuildError::Fetch`] if fetching the keys fails.
    pub async fn fetch_keys(self, transport: &dyn Transport) -> Result<JwkSet, BuildError> {
        let Some(source) = self.key_source()? else {
            return match self.keys {
                KeysFrom::Static(keys) => Ok(keys),
                KeysFrom::Discovery | KeysFrom::JwksUri(_) => Err(BuildError::IssuerMissing),
            };
        };
        let fetched = source.fetch(transport, &mut Found::default()).await?;
        let (_, keys) = fetched.keys.ok_or(FetchError::Status(304))?;
        Ok(keys)
    }

    /// Returns the keys, kept fresh from now on. Reuses a store from `kept` if it has the same
    /// origin, or at least its keys if these can only be reached in another way now.
    pub(crate) fn start(
        self,
        transport: &mut impl FnMut(&Egress) -> Result<Arc<dyn Transport>, HttpTransportError>,
        clock: &Clock,
        kept: &[Arc<KeyStore>],
    ) -> Result<(Vec<Policy>, Arc<KeyStore>), BuildError> {
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
                    None => {
                        let transport = transport(&origin.egress)?;
                        let keys = kept.iter().find_map(|keys| keys.keys_for(&origin));
                        Arc::new(KeyStore::start(origin, transport, clock, keys))
                    }
                }
            }
        };
        Ok((self.policies, keys))
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
        }
    }

    /// The URL to fetch the keys from; `None` for keys from the configuration.
    fn key_source(&self) -> Result<Option<KeySource>, BuildError> {
        let policy = self.policies.first().ok_or(BuildError::IssuerMissing)?;
        let has_internal_origin = self.internal_origin.is_some();
        let plain_http = self.plain_http.of_public_urls(has_internal_origin);
        let location = match &self.keys {
            KeysFrom::Static(_) => return Ok(None),
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
