//! The setting: an application, the gateway before it, and clients.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bearward::{Issuer, JwkSet, ResourceServer};
use bearward_gateway::config::Address;
use bearward_gateway::doors::proxy::{
    Limits, Protocol, Proxy, Settings, Upstream, Upstreams, serve,
};
use bearward_gateway::identity::{ClaimSource, Encoding, Identity, IdentityBuilder};
use bearward_gateway::net::listener::Listener;
use bearward_gateway::origins::Origins;
use bearward_gateway::record::observer::{Observe, Observer};
use bearward_gateway::record::request::{End, Record};
use bearward_gateway::route::{Access, Mode, PathPattern, Preflight, Route, Routes, Tolerance};
use bearward_gateway::{Current, Gate, InForce};
use bearward_testing::Token;
use bearward_testing::conformance::{AUDIENCE, ISSUER, NOW, key_set, policy};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

pub(crate) type TestBody = BoxBody<Bytes, Infallible>;

/// No test waits longer than this for what must come.
pub(crate) const SOON: Duration = Duration::from_secs(20);

// --- the application ---

/// What an application was sent.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) body: usize,
    /// Whether the body came to its end.
    pub(crate) is_whole: bool,
}

impl Seen {
    /// The values of a field.
    pub(crate) fn field(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    /// The subprotocol of a WebSocket, as the first segment of the path says.
    fn chosen(&self) -> Option<HeaderValue> {
        let offered = self.field("sec-websocket-protocol").join(",");
        let mut offered = offered.split(',').map(str::trim);
        let chosen = match self.target.split('/').nth(1) {
            Some("first") => offered.next(),
            Some("last") => offered.next_back(),
            _ => None,
        };
        let chosen = chosen.filter(|chosen| !chosen.is_empty())?;
        Some(HeaderValue::from_str(chosen).unwrap())
    }
}

impl Seen {
    /// Reads a body to its end, or to where it breaks off.
    async fn read(&mut self, body: &mut Incoming) {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return;
            };
            let length = frame.data_ref().map_or(0, Bytes::len);
            self.body = self.body.saturating_add(length);
            self.trailers = frame.into_trailers().ok();
        }
        self.is_whole = true;
    }
}

/// An application: what it does depends on the last segment of the path.
#[derive(Clone, Debug, Default)]
pub(crate) struct App {
    seen: Arc<Mutex<Vec<Seen>>>,
    arrived: Arc<AtomicUsize>,
    pub(crate) release: Arc<Notify>,
}

impl App {
    pub(crate) async fn start() -> (Self, SocketAddr) {
        let app = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let this = app.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(this.clone().serve(stream));
            }
        });
        (app, addr)
    }

    pub(crate) async fn serve<I>(self, stream: I)
    where
        I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let service = service_fn(move |request| {
            let app = self.clone();
            async move { Ok::<_, Infallible>(app.answer(request).await) }
        });
        let builder = auto::Builder::new(TokioExecutor::new());
        let io = TokioIo::new(stream);
        let _ = builder.serve_connection_with_upgrades(io, service).await;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn arrived(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<TestBody> {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        let path = request.uri().path().to_owned();
        let upgrade = hyper::upgrade::on(&mut request);
        let key = request.headers().get("sec-websocket-key").cloned();
        let (head, mut body) = request.into_parts();
        let mut seen = Seen {
            method: head.method,
            target: head.uri.path_and_query().unwrap().to_string(),
            version: head.version,
            headers: head.headers,
            trailers: None,
            body: 0,
            is_whole: false,
        };
        match path.rsplit('/').next().unwrap() {
            "echo" => {
                self.note(seen);
                return Response::new(body.map_err(|error| panic!("{error}")).boxed());
            }
            "stuck" => {
                self.note(seen);
                self.release.notified().await;
                return text("released");
            }
            "ws" => {
                let Some(key) = key else {
                    self.note(seen);
                    return text("no handshake");
                };
                let mut answer = agreed(key.as_bytes());
                if let Some(chosen) = seen.chosen() {
                    let headers = answer.headers_mut();
                    headers.insert("sec-websocket-protocol", chosen);
                }
                self.note(seen);
                tokio::spawn(echo(upgrade));
                return answer;
            }
            _ => {}
        }
        seen.read(&mut body).await;
        self.note(seen);
        match path.rsplit('/').next().unwrap() {
            "events" => self.stream("text/event-stream"),
            "call" => self.stream("application/grpc"),
            "trailers" => with_trailers("application/grpc"),
            "many" => many(),
            "dies" => self.dies(),
            "hop" => hop(),
            _ => text("hello"),
        }
    }

    fn note(&self, seen: Seen) {
        self.seen.lock().unwrap().push(seen);
    }

    /// Promises more than it sends.
    fn dies(&self) -> Response<TestBody> {
        let (sender, body) = pipe();
        let release = Arc::clone(&self.release);
        tokio::spawn(async move {
            let _ = sender.send(Frame::data("half".into())).await;
            release.notified().await;
        });
        Response::builder()
            .header("content-length", "8")
            .body(body)
            .unwrap()
    }

    /// One piece at once, the next when it is released, and no end.
    fn stream(&self, media: &str) -> Response<TestBody> {
        let (sender, body) = pipe();
        let release = Arc::clone(&self.release);
        tokio::spawn(async move {
            while sender.send(Frame::data("data: 1\n\n".into())).await.is_ok() {
                release.notified().await;
            }
        });
        Response::builder()
            .header("content-type", media)
            .body(body)
            .unwrap()
    }
}

