//! Getting a document from the issuer: one GET within limits, over a [`Transport`].
//!
//! It never follows redirects, always verifies TLS, and reads no answer beyond its limit.
//! `discovery` and `JwkSet` check the document.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bearward_core::jwk_set::JwkSetError;
use bearward_core::limits;
use http::HeaderValue;
use url::Url;

mod authorization;
mod egress;
mod reqwest;

pub use self::authorization::{Authorization, AuthorizationError};
pub use self::egress::{Egress, Proxy};
pub use self::reqwest::{HttpTransport, HttpTransportError};

/// Sends a GET to the issuer and returns the answer.
///
/// [`HttpTransport`] is the usual one. Write another for tests, or if requests need a special
/// network path.
pub trait Transport: Send + Sync + 'static {
    /// Sends `get` and returns the answer, whatever its status, without following redirects.
    fn get<'a>(
        &'a self,
        get: Get<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>>;
}

/// A GET to be sent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Get<'a> {
    /// The URL to connect to.
    pub url: &'a Url,
    /// The `Host` to send, if the URL's own is internal.
    pub host: Option<&'a str>,
    /// The scheme to report to the issuer, if the URL's own is internal.
    pub forwarded_proto: Option<&'a str>,
    /// The `Authorization` to send, which is secret.
    pub authorization: Option<&'a HeaderValue>,
    /// The entity tag of our current answer, for `If-None-Match`.
    pub etag: Option<&'a str>,
}

impl<'a> Get<'a> {
    /// A request for this URL, with nothing else.
    #[must_use]
    pub const fn new(url: &'a Url) -> Self {
        Self {
            url,
            host: None,
            forwarded_proto: None,
            authorization: None,
            etag: None,
        }
    }
}

/// The relevant parts of an answer.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `ETag`, if there is one.
    pub etag: Option<String>,
    /// `Cache-Control`, if there is one.
    pub cache_control: Option<String>,
    /// `Location`, if there is one: for the operator's eyes only.
    pub location: Option<String>,
    /// The body, at most [`limits::DOCUMENT_BYTES`].
    pub body: Vec<u8>,
}

/// Why fetching keys or metadata failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The file with our credentials for the issuer cannot be read, or has none in it.
    #[error("authorization: the file with the credentials for the issuer cannot be used")]
    Authorization,
    /// The issuer demands a client certificate, or refuses ours.
    #[error(
        "client_certificate: the issuer demands a certificate of its clients (`client_certificate`), \
         or refuses ours"
    )]
    ClientCertificate,
    /// No connection within 2 s.
    #[error("connect: could not connect to the server: {0}")]
    Connect(ConnectFailure),
    /// No well-known URL had the metadata.
    #[error(transparent)]
    Discovery(DiscoveryFailures),
    /// The connection broke before the answer was complete.
    #[error("interrupted: the answer was not complete")]
    Interrupted,
    /// The metadata names another issuer than the one configured.
    #[error(
        "issuer_mismatch: the metadata names the issuer \"{named}\", and \"{configured}\" is configured: {}",
        remedy_of_mismatch(named, configured)
    )]
    IssuerMismatch {
        /// The issuer that the metadata names: at most 200 characters, escaped.
        named: Box<str>,
        /// The configured issuer.
        configured: Box<str>,
    },
    /// The JWK Set cannot be used.
    #[error(transparent)]
    JwkSet(#[from] JwkSetError),
    /// Not metadata: not a JSON object with `issuer` and `jwks_uri`.
    #[error("the document is not issuer metadata with issuer and jwks_uri")]
    NotMetadata,
    /// No connection through the proxy: it is unreachable, refuses us, or cannot reach the issuer.
    #[error(
        "proxy: no connection through the proxy: it cannot be reached, refuses us, or cannot reach the \
         issuer"
    )]
    Proxy,
    /// A redirect, which is never followed.
    #[error(
        "redirect_refused: the issuer answered with redirect {0}; configure its final URL, or, with \
         internal_origin, let the issuer trust X-Forwarded-Proto (Authgear: TRUST_PROXY=true)"
    )]
    Redirect(u16),
    /// A status other than 200.
    #[error("the issuer answered with status {0}{remedy}", remedy = remedy_of_status(*.0))]
    Status(u16),
    /// Not within the time limit.
    #[error("fetch_timeout: no complete answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    /// The TLS handshake failed.
    #[error("tls: {0}")]
    Tls(TlsFailure),
    /// Larger than [`limits::DOCUMENT_BYTES`].
    #[error(
        "jwks_too_large: the answer is larger than {} bytes",
        limits::DOCUMENT_BYTES
    )]
    TooLarge,
    /// A URL that we do not fetch: not https, http although the issuer has https, or with a user.
    #[error(
        "url_scheme: a key or metadata URL must be https (http on loopback only), without user"
    )]
    UrlScheme,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// The name does not resolve.
    #[error("its name does not resolve (DNS)")]
    Dns,
    /// Nothing listens there.
    #[error("connection refused: nothing listens at this address and port")]
    Refused,
    /// No answer within 2 s.
    #[error("no answer within 2 s; a firewall may drop the packets, or the way needs a `proxy`")]
    Timeout,
    /// The network does not lead there, or the connection broke at once.
    #[error("it cannot be reached from here")]
    Unreachable,
}

