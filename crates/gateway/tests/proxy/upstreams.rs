//! Applications that are down, slow, several, or elsewhere than on TCP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bearward_gateway::doors::proxy::{
    Address, Limits, Protocol, Settings, Tls, TlsError, Upstream, Upstreams,
};
use bearward_gateway::record::request::End;
use futures_util::FutureExt;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::fixture::{
    App, Gateway, SOON, body_of, empty, full, get, pipe, request, send, until, upstream,
};

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Fixed in every byte, and not to be kept.
async fn is_problem(response: Response<Incoming>, status: StatusCode) {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let title = status.canonical_reason().unwrap();
    let expected = format!(r#"{{"title":"{title}","status":{}}}"#, status.as_u16());
    assert_eq!(body_of(response).await, expected);
}

#[tokio::test]
async fn an_upstream_that_is_down_is_502() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let gateway = Gateway::speaking(nobody().await, protocol).await;
        let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
        is_problem(response, StatusCode::BAD_GATEWAY).await;
        assert_eq!(gateway.reason().await, ("upstream_connect", End::Complete));
    }
}

#[tokio::test]
async fn a_page_of_a_configured_origin_may_read_answers_about_the_upstream() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = upstream(silent.local_addr().unwrap()).response_timeout(Duration::from_millis(50));
    let gateways = [
        (Gateway::before(nobody().await).await, "/x", 502),
        (Gateway::before(nobody().await).await, "/lost/x", 500),
        (
            Gateway::with(slow, Settings::new(), Limits::new()).await,
            "/x",
            504,
        ),
        (
            Gateway::with(
                upstream(nobody().await),
                Settings::new().max_requests(0),
                Limits::new(),
            )
            .await,
            "/x",
            503,
        ),
    ];
    for (gateway, path, status) in &gateways {
        for (origins, allowed) in [
            (&["https://app.example"][..], Some("https://app.example")),
            (&["https://evil.example"], None),
            (&["https://app.example"; 2], None),
            (&[], None),
        ] {
            let sent = origins
                .iter()
                .fold(get(path), |sent, origin| sent.header("origin", *origin));
            let response = send(gateway.addr, sent.body(empty()).unwrap()).await;
            assert_eq!(response.status(), *status);
            let given = response.headers().get("access-control-allow-origin");
            assert_eq!(given.map(|given| given.to_str().unwrap()), allowed);
            assert_eq!(response.headers()["vary"], "Origin");
        }
    }
}

#[tokio::test]
async fn a_route_without_upstream_is_500() {
    let gateway = Gateway::before(nobody().await).await;
    let response = send(gateway.addr, get("/lost").body(empty()).unwrap()).await;
    is_problem(response, StatusCode::INTERNAL_SERVER_ERROR).await;
    assert_eq!(gateway.reason().await.0, "internal");
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_504() {
    let (_app, addr) = App::start().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let slow = upstream(addr)
            .protocol(protocol)
            .response_timeout(Duration::from_millis(100));
        let gateway = Gateway::with(slow, Settings::new(), Limits::new()).await;
        let response = send(gateway.addr, get("/stuck").body(empty()).unwrap()).await;
        is_problem(response, StatusCode::GATEWAY_TIMEOUT).await;
        assert_eq!(gateway.reason().await.0, "upstream_timeout");
    }
}

#[tokio::test]
async fn an_upstream_that_dies_within_an_answer_ends_it_short() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let response = send(gateway.addr, get("/dies").body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    app.release.notify_one();
    assert!(
        timeout(SOON, response.into_body().collect())
            .await
            .unwrap()
            .is_err()
    );
    assert_eq!(gateway.reason().await, ("upstream_failed", End::Aborted));
}

#[tokio::test]
async fn an_upstream_that_falls_silent_within_an_answer_ends_it_short() {
    let (_app, addr) = App::start().await;
    let silent = upstream(addr).idle_timeout(Duration::from_millis(100));
    let gateway = Gateway::with(silent, Settings::new(), Limits::new()).await;
    let response = send(gateway.addr, get("/events").body(empty()).unwrap()).await;
    assert!(
        timeout(SOON, response.into_body().collect())
            .await
            .unwrap()
            .is_err()
    );
    assert_eq!(gateway.reason().await, ("upstream_timeout", End::Aborted));
}

