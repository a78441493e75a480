//! The way to an issuer, where it is not the usual one: a proxy, a private certificate authority, a
//! client certificate.
//!
//! No setting turns verification off, and nothing here reads the environment: a program that wants
//! `HTTPS_PROXY` to count passes it on.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Identity;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use url::Url;

use crate::issuer_url::is_loopback;

use super::HttpTransportError;
use super::authorization::{self, AuthorizationError};

/// How to reach an issuer. By default directly, over TLS that the system's certificate authorities
/// vouch for.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct Egress {
    pub(super) https_proxy: Option<Proxy>,
    pub(super) http_proxy: Option<Proxy>,
    no_proxy: String,
    pub(super) roots: Roots,
    /// Chain and private key in PEM, one after the other.
    pub(super) client_certificate: Option<Arc<[u8]>>,
}

/// The certificate authorities that are trusted.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) enum Roots {
    /// These in PEM, and the system's.
    Added(Arc<[u8]>),
    /// These in PEM.
    Only(Arc<[u8]>),
    /// The system's.
    #[default]
    System,
}

impl Egress {
    /// The usual way.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends all requests through this proxy, except those to this machine. It reads plain http, and
    /// could forge the answers to it; https passes through it unread (`CONNECT`, [RFC 9110 §9.3.6]).
    ///
    /// [RFC 9110 §9.3.6]: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
    pub fn proxy(self, proxy: Proxy) -> Self {
        self.https_proxy(proxy.clone()).http_proxy(proxy)
    }

    /// Sends requests for https URLs through this proxy, as `HTTPS_PROXY` does by convention.
    pub fn https_proxy(mut self, proxy: Proxy) -> Self {
        self.https_proxy = Some(proxy);
        self
    }

    /// Sends requests for plain http URLs through this proxy, as `HTTP_PROXY` does by convention.
    pub fn http_proxy(mut self, proxy: Proxy) -> Self {
        self.http_proxy = Some(proxy);
        self
    }

    /// The hosts that are reached without a proxy, as in `NO_PROXY`: separated by commas, each a name
    /// (which includes the names below it), an address, a network such as `10.0.0.0/8`, or `*`. A name
    /// may be written `*.example`, and with a port, which makes no difference. This machine is always
    /// reached without one.
    pub fn no_proxy(mut self, hosts: impl AsRef<str>) -> Self {
        let hosts = hosts.as_ref().split(',').map(|host| host_of(host.trim()));
        self.no_proxy = hosts.collect::<Vec<_>>().join(",");
        self
    }

