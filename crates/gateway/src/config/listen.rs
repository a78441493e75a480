//! `[listen]`: where the gateway listens.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

pub use crate::net::address::{Address, AddressError};

use super::description::{
    self, ADMIN, EXT_AUTHZ, FORWARD_AUTH, LISTEN, PROXY, ROOT, Root, TLS, Tls,
};
use super::hosts::hosts;
use super::key::{Field, Key, Keys, Kind};
use super::mistakes::Code;
use super::reader::{At, Fields, Given, Inner, Text, TextOrTexts, Value};
use super::secret::{Document, Secret};
use super::surroundings::Surroundings;

/// The configured listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listen {
    /// Health, metrics and the state of keys.
    pub admin: Option<AdminSettings>,
    /// Envoy's questions over gRPC.
    pub ext_authz: Option<ExtAuthzSettings>,
    /// The questions of forward-auth proxies.
    pub forward_auth: Option<ForwardAuthSettings>,
    /// The reverse proxy.
    pub proxy: Option<ProxySettings>,
}

impl Listen {
    pub(super) fn read(fields: &Fields<'_, Root>, surroundings: &Surroundings<'_>) -> Self {
        let Some(fields) = ROOT.listen.read(fields) else {
            return Self::default();
        };
        Self {
            admin: (LISTEN.admin.read(&fields))
                .map(|table| AdminSettings::read(&table, surroundings)),
            ext_authz: (LISTEN.ext_authz.read(&fields))
                .map(|table| ExtAuthzSettings::read(&table, surroundings)),
            forward_auth: (LISTEN.forward_auth.read(&fields))
                .map(|table| ForwardAuthSettings::read(&table, surroundings)),
            proxy: (LISTEN.proxy.read(&fields))
                .map(|table| ProxySettings::read(&table, surroundings)),
        }
    }

    /// The address of a listener and its TLS, if it is configured.
    pub(crate) fn listener(&self, kind: ListenerKind) -> Option<(&Address, Option<&TlsSettings>)> {
        let (address, tls) = match kind {
            ListenerKind::Admin => self.admin.as_ref().map(|it| (&it.address, &it.tls)),
            ListenerKind::ExtAuthz => self.ext_authz.as_ref().map(|it| (&it.address, &it.tls)),
            ListenerKind::ForwardAuth => {
                self.forward_auth.as_ref().map(|it| (&it.address, &it.tls))
            }
            ListenerKind::Proxy => self.proxy.as_ref().map(|it| (&it.address, &it.tls)),
        }?;
        Some((address, tls.as_ref()))
    }

    /// Whether only settings differ that a reload can change on a running listener: certificates, and
    /// the limits on concurrent requests.
    pub(crate) fn is_same_at_a_start(&self, other: &Self) -> bool {
        self.as_started() == other.as_started()
    }

    /// The same, with equal certificates.
    fn as_started(&self) -> Self {
        let mut listen = self.clone();
        let listeners = [
            listen.admin.as_mut().map(|admin| &mut admin.tls),
            listen.ext_authz.as_mut().map(|door| &mut door.tls),
            listen.forward_auth.as_mut().map(|door| &mut door.tls),
            listen.proxy.as_mut().map(|proxy| &mut proxy.tls),
        ];
        for tls in listeners.into_iter().flatten().flatten() {
            *tls = TlsSettings::blank();
        }
        if let Some(proxy) = &mut listen.proxy {
            (proxy.max_requests, proxy.max_streams) = (0, 0);
        }
        listen
    }
}

/// One of the listeners.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ListenerKind {
    Admin,
    ExtAuthz,
    ForwardAuth,
    Proxy,
}

impl ListenerKind {
    /// The header of its table.
    pub(crate) fn table(self) -> &'static str {
        self.headers().0
    }

    /// The header of the table of its TLS.
    pub(crate) fn tls_table(self) -> &'static str {
        self.headers().1
    }

    fn headers(self) -> (&'static str, &'static str) {
        match self {
            Self::Admin => (LISTEN.admin.header, ADMIN.tls.header),
            Self::ExtAuthz => (LISTEN.ext_authz.header, EXT_AUTHZ.tls.header),
            Self::ForwardAuth => (LISTEN.forward_auth.header, FORWARD_AUTH.tls.header),
            Self::Proxy => (LISTEN.proxy.header, PROXY.tls.header),
        }
    }
}

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdminSettings {
    /// The listen address.
    pub address: Address,
    /// Its certificate and key, if it speaks TLS.
    pub tls: Option<TlsSettings>,
    /// Names that requests may use for it, besides `localhost` and addresses.
    pub hosts: Vec<String>,
}