#[tokio::test]
async fn what_is_not_http_is_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::before(listener.local_addr().unwrap()).await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head_of(&mut stream).await;
        stream.write_all(b"SSH-2.0-x\r\n\r\n").await.unwrap();
    });
    let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    is_problem(response, StatusCode::BAD_GATEWAY).await;
}

/// An application that answers each request with these bytes, and closes the connection.
async fn saying(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head_of(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    addr
}

#[tokio::test]
async fn t_prx_04_an_answer_whose_end_could_be_read_differently_is_502() {
    for (method, head) in [
        (Method::GET, "200 OK\r\nTransfer-Encoding: gzip\r\n"),
        (Method::GET, "200 OK\r\nTransfer-Encoding: identity\r\n"),
        (
            Method::GET,
            "200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
        ),
        (
            Method::GET,
            "200 OK\r\nTransfer-Encoding: chunked, gzip\r\n",
        ),
        (
            Method::GET,
            "200 OK\r\nTransfer-Encoding: chunked, chunked\r\n",
        ),
        (
            Method::GET,
            "200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        ),
        (Method::HEAD, "200 OK\r\nTransfer-Encoding: gzip\r\n"),
        (
            Method::HEAD,
            "200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        ),
        (Method::HEAD, "200 OK\r\nContent-Length: 5, 6\r\n"),
        (Method::HEAD, "200 OK\r\nContent-Length: +5\r\n"),
        (Method::HEAD, "200 OK\r\nContent-Length: five\r\n"),
        (Method::HEAD, "200 OK\r\nContent-Length:\r\n"),
        (
            Method::GET,
            "304 Not Modified\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        ),
    ] {
        let body = "5\r\nhello\r\n0\r\n\r\n";
        let body = if head.contains("200") && method == Method::GET {
            body
        } else {
            ""
        };
        let app = saying(format!("HTTP/1.1 {head}\r\n{body}")).await;
        let gateway = Gateway::before(app).await;
        let asked = request(method.clone(), "/x").body(empty()).unwrap();
        let response = send(gateway.addr, asked).await;
        assert_eq!(
            response.status(),
            StatusCode::BAD_GATEWAY,
            "{method} {head}"
        );
        assert_eq!(
            gateway.reason().await.0,
            "upstream_framing",
            "{method} {head}"
        );
    }
    // Where there is a body the library refuses those itself.
    let app =
        saying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello".into());
    let gateway = Gateway::before(app.await).await;
    let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    is_problem(response, StatusCode::BAD_GATEWAY).await;
    assert_eq!(gateway.reason().await.0, "upstream_failed");
}

#[tokio::test]
async fn a_prx_04_an_answer_with_one_end_passes() {
    for (method, answer, lengths, body) in [
        (
            Method::GET,
            "200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            &[][..],
            "hello",
        ),
        (
            Method::GET,
            "200 OK\r\nContent-Length: 5\r\n\r\nhello",
            &["5"][..],
            "hello",
        ),
        (
            Method::GET,
            "200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            &["5"][..],
            "hello",
        ),
        (Method::GET, "200 OK\r\n\r\nhello", &[][..], "hello"),
        (
            Method::HEAD,
            "200 OK\r\nContent-Length: 5\r\n\r\n",
            &["5"][..],
            "",
        ),
        (
            Method::HEAD,
            "200 OK\r\nContent-Length: 5, 5\r\n\r\n",
            &["5"][..],
            "",
        ),
        (
            Method::HEAD,
            "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            &[][..],
            "",
        ),
        (
            Method::GET,
            "304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            &[][..],
            "",
        ),
    ] {
        let gateway = Gateway::before(saying(format!("HTTP/1.1 {answer}")).await).await;
        let asked = request(method.clone(), "/x").body(empty()).unwrap();
        let response = send(gateway.addr, asked).await;
        assert_eq!(
            response.status().as_str(),
            answer.split(' ').next().unwrap()
        );
        let told = response.headers().get_all("content-length").iter();
        assert!(
            told.eq(lengths),
            "{method} {answer} {:?}",
            response.headers()
        );
        assert_eq!(body_of(response).await, body, "{method} {answer}");
    }
}

async fn head_of(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Answers so many requests of each connection, and closes it on the next, unanswered.
async fn forgetful(answers: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let heads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heads);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(forget(stream, answers, Arc::clone(&counted)));
        }
    });
    (addr, heads)
}

async fn forget(mut stream: TcpStream, answers: usize, heads: Arc<AtomicUsize>) {
    for answered in 0..=answers {
        if head_of(&mut stream).await.is_none() {
            return;
        }
        heads.fetch_add(1, Ordering::SeqCst);
        if answered < answers {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
        }
    }
}

/// One answer, whose connection goes back to the pool then.
async fn is_answered(gateway: &Gateway, count: usize) {
    let answer = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    assert_eq!(body_of(answer).await, "ok");
    gateway.records(count).await;
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn a_stale_connection_is_tried_again_only_where_that_is_safe() {
    for (method, body, repeated) in [
        (Method::GET, "", true),
        (Method::DELETE, "", true),
        (Method::POST, "", false),
        (Method::PATCH, "", false),
        (Method::PUT, "body", false),
    ] {
        let (addr, heads) = forgetful(2).await;
        let gateway = Gateway::before(addr).await;
        // By the second, the application is known to keep connections open.
        for count in 1..=2 {
            is_answered(&gateway, count).await;
        }
        let third = request(method.clone(), "/x").body(full(body)).unwrap();
        let third = send(gateway.addr, third).await;
        let heads = heads.load(Ordering::SeqCst);
        if repeated {
            assert_eq!((third.status(), heads), (StatusCode::OK, 4), "{method}");
        } else {
            assert_eq!(
                (third.status(), heads),
                (StatusCode::BAD_GATEWAY, 3),
                "{method}"
            );
        }
    }
}

/// Answers one request, and closes the connection a moment later.
async fn answer_and_close(mut stream: TcpStream, heads: Arc<AtomicUsize>) {
    head_of(&mut stream).await.unwrap();
    heads.fetch_add(1, Ordering::SeqCst);
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    stream.write_all(answer).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// uWSGI's `http-socket` closes the connection after each answer and does not say so. A request that
/// must not be repeated is not sent into that.
#[tokio::test]
async fn an_application_that_closes_without_a_word_gets_every_request_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let heads = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_and_close(stream, Arc::clone(&counted)));
        }
    });
    let gateway = Gateway::before(addr).await;
    for count in 1..=20 {
        is_answered(&gateway, 2 * count - 1).await;
        let order = request(Method::POST, "/x").body(full("order")).unwrap();
        assert_eq!(send(gateway.addr, order).await.status(), StatusCode::OK);
        gateway.records(2 * count).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(heads.load(Ordering::SeqCst), 40);
}

