//! The source of an issuer's keys, and one flight: metadata if needed, then the JWK Set.

use std::sync::Arc;
use std::time::Duration;

use bearward_core::JwkSet;
use bearward_core::jwk_set::KeyDocument;
use url::Url;

use crate::discovery;
use crate::fetch::{
    self, Answer, Authorization, DiscoveryFailures, FetchError, Get, TIMEOUT, Transport, max_age,
};
use crate::issuer_url::{KeyUri, PlainHttp};
use crate::sync::{Instant, timeout};

/// The source of an issuer's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeySource {
    /// The issuer, as in `iss` and in the metadata.
    pub(crate) issuer: Arc<str>,
    pub(crate) location: Location,
    pub(crate) internal_origin: Option<Url>,
    pub(crate) plain_http: PlainHttp,
    pub(crate) document: KeyDocument,
    /// Our credentials there.
    pub(crate) authorization: Option<Authorization>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// The issuer's metadata names the URL; this is the issuer's URL.
    Discovery(Url),
    /// The URL of the JWK Set.
    JwksUri(Url),
    /// The URL of each key.
    KeyUri(KeyUri),
}

/// The result of a flight.
pub(crate) struct Fetched {
    /// The document and its keys; `None` if they have not changed (304).
    pub(crate) keys: Option<(Vec<u8>, JwkSet)>,
    pub(crate) max_age: Option<Duration>,
}

/// The knowledge from earlier flights.
#[derive(Debug, Default)]
pub(crate) struct Found {
    jwks_uri: Option<(Url, Instant)>,
    /// The well-known URL that had the metadata last.
    form: Option<usize>,
    /// The entity tag of our current keys, and their URL.
    etag: Option<(Url, String)>,
}

impl KeySource {
    /// Fetches the keys, within [`TIMEOUT`] in total.
    pub(crate) async fn fetch(
        &self,
        transport: &dyn Transport,
        found: &mut Found,
    ) -> Result<Fetched, FetchError> {
        let flight = async {
            let url = self.jwks_uri(transport, found).await?;
            self.jwk_set(transport, url, &mut found.etag).await
        };
        let outcome = timeout(TIMEOUT, flight).await;
        let outcome = outcome.unwrap_or(Err(FetchError::Timeout));
        if outcome.is_err() {
            // The keys may have moved: look the URL up again next time.
            found.jwks_uri = None;
        }
        outcome
    }

    /// Fetches the only document with a key, within [`TIMEOUT`].
    pub(crate) async fn fetch_at(
        &self,
        transport: &dyn Transport,
        url: Url,
    ) -> Result<Fetched, FetchError> {
        // A key is as short as its entity tag.
        let outcome = timeout(TIMEOUT, self.jwk_set(transport, url, &mut None)).await;
        outcome.unwrap_or(Err(FetchError::Timeout))
    }

    /// The URL of the key with this `kid`, if each has one and this may be a `kid`.
    pub(crate) fn url_of(&self, kid: &str) -> Option<Url> {
        match &self.location {
            Location::KeyUri(uri) => uri.of(kid),
            Location::Discovery(_) | Location::JwksUri(_) => None,
        }
    }

