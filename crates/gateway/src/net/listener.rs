//! Where connections come in: an address or a Unix socket, with TLS above it or without.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bearward_gate::peer::Peer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::lock::lock;
use crate::net::address::Address;
use crate::net::read_through::ReadThrough;
use crate::record::interruption::Interruption;

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    failures: Mutex<Failures>,
    tls: Option<Arc<ArcSwap<ServerConfig>>>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener, Address),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, SocketFile),
}

impl Listener {
    /// Listens at `address`, without TLS. Replaces the socket of a program that no longer runs.
    ///
    /// # Errors
    ///
    /// The system's error, if the address cannot be bound.
    pub async fn bind(address: &Address) -> io::Result<Self> {
        let socket = match address {
            Address::Tcp(address) => {
                let listener = TcpListener::bind(address).await?;
                let bound = Address::Tcp(listener.local_addr()?);
                Socket::Tcp(listener, bound)
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                remove_stale(path).await?;
                let listener = tokio::net::UnixListener::bind(path)?;
                Socket::Unix(listener, SocketFile(path.clone()))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(Self {
            socket,
            failures: Mutex::default(),
            tls: None,
        })
    }

    /// Speaks TLS. Each new connection uses what `config` holds at that time.
    #[must_use]
    pub fn tls(mut self, config: Arc<ArcSwap<ServerConfig>>) -> Self {
        self.tls = Some(config);
        self
    }

    /// The address it is bound to, with the actual port.
    #[must_use]
    pub fn address(&self) -> Address {
        match &self.socket {
            Socket::Tcp(_, address) => address.clone(),
            #[cfg(unix)]
            Socket::Unix(_, file) => Address::Unix(file.0.clone()),
        }
    }

    /// Accepts the next connection. Errors are logged here, but seldom: without free file descriptors,
    /// accepting fails until other connections end. On `None`, the caller waits a moment.
    pub(crate) async fn accept(&self) -> Option<Accepted> {
        match self.try_accept().await {
            Ok(accepted) => Some(accepted),
            Err(error) => {
                if let Some(times) = lock(&self.failures).count(Instant::now()) {
                    let address = self.address();
                    tracing::warn!(%address, %error, times, "cannot accept connections");
                }
                None
            }
        }
    }

    async fn try_accept(&self) -> io::Result<Accepted> {
        let (stream, peer): (Box<dyn Stream>, _) = match &self.socket {
            Socket::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are written whole, and a client waits for each. If the client has already
                // left, we notice later.
                let _ = stream.set_nodelay(true);
                (Box::new(tcp(stream)), Peer::from(peer))
            }
            #[cfg(unix)]
            Socket::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                (Box::new(stream), Peer::UnixSocket)
            }
        };
        let tls = self.tls.as_ref().map(|config| config.load_full());
        Ok(Accepted { stream, peer, tls })
    }
}

/// Counts connections that could not be accepted. The caller passes the time.
#[derive(Debug, Default)]
struct Failures {
    logged: Option<Instant>,
    unlogged: u64,
}

impl Failures {
    /// Counts one more. Returns how many to log, if it is time to.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.unlogged = self.unlogged.saturating_add(1);
        let since = self.logged.map(|at| now.saturating_duration_since(at));
        if since.is_some_and(|ago| ago < LOGGED_EVERY) {
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.unlogged))
    }
}

/// The first failure is logged at once, later ones at this interval.
const LOGGED_EVERY: Duration = Duration::from_secs(60);

/// How much encrypted data may wait for a client to read it.
const TLS_BUFFER: usize = 32 * 1024;

/// An accepted connection, before any data has passed.
pub(crate) struct Accepted {
    stream: Box<dyn Stream>,
    pub(crate) peer: Peer,
    tls: Option<Arc<ServerConfig>>,
}

impl Accepted {
    /// The stream to serve, with its scheme; the reason code, if the handshake fails or exceeds the
    /// limit.
    pub(crate) async fn open(
        self,
        limit: Duration,
    ) -> Result<(Box<dyn Stream>, &'static str), Interruption> {
        let Some(config) = self.tls else {
            return Ok((self.stream, "http"));
        };
        let acceptor = TlsAcceptor::from(config);
        let handshake = acceptor.accept_with(self.stream, |tls| {
            tls.set_buffer_limit(Some(TLS_BUFFER));
        });
        match timeout(limit, handshake).await {
            Ok(Ok(stream)) => Ok((Box::new(stream), "https")),
            Ok(Err(_)) => Err(Interruption::TlsHandshake),
            Err(_) => Err(Interruption::ClientTimeout),
        }
    }
}

/// A connection, of any kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection over TCP.
pub(crate) const fn tcp(stream: TcpStream) -> impl Stream {
    ReadThrough::new(stream, AsyncRead::poll_read)
}

/// The file of a Unix socket, removed when the socket is dropped.
#[cfg(unix)]
#[derive(Debug)]
struct SocketFile(std::path::PathBuf);

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        // A file left behind is removed at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Removes the socket of a program that no longer runs. A socket in use stays, and so does any other
/// kind of file.
#[cfg(unix)]
async fn remove_stale(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match tokio::net::UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Failures;

    #[test]
    fn t_dos_06_failures_are_told_once_a_minute_with_their_number() {
        let start = Instant::now();
        let mut failures = Failures::default();
        assert_eq!(failures.count(start), Some(1));
        for millis in (0..60_000).step_by(50) {
            let now = start + Duration::from_millis(millis);
            assert_eq!(failures.count(now), None);
        }
        assert_eq!(failures.count(start + Duration::from_secs(60)), Some(1201));
        assert_eq!(failures.count(start + Duration::from_secs(61)), None);
    }
}