/// One that keeps connections open is known by the first that has waited.
#[tokio::test]
async fn a_connection_that_stayed_open_is_used_for_what_cannot_be_repeated() {
    let (addr, heads) = forgetful(2).await;
    let gateway = Gateway::before(addr).await;
    is_answered(&gateway, 1).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    let order = request(Method::POST, "/x").body(full("order")).unwrap();
    assert_eq!(send(gateway.addr, order).await.status(), StatusCode::OK);
    gateway.records(2).await;
    tokio::task::yield_now().await;
    // The connection has had its two, so it was the same.
    let lost = request(Method::POST, "/x").body(full("order")).unwrap();
    let lost = send(gateway.addr, lost).await;
    assert_eq!(lost.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(heads.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_new_connection_that_is_closed_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::before(listener.local_addr().unwrap()).await;
    let accepted = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head_of(&mut stream).await.unwrap();
        drop(stream);
        timeout(Duration::from_millis(200), listener.accept())
            .await
            .is_ok()
    });
    let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    is_problem(response, StatusCode::BAD_GATEWAY).await;
    assert!(!accepted.await.unwrap());
    assert_eq!(gateway.reason().await.0, "upstream_failed");
}

/// A listener whose queue is full: who connects next waits.
async fn full_queue() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let short = Duration::from_millis(100);
    while let Ok(stream) = timeout(short, TcpStream::connect(addr)).await {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 100, "no queue is that long");
    }
    (addr, listener, waiting)
}