/// Sends back what comes over a WebSocket.
async fn echo(upgrade: OnUpgrade) {
    let io = TokioIo::new(upgrade.await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() || socket.send(message).await.is_err() {
            break;
        }
    }
}

fn agreed(key: &[u8]) -> Response<TestBody> {
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", derive_accept_key(key))
        .body(empty())
        .unwrap()
}

fn hop() -> Response<TestBody> {
    Response::builder()
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("keep-alive", "timeout=9")
        .header("proxy-authenticate", "Basic")
        .header("x-end", "2")
        .body(empty())
        .unwrap()
}

/// The size of what `/many` answers.
pub(crate) const MANY: usize = 32 * 1024 * 1024;

fn many() -> Response<TestBody> {
    let (sender, body) = pipe();
    tokio::spawn(async move {
        for _ in 0..MANY / 65536 {
            if sender
                .send(Frame::data(vec![7; 65536].into()))
                .await
                .is_err()
            {
                return;
            }
        }
    });
    Response::new(body)
}

fn with_trailers(media: &str) -> Response<TestBody> {
    let (sender, body) = pipe();
    let media = media.to_owned();
    tokio::spawn(async move {
        let _ = sender.send(Frame::data("data".into())).await;
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let _ = sender.send(Frame::trailers(trailers)).await;
    });
    Response::builder()
        .header("content-type", media)
        .body(body)
        .unwrap()
}

/// A body of what is sent.
pub(crate) fn pipe() -> (mpsc::Sender<Frame<Bytes>>, TestBody) {
    let (sender, mut receiver) = mpsc::channel(1);
    let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, BodyExt::boxed(StreamBody::new(stream.map(Ok))))
}

pub(crate) fn empty() -> TestBody {
    Empty::new().boxed()
}

pub(crate) fn full(text: &'static str) -> TestBody {
    Full::new(Bytes::from_static(text.as_bytes())).boxed()
}

fn text(text: &'static str) -> Response<TestBody> {
    Response::new(full(text))
}

// --- the gateway ---

/// What was observed.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    records: Mutex<Vec<Record>>,
    cuts: Mutex<Vec<&'static str>>,
}

impl Observe for Observed {
    fn ended(&self, record: &Record) {
        self.records.lock().unwrap().push(record.clone());
    }

    fn cut(&self, reason: &'static str) {
        self.cuts.lock().unwrap().push(reason);
    }
}

/// A gateway that runs until it is dropped or told to stop.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) addr: SocketAddr,
    observed: Arc<Observed>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) done: JoinHandle<()>,
}

impl Gateway {
    /// Before one application, with the defaults.
    pub(crate) async fn before(app: SocketAddr) -> Self {
        Self::with(upstream(app), Settings::new(), Limits::new()).await
    }

    /// Before an application that is spoken to in this protocol.
    pub(crate) async fn speaking(app: SocketAddr, protocol: Protocol) -> Self {
        let upstream = upstream(app).protocol(protocol);
        Self::with(upstream, Settings::new(), Limits::new()).await
    }

    /// Before an application, with these identity fields.
    pub(crate) async fn telling(app: SocketAddr, identity: Identity, settings: Settings) -> Self {
        let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
        let listener = Listener::bind(&address).await.unwrap();
        let gate = gate_of(identity).upstreams(Upstreams::new([upstream(app)]));
        Self::serving_by(listener, gate, settings, Limits::new())
    }

    pub(crate) async fn with(upstream: Upstream, settings: Settings, limits: Limits) -> Self {
        let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
        let listener = Listener::bind(&address).await.unwrap();
        Self::listening(listener, upstream, settings, limits).await
    }

    /// Before these applications.
    pub(crate) async fn to(upstreams: Upstreams) -> Self {
        let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
        let listener = Listener::bind(&address).await.unwrap();
        Self::serving(listener, upstreams, Settings::new(), Limits::new())
    }

    pub(crate) async fn listening(
        listener: Listener,
        upstream: Upstream,
        settings: Settings,
        limits: Limits,
    ) -> Self {
        Self::serving(listener, Upstreams::new([upstream]), settings, limits)
    }

    fn serving(
        listener: Listener,
        upstreams: Upstreams,
        settings: Settings,
        limits: Limits,
    ) -> Self {
        Self::serving_by(listener, gate().upstreams(upstreams), settings, limits)
    }

