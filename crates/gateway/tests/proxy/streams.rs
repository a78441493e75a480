//! Bodies: large ones, endless ones, and those with trailers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bearward_gateway::doors::proxy::{Expiry, Limits, Protocol, Settings};
use bearward_gateway::record::request::End;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::fixture::{
    App, Gateway, MANY, SOON, bare, bearer, empty, full, get, pipe, request, send, token, until,
    upstream,
};

const PIECE: usize = 64 * 1024;

#[tokio::test]
async fn a_prx_02_large_bodies_pass_both_ways() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    for target in ["/x", "http://api.example/x"] {
        let (sender, body) = pipe();
        tokio::spawn(upload(sender, MANY / PIECE, Arc::default()));
        let response = send(
            gateway.addr,
            request(Method::POST, target).body(body).unwrap(),
        )
        .await;
        assert_eq!(response.status(), StatusCode::OK);
        let seen = app.seen().pop().unwrap();
        assert_eq!((seen.body, seen.is_whole), (MANY, true));

        let target = target.replace("/x", "/many");
        let response = send(gateway.addr, get(&target).body(empty()).unwrap()).await;
        let mut body = response.into_body();
        let mut received = 0;
        while let Some(frame) = timeout(SOON, body.frame()).await.unwrap() {
            received += frame.unwrap().into_data().unwrap().len();
        }
        assert_eq!(received, MANY);
    }
}

#[tokio::test]
async fn a_prx_02_the_body_is_asked_for_when_the_request_is_admitted() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let head = |credentials: &str| {
        format!(
            "POST /x HTTP/1.1\r\nHost: a\r\n{credentials}Content-Length: 4\r\n\
             Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
    };
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let admitted = head(&format!("Authorization: {}\r\n", bearer()));
    stream.write_all(admitted.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    timeout(SOON, stream.read_exact(&mut interim))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let answer = super::fixture::to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(app.seen()[0].body, 4);
    assert_eq!(app.seen()[0].field("expect"), [""; 0]);

    let answer = super::fixture::raw(gateway.addr, head("")).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

/// Sends pieces for as long as they are taken.
async fn upload(sender: Sender<Frame<Bytes>>, pieces: usize, sent: Arc<AtomicUsize>) {
    for _ in 0..pieces {
        if sender
            .send(Frame::data(vec![7; PIECE].into()))
            .await
            .is_err()
        {
            return;
        }
        sent.fetch_add(PIECE, Ordering::SeqCst);
    }
}

/// What neither side takes is held nowhere: it stays with the one who sends it.
#[tokio::test]
async fn a_body_waits_for_the_side_that_does_not_take_it() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    for target in ["/stuck", "http://api.example/stuck"] {
        let before = app.arrived();
        let sent = Arc::new(AtomicUsize::new(0));
        let (sender, body) = pipe();
        let upload = tokio::spawn(upload(sender, usize::MAX, Arc::clone(&sent)));
        let request = request(Method::POST, target).body(body).unwrap();
        let asked = tokio::spawn(send(gateway.addr, request));
        until(|| app.arrived() > before).await;
        // It comes to rest: nothing more is taken while the application reads nothing.
        let mut last = usize::MAX;
        while last != sent.load(Ordering::SeqCst) {
            last = sent.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        // Socket buffers and one buffer of ours in each direction; far from endless.
        assert!(last < 24 * 1024 * 1024, "{last}");
        app.release.notify_one();
        let response = asked.await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        drop(response);
        upload.abort();
    }
}

#[tokio::test]
async fn a_prx_03_events_arrive_as_they_are_sent() {
    for target in ["/events", "http://api.example/events"] {
        let (app, addr) = App::start().await;
        let gateway = Gateway::before(addr).await;
        let response = send(gateway.addr, get(target).body(empty()).unwrap()).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = response.into_body();
        for _ in 0..3 {
            let frame = timeout(SOON, body.frame()).await.unwrap().unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), "data: 1\n\n");
            app.release.notify_one();
        }
    }
}

