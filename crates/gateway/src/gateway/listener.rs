//! A listener and its connections: HTTP/1.1 on an address or a Unix socket.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::time::Duration;

use http::{Response, request};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Address;
use crate::forward_auth::Peer;

/// Where connections come in.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener, Address),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, SocketFile),
}

impl Listener {
    pub(super) async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let listener = TcpListener::bind(address).await?;
                let bound = Address::Tcp(listener.local_addr()?);
                Ok(Self::Tcp(listener, bound))
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                remove_stale(path).await?;
                let listener = tokio::net::UnixListener::bind(path)?;
                Ok(Self::Unix(listener, SocketFile(path.clone())))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Where it is bound, with the port it got.
    pub(super) fn address(&self) -> Address {
        match self {
            Self::Tcp(_, address) => address.clone(),
            #[cfg(unix)]
            Self::Unix(_, file) => Address::Unix(file.0.clone()),
        }
    }

    async fn accept(&self) -> io::Result<(Box<dyn Stream>, Peer)> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are small and someone waits for each.
                stream.set_nodelay(true)?;
                Ok((Box::new(stream), Peer::Ip(peer.ip())))
            }
            #[cfg(unix)]
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), Peer::UnixSocket))
            }
        }
    }
}

/// The file of a Unix socket, which goes with it.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct SocketFile(std::path::PathBuf);

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        // One that is left behind is removed at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Removes the socket of a program that is no more. One that somebody listens on stays, and so
/// does whatever is not a socket.
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

/// A connection, of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Ends when the program is told to stop.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<()>);

impl Stop {
    /// The end of the sender is the message.
    pub(super) const fn new(receiver: watch::Receiver<()>) -> Self {
        Self(receiver)
    }

    pub(super) async fn told(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// Answers every request by its head, until it is told to stop and those under way are answered,
/// or `grace` is over. Bodies of requests are not read.
pub(super) async fn serve<A, F>(listener: Listener, answer: A, stop: Stop, grace: Duration)
where
    A: Fn(Peer, request::Parts) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send,
{
    let connections = GracefulShutdown::new();
    let stopped = stop.told();
    tokio::pin!(stopped);
    loop {
        let (stream, peer) = tokio::select! {
            // What is waiting to be accepted is taken before the listener goes.
            biased;
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, or the client has left already.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            () = &mut stopped => break,
        };
        let answer = answer.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (head, _) = request.into_parts();
            let answered = answer(peer, head);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(grace, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests under way were not answered in time");
    }
}

/// A token of 16 KiB, the application's cookies, and the fields of a proxy.
const HEAD_BYTES: usize = 64 * 1024;

/// A proxy sends a head at once; so does a scraper.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Before accepting is tried again.
const PAUSE: Duration = Duration::from_millis(50);
