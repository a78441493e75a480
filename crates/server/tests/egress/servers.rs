//! A proxy that demands credentials, and servers of keys that demand certificates or credentials.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bearward_testing::keys::jwk_set;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::fixture::key;

/// The heads that arrived, in order.
type Heads = Arc<Mutex<Vec<String>>>;

/// A proxy whose every way leads to one server.
pub(super) struct ForwardProxy {
    address: SocketAddr,
    scheme: &'static str,
    heads: Heads,
}

impl ForwardProxy {
    /// Leads to `target`, for those whose `Proxy-Authorization` is the `wanted` one.
    pub(super) async fn start(target: SocketAddr, wanted: Option<&'static str>) -> Self {
        Self::start_with(None, target, wanted).await
    }

    /// The same over TLS, with a certificate of this authority.
    pub(super) async fn start_tls(target: SocketAddr, authority: &Authority) -> Self {
        let acceptor = authority.acceptor(None);
        Self::start_with(Some(acceptor), target, None).await
    }

    async fn start_with(
        tls: Option<TlsAcceptor>,
        target: SocketAddr,
        wanted: Option<&'static str>,
    ) -> Self {
        let scheme = ["http", "https"][usize::from(tls.is_some())];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Heads::default();
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                match tls.clone() {
                    None => drop(tokio::spawn(lead(stream, target, wanted, seen))),
                    Some(tls) => drop(tokio::spawn(lead_tls(tls, stream, target, seen))),
                }
            }
        });
        Self {
            address,
            scheme,
            heads,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub(super) fn request_lines(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let lines = heads.iter().map(|head| head.lines().next().unwrap());
        lines.map(str::to_owned).collect()
    }
}

async fn lead_tls(tls: TlsAcceptor, stream: TcpStream, target: SocketAddr, heads: Heads) {
    if let Ok(stream) = tls.accept(stream).await {
        lead(stream, target, None, heads).await;
    }
}

async fn lead(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    target: SocketAddr,
    wanted: Option<&str>,
    heads: Heads,
) {
    let head = read_head(&mut stream).await;
    let is_tunnel = head.starts_with("CONNECT ");
    let is_known = wanted.is_none_or(|wanted| field(&head, "proxy-authorization") == Some(wanted));
    heads.lock().unwrap().push(head.clone());
    if !is_known {
        let refusal = b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(refusal).await.unwrap();
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        let refusal = b"HTTP/1.1 502 Nobody there\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(refusal).await.unwrap();
        return;
    };
    if is_tunnel {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    } else {
        server.write_all(head.as_bytes()).await.unwrap();
    }
    // Either side may end it.
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

/// What a server of keys wants to see.
#[derive(Clone)]
pub(super) enum Demand {
    /// This `Authorization`.
    Authorization(String),
    Nothing,
}

/// A server of a key set with [`key`], at every path.
pub(super) struct KeyServer {
    address: SocketAddr,
    heads: Heads,
    demand: Arc<Mutex<Demand>>,
}

impl KeyServer {
    /// With a certificate of an authority, and clients perhaps with one of another.
    pub(super) async fn start(
        tls: Option<(&Authority, Option<&Authority>)>,
        demand: Demand,
    ) -> Self {
        let acceptor = tls.map(|(ours, clients)| ours.acceptor(clients));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            heads: Heads::default(),
            demand: Arc::new(Mutex::new(demand)),
        };
        let (heads, demand) = (Arc::clone(&server.heads), Arc::clone(&server.demand));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (heads, demand) = (Arc::clone(&heads), Arc::clone(&demand));
                tokio::spawn(meet(stream, acceptor.clone(), heads, demand));
            }
        });
        server
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn demand(&self, demand: Demand) {
        *self.demand.lock().unwrap() = demand;
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn meet(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    heads: Heads,
    demand: Arc<Mutex<Demand>>,
) {
    let Some(acceptor) = acceptor else {
        return answer(stream, &heads, &demand).await;
    };
    match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => answer(stream, &heads, &demand).await,
        Err((_, mut stream)) => {
            // What arrived unread would end the connection before the alert is read.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    heads: &Heads,
    demand: &Mutex<Demand>,
) {
    let head = read_head(&mut stream).await;
    let is_known = match &*demand.lock().unwrap() {
        Demand::Authorization(wanted) => field(&head, "authorization") == Some(wanted),
        Demand::Nothing => true,
    };
    heads.lock().unwrap().push(head);
    let (status, body) = match is_known {
        true => ("200 OK", jwk_set([&key()]).to_string()),
        false => ("401 Unauthorized", String::new()),
    };
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.unwrap();
    let _ = stream.shutdown().await;
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value)
}

/// An authority that certifies names.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) pem: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate and its key, in PEM.
    pub(super) fn certificate(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// TLS with a certificate of this authority, for clients that `clients` certified.
    fn acceptor(&self, clients: Option<&Self>) -> TlsAcceptor {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                let root = CertificateDer::from_pem_slice(clients.pem.as_bytes()).unwrap();
                roots.add(root).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let (certificate, key) = self.certificate("127.0.0.1");
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = builder.with_single_cert(vec![certificate], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