    /// Also trusts the certificate authorities in `pem`, in addition to the system's.
    ///
    /// # Errors
    ///
    /// [`HttpTransportError::Pem`] if `pem` has no certificate, or one that cannot be an authority's.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, HttpTransportError> {
        self.roots = Roots::Added(authorities(pem)?);
        Ok(self)
    }

    /// Trusts the certificate authorities in `pem`, and no others.
    ///
    /// # Errors
    ///
    /// As [`Egress::root_certificates`].
    pub fn only_root_certificates(mut self, pem: &[u8]) -> Result<Self, HttpTransportError> {
        self.roots = Roots::Only(authorities(pem)?);
        Ok(self)
    }

    /// Proves who we are with this certificate, if the server asks for one ([RFC 8446 §4.4.2]): the
    /// certificate with the chain to its authority, and its private key, both in PEM.
    ///
    /// # Errors
    ///
    /// [`HttpTransportError::ClientCertificate`] if one of them is missing, or they do not belong
    /// together.
    ///
    /// [RFC 8446 §4.4.2]: https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2
    pub fn client_certificate(
        mut self,
        chain: &[u8],
        key: &[u8],
    ) -> Result<Self, HttpTransportError> {
        let chain_of = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
        let chain_of = chain_of.ok().filter(|chain| !chain.is_empty());
        let key_of = PrivateKeyDer::from_pem_slice(key).ok();
        let pair = chain_of.zip(key_of);
        let certified =
            pair.map(|(chain, key)| CertifiedKey::from_der(chain, key, &default_provider()));
        // One file may have both.
        let pem = match chain == key {
            true => chain.to_vec(),
            false => [chain, b"\n", key].concat(),
        };
        if !matches!(certified, Some(Ok(_))) || Identity::from_pem(&pem).is_err() {
            return Err(HttpTransportError::ClientCertificate);
        }
        self.client_certificate = Some(pem.into());
        Ok(self)
    }

    /// The proxy for each scheme, with the URLs that go through it.
    pub(super) fn proxies(&self) -> impl Iterator<Item = (Proxied, Option<HeaderValue>)> {
        let https = self.https_proxy.iter().map(|proxy| {
            let matcher = Matcher::builder().https(proxy.url.as_str());
            (proxy, matcher)
        });
        let http = self.http_proxy.iter().map(|proxy| {
            let matcher = Matcher::builder().http(proxy.url.as_str());
            (proxy, matcher)
        });
        https.chain(http).map(|(proxy, matcher)| {
            let matcher = matcher.no(self.no_proxy.as_str()).build();
            let proxied = Proxied {
                url: proxy.url.clone(),
                matcher: Arc::new(matcher),
            };
            (proxied, proxy.authorization.clone())
        })
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roots = match self.roots {
            Roots::Added(_) => "added",
            Roots::Only(_) => "only these",
            Roots::System => "the system's",
        };
        f.debug_struct("Egress")
            .field("https_proxy", &self.https_proxy)
            .field("http_proxy", &self.http_proxy)
            .field("no_proxy", &self.no_proxy)
            .field("roots", &roots)
            .finish_non_exhaustive()
    }
}

/// An HTTP proxy.
#[derive(Clone, PartialEq, Eq, Hash)]
#[must_use]
pub struct Proxy {
    url: Url,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// The proxy at this URL: scheme (`http` or `https`), host and port.
    ///
    /// # Errors
    ///
    /// [`HttpTransportError::Proxy`] if the URL is another one. It must not contain credentials,
    /// which would appear wherever the URL does: they go to [`Proxy::authorization`].
    pub fn new(url: &str) -> Result<Self, HttpTransportError> {
        let url: Url = url.parse().map_err(|_| HttpTransportError::Proxy)?;
        let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
        let is_bare = url.username().is_empty() && url.password().is_none();
        let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        if !is_http || !is_bare || has_more {
            return Err(HttpTransportError::Proxy);
        }
        let authorization = None;
        Ok(Self { url, authorization })
    }