#[tokio::test]
async fn an_upstream_that_cannot_be_connected_to_in_time_is_502_or_passed_over() {
    let (full, _listener, _waiting) = full_queue().await;
    let (_app, addr) = App::start().await;
    let slow = upstream(full).connect_timeout(Duration::from_millis(100));
    let gateway = Gateway::with(slow, Settings::new(), Limits::new()).await;
    let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    is_problem(response, StatusCode::BAD_GATEWAY).await;
    assert_eq!(gateway.reason().await.0, "upstream_connect");
    // With the default of 2 s: longer than what is waited for here.
    let both = [full, addr].map(|addr| addr.to_string().parse().unwrap());
    let gateway = Gateway::to(Upstreams::new([Upstream::new("app", both)])).await;
    let asked = tokio::spawn(send(gateway.addr, get("/x").body(empty()).unwrap()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!asked.is_finished());
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(1_900)).await;
    tokio::time::resume();
    assert_eq!(asked.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn no_more_connections_than_64_are_kept_when_they_are_idle() {
    const MANY: usize = 70;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (app, open) = (App::default(), Arc::<AtomicUsize>::default());
    let (serving, counted) = (app.clone(), Arc::clone(&open));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let open = Arc::clone(&counted);
            let served = serving.clone().serve(stream);
            tokio::spawn(served.map(move |()| open.fetch_sub(1, Ordering::SeqCst)));
        }
    });
    let gateway = Gateway::before(addr).await;
    let asked: Vec<_> = (0..MANY)
        .map(|_| tokio::spawn(send(gateway.addr, get("/stuck").body(empty()).unwrap())))
        .collect();
    until(|| app.arrived() == MANY).await;
    assert_eq!(open.load(Ordering::SeqCst), MANY);
    app.release.notify_waiters();
    for asked in asked {
        assert_eq!(body_of(asked.await.unwrap()).await, "released");
    }
    until(|| open.load(Ordering::SeqCst) == 64).await;
    // And these are.
    let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(open.load(Ordering::SeqCst), 64);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::before(listener.local_addr().unwrap()).await;
    let app = App::default();
    let serving = app.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        drop(listener);
        serving.serve(stream).await;
    });
    let io = TokioIo::new(TcpStream::connect(gateway.addr).await.unwrap());
    let (mut sender, connection) = http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    for count in 1..=10 {
        let asked = sender.send_request(get("/x").body(empty()).unwrap());
        let response = timeout(SOON, asked).await.unwrap().unwrap();
        assert_eq!(body_of(response).await, "hello");
        gateway.records(count).await;
        sender.ready().await.unwrap();
    }
    assert_eq!(app.arrived(), 10);
}

/// As an application does that speaks HTTP/1.0 and keeps connections. Chunks are told as they came.
async fn answer_in_http_1_0(mut stream: TcpStream, told: mpsc::Sender<[u8; 14]>) {
    let answer = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok";
    while let Some(head) = head_of(&mut stream).await {
        let mut body = [0; 14];
        if head.contains("chunked") {
            stream.read_exact(&mut body).await.unwrap();
            told.send(body).await.unwrap();
        }
        stream.write_all(answer).await.unwrap();
    }
}

