//! How much of an answer is held that its client does not take, and how large its head may be.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bearward_gateway::config::Address;
use bearward_gateway::doors::proxy::{Limits, Protocol, Settings, Upstream};
use bearward_gateway::net::listener::Listener;
use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

use super::fixture::{App, Gateway, MANY, SOON, bearer, full, raw};
use super::framing::literal;
use super::limits::{PREFACE, frame};

/// What may be held of an answer.
const HELD: usize = 128 * 1024;

/// A connection whose written bytes are counted.
struct Counted {
    io: UnixStream,
    written: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = &written {
            self.written.fetch_add(*count, Ordering::SeqCst);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// An application at this socket, and how much it has written.
fn application(path: &Path) -> Arc<AtomicUsize> {
    let written = Arc::new(AtomicUsize::new(0));
    let listener = UnixListener::bind(path).unwrap();
    let count = Arc::clone(&written);
    tokio::spawn(async move {
        loop {
            let (io, _) = listener.accept().await.unwrap();
            let written = Arc::clone(&count);
            tokio::spawn(App::default().serve(Counted { io, written }));
        }
    });
    written
}

/// How much was written when for a while nothing more is.
async fn settled(written: &AtomicUsize) -> usize {
    let settles = async {
        let mut last = 0;
        loop {
            sleep(Duration::from_millis(500)).await;
            let now = written.load(Ordering::SeqCst);
            if now > 0 && now == last {
                return now;
            }
            last = now;
        }
    };
    timeout(SOON, settles).await.unwrap()
}

/// What the system holds of a connection between two sockets of this machine, at most.
fn held_by_system() -> usize {
    let text = std::fs::read_to_string("/proc/sys/net/core/wmem_default").unwrap();
    text.trim().parse().unwrap()
}

/// Asks for an endless answer over HTTP/2, with windows as wide as they can be.
fn asked_with_wide_windows() -> Vec<u8> {
    let mut fields = vec![0x82, 0x86];
    for (name, value) in [
        (":path", "/many"),
        (":authority", "a"),
        ("authorization", &bearer()),
    ] {
        fields.extend_from_slice(&literal(name, value));
    }
    let mut sent = PREFACE.to_vec();
    sent.extend_from_slice(&frame(4, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]));
    sent.extend_from_slice(&frame(8, 0, 0, &0x7f00_0000_u32.to_be_bytes()));
    sent.extend_from_slice(&frame(1, 5, 1, &fields));
    sent
}

/// Sockets of this machine, since the system tells how much it holds of those.
struct Setting {
    _directory: tempfile::TempDir,
    door: PathBuf,
    written: Arc<AtomicUsize>,
    _gateway: Gateway,
}

impl Setting {
    async fn new(protocol: Protocol) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("app");
        let door = directory.path().join("door");
        let written = application(&socket);
        let address = format!("unix:{}", socket.display()).parse().unwrap();
        let listener = Listener::bind(&Address::Unix(door.clone())).await.unwrap();
        let upstream = Upstream::new("app", [address]).protocol(protocol);
        let gateway = Gateway::listening(listener, upstream, Settings::new(), Limits::new()).await;
        Self {
            _directory: directory,
            door,
            written,
            _gateway: gateway,
        }
    }
}

#[tokio::test]
async fn t_dos_10_no_more_than_128_kib_are_held_of_an_answer() {
    let plain = format!(
        "GET /many HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        bearer()
    );
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for (client, asked) in [
            ("HTTP/1.1", plain.clone().into_bytes()),
            ("HTTP/2", asked_with_wide_windows()),
        ] {
            let setting = Setting::new(protocol).await;
            let mut stream = UnixStream::connect(&setting.door).await.unwrap();
            stream.write_all(&asked).await.unwrap();
            let written = settled(&setting.written).await;
            let held = written.saturating_sub(2 * held_by_system());
            assert!(held <= HELD, "{client}, {protocol:?}: {held} of {written}");
            // Nothing of it is lost.
            let rest = taken(&mut stream).await;
            assert!(rest > MANY, "{client}, {protocol:?}: {rest}");
        }
    }
}

/// How much comes until all of the answer has.
async fn taken(stream: &mut UnixStream) -> usize {
    let mut answer = vec![0; 1 << 20];
    let mut count = 0;
    while count <= MANY {
        let read = timeout(SOON, stream.read(&mut answer)).await.unwrap();
        match read.unwrap() {
            0 => break,
            more => count += more,
        }
    }
    count
}

/// An application that answers with so many fields of so many bytes, in the protocol it is asked in.
async fn answering_with(count: usize, size: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let service = service_fn(move |_: Request<Incoming>| async move {
        let mut response = Response::new(full("hello"));
        let value = HeaderValue::try_from("a".repeat(size)).unwrap();
        for at in 0..count {
            let name = HeaderName::try_from(format!("x-{at}")).unwrap();
            response.headers_mut().append(name, value.clone());
        }
        Ok::<_, Infallible>(response)
    });
    tokio::spawn(async move {
        loop {
            let (io, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(io), service).await;
            });
        }
    });
    addr
}

/// What a client of HTTP/1.1 gets of such an answer, and the reason.
async fn passed_on(protocol: Protocol, count: usize, size: usize) -> (String, usize, &'static str) {
    let addr = answering_with(count, size).await;
    let gateway = Gateway::speaking(addr, protocol).await;
    let asked = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        bearer()
    );
    let answer = raw(gateway.addr, asked).await;
    let status = answer.get(9..12).unwrap_or_default().to_owned();
    let is_of_application =
        |line: &&str| line.starts_with("x-") && !line.starts_with("x-bearward-");
    let fields = answer.lines().filter(is_of_application);
    (status, fields.count(), gateway.reason().await.0)
}

#[tokio::test]
async fn a_prx_01_answers_with_many_fields_are_passed_on() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for count in [99, 101, 500, 1600] {
            let passed = passed_on(protocol, count, 1).await;
            let whole = ("200".to_owned(), count, "admitted");
            assert_eq!(passed, whole, "{protocol:?}");
        }
        // Few and large: the size alone counts.
        let passed = passed_on(protocol, 60, 1000).await;
        assert_eq!(passed, ("200".to_owned(), 60, "admitted"), "{protocol:?}");
    }
    // As many as there may be, with the application's own.
    let passed = passed_on(Protocol::Http1, 2046, 1).await;
    assert_eq!(passed, ("200".to_owned(), 2046, "admitted"));
}

#[tokio::test]
async fn t_dos_02_an_answer_with_too_large_a_head_is_502() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for (count, size) in [(2100, 1), (90, 1000)] {
            let passed = passed_on(protocol, count, size).await;
            let refused = ("502".to_owned(), 0, "upstream_failed");
            assert_eq!(passed, refused, "{protocol:?} {count}");
        }
    }
}
