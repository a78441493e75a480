//! What the listeners bear that answer by themselves: forward auth, admin and ext_authz (THREATS
//! table 10). The reverse proxy has its own, in `proxy/limits.rs`.

use bearward_testing::DevIssuer;
use envoy_types::ext_authz::v3::pb::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

use crate::proxy::fixture::pipe;
use crate::proxy::limits::{
    ENHANCE_YOUR_CALM, FIELDS, PREFACE, continuations, flood, frame, next_frame, resets,
};
use crate::running::{Running, asking, get, issuers, status};

const DOORS: [&str; 3] = ["forward auth", "admin", "ext_authz"];

/// All doors but the proxy; `trusted` may ask ext_authz.
async fn running(trusted: &str) -> (Running, DevIssuer) {
    let issuer = DevIssuer::start().await.expect("a port");
    let text = format!(
        "{}[[routes]]\nname = 'all'\npath_prefix = '/'\n\
         [listen.forward_auth]\naddress = '127.0.0.1:0'\n[listen.admin]\naddress = '127.0.0.1:0'\n\
         [listen.ext_authz]\naddress = '127.0.0.1:0'\ntrusted_proxies = '{trusted}'\n",
        issuers(&[&issuer])
    );
    (Running::start(&text).await, issuer)
}

/// What is read until the other side closes. Without a limit of time: the clock stands still until
/// nothing else is left to do, and then goes to the next one.
async fn to_end(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn t_dos_01_a_door_that_nothing_is_asked_at_closes() {
    let (running, _issuer) = running("127.0.0.1").await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut opened = Vec::new();
    for door in DOORS {
        for beginning in ["", "GET /livez HTTP/1.1\r\nHost: a\r\n", preface] {
            let mut stream = TcpStream::connect(running.address(door)).await.unwrap();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            opened.push(stream);
        }
    }
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    for stream in opened {
        to_end(stream).await;
    }
    let seconds = began.elapsed().as_secs();
    assert!((30..=60).contains(&seconds), "{seconds} s");
}

#[tokio::test]
async fn t_dos_02_a_head_past_the_limit_is_refused_at_every_door() {
    let (running, issuer) = running("127.0.0.1").await;
    let token = issuer.user_token(issuer.url()).sign();
    let large =
        |bytes: usize| format!("{}X-Large: {}\r\n", asking("/x", &token), "a".repeat(bytes));
    let door = running.address("forward auth");
    let within = get(door, "/auth/nginx", &large(40 * 1024)).await;
    assert_eq!(status(&within), 200, "{within}");
    let past = get(door, "/auth/nginx", &large(200 * 1024)).await;
    assert_eq!(status(&past), 431, "{past}");
    let past = get(running.address("admin"), "/livez", &large(200 * 1024)).await;
    assert_eq!(status(&past), 431, "{past}");
    let error = flood(running.address("ext_authz"), continuations()).await;
    assert_eq!(error, Some(ENHANCE_YOUR_CALM));
    running.stop().await;
}

#[tokio::test]
async fn t_dos_02_rapid_resets_end_the_connection_of_ext_authz() {
    let (running, _issuer) = running("127.0.0.1").await;
    let error = flood(running.address("ext_authz"), resets()).await;
    assert_eq!(error, Some(ENHANCE_YOUR_CALM));
    running.stop().await;
}

#[tokio::test]
async fn t_dos_02_a_peer_of_ext_authz_that_is_gone_is_found_out() {
    let (running, _issuer) = running("127.0.0.1").await;
    let mut stream = TcpStream::connect(running.address("ext_authz"))
        .await
        .unwrap();
    let mut sent = PREFACE.to_vec();
    sent.extend_from_slice(&frame(4, 0, 0, &[]));
    sent.extend_from_slice(&frame(1, 5, 1, FIELDS));
    stream.write_all(&sent).await.unwrap();
    // The answer has come: it has asked something.
    while next_frame(&mut stream).await.unwrap().1 != 1 {}
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    // Nothing is answered to its pings.
    to_end(stream).await;
    assert_eq!(began.elapsed().as_secs(), 40);
}

#[tokio::test]
async fn t_dos_01_a_question_that_does_not_end_is_not_waited_for() {
    let (running, _issuer) = running("127.0.0.1").await;
    let stream = TcpStream::connect(running.address("ext_authz")).await;
    let io = TokioIo::new(stream.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let (_open, body) = pipe();
    let request = http::Request::post("http://a/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body);
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let answer = sender.send_request(request.unwrap()).await.unwrap();
    let status = i32::from(Code::DeadlineExceeded).to_string();
    assert_eq!(answer.headers()["grpc-status"], status);
    assert_eq!(began.elapsed().as_secs(), 30);
}

/// A question with a body of so many bytes sent along; the status of the answer, or of the call.
async fn asked(running: &Running, bytes: usize) -> Result<i32, Code> {
    let url = format!("http://{}", running.address("ext_authz"));
    let mut client = AuthorizationClient::connect(url).await.unwrap();
    let request = Request {
        http: Some(HttpRequest {
            method: "GET".to_owned(),
            path: "/x".to_owned(),
            host: "a.example".to_owned(),
            raw_body: vec![7; bytes],
            ..HttpRequest::default()
        }),
        ..Request::default()
    };
    let attributes = Some(AttributeContext {
        request: Some(request),
        ..AttributeContext::default()
    });
    let answered = client.check(CheckRequest { attributes }).await;
    let answered = answered.map_err(|status| status.code())?;
    Ok(answered.into_inner().status.unwrap().code)
}

#[tokio::test]
async fn t_prx_05_a_question_has_a_largest_size() {
    let (running, _issuer) = running("127.0.0.1").await;
    let refused = Ok(i32::from(Code::Unauthenticated));
    assert_eq!(asked(&running, 4_000_000).await, refused);
    assert_eq!(asked(&running, 4_200_000).await, Err(Code::OutOfRange));
    running.stop().await;
}

#[tokio::test]
async fn t_prx_05_nothing_is_read_of_what_a_stranger_asks() {
    let (running, _issuer) = running("192.0.2.1").await;
    // Past the limit, and not refused for that.
    let refused = Ok(i32::from(Code::PermissionDenied));
    assert_eq!(asked(&running, 4_200_000).await, refused);
    let metrics = running.metrics.encode().unwrap();
    let counted = r#"{door="ext_authz",route="-",reason="untrusted_peer""#;
    assert!(metrics.contains(counted), "{metrics}");
    running.stop().await;
}

#[tokio::test]
async fn t_prx_08_a_door_that_closes_on_an_unfinished_body_says_so() {
    let (running, issuer) = running("127.0.0.1").await;
    let token = issuer.user_token(issuer.url()).sign();
    for (door, line, fields) in [
        ("forward auth", "POST /auth/nginx", asking("/x", &token)),
        ("admin", "GET /livez", String::new()),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{fields}");
        let last = format!("{head}Connection: close\r\n\r\n");
        // Behind a body that has come another question is answered.
        for (length, is_left, next, count) in [(9, true, "", 1), (3, false, &*last, 2)] {
            let mut stream = TcpStream::connect(running.address(door)).await.unwrap();
            let asked = format!("{head}Content-Length: {length}\r\n\r\nabc");
            stream.write_all(asked.as_bytes()).await.unwrap();
            stream.write_all(next.as_bytes()).await.unwrap();
            let answers = String::from_utf8(to_end(stream).await).unwrap();
            let answers: Vec<_> = answers.split("HTTP/1.1 ").skip(1).collect();
            assert_eq!(answers.len(), count, "{door}: {answers:?}");
            let says_close = answers[0]
                .to_ascii_lowercase()
                .contains("connection: close");
            assert_eq!(says_close, is_left, "{door}: {answers:?}");
        }
    }
    running.stop().await;
}