fn call(target: &str) -> http::request::Builder {
    request(Method::POST, target)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

#[tokio::test]
async fn a_prx_03_grpc_has_its_trailers_over_http2() {
    let (app, addr) = App::start().await;
    for protocol in [Protocol::Http2, Protocol::Auto] {
        let gateway = Gateway::speaking(addr, protocol).await;
        let (sender, body) = pipe();
        let mut trailers = HeaderMap::new();
        trailers.insert("x-checksum", HeaderValue::from_static("1"));
        trailers.insert("x-auth-user", HeaderValue::from_static("admin"));
        tokio::spawn(async move {
            sender.send(Frame::data("a".into())).await.unwrap();
            sender.send(Frame::trailers(trailers)).await.unwrap();
        });
        let request = call("http://api.example/trailers").body(body).unwrap();
        let response = send(gateway.addr, request).await;
        assert_eq!(response.version(), Version::HTTP_2);
        let body = timeout(SOON, response.into_body().collect())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(body.to_bytes(), "data");
        let seen = app.seen().pop().unwrap();
        assert_eq!(seen.version, Version::HTTP_2);
        assert_eq!(seen.target, "/trailers");
        assert_eq!(seen.field("te"), ["trailers"]);
        let trailers = seen.trailers.unwrap();
        assert_eq!(trailers["x-checksum"], "1");
        assert!(!trailers.contains_key("x-auth-user"));
    }
}

#[tokio::test]
async fn a_refused_call_gets_a_grpc_status_with_the_challenge() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::speaking(addr, Protocol::Http2).await;
    let call = |media: &str| {
        Request::post("http://api.example/pkg.Service/Call")
            .header("content-type", media)
            .header("te", "trailers")
            .body(full("call"))
            .unwrap()
    };
    let response = send(gateway.addr, call("application/grpc+proto")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/grpc");
    assert_eq!(headers["grpc-status"], "16");
    assert_eq!(headers["www-authenticate"], "Bearer realm=\"api\"");
    // Trailers alone: the head is the end.
    assert!(response.body().is_end_stream());
    // gRPC-Web knows the statuses of HTTP.
    let response = send(gateway.addr, call("application/grpc-web")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(!response.headers().contains_key("grpc-status"));
    let records = gateway.records(2).await;
    for record in records {
        assert_eq!(record.reason, "no_credentials");
        assert_eq!(record.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(app.arrived(), 0);
}

#[tokio::test]
async fn t_req_08_the_body_of_a_preflight_reaches_nobody() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let preflight = || {
        Request::builder()
            .method(Method::OPTIONS)
            .uri("http://api.example/preflight")
            .header("origin", "https://app.example")
            .header("access-control-request-method", "PUT")
    };
    let response = send(gateway.addr, preflight().body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    // Over HTTP/2 no field needs to tell of one.
    let (sender, body) = pipe();
    let sent = tokio::spawn(send(gateway.addr, preflight().body(body).unwrap()));
    sender
        .send(Frame::data(Bytes::from_static(b"x")))
        .await
        .unwrap();
    drop(sender);
    assert_eq!(sent.await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(app.arrived(), 1);
    assert_eq!(gateway.records(2).await[1].reason, "no_credentials");
}

#[tokio::test]
async fn t_hdr_09_trailers_of_anything_else_are_dropped() {
    let (_app, addr) = App::start().await;
    let gateway = Gateway::speaking(addr, Protocol::Http2).await;
    let request = get("http://api.example/trailers").body(empty()).unwrap();
    let response = send(gateway.addr, request).await;
    let body = timeout(SOON, response.into_body().collect())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(body.trailers(), None);
    assert_eq!(body.to_bytes(), "data");
}

/// A gateway where a token of one second ends what it opened.
async fn expiring(addr: std::net::SocketAddr, protocol: Protocol) -> Gateway {
    let settings = Settings::new().expiry(Expiry::Ends(Duration::ZERO));
    Gateway::with(upstream(addr).protocol(protocol), settings, Limits::new()).await
}

fn short_lived() -> String {
    format!(
        "Bearer {}",
        token().expires_in(Duration::from_secs(1)).sign()
    )
}

#[tokio::test]
async fn t_cch_13_a_stream_of_events_ends_with_its_token() {
    let (_app, addr) = App::start().await;
    let gateway = expiring(addr, Protocol::Http1).await;
    let request = bare(Method::GET, "/events").header("authorization", short_lived());
    let response = send(gateway.addr, request.body(empty()).unwrap()).await;
    // To its end, as a stream that the server ended.
    assert_eq!(super::fixture::body_of(response).await, "data: 1\n\n");
    assert_eq!(gateway.reason().await, ("stream_expired", End::Complete));
}

#[tokio::test]
async fn t_cch_13_a_call_ends_with_its_token() {
    let (_app, addr) = App::start().await;
    let gateway = expiring(addr, Protocol::Http2).await;
    let request = bare(Method::POST, "http://api.example/call")
        .header("authorization", short_lived())
        .header("content-type", "application/grpc");
    let response = send(gateway.addr, request.body(empty()).unwrap()).await;
    let body = timeout(SOON, response.into_body().collect())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "16");
    assert_eq!(gateway.reason().await.0, "stream_expired");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_request() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    // While the application answers.
    let response = send(gateway.addr, get("/events").body(empty()).unwrap()).await;
    drop(response);
    let records = gateway.records(1).await;
    assert_eq!(records[0].end, Some(End::Aborted));
    // While it is uploading: the application never sees the end of the body.
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let head = format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nContent-Length: 9\r\n\r\nabc",
        bearer()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    until(|| app.arrived() == 2).await;
    drop(stream);
    until(|| app.seen().len() == 2).await;
    assert!(!app.seen()[1].is_whole);
    let reason = gateway.records(2).await[1].reason;
    assert!(["client_body", "client_gone"].contains(&reason), "{reason}");
}