/// After an answer in HTTP/1.0 the library would write the next request in it as well, which knows no
/// chunks.
#[tokio::test]
async fn a_body_without_length_is_not_lost_behind_an_answer_of_http_1_0() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::before(listener.local_addr().unwrap()).await;
    let (told, mut bodies) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer_in_http_1_0(stream, told.clone()));
        }
    });
    let first = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    assert_eq!(body_of(first).await, "ok");
    gateway.records(1).await;
    tokio::task::yield_now().await;
    let (pieces, body) = pipe();
    let second = request(Method::POST, "/x").body(body).unwrap();
    let sent = tokio::spawn(send(gateway.addr, second));
    pieces
        .send(Frame::data(Bytes::from_static(b"paid")))
        .await
        .unwrap();
    drop(pieces);
    let body = timeout(SOON, bodies.recv()).await.unwrap();
    assert_eq!(body.unwrap(), *b"4\r\npaid\r\n0\r\n\r\n");
    assert_eq!(sent.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn several_addresses_take_turns_and_the_dead_one_is_passed_over() {
    let (one, first) = App::start().await;
    let (two, second) = App::start().await;
    let address = |addr: SocketAddr| addr.to_string().parse::<Address>().unwrap();
    let addresses = [address(first), address(nobody().await), address(second)];
    let gateway = Gateway::with(
        Upstream::new("app", addresses),
        Settings::new(),
        Limits::new(),
    )
    .await;
    for _ in 0..12 {
        let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    let (one, two) = (one.arrived(), two.arrived());
    assert_eq!(one + two, 12);
    assert!(one >= 4 && two >= 4, "{one} {two}");
}

#[tokio::test]
async fn an_address_that_is_back_is_asked_again() {
    let addr = nobody().await;
    let resting = upstream(addr).cooldown(Duration::from_secs(600));
    let gateway = Gateway::with(resting, Settings::new(), Limits::new()).await;
    let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    // Nobody else could be asked, so it is.
    let listener = TcpListener::bind(addr).await.unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        App::default().serve(stream).await;
    });
    let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_address_is_down_until_it_can_be_connected_to() {
    let free = nobody().await;
    let two = Upstreams::new([
        upstream(free).cooldown(Duration::ZERO),
        Upstream::new("other", ["127.0.0.1:9".parse().unwrap()]),
    ]);
    let states = || {
        let states = two.state().into_iter();
        let states: Vec<_> = states
            .map(|state| (state.upstream.to_string(), state.address, state.is_up))
            .collect();
        states
    };
    let other = || ("other".to_owned(), "127.0.0.1:9".to_owned(), true);
    let app = |is_up| ("app".to_owned(), free.to_string(), is_up);
    assert_eq!(states(), [app(true), other()]);
    let gateway = Gateway::to(two.clone()).await;
    let asked = async || {
        let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
        response.status()
    };
    assert_eq!(asked().await, StatusCode::BAD_GATEWAY);
    assert_eq!(states(), [app(false), other()]);
    let listener = TcpListener::bind(free).await.unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        App::default().serve(stream).await;
    });
    assert_eq!(asked().await, StatusCode::OK);
    assert_eq!(states(), [app(true), other()]);
}

#[tokio::test]
async fn an_application_may_listen_on_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let app = App::default();
    let serving = app.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serving.clone().serve(stream));
        }
    });
    let address = format!("unix:{}", path.display()).parse().unwrap();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let local = Upstream::new("app", [Address::clone(&address)]).protocol(protocol);
        let gateway = Gateway::with(local, Settings::new(), Limits::new()).await;
        let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
        assert_eq!(body_of(response).await, "hello");
    }
    assert_eq!(app.arrived(), 2);
}

#[tokio::test]
async fn tls_to_an_application_is_verified() {
    let (app, addr) = tls_app().await;
    let certificate = app.1.as_bytes();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let right = Tls::authorities("app.internal", certificate).unwrap();
        let secure = upstream(addr).protocol(protocol).tls(right);
        let gateway = Gateway::with(secure, Settings::new(), Limits::new()).await;
        let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
        assert_eq!(body_of(response).await, "hello");
    }
    assert_eq!(app.0.arrived(), 2);
    for wrong in [
        Tls::authorities("other.internal", certificate).unwrap(),
        Tls::system("app.internal").unwrap(),
    ] {
        let gateway =
            Gateway::with(upstream(addr).tls(wrong), Settings::new(), Limits::new()).await;
        let response = send(gateway.addr, get("/x").body(empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    }
    assert_eq!(app.0.arrived(), 2);
    assert_eq!(
        Tls::authorities("a", b"").unwrap_err(),
        TlsError::Certificates
    );
    assert_eq!(
        Tls::authorities("", certificate).unwrap_err(),
        TlsError::Name
    );
}

/// An application behind TLS, and its certificate.
async fn tls_app() -> ((App, String), SocketAddr) {
    let signed = rcgen::generate_simple_self_signed(["app.internal".to_owned()]).unwrap();
    let acceptor = super::limits::acceptor(&signed);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let app = App::default();
    let serving = app.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(secured(acceptor.clone(), stream, serving.clone()));
        }
    });
    ((app, signed.cert.pem()), addr)
}

async fn secured(acceptor: TlsAcceptor, stream: TcpStream, app: App) {
    if let Ok(stream) = acceptor.accept(stream).await {
        app.serve(stream).await;
    }
}
