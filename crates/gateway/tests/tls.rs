//! Every listener with TLS: certificates, and clients that look at them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bearward_gateway::config::{Config, Surroundings};
use bearward_gateway::record::metrics::Reload;
use bearward_gateway::run::Reloads;
use bearward_testing::DevIssuer;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Channel, Endpoint};

use crate::log::Log;
use crate::running::{Running, SOON, asking, checked, issuers, status};

/// A gateway that listens everywhere, with the files it refers to.
struct Listening {
    issuer: DevIssuer,
    folder: TempDir,
    text: String,
    running: Running,
}

impl Listening {
    /// With a certificate of `ours`, which clients of forward auth need one of as well.
    async fn start(ours: &Authority) -> Self {
        let issuer = DevIssuer::start().await.unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("clients.pem"), &ours.pem).unwrap();
        ours.present(&folder);
        let tls = "tls = { certificate = 'cert.pem', key = 'key.pem' }\n";
        let text = format!(
            "{}[[routes]]\nname = 'all'\npath_prefix = '/'\nupstream = 'app'\n\
             [upstreams.app]\nurls = 'http://127.0.0.1:9'\n\
             [listen.forward_auth]\naddress = '127.0.0.1:0'\n\
             tls = {{ certificate = 'cert.pem', key = 'key.pem', client_ca = 'clients.pem' }}\n\
             [listen.ext_authz]\naddress = '127.0.0.1:0'\n{tls}\
             [listen.proxy]\naddress = '127.0.0.1:0'\n{tls}\
             [listen.admin]\naddress = '127.0.0.1:0'\n{tls}",
            issuers(&[&issuer])
        );
        let surroundings = Surroundings::new(folder.path(), |_| None);
        let config = Config::parse_in(&text, &surroundings).unwrap();
        Self {
            running: Running::of(config).await,
            issuer,
            folder,
            text,
        }
    }
}

