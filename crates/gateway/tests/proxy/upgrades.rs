//! WebSocket and other changes of protocol.

use std::time::Duration;

use bearward_gateway::doors::proxy::{Expiry, Limits, Protocol, Settings};
use bearward_gateway::record::request::End;
use futures_util::{SinkExt, StreamExt};
use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::fixture::{
    App, Gateway, SOON, bearer, empty, get, raw, request, send, to_end, token, upstream,
};

async fn open(gateway: &Gateway, bearer: &str) -> WebSocketStream<TcpStream> {
    let mut request = "ws://api.example/ws".into_client_request().unwrap();
    request
        .headers_mut()
        .insert("authorization", bearer.parse().unwrap());
    let stream = TcpStream::connect(gateway.addr).await.unwrap();
    client_async(request, stream).await.unwrap().0
}

#[tokio::test]
async fn a_prx_03_a_websocket_passes_both_ways() {
    let (app, addr) = App::start().await;
    for protocol in [Protocol::Http1, Protocol::Auto] {
        let gateway = Gateway::speaking(addr, protocol).await;
        let mut socket = open(&gateway, &bearer()).await;
        for text in ["one", "two\n\n\r", "#"] {
            socket.send(Message::text(text)).await.unwrap();
            let echoed = timeout(SOON, socket.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            assert_eq!(echoed.to_text().unwrap(), text);
        }
        socket.close(None).await.unwrap();
        while timeout(SOON, socket.next())
            .await
            .unwrap()
            .is_some_and(|message| message.is_ok())
        {}
        drop(socket);
        let records = gateway.records(1).await;
        assert_eq!(records[0].status, StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(records[0].reason, "admitted");
        assert_eq!(app.seen().pop().unwrap().field("upgrade"), ["websocket"]);
    }
}

#[tokio::test]
async fn t_cch_13_a_websocket_ends_with_its_token() {
    let (_app, addr) = App::start().await;
    let settings = Settings::new().expiry(Expiry::Ends(Duration::ZERO));
    let gateway = Gateway::with(upstream(addr), settings, Limits::new()).await;
    let short = token().expires_in(Duration::from_secs(1)).sign();
    let mut socket = open(&gateway, &format!("Bearer {short}")).await;
    socket.send(Message::text("one")).await.unwrap();
    assert!(timeout(SOON, socket.next()).await.unwrap().unwrap().is_ok());
    let ended = timeout(SOON, socket.next()).await.unwrap();
    assert!(!matches!(ended, Some(Ok(_))), "{ended:?}");
    assert_eq!(gateway.reason().await, ("stream_expired", End::Aborted));
}

#[tokio::test]
async fn t_cch_13_a_websocket_without_expiry_goes_on() {
    let (_app, addr) = App::start().await;
    let settings = Settings::new().expiry(Expiry::Ignored);
    let gateway = Gateway::with(upstream(addr), settings, Limits::new()).await;
    let short = token().expires_in(Duration::from_millis(1)).sign();
    let mut socket = open(&gateway, &format!("Bearer {short}")).await;
    for _ in 0..3 {
        socket.send(Message::text("one")).await.unwrap();
        assert!(timeout(SOON, socket.next()).await.unwrap().unwrap().is_ok());
    }
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

#[tokio::test]
async fn t_prx_04_an_upgrade_answered_200_is_no_tunnel() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let message = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n{UPGRADE}\r\n\
         GET /early HTTP/1.1\r\nHost: a\r\n\r\n",
        bearer()
    );
    let answer = raw(gateway.addr, message).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert_eq!(app.arrived(), 1);
}

#[tokio::test]
async fn t_prx_04_early_data_waits_for_the_101_of_the_upstream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::before(listener.local_addr().unwrap()).await;
    let mut client = TcpStream::connect(gateway.addr).await.unwrap();
    let message = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n{UPGRADE}\r\nearly\n",
        bearer()
    );
    client.write_all(message.as_bytes()).await.unwrap();

    let (mut upstream, _) = listener.accept().await.unwrap();
    let head = read_head(&mut upstream).await;
    assert!(!head.contains("early"), "{head}");
    let agreed =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nlate";
    upstream.write_all(agreed.as_bytes()).await.unwrap();
    let mut early = [0; 6];
    timeout(SOON, upstream.read_exact(&mut early))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&early, b"early\n");
    drop(upstream);
    let answer = to_end(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nlate"), "{answer}");
}

/// Requests in such a tunnel would be decided on by nobody.
#[tokio::test]
async fn t_prx_04_what_speaks_http_is_no_tunnel() {
    let (app, addr) = App::start().await;
    let settings = Settings::new()
        .allow_upgrade("h2c")
        .allow_upgrade("HTTP/2.0")
        .allow_upgrade("other");
    let gateway = Gateway::with(upstream(addr), settings, Limits::new()).await;
    for (protocol, passed) in [
        ("h2c", false),
        ("HTTP/2.0", false),
        ("TLS/1.2", false),
        ("unknown", false),
        ("websocket, h2c", false),
        ("other", true),
    ] {
        let request = get("/x")
            .header("connection", "upgrade")
            .header("upgrade", protocol);
        let response = send(gateway.addr, request.body(empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{protocol}");
        assert_eq!(
            app.seen().pop().unwrap().headers.contains_key("upgrade"),
            passed,
            "{protocol}"
        );
    }
}

#[tokio::test]
async fn t_prx_04_an_upgrade_nobody_asked_for_is_502() {
    for (asked, agreed) in [
        ("", "websocket"),
        (UPGRADE, "h2c"),
        (UPGRADE, "websocket, h2c"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = Gateway::before(listener.local_addr().unwrap()).await;
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: {agreed}\r\n\r\n"
        );
        let upstream = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            to_end(&mut stream).await
        });
        let connection = if asked.is_empty() {
            "Connection: close\r\n"
        } else {
            asked
        };
        let message = format!(
            "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n{connection}\r\n",
            bearer()
        );
        let answer = raw(gateway.addr, message).await;
        assert!(
            answer.starts_with("HTTP/1.1 502"),
            "{asked} {agreed}: {answer}"
        );
        assert_eq!(upstream.await.unwrap(), "");
    }
}

#[tokio::test]
async fn an_upgrade_with_another_method_or_to_http2_is_an_ordinary_request() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let posted = request(Method::POST, "/x")
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    let response = send(gateway.addr, posted.body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!app.seen()[0].headers.contains_key("upgrade"));
    let gateway = Gateway::speaking(addr, Protocol::Http2).await;
    let asked = get("/x")
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    let response = send(gateway.addr, asked.body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(SOON, stream.read_u8()).await.unwrap().unwrap();
        head.push(byte);
    }
    String::from_utf8(head).unwrap()
}