/// Why a TLS handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// An authority that is not trusted issued the certificate.
    #[error(
        "no authority that this machine trusts issued the issuer's certificate; if a private authority did, \
         configure it (`ca`)"
    )]
    Authority,
    /// The certificate cannot be used for another reason.
    #[error(
        "the issuer's certificate could not be verified; if a private authority issued it, configure that \
         authority (`ca`), and not the certificate itself"
    )]
    Certificate,
    /// The certificate has expired.
    #[error("the issuer's certificate has expired; renew it, or correct the clock of this machine")]
    Expired,
    /// The certificate is for other names.
    #[error(
        "the issuer's certificate is for another name than the one in the URL; use a name that is in the \
         certificate"
    )]
    Name,
    /// The certificate is not valid yet.
    #[error("the issuer's certificate is not valid yet; correct the clock of this machine")]
    NotYetValid,
    /// The server does not speak TLS there, or no version of it that we speak.
    #[error(
        "the server does not speak TLS at this port, or no version or cipher suite that we accept"
    )]
    Protocol,
}

/// What to do if the metadata names another issuer.
fn remedy_of_mismatch(named: &str, configured: &str) -> &'static str {
    let bare = |issuer: &str| {
        let (_, rest) = issuer.split_once("://").unwrap_or(("", issuer));
        rest.trim_end_matches('/').to_owned()
    };
    if named.trim_end_matches('/') == configured.trim_end_matches('/') {
        return "they differ in the slash at the end; configure the issuer as the metadata names it";
    }
    if bare(named) == bare(configured) {
        return "they differ in the scheme; if the issuer is behind a proxy, it has to know its public https URL";
    }
    "configure the issuer as the metadata names it, if that is its public name; if it is an internal one, set the public \
     name at the issuer, and `internal_origin` here"
}

/// What to do about a status.
const fn remedy_of_status(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            "; if it gives its keys only to clients that it knows, configure `authorization`"
        }
        _ => "",
    }
}

/// What each well-known URL answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryFailures(pub(crate) Vec<(Url, FetchError)>);

impl DiscoveryFailures {
    /// The URLs that were tried, each with its failure.
    pub fn attempts(&self) -> impl Iterator<Item = (&Url, &FetchError)> {
        self.0.iter().map(|(url, error)| (url, error))
    }
}

impl fmt::Display for DiscoveryFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no metadata at any well-known URL")?;
        for (url, error) in &self.0 {
            write!(f, "; {url}: {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DiscoveryFailures {}

/// One GET whose answer is 200 with a body, or 304 if we sent an entity tag.
pub(crate) async fn get(transport: &dyn Transport, get: Get<'_>) -> Result<Answer, FetchError> {
    let answer = transport.get(get).await?;
    if answer.body.len() > limits::DOCUMENT_BYTES {
        return Err(FetchError::TooLarge);
    }
    match answer.status {
        200 => Ok(answer),
        304 if get.etag.is_some() => Ok(answer),
        300..=399 if answer.status != 304 => {
            let location = answer.location.as_deref().map(shortened);
            tracing::warn!(url = %get.url, location, "redirect not followed");
            Err(FetchError::Redirect(answer.status))
        }
        status => Err(FetchError::Status(status)),
    }
}

/// The beginning of a text from somebody else.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

/// `max-age` of a `Cache-Control` ([RFC 9111 §5.2.2.1]). `no-store` and `no-cache` ask for a fresh
/// answer each time, which is 0 here: the schedule has its own floor.
///
/// [RFC 9111 §5.2.2.1]: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.1
pub(crate) fn max_age(cache_control: &str) -> Option<Duration> {
    let mut max_age = None;
    for directive in directives(cache_control) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Some(Duration::ZERO),
            "max-age" if max_age.is_none() => {
                let seconds = value.trim().trim_matches('"');
                let is_number = !seconds.is_empty() && seconds.bytes().all(|b| b.is_ascii_digit());
                let seconds = seconds.parse().ok().unwrap_or(VERY_LONG);
                max_age = is_number.then_some(Duration::from_secs(seconds));
            }
            _ => {}
        }
    }
    max_age
}

/// The directives, separated by commas, except commas in a quoted string ([RFC 9110 §5.6.4]), which
/// may list the names of fields.
///
/// [RFC 9110 §5.6.4]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4
fn directives(cache_control: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    cache_control.split(move |char| {
        if std::mem::take(&mut is_escaped) {
            return false;
        }
        is_escaped = is_quoted && char == '\\';
        is_quoted ^= char == '"';
        char == ',' && !is_quoted
    })
}

/// The value that RFC 9111 §1.2.2 prescribes for numbers too large: 2³¹ seconds.
const VERY_LONG: u64 = 1 << 31;

/// The limit for a whole flight: metadata and keys together.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::max_age;

    #[test]
    fn max_age_is_read_as_rfc_9111_has_it() {
        let seconds = |text| max_age(text).map(|age: Duration| age.as_secs());
        assert_eq!(seconds("max-age=300"), Some(300));
        assert_eq!(seconds("public, Max-Age=\"60\""), Some(60));
        assert_eq!(seconds("max-age=1, max-age=2"), Some(1));
        assert_eq!(seconds("max-age=99999999999999999999"), Some(1 << 31));
        assert_eq!(seconds("no-cache, max-age=300"), Some(0));
        assert_eq!(seconds("max-age=300, no-store"), Some(0));
        assert_eq!(seconds("s-maxage=300"), None);
        assert_eq!(seconds("max-age=-1"), None);
        // Quoted text is no directive.
        assert_eq!(seconds(r#"private="a, b", max-age=300"#), Some(300));
        assert_eq!(seconds(r#"x="y, max-age=1", max-age=300"#), Some(300));
        assert_eq!(seconds(r#"x="\", no-store, \\", max-age=300"#), Some(300));
        assert_eq!(seconds("max-age="), None);
        assert_eq!(seconds(""), None);
    }
}
