//! `[listen]`: where the gateway listens.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::description::Kind;
use super::mistakes::Code;
use super::reader::Fields;
use super::surroundings::{Secret, Surroundings};

/// The listeners, those that are configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listen {
    /// Health, metrics and the state of keys.
    pub admin: Option<AdminSettings>,
    /// The questions of Envoy over gRPC.
    pub ext_authz: Option<ExtAuthzSettings>,
    /// The questions of proxies.
    pub forward_auth: Option<ForwardAuthSettings>,
    /// The reverse proxy.
    pub proxy: Option<ProxySettings>,
}

impl Listen {
    pub(super) fn read(fields: &Fields<'_>, surroundings: &Surroundings<'_>) -> Self {
        let Some(fields) = fields.table("listen") else {
            return Self::default();
        };
        Self {
            admin: fields.table("admin").as_ref().and_then(AdminSettings::read),
            ext_authz: fields
                .table("ext_authz")
                .as_ref()
                .and_then(ExtAuthzSettings::read),
            forward_auth: fields
                .table("forward_auth")
                .as_ref()
                .and_then(ForwardAuthSettings::read),
            proxy: fields
                .table("proxy")
                .and_then(|table| ProxySettings::read(&table, surroundings)),
        }
    }
}

impl Listen {
    /// Whether only certificates differ, which are replaced while the listener stays.
    pub(crate) fn is_same_but_for_certificates(&self, other: &Self) -> bool {
        let with_our_certificate = |mut other: Self| {
            let ours = self.proxy.as_ref().and_then(|proxy| proxy.tls.as_ref());
            let theirs = other.proxy.as_mut().and_then(|proxy| proxy.tls.as_mut());
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                *theirs = ours.clone();
            }
            other
        };
        *self == with_our_certificate(other.clone())
    }
}

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdminSettings {
    /// Where it listens.
    pub address: Address,
    /// Names under which it is asked, beside `localhost` and addresses.
    pub hosts: Vec<String>,
}

impl AdminSettings {
    /// Asked under `localhost` and addresses only.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self {
            address,
            hosts: Vec::new(),
        }
    }

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let hosts = fields.texts("hosts");
        let hosts = hosts.iter().map(|host| host.value.to_ascii_lowercase());
        Some(Self {
            hosts: hosts.collect(),
            ..Self::new(address(fields)?)
        })
    }
}

/// The forward-auth listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwardAuthSettings {
    /// Where it listens.
    pub address: Address,
    /// The proxies that may ask; without a list loopback alone.
    pub trusted_proxies: Option<Vec<IpNet>>,
}

impl ForwardAuthSettings {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let trusted_proxies = trusted_proxies(fields);
        Some(Self {
            address: address(fields)?,
            trusted_proxies,
        })
    }
}

/// The ext_authz listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtAuthzSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// The proxies that may ask; without a list loopback alone.
    pub trusted_proxies: Option<Vec<IpNet>>,
}

impl ExtAuthzSettings {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        let trusted_proxies = trusted_proxies(fields);
        Some(Self {
            address: tcp_address(fields)?,
            trusted_proxies,
        })
    }
}

/// The listener of the reverse proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxySettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its certificate and key, if it speaks TLS.
    pub tls: Option<TlsSettings>,
    /// Proxies in front whose forwarding fields are kept.
    pub trusted_proxies: Vec<IpNet>,
    /// How long after the expiry of their token streams end; `None` means that they do not.
    pub expiry_leeway: Option<Duration>,
    /// How long the next piece of a request's body may take.
    pub client_idle: Duration,
    /// Fields that name another method and are passed on.
    pub method_overrides: Vec<HeaderName>,
}

impl ProxySettings {
    fn read(fields: &Fields<'_>, surroundings: &Surroundings<'_>) -> Option<Self> {
        let tls = fields.table("tls");
        let tls = tls.map(|tls| TlsSettings::read(&tls, surroundings));
        let method_overrides = fields.texts("method_overrides");
        let method_overrides = method_overrides.iter().filter_map(|name| {
            let parsed = name.value.parse();
            if parsed.is_err() {
                let message = format!("{:?} is not the name of a field", name.value);
                fields.found().add(Code::Value, &name.span, message, None);
            }
            parsed.ok()
        });
        let method_overrides = method_overrides.collect();
        let expiry_leeway = fields.duration("expiry_leeway").map(|leeway| leeway.value);
        let ends = fields.flag("end_expired_streams");
        if !ends && fields.has("expiry_leeway") {
            let message = "`expiry_leeway` says nothing if streams do not end";
            fields.tell(Code::Value, "expiry_leeway", message, "leave it out");
        }
        let trusted_proxies = trusted_proxies(fields).unwrap_or_default();
        Some(Self {
            address: tcp_address(fields)?,
            tls: match tls {
                Some(tls) => Some(tls?),
                None => None,
            },
            trusted_proxies,
            expiry_leeway: expiry_leeway.filter(|_| ends),
            client_idle: fields.duration("client_idle")?.value,
            method_overrides,
        })
    }
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    certificate: Secret,
    key: Secret,
}

