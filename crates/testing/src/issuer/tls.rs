//! The development issuer's certificate: one that verifies, or one that must not.

use std::fmt;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::start_error::StartError;

/// Whether the development issuer uses TLS, and whether its certificate is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tls {
    /// TLS with an expired certificate from [`ca_pem`](super::DevIssuer::ca_pem).
    Expired,
    /// Plain http, which is for loopback only.
    #[default]
    Off,
    /// TLS with a self-signed certificate.
    SelfSigned,
    /// Accepts connections, but never sends anything.
    Silent,
    /// TLS with a certificate from [`ca_pem`](super::DevIssuer::ca_pem) for `localhost` and the
    /// loopback addresses.
    SignedByCa,
    /// TLS with a certificate from [`ca_pem`](super::DevIssuer::ca_pem) for another name.
    WrongName,
}

/// Makes certificates: contains the authority that clients may trust, always the same.
pub(super) struct Certificates {
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    /// # Errors
    ///
    /// [`StartError::Tls`] if the system could not generate the authority.
    pub(super) fn new() -> Result<Self, StartError> {
        let authority = authority()?;
        Ok(Self { authority })
    }

    /// The authority's certificate, if it signs those of this kind.
    pub(super) fn ca_pem(&self, kind: Tls) -> Option<String> {
        match kind {
            Tls::Off | Tls::SelfSigned | Tls::Silent => None,
            Tls::Expired | Tls::SignedByCa | Tls::WrongName => Some(self.authority.pem()),
        }
    }

    /// Makes a certificate for a listener, if it uses TLS.
    ///
    /// # Errors
    ///
    /// [`StartError::Tls`] if the system could not generate it.
    pub(super) fn speech(&self, kind: Tls) -> Result<Speech, StartError> {
        let key = KeyPair::generate().map_err(tls)?;
        let certificate = match kind {
            Tls::Off => return Ok(Speech::Plain),
            Tls::Silent => return Ok(Speech::None),
            Tls::SelfSigned => loopback()?.self_signed(&key),
            Tls::Expired | Tls::SignedByCa | Tls::WrongName => {
                kind.params()?.signed_by(&key, &self.authority)
            }
        };
        let certificate = certificate.map_err(tls)?;
        acceptor(certificate.der().clone(), &key).map(Speech::Tls)
    }
}

/// What the issuer does first on an accepted connection.
#[derive(Clone)]
pub(super) enum Speech {
    None,
    Plain,
    Tls(TlsAcceptor),
}

impl Tls {
    fn params(self) -> Result<CertificateParams, StartError> {
        if self == Self::WrongName {
            return CertificateParams::new(["elsewhere.example".to_owned()]).map_err(tls);
        }
        let mut params = loopback()?;
        if self == Self::Expired {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        Ok(params)
    }
}

fn loopback() -> Result<CertificateParams, StartError> {
    CertificateParams::new(["localhost", "127.0.0.1", "::1"].map(str::to_owned)).map_err(tls)
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, StartError> {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "bearward development issuer");
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(tls)?).map_err(tls)
}

fn acceptor(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
) -> Result<TlsAcceptor, StartError> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(tls)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn tls(_: impl fmt::Debug) -> StartError {
    StartError::Tls
}