    pub(crate) fn serving_by(
        listener: Listener,
        gate: InForce,
        settings: Settings,
        limits: Limits,
    ) -> Self {
        let observed = Arc::new(Observed::default());
        let observer: Arc<dyn Observe> = Arc::<Observed>::clone(&observed);
        let settings = settings.observer(Observer::new(observer));
        let proxy = Proxy::new(Current::new(gate), settings);
        let addr = match listener.address() {
            Address::Tcp(address) => address,
            Address::Unix(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let proxy = Arc::new(proxy);
        let done = tokio::spawn(serve(listener, proxy, limits, shutdown));
        Self {
            addr,
            observed,
            stop: Some(stop),
            done,
        }
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// The records, once there are so many.
    pub(crate) async fn records(&self, count: usize) -> Vec<Record> {
        until(|| self.observed.records.lock().unwrap().len() >= count).await;
        self.observed.records.lock().unwrap().clone()
    }

    /// The reason of the one request.
    pub(crate) async fn reason(&self) -> (&'static str, End) {
        let records = self.records(1).await;
        assert_eq!(records.len(), 1);
        (records[0].reason, records[0].end.unwrap())
    }

    /// Why a connection was cut.
    pub(crate) async fn cut(&self) -> &'static str {
        until(|| !self.observed.cuts.lock().unwrap().is_empty()).await;
        self.observed.cuts.lock().unwrap()[0]
    }
}

pub(crate) fn upstream(app: SocketAddr) -> Upstream {
    Upstream::new("app", [app.to_string().parse().unwrap()])
}

/// A route for every kind of access; `X-Auth-User` names the subject.
/// The fields `X-Auth-User` and `X-Auth-Tenant`.
pub(crate) fn own() -> IdentityBuilder {
    let tenant = ClaimSource::Claim("tenant".into());
    Identity::builder()
        .field("X-Auth-User", ClaimSource::Subject, Encoding::Plain)
        .field("X-Auth-Tenant", tenant, Encoding::Plain)
}

fn gate() -> InForce {
    gate_of(own().build().unwrap())
}

fn gate_of(identity: Identity) -> InForce {
    let route = |name: &'static str, path: &str| {
        let mut route = Route::new(name, [PathPattern::prefix(path).unwrap()]);
        route.upstream = Some("app".into());
        route
    };
    let mut public = route("public", "/public");
    public.access = Access::Public;
    let mut optional = route("optional", "/optional");
    optional.access = Access::Optional;
    let mut preflight = route("preflight", "/preflight");
    preflight.preflight = Preflight::Passes;
    let mut shadow = route("shadow", "/shadow");
    shadow.mode = Mode::Shadow;
    let mut slashes = route("slashes", "/slashes");
    slashes.tolerance = Tolerance::Tolerant;
    let mut lost = route("lost", "/lost");
    lost.upstream = Some("nowhere".into());
    let required = route("required", "/");
    let routes = [public, optional, preflight, shadow, slashes, lost, required];
    let keys = JwkSet::parse(key_set().as_bytes()).unwrap();
    let server = ResourceServer::builder()
        .issuer(Issuer::jwk_set(policy(ISSUER), keys))
        .clock(|| NOW);
    let origins = Origins::new(["https://app.example".parse().unwrap()]);
    InForce::new(
        server.build().unwrap(),
        Gate::new(Routes::new(routes), identity).origins(origins),
    )
}

// --- clients ---

pub(crate) fn token() -> Token {
    Token::user(ISSUER, AUDIENCE, NOW)
}

pub(crate) fn bearer() -> String {
    format!("Bearer {}", token().sign())
}

/// A request with a token, over HTTP/1.1.
pub(crate) fn get(path: &str) -> http::request::Builder {
    request(Method::GET, path)
}

pub(crate) fn request(method: Method, path: &str) -> http::request::Builder {
    bare(method, path).header("authorization", bearer())
}

/// A request without credentials.
pub(crate) fn bare(method: Method, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "api.example")
}

/// Sends a request over a connection of its own; one with an authority over HTTP/2.
pub(crate) async fn send(addr: SocketAddr, request: Request<TestBody>) -> Response<Incoming> {
    try_send(addr, request).await.unwrap()
}

pub(crate) async fn try_send(
    addr: SocketAddr,
    request: Request<TestBody>,
) -> hyper::Result<Response<Incoming>> {
    let io = TokioIo::new(TcpStream::connect(addr).await.unwrap());
    let sent = async {
        if request.uri().authority().is_some() {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            return sender.send_request(request).await;
        }
        let (mut sender, connection) = http1::handshake(io).await?;
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await
    };
    timeout(SOON, sent).await.unwrap()
}

pub(crate) async fn body_of(response: Response<Incoming>) -> String {
    let body = timeout(SOON, response.into_body().collect()).await.unwrap();
    String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap()
}

/// Sends bytes as they are, and reads until the other side closes.
pub(crate) async fn raw(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    to_end(&mut stream).await
}

pub(crate) async fn to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits until something is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, waited).await.expect("it did not happen");
}
