//! What a listener bears, and how it ends (THREATS table 10).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bearward_gateway::config::Address;
use bearward_gateway::doors::proxy::{Limits, Protocol, Settings};
use bearward_gateway::net::listener::Listener;
use bearward_gateway::record::request::End;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use rcgen::{CertifiedKey, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::fixture::{
    App, Gateway, SOON, bearer, body_of, empty, get, raw, request, send, to_end, try_send, until,
    upstream,
};
use super::framing::literal;

const SHORT: Duration = Duration::from_millis(100);

async fn limited(addr: SocketAddr, limits: Limits) -> Gateway {
    Gateway::with(upstream(addr), Settings::new(), limits).await
}

#[tokio::test]
async fn t_dos_01_a_slow_head_ends_the_connection() {
    let (app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new().head_timeout(SHORT)).await;
    for beginning in [
        "",
        "G",
        "GET /x HTTP/1.1\r\nHost: a\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        to_end(&mut stream).await;
        assert_eq!(gateway.cut().await, "client_timeout", "{beginning}");
    }
    // The second head of a connection as well.
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let good = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n\r\nGET",
        bearer()
    );
    stream.write_all(good.as_bytes()).await.unwrap();
    assert!(to_end(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert_eq!(app.arrived(), 1);
}

#[tokio::test]
async fn t_dos_01_a_slow_body_is_408() {
    let (app, addr) = App::start().await;
    let settings = Settings::new().client_idle(SHORT);
    let gateway = Gateway::with(upstream(addr), settings, Limits::new()).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let head = format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nContent-Length: 9\r\n\r\nabc",
        bearer()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(gateway.reason().await, ("client_timeout", End::Complete));
    until(|| app.seen().len() == 1).await;
    assert!(!app.seen()[0].is_whole);
}

#[tokio::test]
async fn t_dos_01_an_idle_connection_ends() {
    let (_app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new().idle_timeout(SHORT)).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let head = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n\r\n",
        bearer()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(to_end(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_dos_02_a_connection_may_be_silent_for_a_minute_between_requests() {
    let (_app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new()).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let head = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n",
        bearer()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"\r\n").await.unwrap();
    gateway.records(1).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
        .write_all(b"Connection: close\r\n\r\n")
        .await
        .unwrap();
    let answers = to_end(&mut stream).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
}

#[tokio::test]
async fn t_dos_01_a_client_that_takes_nothing_is_cut() {
    let (_app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new().stall_timeout(SHORT)).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let head = format!(
        "GET /many HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n\r\n",
        bearer()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(gateway.cut().await, "client_timeout");
    assert_eq!(gateway.reason().await.1, End::Aborted);
}

#[tokio::test]
async fn t_dos_01_a_client_that_opens_no_window_is_cut() {
    let (app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new().stall_timeout(SHORT)).await;
    // An answer of ours, which takes no token to get, to a client whose windows are closed.
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let mut asked = PREFACE.to_vec();
    asked.extend_from_slice(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    asked.extend_from_slice(&frame(1, 5, 1, FIELDS));
    stream.write_all(&asked).await.unwrap();
    let _ = timeout(SOON, stream.read_to_end(&mut Vec::new()))
        .await
        .unwrap();
    assert_eq!(gateway.cut().await, "client_timeout");
    assert_eq!(app.arrived(), 0);
    // One of the application, of which the client reads no more than its window.
    let request = get("http://api.example/many").body(empty()).unwrap();
    let response = send(gateway.addr, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let records = gateway.records(2).await;
    assert_eq!(records[1].end, Some(End::Aborted));
    drop(response);
}

/// The head of a request over HTTP/2.
fn head_of(path: &str, stream: u32) -> Vec<u8> {
    let mut fields = vec![0x82, 0x86];
    for (name, value) in [
        (":path", path),
        (":authority", "a"),
        ("authorization", &bearer()),
    ] {
        fields.extend_from_slice(&literal(name, value));
    }
    frame(1, 5, stream, &fields)
}

/// The next frame: its kind, stream and payload.
pub(crate) async fn next_frame(stream: &mut TcpStream) -> Option<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    let [.., a, b, c, d] = head;
    Some((head[3], u32::from_be_bytes([a, b, c, d]), payload))
}

/// Streams whose windows are closed, or opened by a byte now and then, beside one that goes on: they
/// are reset, each for itself, and their connections to the application are free.
#[tokio::test]
async fn t_dos_01_streams_that_are_not_taken_are_reset_one_by_one() {
    const CLOSED: u32 = 20;
    let (_app, addr) = App::start().await;
    let limits = Limits::new().take_timeout(SHORT * 5);
    let gateway = limited(addr, limits).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    // Windows of streams of 10 bytes; that of the connection is as wide as it can be.
    let mut sent = PREFACE.to_vec();
    sent.extend_from_slice(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 10]));
    sent.extend_from_slice(&frame(8, 0, 0, &0x7f00_0000_u32.to_be_bytes()));
    let good = 2 * CLOSED + 1;
    for id in (1..=good).step_by(2) {
        sent.extend_from_slice(&head_of("/many", id));
    }
    sent.extend_from_slice(&frame(8, 0, good, &(1_u32 << 20).to_be_bytes()));
    stream.write_all(&sent).await.unwrap();
    let count = usize::try_from(CLOSED).unwrap();
    let watched = until_reset(&mut stream, good, count);
    let taken = timeout(SOON, watched).await.expect("they are reset");
    assert!(taken > 0);
    let records = gateway.records(count).await;
    assert_eq!(records.len(), count);
    for record in records {
        assert_eq!(
            (record.reason, record.end),
            ("client_timeout", Some(End::Aborted))
        );
    }
}

/// Takes what comes of the good stream, and of every second other a byte each time, until so many
/// others were reset. How much the good one was sent meanwhile.
async fn until_reset(stream: &mut TcpStream, good: u32, count: usize) -> usize {
    let (mut reset, mut taken) = (Vec::new(), 0_usize);
    while reset.len() < count {
        match next_frame(stream).await.expect("the connection goes on") {
            (0, id, data) if id == good => {
                taken = taken.saturating_add(data.len());
                let room = u32::try_from(data.len()).unwrap().to_be_bytes();
                stream.write_all(&frame(8, 0, good, &room)).await.unwrap();
            }
            (0, id, _) if id % 4 == 1 => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let byte = frame(8, 0, id, &[0, 0, 0, 1]);
                stream.write_all(&byte).await.unwrap();
            }
            (3, id, code) => {
                assert_ne!(id, good);
                assert_eq!(code, [0, 0, 0, 8], "CANCEL");
                reset.push(id);
            }
            _ => {}
        }
    }
    taken
}

/// All clients share the connections to an application that speaks HTTP/2: what some do not take must
/// leave room for the others.
#[tokio::test]
async fn t_dos_01_who_takes_nothing_stops_nobody_else_at_an_http2_upstream() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::speaking(addr, Protocol::Http2).await;
    // A connection is there.
    send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let mut sent = PREFACE.to_vec();
    sent.extend_from_slice(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    for id in (1..200).step_by(2) {
        sent.extend_from_slice(&head_of("/many", id));
    }
    stream.write_all(&sent).await.unwrap();
    until(|| app.arrived() == 101).await;
    for target in ["/x", "http://api.example/x"].repeat(5) {
        let response = send(gateway.addr, get(target).body(empty()).unwrap()).await;
        assert_eq!(body_of(response).await, "hello");
    }
}

/// An application takes no more than so many requests over one connection, and these may be long.
#[tokio::test]
async fn a_dos_02_more_requests_than_fit_on_a_connection_get_another() {
    const MANY: usize = 250;
    let (app, addr) = App::start().await;
    let gateway = Gateway::speaking(addr, Protocol::Http2).await;
    // A connection is there.
    send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    let asked: Vec<_> = (0..MANY)
        .map(|_| tokio::spawn(send(gateway.addr, get("/stuck").body(empty()).unwrap())))
        .collect();
    until(|| app.arrived() == MANY + 1).await;
    app.release.notify_waiters();
    for asked in asked {
        assert_eq!(body_of(asked.await.unwrap()).await, "released");
    }
}

/// A client that is slow, and takes each piece within the limit, gets all of it.
#[tokio::test]
async fn a_dos_02_an_answer_that_is_taken_slowly_goes_on() {
    let (_app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new().take_timeout(SHORT * 10)).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let mut sent = PREFACE.to_vec();
    sent.extend_from_slice(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    sent.extend_from_slice(&head_of("/many", 1));
    stream.write_all(&sent).await.unwrap();
    let mut taken: u32 = 0;
    // Over three times the limit.
    while taken < 30 * 4096 {
        tokio::time::sleep(SHORT).await;
        let room = [
            frame(8, 0, 1, &4096_u32.to_be_bytes()),
            frame(8, 0, 0, &4096_u32.to_be_bytes()),
        ];
        stream.write_all(&room.concat()).await.unwrap();
        let before = taken;
        while taken < before + 4096 {
            match timeout(SOON, next_frame(&mut stream)).await.unwrap() {
                Some((0, 1, data)) => taken += u32::try_from(data.len()).unwrap(),
                Some((kind, _, _)) => assert!(kind != 3 && kind != 7, "{kind} after {taken}"),
                None => panic!("cut after {taken}"),
            }
        }
    }
}

/// Over HTTP/1.1 a client that reads a byte now and then makes no room that the system would tell of.
#[tokio::test]
async fn t_dos_01_a_client_that_reads_byte_by_byte_is_cut() {
    let (_app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new().stall_timeout(SHORT * 5)).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let head = format!(
        "GET /many HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n\r\n",
        bearer()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let reading = async {
        while stream.read_u8().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        cut = gateway.cut() => assert_eq!(cut, "client_timeout"),
        () = reading => panic!("it ended otherwise"),
    }
    assert_eq!(gateway.reason().await.1, End::Aborted);
}

#[tokio::test]
async fn a_dos_02_an_answer_that_the_application_is_slow_with_goes_on() {
    let (app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new().stall_timeout(SHORT)).await;
    let request = get("http://api.example/events").body(empty()).unwrap();
    let mut body = send(gateway.addr, request).await.into_body();
    for _ in 0..4 {
        let piece = timeout(SOON, body.frame()).await.unwrap().unwrap().unwrap();
        assert_eq!(piece.into_data().unwrap(), "data: 1\n\n");
        tokio::time::sleep(SHORT * 3).await;
        app.release.notify_waiters();
    }
}

#[tokio::test]
async fn t_dos_01_a_crowd_that_says_nothing_makes_room() {
    let (_app, addr) = App::start().await;
    let limits = Limits::new().connections(8).head_timeout(SHORT * 5);
    let gateway = limited(addr, limits).await;
    let mut crowd = Vec::new();
    for _ in 0..24 {
        crowd.push(TcpStream::connect(gateway.addr).await.unwrap());
    }
    // In the queue behind all of them, and served.
    let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn t_dos_01_connections_past_the_cap_wait() {
    let (app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new().connections(1)).await;
    let first = TcpStream::connect(gateway.addr).await.unwrap();
    let mut second = TcpStream::connect(gateway.addr).await.unwrap();
    let head = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        bearer()
    );
    second.write_all(head.as_bytes()).await.unwrap();
    assert!(timeout(SHORT, second.read_u8()).await.is_err());
    assert_eq!(app.arrived(), 0);
    drop(first);
    assert!(to_end(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn t_dos_02_a_head_past_the_limit_is_refused_and_one_within_passes() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    for target in ["/x", "http://api.example/x"] {
        let within = get(target)
            .header("x-large", "a".repeat(30 * 1024))
            .body(empty());
        let response = send(gateway.addr, within.unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{target}");
        let before = app.arrived();
        let past = get(target)
            .header("x-large", "a".repeat(80 * 1024))
            .body(empty());
        match try_send(gateway.addr, past.unwrap()).await {
            Ok(response) => {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                assert_eq!(response.status(), status, "{target}");
            }
            Err(error) => assert!(!error.is_timeout(), "{target}"),
        }
        assert_eq!(app.arrived(), before);
    }
}

#[tokio::test]
async fn t_dos_02_a_flood_of_fields_is_refused() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let asked = |count: usize| {
        let fields: String = (0..count)
            .map(|field| format!("x-{field}: a\r\n"))
            .collect();
        format!(
            "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nConnection: close\r\n{fields}\r\n",
            bearer()
        )
    };
    // A hundred with the three others pass. The application, which gets some of ours beside, takes no
    // more than that either: what it says does not matter here.
    let answer = raw(gateway.addr, asked(80)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    raw(gateway.addr, asked(97)).await;
    assert_eq!(gateway.records(2).await.len(), 2);
    let answer = raw(gateway.addr, asked(98)).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    // Over HTTP/2 each counts as 32 bytes more than it has (RFC 9113 §6.5.2): 64 KiB are some 1700.
    for (count, passes) in [(1_000, true), (2_500, false)] {
        let mut request = get("http://api.example/x");
        for field in 0..count {
            request = request.header(format!("x-{field}"), "a");
        }
        match try_send(gateway.addr, request.body(empty()).unwrap()).await {
            Ok(response) => assert_eq!(response.status(), 431, "{count}"),
            Err(error) => assert!(!passes && !error.is_timeout(), "{error}"),
        }
    }
    // What is refused never gets as far as a request.
    assert_eq!(gateway.records(3).await.len(), 3);
    assert_eq!(app.arrived(), 1);
}

#[tokio::test]
async fn t_dos_02_a_flood_of_trailers_ends_the_request() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let asked = |count: usize| {
        let trailers: String = (0..count)
            .map(|field| format!("x-{field}: {}\r\n", "a".repeat(1000)))
            .collect();
        format!(
            "POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n{trailers}\r\n",
            bearer()
        )
    };
    let answer = raw(gateway.addr, asked(15)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = raw(gateway.addr, asked(17)).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    until(|| app.seen().len() == 2).await;
    assert!(app.seen()[0].is_whole && !app.seen()[1].is_whole);
}

#[tokio::test]
async fn a_dos_02_a_connection_with_traffic_goes_on() {
    let (_app, addr) = App::start().await;
    let gateway = limited(
        addr,
        Limits::new().head_timeout(SHORT).idle_timeout(SHORT * 10),
    )
    .await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let head = format!(
        "HEAD /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n\r\n",
        bearer()
    );
    for count in 1..=5 {
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(timeout(SOON, stream.read_u8()).await.unwrap().unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        gateway.records(count).await;
        tokio::time::sleep(SHORT * 2).await;
    }
}

#[tokio::test]
async fn a_dos_03_drain_answers_requests_whose_head_was_read() {
    let (app, addr) = App::start().await;
    let mut gateway = Gateway::before(addr).await;
    let idle = TcpStream::connect(gateway.addr).await.unwrap();
    let targets = ["/stuck", "http://api.example/stuck"];
    let asked: Vec<_> = targets
        .map(|target| {
            let request = request(Method::POST, target).body(empty()).unwrap();
            tokio::spawn(send(gateway.addr, request))
        })
        .into();
    until(|| app.arrived() == 2).await;
    gateway.stop();
    // The listener goes at once, and so do connections without a request.
    until(|| std::net::TcpStream::connect(gateway.addr).is_err()).await;
    let mut idle = idle;
    assert_eq!(to_end(&mut idle).await, "");
    assert!(!gateway.done.is_finished());
    app.release.notify_waiters();
    for asked in asked {
        assert_eq!(body_of(asked.await.unwrap()).await, "released");
    }
    timeout(SOON, &mut gateway.done).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_dos_03_drain_answers_requests_that_are_on_their_way() {
    let (_app, addr) = App::start().await;
    let mut gateway = Gateway::before(addr).await;
    let head = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n\r\n",
        bearer()
    );
    let mut kept = TcpStream::connect(gateway.addr).await.unwrap();
    kept.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        answer.push(timeout(SOON, kept.read_u8()).await.unwrap().unwrap());
    }
    assert!(!String::from_utf8(answer).unwrap().contains("close"));
    // Connected by the system; nobody has had the time to accept it.
    let mut waiting = std::net::TcpStream::connect(gateway.addr).unwrap();
    std::io::Write::write_all(&mut waiting, head.as_bytes()).unwrap();
    gateway.stop();
    until(|| std::net::TcpStream::connect(gateway.addr).is_err()).await;
    kept.write_all(head.as_bytes()).await.unwrap();
    waiting.set_nonblocking(true).unwrap();
    for mut stream in [kept, TcpStream::from_std(waiting).unwrap()] {
        let answer = to_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(answer.ends_with("hello"), "{answer}");
    }
    timeout(SOON, &mut gateway.done).await.unwrap().unwrap();
    assert_eq!(gateway.records(3).await.len(), 3);
}

#[tokio::test]
async fn drain_has_an_end() {
    let (app, addr) = App::start().await;
    let mut gateway = limited(addr, Limits::new().drain_timeout(SHORT)).await;
    let asked = tokio::spawn(try_send(gateway.addr, get("/stuck").body(empty()).unwrap()));
    until(|| app.arrived() == 1).await;
    gateway.stop();
    timeout(SOON, &mut gateway.done).await.unwrap().unwrap();
    assert!(asked.await.unwrap().is_err());
}

/// A frame of HTTP/2.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// `GET http://a/` in HPACK.
pub(crate) const FIELDS: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'a'];
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Sends frames for as long as they are taken, and tells the error that it was ended with.
pub(crate) async fn flood(
    addr: SocketAddr,
    frames: impl Iterator<Item = Vec<u8>> + Send + 'static,
) -> Option<u8> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let sending = tokio::spawn(async move {
        write.write_all(PREFACE).await.unwrap();
        write.write_all(&frame(4, 0, 0, &[])).await.unwrap();
        for frame in frames {
            if write.write_all(&frame).await.is_err() {
                return;
            }
        }
    });
    let mut answer = Vec::new();
    let _ = timeout(SOON, read.read_to_end(&mut answer)).await.unwrap();
    sending.abort();
    let mut rest = answer.as_slice();
    let mut error = None;
    while let [high, middle, low, kind, _, _, _, _, _, after @ ..] = rest {
        let length = u32::from_be_bytes([0, *high, *middle, *low]);
        let length = usize::try_from(length).unwrap().min(after.len());
        if *kind == GOAWAY {
            error = after.get(7).copied();
        }
        rest = &after[length..];
    }
    error
}

const GOAWAY: u8 = 7;
pub(crate) const ENHANCE_YOUR_CALM: u8 = 11;

/// Requests that are taken back at once (CVE-2023-44487).
pub(crate) fn resets() -> impl Iterator<Item = Vec<u8>> + Send + 'static {
    (1..2_000_000).step_by(2).map(|stream| {
        let mut frames = frame(1, 5, stream, FIELDS);
        frames.extend_from_slice(&frame(3, 0, stream, &[0, 0, 0, 8]));
        frames
    })
}

/// A head without end.
pub(crate) fn continuations() -> impl Iterator<Item = Vec<u8>> + Send + 'static {
    let first = frame(1, 1, 1, FIELDS);
    // A field that is ignored, over and over: a literal without indexing.
    let mut field = vec![0, 1, b'x', 100];
    field.resize(104, b'a');
    let more = (0..1_000_000).map(move |_| frame(9, 0, 1, &field.repeat(100)));
    std::iter::once(first).chain(more)
}

#[tokio::test]
async fn t_dos_02_rapid_resets_end_the_connection() {
    let (_app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let error = flood(gateway.addr, resets()).await;
    assert_eq!(error, Some(ENHANCE_YOUR_CALM));
    let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn t_dos_02_faults_that_make_us_reset_end_the_connection() {
    let (_app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    // A window that is too wide is the fault of one stream (CVE-2025-8671).
    let streams = (1..2_000_000).step_by(2).map(|stream| {
        let mut frames = frame(1, 4, stream, FIELDS);
        frames.extend_from_slice(&frame(8, 0, stream, &[0x7f, 0xff, 0xff, 0xff]));
        frames
    });
    assert_eq!(flood(gateway.addr, streams).await, Some(ENHANCE_YOUR_CALM));
}

#[tokio::test]
async fn t_dos_02_a_flood_of_continuations_ends_the_connection() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let error = flood(gateway.addr, continuations()).await;
    assert_eq!(error, Some(ENHANCE_YOUR_CALM));
    assert_eq!(app.arrived(), 0);
}

/// Lets so much time pass.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// The next frame of this kind: its stream and payload.
async fn next_of(stream: &mut TcpStream, wanted: u8) -> Option<(u32, Vec<u8>)> {
    loop {
        let (kind, id, payload) = timeout(SOON, next_frame(stream)).await.unwrap()?;
        if kind == wanted {
            return Some((id, payload));
        }
    }
}

/// A request over HTTP/2 that the application does not answer, and what is read of its connection
/// after it has arrived there.
async fn stuck(gateway: &Gateway, app: &App) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let mut sent = PREFACE.to_vec();
    sent.extend_from_slice(&frame(4, 0, 0, &[]));
    sent.extend_from_slice(&head_of("/stuck", 1));
    stream.write_all(&sent).await.unwrap();
    let before = app.arrived();
    until(|| app.arrived() > before).await;
    stream
}

#[tokio::test]
async fn t_dos_02_requests_past_the_cap_of_a_connection_are_refused() {
    const SETTINGS: u8 = 4;
    const RESET: u8 = 3;
    let (app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new().streams(2)).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let mut sent = PREFACE.to_vec();
    sent.extend_from_slice(&frame(4, 0, 0, &[]));
    for id in [1, 3, 5] {
        sent.extend_from_slice(&head_of("/stuck", id));
    }
    stream.write_all(&sent).await.unwrap();
    let (_, settings) = next_of(&mut stream, SETTINGS).await.unwrap();
    let most = settings.chunks(6).find(|setting| setting[..2] == [0, 3]);
    assert_eq!(most.unwrap()[2..], [0, 0, 0, 2]);
    let refused = next_of(&mut stream, RESET).await.unwrap();
    assert_eq!(refused, (5, vec![0, 0, 0, 7]), "REFUSED_STREAM");
    until(|| app.arrived() == 2).await;
    // What a client is told by default.
    let gateway = Gateway::before(addr).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    let (_, settings) = next_of(&mut stream, SETTINGS).await.unwrap();
    let most = settings.chunks(6).find(|setting| setting[..2] == [0, 3]);
    assert_eq!(most.unwrap()[2..], [0, 0, 0, 100]);
    assert_eq!(app.arrived(), 2);
}

#[tokio::test]
async fn t_dos_02_a_peer_of_http2_that_is_gone_is_found_out() {
    const PING: u8 = 6;
    let (app, addr) = App::start().await;
    let patient = upstream(addr).response_timeout(Duration::from_secs(3600));
    let gateway = Gateway::with(patient, Settings::new(), Limits::new()).await;
    let mut stream = stuck(&gateway, &app).await;
    // It answers, and goes on.
    for _ in 0..2 {
        later(20).await;
        let (_, payload) = next_of(&mut stream, PING).await.unwrap();
        let answer = frame(PING, 1, 0, &payload);
        stream.write_all(&answer).await.unwrap();
        // Read by the other side before the clock is moved again.
        let probe = frame(PING, 0, 0, &[7; 8]);
        stream.write_all(&probe).await.unwrap();
        let (_, payload) = next_of(&mut stream, PING).await.unwrap();
        assert_eq!(payload, [7; 8]);
    }
    // It does not.
    later(20).await;
    next_of(&mut stream, PING).await.unwrap();
    later(20).await;
    assert_eq!(next_of(&mut stream, PING).await, None);
    assert_eq!(gateway.reason().await.1, End::Aborted);
}

/// They share a timer, one after the other.
#[tokio::test]
async fn each_request_over_a_connection_to_an_application_has_all_its_time() {
    let (app, addr) = App::start().await;
    let slow = upstream(addr).response_timeout(Duration::from_secs(12));
    let gateway = Gateway::with(slow, Settings::new(), Limits::new()).await;
    let stuck = || {
        let request = get("/stuck").body(empty()).unwrap();
        tokio::spawn(send(gateway.addr, request))
    };
    // It has arrived as so-many-th, and waits after so many seconds.
    let still_waits = async |sent: &JoinHandle<_>, arrived, seconds| {
        until(|| app.arrived() == arrived).await;
        later(seconds).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!sent.is_finished());
    };
    let first = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    assert_eq!(body_of(first).await, "hello");
    // 16 s after the first, and 8 s after its own beginning.
    later(8).await;
    let second = stuck();
    still_waits(&second, 2, 8).await;
    app.release.notify_one();
    assert_eq!(second.await.unwrap().status(), StatusCode::OK);
    // The timer rings while the connection waits for the third.
    later(100).await;
    let third = stuck();
    still_waits(&third, 3, 10).await;
    later(4).await;
    let third = timeout(SOON, third).await.unwrap().unwrap();
    assert_eq!(third.status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn a_connection_that_does_not_say_goodbye_is_cut() {
    const GOING_AWAY: u8 = 7;
    let (_app, addr) = App::start().await;
    let mut gateway = Gateway::before(addr).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    let mut sent = PREFACE.to_vec();
    sent.extend_from_slice(&frame(4, 0, 0, &[]));
    sent.extend_from_slice(&head_of("/x", 1));
    stream.write_all(&sent).await.unwrap();
    gateway.records(1).await;
    gateway.stop();
    next_of(&mut stream, GOING_AWAY).await.unwrap();
    // It would have to answer the ping that comes with it.
    assert!(timeout(SHORT, &mut gateway.done).await.is_err());
    later(5).await;
    assert_eq!(next_of(&mut stream, 0xff).await, None);
    timeout(SOON, &mut gateway.done).await.unwrap().unwrap();
}

/// Sends this over so many connections, one after the other, and holds them; the answers are thrown
/// away.
async fn sent_by_many(addr: SocketAddr, bytes: Vec<u8>, count: usize) {
    let mut held = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let _ = stream.write_all(&bytes).await;
        held.push(stream);
    }
    std::future::pending::<()>().await;
}

/// Whatever others do at the same time, good clients are served.
#[tokio::test(flavor = "multi_thread")]
async fn a_dos_02_good_clients_are_served_during_each_attack() {
    let (_app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let to = gateway.addr;
    let many_fields: String = (0..2_000)
        .map(|field| format!("x-{field}: a\r\n"))
        .collect();
    let huge_token = "a".repeat(40_000);
    let body_to_come = format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nContent-Length: 9\r\n\r\na",
        bearer()
    );
    let with = |fields: String| format!("GET /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes();
    type Attack = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
    let attacks: [(&str, Attack); 7] = [
        (
            "connections that say nothing",
            Box::pin(sent_by_many(to, Vec::new(), 200)),
        ),
        (
            "slow heads",
            Box::pin(sent_by_many(to, b"GET /x HTTP/1.1\r\nHo".to_vec(), 200)),
        ),
        (
            "slow bodies",
            Box::pin(sent_by_many(to, body_to_come.into_bytes(), 100)),
        ),
        (
            "floods of fields",
            Box::pin(sent_by_many(to, with(many_fields), 100)),
        ),
        (
            "huge tokens",
            Box::pin(sent_by_many(
                to,
                with(format!("Authorization: Bearer {huge_token}\r\n")),
                100,
            )),
        ),
        (
            "rapid resets",
            Box::pin(async move { while flood(to, resets()).await.is_some() {} }),
        ),
        (
            "floods of continuations",
            Box::pin(async move { while flood(to, continuations()).await.is_some() {} }),
        ),
    ];
    for (name, attack) in attacks {
        let attack = tokio::spawn(attack);
        for target in ["/x", "http://api.example/x"].repeat(20) {
            let response = send(to, get(target).body(empty()).unwrap()).await;
            assert_eq!(response.status(), StatusCode::OK, "{name}");
        }
        assert!(!attack.is_finished(), "{name}");
        attack.abort();
    }
}

#[tokio::test]
async fn t_dos_02_pings_whose_answers_nobody_takes_end_the_connection() {
    let (_app, addr) = App::start().await;
    let gateway = limited(addr, Limits::new().stall_timeout(SHORT)).await;
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let pings = frame(6, 0, 0, &[7; 8]).repeat(10_000);
    let flooded = async { while stream.write_all(&pings).await.is_ok() {} };
    timeout(SOON, flooded).await.expect("it is cut");
    assert_eq!(gateway.cut().await, "client_timeout");
}

#[tokio::test]
async fn a_listener_may_speak_tls() {
    let (app, addr) = App::start().await;
    let signed = rcgen::generate_simple_self_signed(["api.example".to_owned()]).unwrap();
    let config = Arc::new(ArcSwap::new(Arc::clone(acceptor(&signed).config())));
    let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
    let listener = Listener::bind(&address).await.unwrap().tls(config);
    let gateway =
        Gateway::listening(listener, upstream(addr), Settings::new(), Limits::new()).await;
    let mut roots = RootCertStore::empty();
    roots.add(signed.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(gateway.addr).await.unwrap();
    let name = "api.example".try_into().unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.unwrap();
    let head = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        bearer()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(app.seen()[0].field("x-forwarded-proto"), ["https"]);
    // Plain text is not answered there.
    assert_eq!(raw(gateway.addr, &head).await.find("HTTP"), None);
    assert_eq!(gateway.cut().await, "tls_handshake");
}

/// TLS with this certificate.
pub(crate) fn acceptor(signed: &CertifiedKey<KeyPair>) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