impl TlsSettings {
    /// The settings of a listener with them: HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    ///
    /// [`TlsSettingsError`] if they cannot be used; they could when they were read.
    pub fn build(&self) -> Result<ServerConfig, TlsSettingsError> {
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&self.certificate.0).collect();
        let certificates = certificates.map_err(|_| TlsSettingsError::Certificate)?;
        if certificates.is_empty() {
            return Err(TlsSettingsError::Certificate);
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key.0).map_err(|_| TlsSettingsError::Key)?;
        // Nothing global: the provider is named here.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsSettingsError::Mismatch)?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(|_| TlsSettingsError::Mismatch)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn read(fields: &Fields<'_>, surroundings: &Surroundings<'_>) -> Option<Self> {
        let read = |key| {
            let path = fields.text(key)?;
            surroundings.read_for(fields, key, path.value)
        };
        let (certificate, key) = (read("certificate"), read("key"));
        let settings = Self {
            certificate: certificate?,
            key: key?,
        };
        if let Err(error) = settings.build() {
            let place = if error == TlsSettingsError::Certificate {
                "certificate"
            } else {
                "key"
            };
            fields.tell(Code::Value, place, format!("`{place}`: {error}"), "");
        }
        Some(settings)
    }
}

/// Why a certificate and a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsSettingsError {
    /// There are no certificates.
    #[error("no certificates in PEM")]
    Certificate,
    /// There is no private key.
    #[error("no private key in PEM")]
    Key,
    /// They do not belong together, or are of a kind that is not supported.
    #[error("the key is not that of the certificate, or of a kind that is not supported")]
    Mismatch,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "sockets are of these two kinds here"
)]
pub enum Address {
    /// On an address of this machine; port 0 is a free one.
    Tcp(SocketAddr),
    /// At a path.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix("unix:") {
            Some("") => Err(AddressError),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| AddressError),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address such as 127.0.0.1:9000 or unix:/run/x.sock")]
#[non_exhaustive]
pub struct AddressError;

fn trusted_proxies(fields: &Fields<'_>) -> Option<Vec<IpNet>> {
    if !fields.has("trusted_proxies") {
        return None;
    }
    let mut networks = Vec::new();
    for given in fields.texts("trusted_proxies") {
        let address = given.value.parse::<IpAddr>().map(IpNet::from);
        match given.value.parse().or(address) {
            Ok(network) => networks.push(network),
            Err(_) => {
                let message = format!(
                    "`trusted_proxies` are networks or addresses, not {:?}",
                    given.value
                );
                let help = Some("write them as \"10.0.0.0/8\" or \"10.0.0.7\"".to_owned());
                fields.found().add(Code::Value, &given.span, message, help);
            }
        }
    }
    Some(networks)
}

/// For what does not listen on Unix sockets.
fn tcp_address(fields: &Fields<'_>) -> Option<SocketAddr> {
    match address(fields)? {
        Address::Tcp(address) => Some(address),
        Address::Unix(_) => {
            let message = "this listener is not for Unix sockets";
            let help = "write an address such as \"127.0.0.1:9000\"";
            fields.tell(Code::Value, "address", message, help);
            None
        }
    }
}

fn address(fields: &Fields<'_>) -> Option<Address> {
    let given = fields.text("address")?;
    let parsed = given.value.parse();
    if parsed.is_err() {
        let message = format!(
            "`address` is {}, not {:?}",
            Kind::Address.expected(),
            given.value
        );
        let port = given.value.strip_prefix(':').unwrap_or(given.value);
        let help = port
            .parse::<u16>()
            .ok()
            .map(|port| format!("\"0.0.0.0:{port}\" is every address of this machine"));
        fields.found().add(Code::Value, &given.span, message, help);
    }
    parsed.ok()
}