#[tokio::test]
async fn every_listener_may_speak_tls() {
    let ours = Authority::new();
    let gateway = Listening::start(&ours).await;
    let running = &gateway.running;
    let client = Client::new(&ours, None, b"http/1.1");
    let ready = client.get(running.address("admin"), "/readyz", "").await;
    assert_eq!(status(&ready.unwrap()), 200);
    let refused = client.get(running.address("proxy"), "/", "").await;
    assert_eq!(status(&refused.unwrap()), 401);
    let client = Client::new(&ours, None, b"h2");
    let channel = client.channel(running.address("ext_authz")).await;
    assert_eq!(
        checked(&mut AuthorizationClient::new(channel), "/x").await,
        401
    );
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_client_may_have_to_prove_who_it_is() {
    let (ours, others) = (Authority::new(), Authority::new());
    let gateway = Listening::start(&ours).await;
    let address = gateway.running.address("forward auth");
    let token = gateway.issuer.user_token(gateway.issuer.url()).sign();
    let asked = asking("/", &token);
    let known = Client::new(&ours, Some(&ours), b"http/1.1");
    let answer = known.get(address, "/auth/nginx", &asked).await;
    assert_eq!(status(&answer.unwrap()), 200);
    for proves in [None, Some(&others)] {
        let unknown = Client::new(&ours, proves, b"http/1.1");
        assert_eq!(unknown.get(address, "/auth/nginx", &asked).await, None);
    }
    // Plain text is not answered there.
    let mut plain = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /auth/nginx HTTP/1.1\r\nHost: a\r\n{asked}\r\n");
    plain.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_certificate_that_changes_is_presented_without_a_restart() {
    let (ours, others) = (Authority::new(), Authority::new());
    let gateway = Listening::start(&ours).await;
    let running = &gateway.running;
    let file = gateway.folder.path().join("bearward.toml");
    std::fs::write(&file, &gateway.text).unwrap();
    let reloads = Reloads::new(&file, &gateway.text);
    let following = tokio::spawn(reloads.follow(running.reloader.clone()));
    others.present(&gateway.folder);
    let applied = r#"bearward_reloads_total{outcome="applied"} 1"#;
    let is_applied = async {
        while !running.metrics.encode().unwrap().contains(applied) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, is_applied).await.unwrap();
    for door in ["admin", "proxy"] {
        let address = running.address(door);
        let before = Client::new(&ours, None, b"http/1.1");
        assert_eq!(before.get(address, "/readyz", "").await, None, "{door}");
        let after = Client::new(&others, None, b"http/1.1");
        assert!(after.get(address, "/readyz", "").await.is_some(), "{door}");
    }
    following.abort();
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_a_warning() {
    let ours = Authority::new();
    let (log, _guard) = Log::listen();
    let gateway = Listening::start(&ours).await;
    let warned = || {
        let text = log.text();
        let lines = text.lines().filter(|line| line.contains("a certificate "));
        lines.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(warned(), [""; 0]);

    let read = || {
        let surroundings = Surroundings::new(gateway.folder.path(), |_| None);
        Config::parse_in(&gateway.text, &surroundings).unwrap()
    };
    let reload = async |from, to| {
        ours.present_from(&gateway.folder, from, to);
        let outcome = gateway.running.reloader.apply(read()).await;
        assert_eq!(outcome, Reload::Applied);
    };
    reload((2019, 1, 1), (2020, 2, 29)).await;
    // Once for the file, which three listeners have.
    let [line] = warned().try_into().unwrap();
    assert!(line.contains("WARN"), "{line}");
    assert!(line.contains("a certificate has expired"), "{line}");
    assert!(line.contains("cert.pem"), "{line}");
    assert!(line.contains("not_after=2020-02-29T00:00:00Z"), "{line}");

    reload((2999, 1, 1), (3000, 1, 1)).await;
    let line = warned().pop().unwrap();
    assert!(line.contains("a certificate is not valid yet"), "{line}");
    assert!(line.contains("not_before=2999-01-01T00:00:00Z"), "{line}");
    assert_eq!(warned().len(), 2);

    let config = read();
    let at = |seconds| std::time::UNIX_EPOCH + Duration::from_secs(seconds);
    let (from, to) = (32_472_144_000, 32_503_680_000);
    for (now, is_warned) in [(from - 1, true), (from, false), (to, false), (to + 1, true)] {
        let warnings = config.certificate_warnings(at(now));
        assert_eq!(!warnings.is_empty(), is_warned, "{now}");
        let expired = warnings.first().is_some_and(|warning| warning.has_expired);
        assert_eq!(expired, now > to);
    }
    let warning = config.certificate_warnings(at(to + 1)).pop().unwrap();
    let file = gateway.folder.path().join("cert.pem");
    let text = format!(
        "{}: the certificate expired at 3000-01-01T00:00:00Z",
        file.display()
    );
    assert_eq!(warning.to_string(), text);

    reload((2019, 1, 1), (3000, 1, 1)).await;
    assert_eq!(warned().len(), 2);
    gateway.running.stop().await;
}

/// An authority that certifies names.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
    der: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Puts a certificate of it where the configuration says.
    fn present(&self, folder: &TempDir) {
        let (certificate, key) = self.certificate("localhost");
        std::fs::write(folder.path().join("cert.pem"), certificate).unwrap();
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
    }

    /// The same, valid in this time.
    fn present_from(&self, folder: &TempDir, from: (i32, u8, u8), to: (i32, u8, u8)) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(to.0, to.1, to.2);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    }

    /// A certificate and its key, in PEM.
    pub(crate) fn certificate(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// A client that trusts one authority, and proves to another who it is.
struct Client(TlsConnector);

impl Client {
    fn new(trusts: &Authority, proves: Option<&Authority>, protocol: &[u8]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(trusts.der.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match proves {
            Some(authority) => {
                let (certificate, key) = authority.certificate("client");
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder
                    .with_client_auth_cert(vec![certificate], key)
                    .unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// A whole answer, if the other side is who it is to be, and answers.
    async fn get(&self, address: SocketAddr, path: &str, fields: &str) -> Option<String> {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let mut stream = self.0.connect(name, stream).await.ok()?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer).filter(|answer| !answer.is_empty())
    }

    /// A channel for gRPC.
    async fn channel(self, address: SocketAddr) -> Channel {
        let connector = tower::service_fn(move |_| {
            let connector = self.0.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = "localhost".try_into().unwrap();
                let stream = connector.connect(name, stream).await?;
                Ok::<_, std::io::Error>(TokioIo::new(stream))
            }
        });
        let endpoint = Endpoint::from_static("http://localhost");
        endpoint.connect_with_connector(connector).await.unwrap()
    }
}
