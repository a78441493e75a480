//! How much is under way at a time, in all and by client (THREATS table 10).

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bearward_gateway::doors::forward_auth::TrustedPeers;
use bearward_gateway::doors::proxy::{Limits, Protocol, Settings};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::fixture::{
    App, Gateway, SOON, TestBody, bare, body_of, empty, raw, send, until, upstream,
};

/// A connection of a client at 127.0.0.`host`.
async fn connect(gateway: &Gateway, host: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0));
    socket.bind(address).unwrap();
    socket.connect(gateway.addr).await.unwrap()
}

/// Asks for this without a token, over a connection of its own.
async fn ask(gateway: &Gateway, host: u8, path: &str) -> Response<Incoming> {
    sent_by(gateway, host, bare(http::Method::GET, path)).await
}

async fn sent_by(
    gateway: &Gateway,
    host: u8,
    request: http::request::Builder,
) -> Response<Incoming> {
    let io = TokioIo::new(connect(gateway, host).await);
    let (mut sender, connection) = http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let sent = sender.send_request(request.body(empty()).unwrap());
    timeout(SOON, sent).await.unwrap().unwrap()
}

/// As many requests that the application does not answer.
async fn stuck(gateway: &Gateway, app: &App, host: u8, count: usize) -> Vec<JoinHandle<()>> {
    let mut held = Vec::new();
    for _ in 0..count {
        let before = app.arrived();
        let io = TokioIo::new(connect(gateway, host).await);
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let request = bare(http::Method::GET, "/public/stuck");
        held.push(tokio::spawn(async move {
            let _ = sender.send_request(request.body(empty()).unwrap()).await;
        }));
        until(|| app.arrived() > before).await;
    }
    held
}

fn assert_full(response: &Response<Incoming>) {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers();
    assert_eq!(headers["retry-after"], "1");
    assert_eq!(headers["cache-control"], "no-store");
    assert!(!headers.contains_key("www-authenticate"));
}

/// The attack: many connections over HTTP/2, as many streams over each, to what does not answer.
async fn flood(gateway: &Gateway, connections: usize, streams: usize) -> JoinSet<StatusCode> {
    let mut answers = JoinSet::new();
    for _ in 0..connections {
        let io = TokioIo::new(connect(gateway, 1).await);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..streams {
            let mut sender: http2::SendRequest<TestBody> = sender.clone();
            let request = Request::get("http://api.example/public/stuck");
            let request = request.body(empty()).unwrap();
            answers.spawn(async move {
                sender.ready().await.unwrap();
                let response = sender.send_request(request).await.unwrap();
                let status = response.status();
                let _ = response.into_body().collect().await;
                status
            });
        }
    }
    answers
}

