//! The default transport: reqwest over rustls.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bearward_core::limits;
use http::header::{AUTHORIZATION, CACHE_CONTROL, ETAG, HOST, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, Response};
use rustls::pki_types::InvalidDnsNameError;
use rustls::{AlertDescription, CertificateError as Is};
use url::Url;

use crate::issuer_url::is_loopback_name;

use super::egress::{Proxied, Roots};
use super::{Answer, ConnectFailure, Egress, FetchError, Get, TIMEOUT, TlsFailure, Transport};

/// HTTP/1.1 over TLS, verified against the system's certificate authorities unless an [`Egress`] says
/// otherwise.
///
/// It does not follow redirects, ignores proxies from the environment, and cannot disable
/// verification. On Linux and other Unix systems, the system's authorities are those in `SSL_CERT_FILE`
/// and `SSL_CERT_DIR` if one of these environment variables is set.
#[derive(Clone)]
pub struct HttpTransport {
    client: Client,
    proxied: Vec<Proxied>,
}

impl HttpTransport {
    /// Trusts the system's certificate authorities.
    ///
    /// # Errors
    ///
    /// [`HttpTransportError::Tls`] if TLS cannot be set up.
    pub fn new() -> Result<Self, HttpTransportError> {
        Self::through(&Egress::new())
    }

    /// Also trusts the certificate authorities in `pem`.
    ///
    /// # Errors
    ///
    /// [`HttpTransportError::Pem`] if `pem` contains no certificate; [`HttpTransportError::Tls`] if
    /// TLS cannot be set up.
    pub fn with_root_certificates(pem: &[u8]) -> Result<Self, HttpTransportError> {
        Self::through(&Egress::new().root_certificates(pem)?)
    }

    /// Reaches issuers in this way.
    ///
    /// # Errors
    ///
    /// [`HttpTransportError::Tls`] if TLS cannot be set up.
    pub fn through(egress: &Egress) -> Result<Self, HttpTransportError> {
        let mut client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // An issuer at an internal origin must see only its public name, in `Host`; HTTP/2
            // would also send the internal one.
            .http1_only()
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            // An issuer may silently close a connection after an answer, and would then lose our
            // next request.
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(Loopback))
            .user_agent(concat!("bearward/", env!("CARGO_PKG_VERSION")));
        client = match &egress.roots {
            Roots::Added(pem) => client.tls_certs_merge(certificates(pem)?),
            Roots::Only(pem) => client.tls_certs_only(certificates(pem)?),
            Roots::System => client,
        };
        if let Some(pem) = &egress.client_certificate {
            let identity = Identity::from_pem(pem);
            client = client.identity(identity.map_err(|_| HttpTransportError::ClientCertificate)?);
        }
        let mut all_proxied = Vec::new();
        for (proxied, authorization) in egress.proxies() {
            let ours = proxied.clone();
            let mut proxy = reqwest::Proxy::custom(move |url| ours.proxy_for(url));
            if let Some(authorization) = authorization {
                proxy = proxy.custom_http_auth(authorization);
            }
            client = client.proxy(proxy);
            all_proxied.push(proxied);
        }
        let client = client.build().map_err(|_| HttpTransportError::Tls)?;
        let proxied = all_proxied;
        Ok(Self { client, proxied })
    }

    async fn send(&self, get: Get<'_>) -> Result<Answer, FetchError> {
        let mut request = self.client.get(get.url.clone());
        if let Some(host) = get.host {
            request = request.header(HOST, host);
        }
        if let Some(scheme) = get.forwarded_proto {
            request = request.header("x-forwarded-proto", scheme);
        }
        if let Some(authorization) = get.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(etag) = get.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let is_proxied = self.is_proxied(get.url);
        let response = request.send().await.map_err(|error| {
            let error = fetch_error(&error);
            // Without a connection, only the proxy knows whether the issuer is there.
            let is_of_proxy = is_proxied && matches!(error, FetchError::Connect(_));
            if is_of_proxy {
                FetchError::Proxy
            } else {
                error
            }
        })?;
        // The answer of the proxy itself to plain http.
        if is_proxied && response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(FetchError::Proxy);
        }
        let mut answer = Answer {
            status: response.status().as_u16(),
            etag: text(response.headers(), &ETAG),
            cache_control: list(response.headers(), &CACHE_CONTROL),
            location: text(response.headers(), &LOCATION),
            body: Vec::new(),
        };
        if answer.status == 200 {
            answer.body = read(response).await?;
        }
        Ok(answer)
    }

    fn is_proxied(&self, url: &Url) -> bool {
        let mut proxied = self.proxied.iter();
        proxied.any(|proxied| proxied.proxy_for(url).is_some())
    }
}