    /// Whether both are the same documents of the same issuer, whatever credentials they take.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        let authorization = other.authorization.clone();
        Self {
            authorization,
            ..self.clone()
        } == *other
    }

    /// The URL that a snapshot on disk is bound to.
    pub(crate) fn url(&self) -> &Url {
        match &self.location {
            Location::Discovery(url) | Location::JwksUri(url) => url,
            Location::KeyUri(uri) => &uri.sample,
        }
    }

    async fn jwks_uri(
        &self,
        transport: &dyn Transport,
        found: &mut Found,
    ) -> Result<Url, FetchError> {
        let issuer = match &self.location {
            Location::JwksUri(url) => return Ok(url.clone()),
            Location::Discovery(issuer) => issuer,
            // Only `fetch_at` fetches from there.
            Location::KeyUri(_) => return Err(FetchError::UrlScheme),
        };
        let known = found.jwks_uri.as_ref();
        if let Some((url, _)) = known.filter(|(_, at)| at.elapsed() < METADATA_TTL) {
            return Ok(url.clone());
        }
        let url = self.discover(transport, issuer, &mut found.form).await?;
        found.jwks_uri = Some((url.clone(), Instant::now()));
        Ok(url)
    }

    /// Tries each well-known URL, starting with the last successful one, until one has the metadata
    /// or the issuer is down.
    async fn discover(
        &self,
        transport: &dyn Transport,
        issuer: &Url,
        form: &mut Option<usize>,
    ) -> Result<Url, FetchError> {
        let mut urls: Vec<_> = discovery::well_known_urls(issuer)
            .into_iter()
            .enumerate()
            .collect();
        urls.sort_by_key(|(index, _)| Some(*index) != *form);
        let mut failures = Vec::new();
        for (index, url) in urls {
            let error = match self.metadata_at(transport, &url).await {
                Ok(jwks_uri) => {
                    *form = Some(index);
                    return Ok(jwks_uri);
                }
                Err(error) => error,
            };
            let is_over = is_outage(&error, Some(index) == *form);
            failures.push((url, error));
            if is_over {
                break;
            }
        }
        // There are at least two URLs, so a single failure means that the issuer is down.
        match <[_; 1]>::try_from(failures) {
            Ok([(_, error)]) => Err(error),
            Err(failures) => Err(FetchError::Discovery(DiscoveryFailures(failures))),
        }
    }

    async fn metadata_at(&self, transport: &dyn Transport, url: &Url) -> Result<Url, FetchError> {
        let answer = self.get(transport, url, None).await?;
        let jwks_uri = discovery::jwks_uri(&answer.body, &self.issuer)?;
        let is_internal = self.internal(&jwks_uri).is_some();
        let plain_http = self.plain_http.of_public_urls(is_internal);
        plain_http
            .check(&jwks_uri)
            .map_err(|_| FetchError::UrlScheme)?;
        // https to http is a downgrade, even on loopback.
        let is_downgrade = self.url().scheme() == "https" && jwks_uri.scheme() != "https";
        if is_downgrade && plain_http == PlainHttp::Loopback {
            return Err(FetchError::UrlScheme);
        }
        Ok(jwks_uri)
    }

    async fn jwk_set(
        &self,
        transport: &dyn Transport,
        url: Url,
        known: &mut Option<(Url, String)>,
    ) -> Result<Fetched, FetchError> {
        // RFC 9110 §8.8.3: a tag distinguishes versions of one resource. The same tag at another
        // URL proves nothing.
        let here = known.as_ref().filter(|(at, _)| *at == url);
        let etag = here.map(|(_, etag)| etag.as_str());
        let answer = self.get(transport, &url, etag).await?;
        let max_age = answer.cache_control.as_deref().and_then(max_age);
        if answer.status == 304 {
            let keys = None;
            return Ok(Fetched { keys, max_age });
        }
        let keys = self.document.parse(&answer.body)?;
        // A document without a tag clears the tag, which was for other keys.
        *known = answer.etag.map(|etag| (url, etag));
        Ok(Fetched {
            keys: Some((answer.body, keys)),
            max_age,
        })
    }

    /// The internal origin, if it replaces the origin of this URL: one at the issuer's host,
    /// whatever its scheme, or at the internal origin itself. Some issuers write their URLs by what
    /// a request says, as Keycloak does with `hostname-backchannel-dynamic`: our `Host`, and the
    /// scheme by which they were reached.
    fn internal(&self, url: &Url) -> Option<&Url> {
        let internal = self.internal_origin.as_ref()?;
        let public = self.url();
        // The port of a `Host` without one is that of the scheme.
        let has_same_port = url.port() == public.port()
            || url.port_or_known_default() == public.port_or_known_default();
        // With another port, plain http would be refused: it can only be the issuer's way to name itself.
        let is_plain = url.scheme() == "http" && public.scheme() == "https";
        let is_at_issuer = (has_same_port || is_plain) && url.host() == public.host();
        (is_at_issuer || url.origin() == internal.origin()).then_some(internal)
    }

    /// Whether the operator, and not only the metadata, says that this URL is at the issuer.
    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.url().origin() || self.internal(url).is_some()
    }

    /// Requests for the issuer's host go to the internal origin, under the public name.
    async fn get(
        &self,
        transport: &dyn Transport,
        url: &Url,
        etag: Option<&str>,
    ) -> Result<Answer, FetchError> {
        let internal = self.internal(url).map(|origin| {
            let mut internal = origin.clone();
            internal.set_path(url.path());
            internal.set_query(url.query());
            internal
        });
        let is_internal = internal.is_some();
        // Metadata may name any `jwks_uri`: a stranger must not learn our credentials.
        let (ours, withheld) = match &self.authorization {
            Some(authorization) if self.is_ours(url) => (Some(authorization.value().await?), false),
            Some(_) => (None, true),
            None => (None, false),
        };
        let get = Get {
            url: internal.as_ref().unwrap_or(url),
            host: is_internal.then(|| self.url().authority()),
            forwarded_proto: is_internal.then(|| self.url().scheme()),
            authorization: ours.as_ref(),
            etag,
        };
        let answer = fetch::get(transport, get).await;
        if withheld && matches!(answer, Err(FetchError::Status(401 | 403))) {
            tracing::warn!(
                issuer = %self.issuer,
                url = %url,
                "our credentials were not sent there, since only the metadata names this URL; if it needs \
                 them, configure it as `jwks_uri`"
            );
        }
        answer
    }
}

/// Whether trying another URL on the same host is pointless: we cannot ask, the host does not answer at
/// all, or it fails at the known URL of the metadata. At an unknown path, a server may fail for other reasons.
fn is_outage(error: &FetchError, is_known: bool) -> bool {
    matches!(
        error,
        FetchError::Authorization
            | FetchError::ClientCertificate
            | FetchError::Connect(_)
            | FetchError::Proxy
            | FetchError::Tls(_)
            | FetchError::Timeout
    ) || is_known && matches!(error, FetchError::Interrupted | FetchError::Status(500..))
}

/// Metadata changes when an issuer is upgraded, keys when it rotates them.
const METADATA_TTL: Duration = Duration::from_secs(60 * 60);