    /// The value of `Proxy-Authorization`, written as an [`Authorization`] may be.
    ///
    /// # Errors
    ///
    /// [`AuthorizationError`] if the text is not credentials.
    ///
    /// [`Authorization`]: super::Authorization
    pub fn authorization(mut self, text: impl AsRef<[u8]>) -> Result<Self, AuthorizationError> {
        self.authorization = Some(authorization::parse(text.as_ref())?);
        Ok(self)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

/// The URLs that go through a proxy, and its URL.
#[derive(Clone)]
pub(super) struct Proxied {
    url: Url,
    matcher: Arc<Matcher>,
}

impl Proxied {
    /// The proxy for this URL. None for this machine: plain http is allowed there because nobody is on
    /// the way, and a proxy would be.
    pub(super) fn proxy_for(&self, url: &Url) -> Option<Url> {
        let uri = url.as_str().parse().ok()?;
        let is_proxied = !is_loopback(url) && self.matcher.intercept(&uri).is_some();
        is_proxied.then(|| self.url.clone())
    }
}

/// A host of `NO_PROXY` as [`Matcher`] reads it: `.example` for `*.example`, and without a port.
fn host_of(host: &str) -> &str {
    let host = match host.strip_prefix('*') {
        Some(name) if name.starts_with('.') => name,
        _ => host,
    };
    match host.rsplit_once(':') {
        Some((name, port)) if is_name_with(name, port) => name,
        _ => host,
    }
}

fn is_name_with(name: &str, port: &str) -> bool {
    // More colons are those of an IPv6 address.
    !name.contains(':') && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Authorities in PEM, of which there is at least one.
fn authorities(pem: &[u8]) -> Result<Arc<[u8]>, HttpTransportError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| HttpTransportError::Pem)?;
        let added = roots.add(certificate);
        added.map_err(|_| HttpTransportError::Pem)?;
    }
    match roots.is_empty() {
        true => Err(HttpTransportError::Pem),
        false => Ok(pem.into()),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{Egress, Proxy};
    use crate::fetch::HttpTransportError;

    fn proxied(egress: &Egress, url: &str) -> Option<String> {
        let url: Url = url.parse().unwrap();
        let mut proxies = egress.proxies();
        let proxy = proxies.find_map(|(proxied, _)| proxied.proxy_for(&url));
        proxy.map(|url| url.to_string())
    }

    #[test]
    fn a_proxy_is_for_all_but_this_machine() {
        let egress = Egress::new().proxy(Proxy::new("http://proxy:3128").unwrap());
        for url in [
            "https://id.example",
            "http://id.example:8080/k",
            "https://10.0.0.1/k",
            "https://[2001:db8::1]/k",
            "https://notlocalhost/k",
        ] {
            let expected = Some("http://proxy:3128/".to_owned());
            assert_eq!(proxied(&egress, url), expected, "{url}");
        }
        for url in [
            "http://localhost:9/k",
            "https://localhost/k",
            "http://id.localhost./k",
            "http://127.8.8.8/k",
            "http://[::1]:9/k",
        ] {
            assert_eq!(proxied(&egress, url), None, "{url}");
        }
    }

    #[test]
    fn each_scheme_may_have_its_proxy_and_hosts_may_have_none() {
        let egress = Egress::new()
            .https_proxy(Proxy::new("https://secure:443").unwrap())
            .http_proxy(Proxy::new("http://plain").unwrap())
            .no_proxy("internal.example, 10.0.0.0/8,.svc,*.star.example,port.example:443,[2001:db8::2], 2001:db8::1");
        for (url, proxy) in [
            ("https://id.star.example", None),
            ("https://notstar.example", Some("https://secure/")),
            ("https://port.example", None),
            ("https://[2001:db8::1]/", None),
            ("https://[2001:db8::443]/", Some("https://secure/")),
            ("https://id.example", Some("https://secure/")),
            ("http://id.example", Some("http://plain/")),
            ("https://internal.example", None),
            ("https://id.internal.example", None),
            ("https://notinternal.example", Some("https://secure/")),
            ("http://10.1.2.3", None),
            ("http://11.1.2.3", Some("http://plain/")),
            ("https://kubernetes.default.svc", None),
        ] {
            assert_eq!(proxied(&egress, url).as_deref(), proxy, "{url}");
        }
        let https = Egress::new().https_proxy(Proxy::new("http://proxy").unwrap());
        assert_eq!(proxied(&https, "http://id.example"), None);
        let none = Egress::new().proxy(Proxy::new("http://proxy").unwrap());
        assert_eq!(proxied(&none.no_proxy("*"), "https://id.example"), None);
    }

    #[test]
    fn t_key_27_a_proxy_is_a_bare_url() {
        for url in ["http://proxy:3128", "https://10.0.0.1/", "http://[::1]:8"] {
            assert!(Proxy::new(url).is_ok(), "{url}");
        }
        for url in [
            "http://user:password@proxy:3128",
            "http://user@proxy",
            "http://:password@proxy",
            "socks5://proxy:1080",
            "proxy:3128",
            "proxy",
            "",
            "http://proxy/path",
            "http://proxy?query",
            "http://proxy#fragment",
        ] {
            assert_eq!(Proxy::new(url), Err(HttpTransportError::Proxy), "{url}");
        }
    }

    #[test]
    fn t_cfg_08_the_credentials_of_a_proxy_are_not_shown() {
        let proxy = Proxy::new("http://proxy:3128").unwrap();
        let egress = Egress::new().proxy(proxy.authorization("user:hunter22").unwrap());
        let shown = format!("{egress:?}");
        assert!(shown.contains("http://proxy:3128"), "{shown}");
        for secret in ["hunter2", "dXNlcjpodW50ZXIyMg==", "Basic"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