impl Transport for HttpTransport {
    fn get<'a>(
        &'a self,
        get: Get<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, FetchError>> + Send + 'a>> {
        Box::pin(self.send(get))
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").finish_non_exhaustive()
    }
}

/// Asks the system for addresses, except for names of this machine.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, name: Name) -> Resolving {
        if is_loopback_name(name.as_str()) {
            let addresses = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let addresses = addresses.map(|address: IpAddr| SocketAddr::new(address, 0));
            let addresses: Addrs = Box::new(addresses.into_iter());
            return Box::pin(std::future::ready(Ok(addresses)));
        }
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found = found.map_err(NotResolved)?;
            let addresses: Addrs = Box::new(found.collect::<Vec<_>>().into_iter());
            Ok(addresses)
        })
    }
}

/// A name that has no address.
#[derive(Debug, thiserror::Error)]
#[error("the name does not resolve")]
struct NotResolved(#[source] io::Error);

/// Why the HTTP client could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpTransportError {
    /// Not a certificate and its private key, both in PEM.
    #[error("certificate and private key are not both PEM, or do not belong together")]
    ClientCertificate,
    /// The text is not PEM with at least one certificate, all of which can be an authority's.
    #[error("the text has no certificate of an authority in PEM")]
    Pem,
    /// Not the URL of an HTTP proxy.
    #[error("a proxy is http:// or https:// with a host and perhaps a port, and nothing else")]
    Proxy,
    /// TLS cannot be set up, for example because the system's certificate authorities, or those in
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`, are unreadable.
    #[error("TLS cannot be set up with the system's certificate authorities")]
    Tls,
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, HttpTransportError> {
    Certificate::from_pem_bundle(pem).map_err(|_| HttpTransportError::Pem)
}

/// The body, read only up to its limit. We request no compression, so nothing is decompressed.
async fn read(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| fetch_error(&error))?
    {
        if body.len().saturating_add(chunk.len()) > limits::DOCUMENT_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// A field that may span several lines ([RFC 9110 §5.3]).
///
/// [RFC 9110 §5.3]: https://www.rfc-editor.org/rfc/rfc9110#section-5.3
fn list(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
    Some(lines.join(", ")).filter(|list| !list.is_empty())
}

fn fetch_error(error: &reqwest::Error) -> FetchError {
    // Connecting has its own, shorter timeout.
    if error.is_timeout() && !error.is_connect() {
        return FetchError::Timeout;
    }
    match cause::<rustls::Error>(error) {
        Some(rustls::Error::AlertReceived(alert)) if is_about_us(*alert) => {
            return FetchError::ClientCertificate;
        }
        Some(error) => return FetchError::Tls(tls_failure(error)),
        None => {}
    }
    if error.is_connect() {
        return FetchError::Connect(connect_failure(error));
    }
    FetchError::Interrupted
}

fn connect_failure(error: &reqwest::Error) -> ConnectFailure {
    // Before a name is looked up, it must be one that a certificate could have.
    if cause::<NotResolved>(error).is_some() || cause::<InvalidDnsNameError>(error).is_some() {
        return ConnectFailure::Dns;
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => ConnectFailure::Refused,
        Some(io::ErrorKind::TimedOut) => ConnectFailure::Timeout,
        _ if error.is_timeout() => ConnectFailure::Timeout,
        _ => ConnectFailure::Unreachable,
    }
}

fn tls_failure(error: &rustls::Error) -> TlsFailure {
    let rustls::Error::InvalidCertificate(error) = error else {
        return TlsFailure::Protocol;
    };
    if matches!(error, Is::Expired | Is::ExpiredContext { .. }) {
        return TlsFailure::Expired;
    }
    if matches!(error, Is::NotValidYet | Is::NotValidYetContext { .. }) {
        return TlsFailure::NotYetValid;
    }
    if matches!(
        error,
        Is::NotValidForName | Is::NotValidForNameContext { .. }
    ) {
        return TlsFailure::Name;
    }
    // Another authority of the same name signed it.
    if matches!(error, Is::BadSignature | Is::UnknownIssuer) {
        return TlsFailure::Authority;
    }
    TlsFailure::Certificate
}

/// The first cause of this type. The `source` of an I/O error is that of the error in it, and not this one.
fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    let inner = inner.and_then(|inner| cause(inner));
    inner.or_else(|| error.source().and_then(cause))
}

/// Whether a server that sends this alert misses our certificate, or finds fault with it
/// ([RFC 8446 §6.2]). A server with TLS 1.2 may say no more than that the handshake failed.
///
/// [RFC 8446 §6.2]: https://www.rfc-editor.org/rfc/rfc8446#section-6.2
const fn is_about_us(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::AccessDenied
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRequired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            // Another authority of the same name signed it.
            | AlertDescription::DecryptError
            | AlertDescription::NoCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
    )
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::HttpTransport;
    use crate::fetch::{Answer, ConnectFailure, FetchError, Get};

    /// The request that arrives at a server, and how we read its `answer`.
    async fn exchange(
        answer: &'static str,
        etag: Option<&str>,
        host: Option<&str>,
    ) -> (String, Answer) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys?a=b", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            head.truncate(length);
            String::from_utf8(head).unwrap().to_ascii_lowercase()
        });
        let url = url.parse().unwrap();
        let get = Get {
            url: &url,
            host,
            forwarded_proto: host.map(|_| "https"),
            authorization: None,
            etag,
        };
        let answer = HttpTransport::new().unwrap().send(get).await.unwrap();
        (server.await.unwrap(), answer)
    }

    /// No resolver asks anybody about a label of more than 63 letters, so this needs no network.
    #[tokio::test]
    async fn a_name_without_an_address_is_known_from_a_server_that_is_down() {
        let label = "x".repeat(64);
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = free.local_addr().unwrap();
        drop(free);
        for (url, failure) in [
            (format!("http://{label}.invalid/"), ConnectFailure::Dns),
            (format!("https://{label}.invalid/"), ConnectFailure::Dns),
            (format!("http://{closed}/"), ConnectFailure::Refused),
        ] {
            let url = url.parse().unwrap();
            let get = Get {
                url: &url,
                host: None,
                forwarded_proto: None,
                authorization: None,
                etag: None,
            };
            let answer = HttpTransport::new().unwrap().send(get).await;
            assert_eq!(answer.unwrap_err(), FetchError::Connect(failure), "{url}");
        }
    }

    #[tokio::test]
    async fn what_matters_of_an_answer() {
        let (_, answer) = exchange(
            "HTTP/1.1 200 OK\r\netag: \"one\"\r\ncache-control: public\r\n\
             cache-control: max-age=300\r\ncontent-length: 2\r\n\r\n{}",
            None,
            None,
        )
        .await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.etag.as_deref(), Some("\"one\""));
        assert_eq!(answer.cache_control.as_deref(), Some("public, max-age=300"));
        assert_eq!(answer.location, None);
        assert_eq!(answer.body, b"{}");

        let (_, answer) = exchange(
            "HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\n\
             content-length: 4\r\n\r\nbody",
            None,
            None,
        )
        .await;
        assert_eq!(answer.status, 307);
        assert_eq!(answer.location.as_deref(), Some("http://127.0.0.1:1/"));
        assert_eq!(answer.cache_control, None);
        assert_eq!(answer.body, b"");
    }

    #[tokio::test]
    async fn what_is_sent() {
        let empty = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let (head, _) = exchange(empty, Some("\"one\""), Some("auth.example:8443")).await;
        assert!(head.starts_with("get /keys?a=b http/1.1\r\n"), "{head}");
        for field in [
            "host: auth.example:8443",
            "x-forwarded-proto: https",
            "if-none-match: \"one\"",
        ] {
            let lines: Vec<_> = head.lines().filter(|line| *line == field).collect();
            assert_eq!(lines.len(), 1, "{field} in {head}");
        }
        assert_eq!(head.matches("host:").count(), 1, "{head}");

        let (head, _) = exchange(empty, None, None).await;
        for field in [
            "x-forwarded",
            "if-none-match",
            "accept-encoding",
            "referer",
            "cookie",
            "authorization",
        ] {
            assert!(!head.contains(field), "{field} in {head}");
        }
        assert!(head.contains("host: 127.0.0.1:"), "{head}");
    }
}
