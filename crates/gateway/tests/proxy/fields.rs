//! What an application is told, and what not (THREATS tables 7 and 8).

use bearward_gateway::config::Address;
use bearward_gateway::doors::forward_auth::TrustedPeers;
use bearward_gateway::doors::proxy::{Limits, Settings};
use bearward_gateway::identity::{Identity, Underscores};
use bearward_gateway::net::listener::Listener;
use bearward_testing::token::SUBJECT;
use http::{Method, Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::fixture::{
    App, Gateway, bare, bearer, body_of, empty, full, get, own, raw, request, send, upstream,
};

#[tokio::test]
async fn a_request_is_passed_on_as_who_sent_it() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let response = send(gateway.addr, get("/orders/7?x=1").body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(body_of(response).await, "hello");
    let seen = &app.seen()[0];
    assert_eq!(seen.method, Method::GET);
    assert_eq!(seen.target, "/orders/7?x=1");
    assert_eq!(seen.field("x-auth-user"), [SUBJECT]);
    assert_eq!(seen.field("authorization"), [""; 0]);
    assert_eq!(seen.field("host"), ["api.example"]);
    assert_eq!(seen.field("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.field("x-forwarded-host"), ["api.example"]);
    assert_eq!(seen.field("x-forwarded-proto"), ["http"]);
    let forwarded = "for=127.0.0.1;host=\"api.example\";proto=http";
    assert_eq!(seen.field("forwarded"), [forwarded]);
    let records = gateway.records(1).await;
    assert_eq!(records[0].route.as_deref(), Some("required"));
    assert_eq!(records[0].upstream.as_deref(), Some("app"));
    assert_eq!(records[0].reason, "admitted");
}

const SPELLINGS: [&str; 6] = [
    "X-Auth-User",
    "x-auth-user",
    "X_Auth_User",
    "X-Auth_User",
    "x.auth.user",
    "X-Auth-Tenant",
];

#[tokio::test]
async fn t_hdr_01_t_hdr_02_no_identity_field_of_a_client_passes_on_any_kind_of_route() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    for (path, method, is_known) in [
        ("/x", Method::GET, true),
        ("/public", Method::GET, false),
        ("/optional", Method::GET, false),
        ("/preflight", Method::OPTIONS, false),
        ("/shadow", Method::GET, false),
    ] {
        let mut request = bare(method, path);
        if is_known {
            request = request.header("authorization", bearer());
        }
        if path == "/preflight" {
            request = request
                .header("origin", "https://spa.example")
                .header("access-control-request-method", "PUT");
        }
        for name in SPELLINGS {
            request = request.header(name, "admin");
        }
        let response = send(gateway.addr, request.body(empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let seen = app.seen().pop().unwrap();
        assert!(
            !seen.headers.values().any(|value| value == "admin"),
            "{path}: {seen:?}"
        );
        let expected: &[&str] = if is_known { &[SUBJECT] } else { &[] };
        assert_eq!(seen.field("x-auth-user"), expected, "{path}");
    }
    let records = gateway.records(5).await;
    assert_eq!(records[4].shadowed, Some("no_credentials"));
}

#[tokio::test]
async fn t_hdr_04_connection_cannot_name_a_field_of_ours() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let request = get("/x")
        .header(
            "connection",
            "X-Auth-User, x-forwarded-for, forwarded, host, keep-alive, x-mine",
        )
        .header("connection", "x-other")
        .header("x-mine", "1")
        .header("x-other", "1")
        .header("x-auth-user", "admin")
        .header("keep-alive", "timeout=5")
        .header("proxy-authorization", "Basic eDp5")
        .header("proxy-connection", "keep-alive")
        .header("proxy_authorization", "Basic eDp5")
        .header("proxy", "http://evil.example")
        .header("te", "trailers, gzip")
        .header("trailer", "x-auth-user")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABkAAQAAP__")
        .body(empty());
    let response = send(gateway.addr, request.unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let seen = app.seen().pop().unwrap();
    assert_eq!(seen.field("x-auth-user"), [SUBJECT]);
    assert_eq!(seen.field("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.field("forwarded").len(), 1);
    assert_eq!(seen.field("host"), ["api.example"]);
    for gone in [
        "connection",
        "x-mine",
        "x-other",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "proxy_authorization",
        "proxy",
        "te",
        "trailer",
        "upgrade",
        "http2-settings",
    ] {
        assert!(!seen.headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn hop_by_hop_fields_of_an_answer_end_here() {
    let (_app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let response = send(gateway.addr, get("/hop").body(empty()).unwrap()).await;
    for gone in ["x-hop", "keep-alive", "proxy-authenticate", "connection"] {
        assert!(!response.headers().contains_key(gone), "{gone}");
    }
    assert_eq!(response.headers()["x-end"], "2");
}

/// An application that answers the first request with these bytes; the request as it came.
async fn answers(listener: TcpListener, answer: &[u8]) -> (String, TcpStream) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut asked = Vec::new();
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
    }
    stream.write_all(answer).await.unwrap();
    (String::from_utf8(asked).unwrap(), stream)
}

#[tokio::test]
async fn t_prx_04_a_length_that_came_twice_is_passed_on_once() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::before(app.local_addr().unwrap()).await;
    let request = Request::post("http://api.example/x")
        .header("authorization", bearer())
        .header("content-length", "5")
        .header("content-length", "5");
    let sent = send(gateway.addr, request.body(full("hello")).unwrap());
    let answered = answers(app, b"HTTP/1.1 204 No Content\r\n\r\n");
    let (response, (asked, _stream)) = tokio::join!(sent, answered);
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(asked.matches("content-length: 5\r\n").count(), 1, "{asked}");
}

#[tokio::test]
async fn t_prx_04_the_length_beside_a_transfer_coding_ends_here() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::before(app.local_addr().unwrap()).await;
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n0\r\n\r\n";
    let sent = send(gateway.addr, get("/x").body(empty()).unwrap());
    let (response, (_, _stream)) = tokio::join!(sent, answers(app, answer));
    assert!(!response.headers().contains_key("content-length"));
    assert_eq!(body_of(response).await, "hello");
}

#[tokio::test]
async fn t_hdr_09_identity_fields_in_trailers_are_not_passed_on() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    for media in ["text/plain", "application/grpc"] {
        let message = format!(
            "POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\nContent-Type: {media}\r\n\
             Connection: close\r\nTrailer: x-auth-user, x-free\r\nTransfer-Encoding: chunked\r\n\r\n\
             1\r\na\r\n0\r\nX-Auth-User: admin\r\nX_Auth_User: admin\r\nX-Free: 1\r\n\r\n",
            bearer()
        );
        let answer = raw(gateway.addr, message).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let seen = app.seen().pop().unwrap();
        assert_eq!(seen.body, 1);
        assert_eq!(seen.field("x-auth-user"), [SUBJECT]);
        let trailers = seen.trailers.unwrap_or_default();
        assert!(
            !trailers.values().any(|value| value == "admin"),
            "{trailers:?}"
        );
    }
}

#[tokio::test]
async fn t_fwd_01_a_client_says_nothing_of_who_forwarded_it() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let names = [
        "forwarded",
        "x-forwarded-for",
        "x_forwarded_for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-uri",
        "x-forwarded-prefix",
        "x-forwarded-port",
        "x-original-url",
        "x-original-uri",
        "x-original-method",
        "x-original-host",
        "x_original_method",
        "x-rewrite-url",
        "x_rewrite_url",
        "x-envoy-original-path",
        "x-real-ip",
    ];
    let spoofed = || {
        names
            .iter()
            .fold(get("/x"), |request, name| request.header(*name, "spoof"))
    };
    send(gateway.addr, spoofed().body(empty()).unwrap()).await;
    let seen = app.seen().pop().unwrap();
    assert!(!format!("{:?}", seen.headers).contains("spoof"), "{seen:?}");

    let settings = Settings::new().trust(TrustedPeers::default());
    let behind = Gateway::with(upstream(addr), settings, Limits::new()).await;
    send(behind.addr, spoofed().body(empty()).unwrap()).await;
    let seen = app.seen().pop().unwrap();
    assert_eq!(seen.field("x-forwarded-for"), ["spoof, 127.0.0.1"]);
    assert_eq!(seen.field("x-forwarded-proto"), ["spoof"]);
    for gone in [
        "x-forwarded-uri",
        "x-original-url",
        "x-rewrite-url",
        "x_forwarded_for",
    ] {
        assert!(!seen.headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn behind_a_unix_socket_the_proxy_in_front_says_who_sent_a_request() {
    let (app, addr) = App::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = Listener::bind(&Address::Unix(path.clone())).await.unwrap();
    let _gateway =
        Gateway::listening(listener, upstream(addr), Settings::new(), Limits::new()).await;
    let mut stream = UnixStream::connect(path).await.unwrap();
    let head = format!(
        "GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\
         Authorization: {}\r\nConnection: close\r\n\r\n",
        bearer()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let seen = app.seen().pop().unwrap();
    assert_eq!(seen.field("x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(seen.field("x-forwarded-proto"), ["https"]);
    assert_eq!(
        seen.field("forwarded"),
        ["for=192.0.2.7;host=\"a\";proto=https"]
    );
}

#[tokio::test]
async fn t_fwd_05_the_target_is_forwarded_byte_for_byte() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    for target in [
        "/slashes/a%2fb;x=1/c?q=1%20&r=",
        "/a%20b?//../%2e%2e/;",
        "/caf%c3%a9/%61dmin/",
        "/x?",
        "/",
    ] {
        let response = send(gateway.addr, get(target).body(empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{target}");
        assert_eq!(app.seen().pop().unwrap().target, target);
    }
}

#[tokio::test]
async fn t_fwd_08_what_is_not_origin_form_is_refused() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let bearer = bearer();
    let lines = [
        ("GET x HTTP/1.1", "Host: api.example\r\n"),
        ("OPTIONS * HTTP/1.1", "Host: api.example\r\n"),
        ("CONNECT api.example:443 HTTP/1.1", "Host: api.example\r\n"),
        (
            "CONNECT api.example:443 HTTP/1.1",
            "Host: api.example\r\nContent-Length: 4\r\n",
        ),
        (
            "GET /x HTTP/1.1",
            "Host: api.example\r\nHost: api.example\r\n",
        ),
        ("GET /x HTTP/1.1", "Host: user@api.example\r\n"),
        ("GET /x HTTP/1.1", "Host: api.example..\r\n"),
        ("GET /x HTTP/1.1", "Host: [api.example]\r\n"),
        ("GET /x HTTP/1.1", "Host: :api.example\r\n"),
        ("GET /x HTTP/1.1", "Host: \r\n"),
        ("GET /x HTTP/1.1", ""),
        ("GET /x#y HTTP/1.1", "Host: api.example\r\n"),
    ];
    for (line, fields) in lines {
        let message =
            format!("{line}\r\n{fields}Authorization: {bearer}\r\nConnection: close\r\n\r\nGET ");
        let answer = raw(gateway.addr, message).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{line}: {answer}");
    }
    let differing = request(Method::GET, "http://other.example/x").body(empty());
    let response = send(gateway.addr, differing.unwrap()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let records = gateway.records(7).await;
    assert!(
        records.iter().all(|record| record.reason == "target_form"),
        "{records:?}"
    );
    assert_eq!(app.arrived(), 0);

    let agreeing = request(Method::GET, "http://API.example/x").body(empty());
    let response = send(gateway.addr, agreeing.unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn t_fwd_08_absolute_form_for_another_host_or_with_a_user_is_refused() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let bearer = bearer();
    let lines = [
        (
            "GET http://other.example/x HTTP/1.1",
            "Host: api.example\r\n",
        ),
        (
            "GET http://user@api.example/x HTTP/1.1",
            "Host: api.example\r\n",
        ),
        (
            "GET http://user@api.example/x HTTP/1.1",
            "Host: user@api.example\r\n",
        ),
        (
            "GET http://api.example:81/x HTTP/1.1",
            "Host: api.example\r\n",
        ),
        ("GET ftp://api.example/x HTTP/1.1", "Host: api.example\r\n"),
        ("GET http://api.example/x HTTP/1.1", ""),
        (
            "GET http://api.example/x HTTP/1.1",
            "Host: api.example\r\nHost: api.example\r\n",
        ),
        (
            "GET http://api.example/x#y HTTP/1.1",
            "Host: api.example\r\n",
        ),
    ];
    for (line, fields) in lines {
        let message =
            format!("{line}\r\n{fields}Authorization: {bearer}\r\nConnection: close\r\n\r\n");
        let answer = raw(gateway.addr, message).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{line}: {answer}");
    }
    // A fragment ends the connection before there is a request.
    let records = gateway.records(lines.len() - 1).await;
    assert!(
        records.iter().all(|record| record.reason == "target_form"),
        "{records:?}"
    );
    assert_eq!(app.arrived(), 0);
}

#[tokio::test]
async fn a_fwd_03_absolute_form_for_the_same_host_is_sent_on_in_origin_form() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let bearer = bearer();
    for (line, host, target) in [
        (
            "GET http://api.example/slashes/a%2Fb?x=//y HTTP/1.1",
            "Host: api.example\r\n",
            "/slashes/a%2Fb?x=//y",
        ),
        (
            "POST https://API.example:8443/x HTTP/1.1",
            "Host: api.example:8443\r\nContent-Length: 0\r\n",
            "/x",
        ),
        (
            "GET http://api.example HTTP/1.1",
            "Host: api.example\r\n",
            "/",
        ),
        (
            "GET http://api.example?x HTTP/1.1",
            "Host: api.example\r\n",
            "/?x",
        ),
        ("GET http://api.example/x HTTP/1.0", "", "/x"),
    ] {
        let message =
            format!("{line}\r\n{host}Authorization: {bearer}\r\nConnection: close\r\n\r\n");
        let answer = raw(gateway.addr, message).await;
        assert!(answer.contains(" 200 OK\r\n"), "{line}: {answer}");
        let seen = app.seen().pop().unwrap();
        assert_eq!(seen.target, target, "{line}");
        let host = seen.headers["host"].to_str().unwrap().to_owned();
        assert!(host.starts_with("api.example"), "{line}: {host}");
    }
    // What is decided is the path: a route for another one does not match.
    let line = "GET http://api.example/public/../x HTTP/1.1\r\nHost: api.example";
    let answer = raw(gateway.addr, format!("{line}\r\nConnection: close\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn t_fwd_11_no_field_names_another_method() {
    let (app, addr) = App::start().await;
    let names = [
        "x-http-method-override",
        "x-method-override",
        "x-http-method",
        "x_method_override",
    ];
    let overriding = || {
        names
            .iter()
            .fold(request(Method::POST, "/x"), |request, name| {
                request.header(*name, "PUT")
            })
    };
    let gateway = Gateway::before(addr).await;
    send(gateway.addr, overriding().body(full("a")).unwrap()).await;
    let seen = app.seen().pop().unwrap();
    assert_eq!(seen.method, Method::POST);
    assert!(
        !seen.headers.values().any(|value| value == "PUT"),
        "{seen:?}"
    );

    let identity = own().keep(names[0].parse().unwrap()).build().unwrap();
    let lenient = Gateway::telling(addr, identity, Settings::new()).await;
    send(lenient.addr, overriding().body(full("a")).unwrap()).await;
    let seen = app.seen().pop().unwrap();
    assert_eq!(seen.field(names[0]), ["PUT"]);
    assert_eq!(
        seen.headers
            .values()
            .filter(|value| *value == "PUT")
            .count(),
        1
    );
}

#[tokio::test]
async fn t_fwd_11_a_query_that_names_another_method_is_refused_unless_it_is_kept() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    for target in [
        "/x?_method=delete",
        "/public?a=1&_method=put",
        "/shadow?x-http-method=put",
    ] {
        let posted = request(Method::POST, target).body(full("a")).unwrap();
        let response = send(gateway.addr, posted).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{target}");
    }
    assert_eq!(app.arrived(), 0);
    let records = gateway.records(3).await;
    assert!(
        records
            .iter()
            .all(|record| record.reason == "query_override")
    );

    let identity = own().keep("_method".parse().unwrap()).build().unwrap();
    let lenient = Gateway::telling(addr, identity, Settings::new()).await;
    let posted = request(Method::POST, "/x?_method=delete").body(full("a"));
    send(lenient.addr, posted.unwrap()).await;
    assert_eq!(app.seen().pop().unwrap().target, "/x?_method=delete");
}

/// From anybody: they name what was decided on.
const OF_NOBODY: &[&str] = &[
    "SCRIPT_NAME",
    "Script-Name",
    "PATH_INFO",
    "Path-Info",
    "REMOTE_USER",
    "Remote-User",
    "Daphne-Root-Path",
    "X-Script-Name",
    "X_SCRIPT_NAME",
    "X-Forwarded-Prefix",
    "X-Original-URL",
    "X-Original-Host",
    "X-Rewrite-URL",
    "X-Vhm-Root",
    "X-Accel-Mapping",
    "X-Sendfile-Type",
    "X-Middleware-Subrequest",
    "X-WebAuth-User",
    "X-Remote-User",
    "X-Host",
    "$WSRU",
    "_method",
    "X-Tenant",
    "X_Tenant",
];

/// From a trusted proxy, under exactly these names.
const OF_PROXIES: &[&str] = &[
    "True-Client-IP",
    "CF-Connecting-IP",
    "Client-IP",
    "X-Real-IP",
    "X-Scheme",
    "Front-End-Https",
    "X-Forwarded-Ssl",
    "X-Forwarded-Port",
    "X-Forwarded-User",
    "X-SSL-Client-Cert",
];

/// What misleads nobody.
const ORDINARY: &[&str] = &[
    "X-Request-Id",
    "X-Requested-With",
    "X-CSRF-Token",
    "Sec-Fetch-Mode",
    "Destination",
    "If-None-Match",
    "Grpc-Timeout",
    "X-Forwarding",
    "Traceparent",
];

#[tokio::test]
async fn t_fwd_12_no_field_names_another_request_on_any_kind_of_route() {
    let (app, addr) = App::start().await;
    let identity = own().remove("X-Tenant".parse().unwrap());
    let identity = identity.build().unwrap();
    let gateway = Gateway::telling(addr, identity.clone(), Settings::new()).await;
    let settings = Settings::new().trust(TrustedPeers::default());
    let behind = Gateway::telling(addr, identity, settings).await;
    let all = || OF_NOBODY.iter().chain(OF_PROXIES).chain(ORDINARY);
    for path in ["/x", "/public", "/optional", "/shadow"] {
        let spoofed = || {
            all()
                .fold(get(path), |request, name| request.header(*name, "spoof"))
                .header("x_real_ip", "spoof")
        };
        send(gateway.addr, spoofed().body(empty()).unwrap()).await;
        let of_stranger = app.seen().pop().unwrap();
        send(behind.addr, spoofed().body(empty()).unwrap()).await;
        let of_proxy = app.seen().pop().unwrap();
        for name in OF_NOBODY {
            assert!(!of_stranger.headers.contains_key(*name), "{path} {name}");
            assert!(!of_proxy.headers.contains_key(*name), "{path} {name}");
        }
        for name in OF_PROXIES {
            assert!(!of_stranger.headers.contains_key(*name), "{path} {name}");
            assert_eq!(of_proxy.field(name), ["spoof"], "{path} {name}");
        }
        assert!(!of_proxy.headers.contains_key("x_real_ip"), "{path}");
        // A client could choose the id of somebody else's request.
        assert_ne!(of_stranger.field("X-Request-Id"), ["spoof"], "{path}");
        assert_eq!(of_proxy.field("X-Request-Id"), ["spoof"], "{path}");
        let own = ["Traceparent", "X-Request-Id"];
        for name in ORDINARY.iter().filter(|name| !own.contains(name)) {
            assert_eq!(of_stranger.field(name), ["spoof"], "{path} {name}");
        }
    }
}

#[tokio::test]
async fn t_hdr_02_names_with_an_underscore_are_dropped_unless_they_are_kept() {
    let (app, addr) = App::start().await;
    let send_to = async |identity: Identity| {
        let gateway = Gateway::telling(addr, identity, Settings::new()).await;
        let sent = get("/x").header("x_one", "1").header("x_two", "2");
        send(gateway.addr, sent.body(empty()).unwrap()).await;
        let seen = app.seen().pop().unwrap();
        ["x_one", "x_two"].map(|name| seen.headers.contains_key(name))
    };
    assert_eq!(send_to(own().build().unwrap()).await, [false, false]);
    let keeps = own().underscores(Underscores::Keep);
    assert_eq!(send_to(keeps.build().unwrap()).await, [true, true]);
    let keeps_one = own().keep("x_one".parse().unwrap());
    assert_eq!(send_to(keeps_one.build().unwrap()).await, [true, false]);
}

/// What a trusted proxy sends, and the four fields that the application gets.
type Forwarded<'c> = (&'c [(&'c str, &'c str)], [&'c str; 4]);

const FORWARDED: &[Forwarded<'static>] = &[
    (
        &[],
        [
            "127.0.0.1",
            "api.example",
            "http",
            "for=127.0.0.1;host=\"api.example\";proto=http",
        ],
    ),
    (
        &[
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-host", "public.example:8443"),
            ("x-forwarded-proto", "https"),
        ],
        [
            "192.0.2.7, 127.0.0.1",
            "public.example:8443",
            "https",
            "for=192.0.2.7;host=\"public.example:8443\";proto=https, \
                 for=127.0.0.1;host=\"public.example:8443\";proto=https",
        ],
    ),
    // A copy of a client's that the proxy let through does not stand beside it.
    (
        &[
            ("forwarded", "for=203.0.113.9;proto=http;host=evil.example"),
            ("x-forwarded-for", "192.0.2.7"),
        ],
        [
            "192.0.2.7, 127.0.0.1",
            "api.example",
            "http",
            "for=192.0.2.7;host=\"api.example\";proto=http, \
                 for=127.0.0.1;host=\"api.example\";proto=http",
        ],
    ),
    (
        &[(
            "forwarded",
            "for=\"[2001:db8::7]:4711\";proto=https; host=\"public.example\", For=_hidden",
        )],
        [
            "2001:db8::7, unknown, 127.0.0.1",
            "public.example",
            "https",
            "for=\"[2001:db8::7]\";host=\"public.example\";proto=https, \
                 for=unknown;host=\"public.example\";proto=https, \
                 for=127.0.0.1;host=\"public.example\";proto=https",
        ],
    ),
    (
        &[
            ("x-forwarded-host", "evil.example, public.example"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-for", "192.0.2.7:1234"),
        ],
        [
            "192.0.2.7:1234, 127.0.0.1",
            "public.example",
            "https",
            "for=192.0.2.7;host=\"public.example\";proto=https, \
                 for=127.0.0.1;host=\"public.example\";proto=https",
        ],
    ),
    // What is neither a host nor a scheme could break the element.
    (
        &[
            ("x-forwarded-host", "a\";proto=https;x=\""),
            ("x-forwarded-proto", "a;b"),
        ],
        [
            "127.0.0.1",
            "api.example",
            "http",
            "for=127.0.0.1;host=\"api.example\";proto=http",
        ],
    ),
];

async fn assert_forwarded(cases: &[Forwarded<'_>]) {
    let (app, addr) = App::start().await;
    let settings = Settings::new().trust(TrustedPeers::default());
    let behind = Gateway::with(upstream(addr), settings, Limits::new()).await;
    for (sent, expected) in cases {
        let request = sent.iter().fold(get("/x"), |request, (name, value)| {
            request.header(*name, *value)
        });
        send(behind.addr, request.body(empty()).unwrap()).await;
        let seen = app.seen().pop().unwrap();
        let names = [
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "forwarded",
        ];
        for (name, expected) in names.iter().zip(expected) {
            assert_eq!(seen.field(name), [*expected], "{sent:?} {name}");
        }
    }
}

#[tokio::test]
async fn t_fwd_12_both_kinds_of_forwarding_fields_say_the_same() {
    assert_forwarded(FORWARDED).await;
}

#[tokio::test]
async fn t_fwd_12_the_nearest_hops_are_kept() {
    let hops: Vec<_> = (1..=40).map(|hop| format!("192.0.2.{hop}")).collect();
    let nearest = hops[8..].join(", ");
    let elements: Vec<_> = hops[8..]
        .iter()
        .map(|hop| format!("for={hop};host=\"api.example\";proto=http"))
        .collect();
    let elements = elements.join(", ");
    assert_forwarded(&[(
        &[("x-forwarded-for", &hops.join(", "))],
        [
            &format!("{nearest}, 127.0.0.1"),
            "api.example",
            "http",
            &format!("{elements}, for=127.0.0.1;host=\"api.example\";proto=http"),
        ],
    )])
    .await;
}

#[tokio::test]
async fn cookies_that_http2_split_are_joined() {
    let (app, addr) = App::start().await;
    let gateway = Gateway::before(addr).await;
    let request = request(Method::GET, "http://api.example/x")
        .header("cookie", "a=1")
        .header("cookie", "b=2");
    send(gateway.addr, request.body(empty()).unwrap()).await;
    let seen = app.seen().pop().unwrap();
    assert_eq!(seen.field("cookie"), ["a=1; b=2"]);
    assert_eq!(seen.version, http::Version::HTTP_11);
}