impl AdminSettings {
    fn read(fields: &Fields<'_, description::Admin>, surroundings: &Surroundings<'_>) -> Self {
        Self {
            address: ADMIN.address.read(fields),
            tls: tls(&ADMIN.tls, fields, surroundings),
            hosts: hosts(&ADMIN.hosts, fields),
        }
    }
}

/// The forward-auth listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwardAuthSettings {
    /// The listen address.
    pub address: Address,
    /// Its certificate and key, if it speaks TLS.
    pub tls: Option<TlsSettings>,
    /// The proxies that may ask; without a list, only loopback.
    pub trusted_proxies: Option<Vec<IpNet>>,
}

impl ForwardAuthSettings {
    fn read(
        fields: &Fields<'_, description::ForwardAuth>,
        surroundings: &Surroundings<'_>,
    ) -> Self {
        Self {
            address: FORWARD_AUTH.address.read(fields),
            tls: tls(&FORWARD_AUTH.tls, fields, surroundings),
            trusted_proxies: trusted_proxies(&FORWARD_AUTH.trusted_proxies, fields),
        }
    }
}

/// The ext_authz listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtAuthzSettings {
    /// The listen address.
    pub address: Address,
    /// Its certificate and key, if it speaks TLS.
    pub tls: Option<TlsSettings>,
    /// The proxies that may ask; without a list, only loopback.
    pub trusted_proxies: Option<Vec<IpNet>>,
}

impl ExtAuthzSettings {
    fn read(fields: &Fields<'_, description::ExtAuthz>, surroundings: &Surroundings<'_>) -> Self {
        Self {
            address: EXT_AUTHZ.address.read(fields),
            tls: tls(&EXT_AUTHZ.tls, fields, surroundings),
            trusted_proxies: trusted_proxies(&EXT_AUTHZ.trusted_proxies, fields),
        }
    }
}

/// The listener of the reverse proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxySettings {
    /// The listen address.
    pub address: Address,
    /// Its certificate and key, if it speaks TLS.
    pub tls: Option<TlsSettings>,
    /// Proxies in front whose forwarding fields are kept.
    pub trusted_proxies: Vec<IpNet>,
    /// How long after its token expires a stream ends; `None` if it does not.
    pub expiry_leeway: Option<Duration>,
    /// The maximum wait for the next piece of a request's body.
    pub client_idle: Duration,
    /// The maximum number of concurrent requests.
    pub max_requests: u32,
    /// The maximum of WebSockets, event streams and gRPC calls.
    pub max_streams: u32,
    /// Fields that name another method and are still passed on.
    pub method_overrides: Vec<HeaderName>,
}

impl ProxySettings {
    fn read(fields: &Fields<'_, description::Proxy>, surroundings: &Surroundings<'_>) -> Self {
        let method_overrides = PROXY.method_overrides.read(fields);
        let method_overrides = fields.parse_each(method_overrides, "", |name| {
            let parsed = name.parse();
            parsed.map_err(|_| format!("{name:?} is not a valid field name"))
        });
        let expiry_leeway = PROXY.expiry_leeway.read(fields);
        let ends = PROXY.end_expired_streams.read(fields);
        if !ends && fields.has(&PROXY.expiry_leeway) {
            let message = "`expiry_leeway` has no effect with `end_expired_streams = false`";
            fields.report(Code::Value, &PROXY.expiry_leeway, message, "leave it out");
        }
        Self {
            address: PROXY.address.read(fields),
            tls: tls(&PROXY.tls, fields, surroundings),
            trusted_proxies: trusted_proxies(&PROXY.trusted_proxies, fields).unwrap_or_default(),
            expiry_leeway: ends.then_some(expiry_leeway),
            client_idle: PROXY.client_idle.read(fields),
            max_requests: PROXY.max_requests.read(fields),
            max_streams: PROXY.max_streams.read(fields),
            method_overrides,
        }
    }
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    certificate: Document,
    key: Secret,
    /// The authorities for client certificates, if clients must present one.
    client_ca: Option<Document>,
}

