//! Connections to upstreams: TCP or a Unix socket, TLS above it where it is asked for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Version;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::net::listener::{Stream, tcp};

use super::address::Address;

/// How many bytes are read at once, at most. Several such pieces are in flight at a time. From a full
/// 16 KiB on, hyper would reserve twice as much.
const PIECE: u64 = 16_383;

/// Reads a connection in pieces of a limited size.
pub(super) fn read_piece(
    io: Pin<&mut Box<dyn Stream>>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    Pin::new(&mut io.take(PIECE)).poll_read(cx, buf)
}

/// TLS to an upstream. Its certificate is always verified.
#[derive(Clone, Debug)]
pub struct Tls {
    name: ServerName<'static>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

/// Why TLS to an upstream cannot be set up.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificates cannot be parsed, or there are none.
    #[error("no CA certificates in PEM")]
    Certificates,
    /// The name is neither a host name nor an IP address.
    #[error("the name is neither a host name nor an IP address")]
    Name,
    /// The library refused the settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(tokio_rustls::rustls::Error),
}

impl Tls {
    /// The upstream must have a certificate for `name` from an authority that the system trusts.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if that cannot be set up.
    pub fn system(name: &str) -> Result<Self, TlsError> {
        let config = builder()?
            .with_platform_verifier()
            .map_err(TlsError::Setup)?
            .with_no_client_auth();
        Self::of(name, &config)
    }

    /// The upstream must have a certificate for `name` from an authority in `pem`, no other.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if that cannot be set up.
    pub fn authorities(name: &str, pem: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| TlsError::Certificates)?;
            roots.add(certificate).map_err(|_| TlsError::Certificates)?;
        }
        if roots.is_empty() {
            return Err(TlsError::Certificates);
        }
        let config = builder()?.with_root_certificates(roots);
        Self::of(name, &config.with_no_client_auth())
    }

    fn of(name: &str, config: &ClientConfig) -> Result<Self, TlsError> {
        let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name)?;
        let offering = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        Ok(Self {
            name,
            http1: offering(b"http/1.1"),
            http2: offering(b"h2"),
        })
    }
}

/// The crypto provider is named here, not taken from a global.
fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)
}

pub(super) async fn connect(
    address: &Address,
    tls: Option<&Tls>,
    version: Version,
) -> io::Result<Box<dyn Stream>> {
    let stream: Box<dyn Stream> = match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Box::new(tcp(stream))
        }
        #[cfg(unix)]
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
        #[cfg(not(unix))]
        Address::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
    };
    let Some(tls) = tls else {
        return Ok(stream);
    };
    let config = match version {
        Version::HTTP_2 => &tls.http2,
        _ => &tls.http1,
    };
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(tls.name.clone(), stream).await?;
    Ok(Box::new(stream))
}