#[tokio::test]
async fn t_dos_08_streams_without_number_stop_at_the_cap_and_others_are_served() {
    let (app, addr) = App::start().await;
    let upstream = upstream(addr).max_requests(50);
    let gateway = Gateway::with(upstream, Settings::new(), Limits::new()).await;
    let mut answers = flood(&gateway, 10, 20).await;
    for _ in 0..175 {
        let status = timeout(SOON, answers.join_next()).await.unwrap();
        assert_eq!(status.unwrap().unwrap(), 503);
    }
    // Half of the places for one client; what holds them is not answered.
    until(|| app.arrived() == 25).await;
    assert_full(&ask(&gateway, 1, "/public/x").await);
    for host in [2, 3] {
        let response = ask(&gateway, host, "/public/x").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(body_of(response).await, "hello");
    }
    assert_eq!(app.arrived(), 27, "nothing of what was refused was sent");
    app.release.notify_waiters();
    while let Some(status) = timeout(SOON, answers.join_next()).await.unwrap() {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(ask(&gateway, 1, "/public/x").await.status(), 200);
    let records = gateway.records(200).await;
    let refused = records.iter().filter(|record| record.status == 503);
    for record in refused {
        assert_eq!(record.reason, "too_many_requests");
        assert_eq!(record.route.as_deref(), Some("public"));
        assert_eq!(record.upstream.as_deref(), Some("app"));
    }
}

#[tokio::test]
async fn t_dos_08_the_cap_of_the_gateway_holds_before_anything_is_decided() {
    let (app, addr) = App::start().await;
    let settings = Settings::new().max_requests(4);
    let gateway = Gateway::with(upstream(addr), settings, Limits::new()).await;
    let _held = stuck(&gateway, &app, 1, 2).await;
    // With or without a token, wherever it leads.
    for path in ["/public/x", "/x", "/lost/x"] {
        assert_full(&ask(&gateway, 1, path).await);
    }
    let records = gateway.records(3).await;
    for record in records {
        assert_eq!((record.reason, record.route), ("too_many_requests", None));
    }
    assert_eq!(ask(&gateway, 2, "/public/x").await.status(), 200);
    assert_eq!(ask(&gateway, 2, "/x").await.status(), 401);
    // What is refused takes no place.
    for _ in 0..10 {
        assert_eq!(ask(&gateway, 2, "/x").await.status(), 401);
    }
    // All four places, and nobody waits for one.
    let _more = stuck(&gateway, &app, 2, 1).await;
    let _last = stuck(&gateway, &app, 3, 1).await;
    assert_full(&ask(&gateway, 4, "/public/x").await);
}

#[tokio::test]
async fn t_dos_08_a_full_upstream_stops_no_other() {
    let (app, addr) = App::start().await;
    let (_other, other) = App::start().await;
    let full = upstream(addr).max_requests(1);
    let free = bearward_gateway::doors::proxy::Upstream::new(
        "nowhere",
        [other.to_string().parse().unwrap()],
    );
    let upstreams = bearward_gateway::doors::proxy::Upstreams::new([full, free]);
    let gateway = Gateway::to(upstreams).await;
    let _held = stuck(&gateway, &app, 1, 1).await;
    assert_full(&ask(&gateway, 2, "/public/x").await);
    let request = super::fixture::get("/lost/x").body(empty()).unwrap();
    assert_eq!(send(gateway.addr, request).await.status(), 200);
}

async fn websocket(gateway: &Gateway, host: u8) -> Result<WebSocketStream<TcpStream>, Error> {
    let request = "ws://api.example/public/ws".into_client_request().unwrap();
    let stream = connect(gateway, host).await;
    let opened = timeout(SOON, client_async(request, stream)).await.unwrap();
    opened.map(|(socket, _)| socket)
}

#[tokio::test]
async fn t_dos_08_websockets_are_counted_apart_and_stop_no_request() {
    use futures_util::{SinkExt, StreamExt};

    let (app, addr) = App::start().await;
    let upstream = upstream(addr).max_requests(1).max_streams(4);
    let gateway = Gateway::with(upstream, Settings::new(), Limits::new()).await;
    let mut first = websocket(&gateway, 1).await.unwrap();
    let second = websocket(&gateway, 1).await.unwrap();
    let third = websocket(&gateway, 1).await.unwrap_err();
    let Error::Http(refused) = third else {
        panic!("{third}");
    };
    assert_eq!(refused.status(), 503);
    assert_eq!(app.arrived(), 2, "the application did not agree to it");
    let _another = websocket(&gateway, 2).await.unwrap();
    // Requests have their own place.
    for _ in 0..3 {
        assert_eq!(ask(&gateway, 1, "/public/x").await.status(), 200);
    }
    first.send(Message::text("still there")).await.unwrap();
    assert!(timeout(SOON, first.next()).await.unwrap().unwrap().is_ok());
    drop(second);
    // Four requests and refusals so far, and the socket that ended.
    gateway.records(5).await;
    assert!(websocket(&gateway, 1).await.is_ok());
}

#[tokio::test]
async fn t_dos_08_events_are_counted_apart_and_have_a_cap() {
    let (app, addr) = App::start().await;
    let upstream = upstream(addr).max_requests(1).max_streams(2);
    let gateway = Gateway::with(upstream, Settings::new(), Limits::new()).await;
    let first = ask(&gateway, 1, "/public/events").await;
    assert_eq!(first.status(), 200);
    assert_full(&ask(&gateway, 1, "/public/events").await);
    let second = ask(&gateway, 2, "/public/events").await;
    assert_eq!(second.status(), 200);
    assert_full(&ask(&gateway, 3, "/public/events").await);
    assert_eq!(ask(&gateway, 1, "/public/x").await.status(), 200);
    // Those that go make room.
    drop(first);
    let ended = gateway.records(4);
    app.release.notify_waiters();
    ended.await;
    assert_eq!(ask(&gateway, 3, "/public/events").await.status(), 200);
}

#[tokio::test]
async fn t_dos_08_a_call_without_a_place_is_unavailable() {
    let (app, addr) = App::start().await;
    let upstream = upstream(addr).protocol(Protocol::Http2);
    let upstream = upstream.max_requests(1).max_streams(1);
    let gateway = Gateway::with(upstream, Settings::new(), Limits::new()).await;
    let call = || {
        let request = Request::post("http://api.example/public/call");
        let request = request.header("content-type", "application/grpc");
        request.header("te", "trailers").body(empty()).unwrap()
    };
    let first = send(gateway.addr, call()).await;
    assert!(!first.headers().contains_key("grpc-status"));
    let second = send(gateway.addr, call()).await;
    assert_eq!(second.status(), 200);
    assert_eq!(second.headers()["grpc-status"], "14");
    assert_eq!(app.arrived(), 1, "it may be called again");
    assert_eq!(gateway.reason().await.0, "too_many_requests");
    // Other requests have their own place.
    let other = Request::get("http://api.example/public/x");
    let other = send(gateway.addr, other.body(empty()).unwrap()).await;
    assert_eq!(other.status(), 200);
    drop(first);
}

/// Whatever becomes of a request, its place is free again.
#[tokio::test]
async fn t_dos_08_a_place_is_free_again_after_every_end() {
    let (app, addr) = App::start().await;
    let settings = Settings::new().max_requests(1).max_streams(1);
    let upstream = upstream(addr).max_requests(1).max_streams(1);
    let gateway = Gateway::with(upstream, settings, Limits::new()).await;
    let mut count = 0;
    let mut is_free = async || {
        count += 2;
        gateway.records(count - 1).await;
        assert_eq!(ask(&gateway, 1, "/public/x").await.status(), 200);
        gateway.records(count).await;
    };
    // The client leaves: before the answer, within it, and without a body that it promised.
    let held = stuck(&gateway, &app, 1, 1).await;
    held.iter().for_each(JoinHandle::abort);
    is_free().await;
    drop(ask(&gateway, 1, "/public/many").await);
    is_free().await;
    let mut stream = connect(&gateway, 1).await;
    let head = b"POST /public/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na";
    stream.write_all(head).await.unwrap();
    until(|| app.arrived() == 5).await;
    drop(stream);
    is_free().await;
    // The application breaks off.
    let broken = ask(&gateway, 1, "/public/dies").await;
    app.release.notify_waiters();
    let _ = timeout(SOON, broken.into_body().collect()).await.unwrap();
    is_free().await;
    // Streams.
    drop(websocket(&gateway, 1).await.unwrap());
    is_free().await;
    drop(ask(&gateway, 1, "/public/events").await);
    app.release.notify_waiters();
    is_free().await;
    drop(websocket(&gateway, 1).await.unwrap());
    is_free().await;
    // A refusal, and an answer without a body.
    assert_eq!(ask(&gateway, 1, "/x").await.status(), 401);
    is_free().await;
    let answer = raw(
        gateway.addr,
        "HEAD /public/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.await.starts_with("HTTP/1.1 200"));
    is_free().await;
}

#[tokio::test]
async fn t_dos_08_an_upstream_that_cannot_be_reached_keeps_no_place() {
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let upstream = upstream(nobody.local_addr().unwrap()).max_requests(1);
    let gateway = Gateway::with(upstream, Settings::new(), Limits::new()).await;
    for _ in 0..3 {
        assert_eq!(ask(&gateway, 1, "/public/x").await.status(), 502);
    }
}

/// Holds what it asks for in the name of another.
async fn held_for(gateway: &Gateway, app: &App, client: &str) -> Response<Incoming> {
    let before = app.arrived();
    let request = bare(http::Method::GET, "/public/dies").header("x-forwarded-for", client);
    let response = sent_by(gateway, 1, request).await;
    assert_eq!(response.status(), 200, "{client}");
    assert!(app.arrived() > before);
    response
}

#[tokio::test]
async fn t_dos_12_behind_a_trusted_proxy_each_client_has_its_share() {
    let (app, addr) = App::start().await;
    let settings = Settings::new().trust(TrustedPeers::default());
    let upstream = upstream(addr).max_requests(8);
    let gateway = Gateway::with(upstream, settings, Limits::new()).await;
    let ask_for = async |client: &str| {
        let request = bare(http::Method::GET, "/public/x").header("x-forwarded-for", client);
        sent_by(&gateway, 1, request).await.status()
    };
    let mut held = Vec::new();
    // What stands in front is what the client wrote itself.
    for made_up in 0..4 {
        let client = format!("198.51.100.{made_up}, 2001:db8::{made_up}");
        held.push(held_for(&gateway, &app, &client).await);
    }
    assert_eq!(ask_for("2001:db8::9").await, 503);
    assert_eq!(ask_for("2001:db8::9, 127.0.0.9").await, 503);
    // The next network, another client, and the proxy itself.
    assert_eq!(ask_for("2001:db8:0:1::9").await, 200);
    assert_eq!(ask_for("2001:db8::9, 192.0.2.1").await, 200);
    assert_eq!(ask(&gateway, 1, "/public/x").await.status(), 200);
}

#[tokio::test]
async fn t_dos_12_nobody_else_is_believed_who_the_client_is() {
    let (app, addr) = App::start().await;
    let upstream = upstream(addr).max_requests(4);
    let gateway = Gateway::with(upstream, Settings::new(), Limits::new()).await;
    let _first = held_for(&gateway, &app, "192.0.2.1").await;
    let _second = held_for(&gateway, &app, "192.0.2.2").await;
    let request = bare(http::Method::GET, "/public/x").header("x-forwarded-for", "192.0.2.3");
    assert_full(&sent_by(&gateway, 1, request).await);
}

#[tokio::test]
async fn t_dos_08_connections_of_one_client_leave_some_for_others() {
    let (_app, addr) = App::start().await;
    let limits = Limits::new().connections(200);
    let gateway = Gateway::with(upstream(addr), Settings::new(), limits).await;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(connect(&gateway, 1).await);
    }
    let mut refused = connect(&gateway, 1).await;
    let closed = timeout(SOON, refused.read(&mut [0])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    assert_eq!(gateway.cut().await, "too_many_connections");
    for host in [2, 3] {
        assert_eq!(ask(&gateway, host, "/public/x").await.status(), 200);
    }
    // Those that have some go on.
    let last = crowd.last_mut().unwrap();
    let head = b"GET /public/x HTTP/1.1\r\nHost: a\r\n\r\n";
    last.write_all(head).await.unwrap();
    let mut status = [0; 12];
    timeout(SOON, last.read_exact(&mut status))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(Bytes::copy_from_slice(&status), "HTTP/1.1 200");
    drop(crowd);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ask(&gateway, 1, "/public/x").await.status(), 200);
}

#[tokio::test]
async fn a_dos_01_a_trusted_proxy_has_all_the_connections() {
    let (_app, addr) = App::start().await;
    let settings = Settings::new().trust(TrustedPeers::default());
    let limits = Limits::new().connections(200);
    let gateway = Gateway::with(upstream(addr), settings, limits).await;
    let mut crowd = Vec::new();
    for _ in 0..199 {
        crowd.push(connect(&gateway, 1).await);
    }
    assert_eq!(ask(&gateway, 1, "/public/x").await.status(), 200);
}