impl TlsSettings {
    /// Builds the settings of a TLS listener, which speaks one of `protocols` (ALPN).
    ///
    /// # Errors
    ///
    /// [`TlsSettingsError`] if the files cannot be used; parsing has checked that they can.
    pub fn build(&self, protocols: &[&[u8]]) -> Result<ServerConfig, TlsSettingsError> {
        // Explicit, rather than the global default provider.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsSettingsError::Mismatch)?;
        let builder = match &self.client_ca {
            Some(authorities) => {
                builder.with_client_cert_verifier(verifier(authorities, provider)?)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain(&self.certificate)?, private_key(&self.key)?)
            .map_err(|_| TlsSettingsError::Mismatch)?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    /// Whether clients must present a certificate.
    pub(crate) const fn asks_clients(&self) -> bool {
        self.client_ca.is_some()
    }

    fn blank() -> Self {
        Self {
            certificate: Document(Box::default()),
            key: Secret::none(),
            client_ca: None,
        }
    }

    fn read(fields: &Fields<'_, Tls>, surroundings: &Surroundings<'_>) -> Option<Self> {
        let report = |error: TlsSettingsError| {
            let key = error.key();
            fields.report(Code::Value, key, format!("`{key}`: {error}"), "");
        };
        let read = |key: &Key<Tls, Text>, check: fn(&Document) -> Result<(), TlsSettingsError>| {
            let path = key.read(fields)?;
            let pem = surroundings.read_for(fields, key, path.value)?;
            check(&pem).map_err(report).ok()?;
            Some(pem)
        };
        let certificate = read(&TLS.certificate, |pem| chain(pem).map(drop));
        let key = TLS.key.read(fields);
        let key = key.and_then(|path| surroundings.read_secret(fields, &TLS.key, path.value));
        let key = key.filter(|pem| private_key(pem).map_err(report).is_ok());
        let client_ca = read(&TLS.client_ca, |pem| {
            verifier(pem, Arc::new(aws_lc_rs::default_provider())).map(drop)
        });
        let settings = Self {
            certificate: certificate?,
            key: key?,
            client_ca,
        };
        if let Err(error) = settings.build(&[]) {
            report(error);
        }
        Some(settings)
    }
}

/// Why the TLS files cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsSettingsError {
    /// There are no certificates.
    #[error("no certificates in PEM")]
    Certificate,
    /// There are no authorities for the certificates of clients.
    #[error("no CA certificates in PEM")]
    ClientCa,
    /// There is no private key.
    #[error("no private key in PEM")]
    Key,
    /// Certificate and key do not belong together, or their kind is not supported.
    #[error("the key does not match the certificate, or its kind is not supported")]
    Mismatch,
}

impl TlsSettingsError {
    /// The key of the table that is wrong.
    fn key(self) -> &'static Field {
        match self {
            Self::Certificate => &TLS.certificate,
            Self::ClientCa => &TLS.client_ca,
            Self::Key | Self::Mismatch => &TLS.key,
        }
    }
}

fn chain(pem: &Document) -> Result<Vec<CertificateDer<'static>>, TlsSettingsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.0).collect();
    let certificates = certificates.ok().filter(|chain| !chain.is_empty());
    certificates.ok_or(TlsSettingsError::Certificate)
}

fn private_key(pem: &Secret) -> Result<PrivateKeyDer<'static>, TlsSettingsError> {
    PrivateKeyDer::from_pem_slice(pem.expose()).map_err(|_| TlsSettingsError::Key)
}

/// Refuses clients without a certificate from one of these authorities.
fn verifier(
    authorities: &Document,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsSettingsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&authorities.0) {
        let certificate = certificate.map_err(|_| TlsSettingsError::ClientCa)?;
        let added = roots.add(certificate);
        added.map_err(|_| TlsSettingsError::ClientCa)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| TlsSettingsError::ClientCa)
}

fn tls<T: Keys>(
    key: &Key<T, Inner<Tls>>,
    fields: &Fields<'_, T>,
    surroundings: &Surroundings<'_>,
) -> Option<TlsSettings> {
    TlsSettings::read(&key.read(fields)?, surroundings)
}

fn trusted_proxies<T: Keys>(
    key: &Key<T, TextOrTexts>,
    fields: &Fields<'_, T>,
) -> Option<Vec<IpNet>> {
    let help = "write them as \"10.0.0.0/8\" or \"10.0.0.7\"";
    let networks = fields.parse_each(key.read(fields), help, |given| {
        let address = || given.parse::<IpAddr>().map(IpNet::from);
        let network = given.parse().or_else(|_| address());
        network.map_err(|_| format!("`trusted_proxies` takes networks or addresses, not {given:?}"))
    });
    fields.has(key).then_some(networks)
}

impl Value for Address {
    const KIND: Kind = Kind::Address;
    type Read<'t> = Self;

    fn read(field: &Field, given: &Given<'_>) -> Self {
        // Placeholder for an address that was missing or wrong.
        let none = Self::Unix(PathBuf::new());
        let Some(At { value, span }) = Text::read(field, given) else {
            return none;
        };
        value.parse().unwrap_or_else(|_| {
            let port = value.strip_prefix(':').unwrap_or(value).parse::<u16>().ok();
            let every =
                |port| format!("\"0.0.0.0:{port}\" listens on every address of this machine");
            given.report_value(field, &span, &format!("{value:?}"), port.map(every));
            none
        })
    }
}
