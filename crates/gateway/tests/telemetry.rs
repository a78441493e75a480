//! Traces: what a collector gets, and what an application is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bearward_testing::DevIssuer;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::proxy::fixture::{raw, until};
use crate::running::{Running, asking, checked, get, issuers, status};

/// An HTTP server that keeps what it is sent, and answers with nothing.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Vec<Sent>>>);

/// The head of a request, and its body.
type Sent = (String, Vec<u8>);

impl Server {
    async fn start() -> (Self, String) {
        let server = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let this = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(this.clone().answer(stream));
            }
        });
        (server, url)
    }

    async fn answer(self, mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).await.unwrap();
        self.0.lock().unwrap().push((head, body));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(answer).await;
    }

    /// The one field of the last request under this name.
    fn field(&self, name: &str) -> Option<String> {
        let requests = self.0.lock().unwrap();
        let (head, _) = requests.last().unwrap();
        let prefix = format!("{name}: ");
        let mut values = head.lines().filter_map(|line| line.strip_prefix(&prefix));
        let value = values.next().map(str::to_owned);
        assert_eq!(values.next(), None, "{head}");
        value
    }

    /// All that came, as far as it is text.
    fn text(&self) -> String {
        let requests = self.0.lock().unwrap();
        let text = |(head, body): &Sent| format!("{head}{}", String::from_utf8_lossy(body));
        requests.iter().map(text).collect()
    }

    /// The spans, of all requests that came.
    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().unwrap();
        let mut spans = Vec::new();
        for (head, body) in &*requests {
            assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
            assert!(
                head.contains("content-type: application/x-protobuf\r\n"),
                "{head}"
            );
            let request = ExportTraceServiceRequest::decode(&**body).unwrap();
            for resource in request.resource_spans {
                let scopes = resource.scope_spans;
                spans.extend(scopes.into_iter().flat_map(|scope| scope.spans));
            }
        }
        spans
    }
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == key)?;
    let value = found.value.clone()?.value?;
    if let Value::IntValue(number) = value {
        return Some(number.to_string());
    }
    let Value::StringValue(text) = value else {
        panic!("{value:?}");
    };
    Some(text)
}

/// Door, reason, status, and whether it counts as an error.
fn outcome(span: &Span) -> (String, String, String, bool) {
    let told = |key| attribute(span, key).unwrap_or_default();
    let status = span.status.as_ref();
    (
        told("bearward.door"),
        told("bearward.reason"),
        told("http.response.status_code"),
        status.is_some_and(|status| status.code() == StatusCode::Error),
    )
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent() -> String {
    format!("traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: vendor=mark-state\r\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A gateway before `app`, with telemetry and listeners as they are said.
async fn start(issuer: &DevIssuer, app: &str, proxy: &str, telemetry: &str) -> Running {
    let text = format!(
        "{}[[routes]]\nname = 'all'\npath_prefix = '/'\nupstream = 'app'\n\
         [upstreams.app]\nurls = '{app}'\n\
         [listen.proxy]\naddress = '127.0.0.1:0'\n{proxy}\
         [listen.forward_auth]\naddress = '127.0.0.1:0'\n\
         [listen.ext_authz]\naddress = '127.0.0.1:0'\n{telemetry}",
        issuers(&[issuer])
    );
    Running::start(&text).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_a_trusted_proxy_goes_on_to_the_application_and_the_collector() {
    let issuer = DevIssuer::start().await.unwrap();
    let (app, app_url) = Server::start().await;
    let (collector, url) = Server::start().await;
    let telemetry = format!("[telemetry]\nendpoint = '{url}/'\ntrust_traceparent = true\n");
    let trusted = "trusted_proxies = '127.0.0.1'\n";
    let running = start(&issuer, &app_url, trusted, &telemetry).await;
    let token = issuer.user_token(issuer.url()).sign();
    let fields = format!(
        "Authorization: Bearer {token}\r\nUser-Agent: mark-agent\r\n{}",
        traceparent()
    );
    let answer = get(running.address("proxy"), "/mark-path?q=mark-query", &fields).await;
    assert_eq!(status(&answer), 200, "{answer}");
    let told = app.field("traceparent").unwrap();
    let parts: Vec<_> = told.split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3]), ("00", TRACE, "01"));
    assert_ne!(parts[2], PARENT);
    assert_eq!(
        app.field("tracestate").as_deref(),
        Some("vendor=mark-state")
    );

    let span_id = parts[2].to_owned();
    running.stop().await;
    let spans = collector.spans();
    assert_eq!(spans.len(), 1, "{spans:?}");
    let span = &spans[0];
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.parent_span_id), PARENT);
    assert_eq!(hex(&span.span_id), span_id);
    assert_eq!(span.name, "GET all");
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("bearward.door", "proxy"),
        ("bearward.route", "all"),
        ("bearward.reason", "admitted"),
        ("bearward.upstream", "app"),
    ] {
        assert_eq!(attribute(span, key).as_deref(), Some(value), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_anybody_else_is_begun_anew() {
    let issuer = DevIssuer::start().await.unwrap();
    let (app, app_url) = Server::start().await;
    let (_collector, url) = Server::start().await;
    let endpoint = format!("[telemetry]\nendpoint = '{url}'\n");
    let trusting = format!("{endpoint}trust_traceparent = true\n");
    let token = issuer.user_token(issuer.url()).sign();
    let fields = format!("Authorization: Bearer {token}\r\n{}", traceparent());
    // Not among the trusted, or trusted for everything but this.
    for (proxy, telemetry) in [
        ("", &trusting),
        ("trusted_proxies = '127.0.0.1'\n", &endpoint),
    ] {
        let running = start(&issuer, &app_url, proxy, telemetry).await;
        let answer = get(running.address("proxy"), "/", &fields).await;
        assert_eq!(status(&answer), 200, "{answer}");
        let told = app.field("traceparent").unwrap();
        assert!(!told.contains(TRACE) && !told.contains(PARENT), "{told}");
        assert_eq!(app.field("tracestate"), None);
        running.stop().await;
    }
    // Without telemetry a field like any other.
    let running = start(&issuer, &app_url, "", "").await;
    get(running.address("proxy"), "/", &fields).await;
    let told = app.field("traceparent").unwrap();
    assert_eq!(told, format!("00-{TRACE}-{PARENT}-01"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_err_01_every_door_tells_reasons_and_nothing_that_was_sent() {
    let issuer = DevIssuer::start().await.unwrap();
    let (collector, url) = Server::start().await;
    let telemetry = format!("[telemetry]\nendpoint = '{url}'\nservice_name = 'orders'\n");
    // Nobody listens there: what is admitted is answered 502.
    let running = start(&issuer, "http://127.0.0.1:9", "", &telemetry).await;
    let bad = "Authorization: Bearer mark-token\r\nCookie: mark-cookie\r\n";
    let proxy = running.address("proxy");
    assert_eq!(status(&get(proxy, "/mark-path?mark-query", bad).await), 401);
    let token = issuer.user_token(issuer.url()).sign();
    let good = format!("Authorization: Bearer {token}\r\nX-A: mark-field\r\n");
    assert_eq!(status(&get(proxy, "/mark-path", &good).await), 502);
    let odd = "MARK-METHOD / HTTP/1.1\r\nHost: mark-host\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&raw(proxy, odd).await), 401);
    let door = running.address("forward auth");
    let asked = asking("/mark-path", &token);
    assert_eq!(status(&get(door, "/auth/nginx", &asked).await), 200);
    let envoy = format!("http://{}", running.address("ext_authz"));
    let mut envoy = AuthorizationClient::connect(envoy).await.unwrap();
    assert_eq!(checked(&mut envoy, "/mark-path").await, 401);
    running.stop().await;

    let mut spans = collector.spans();
    spans.sort_by_key(|span| span.start_time_unix_nano);
    let told: Vec<_> = spans.iter().map(outcome).collect();
    let expected = [
        ("proxy", "not_compact_jws", "401", false),
        ("proxy", "upstream_connect", "502", true),
        ("proxy", "no_credentials", "401", false),
        ("forward_auth", "admitted", "200", false),
        ("ext_authz", "no_credentials", "401", false),
    ];
    let expected = expected.map(|(door, reason, status, is_error)| {
        let [door, reason, status] = [door, reason, status].map(str::to_owned);
        (door, reason, status, is_error)
    });
    assert_eq!(told, expected);
    assert_eq!(spans[2].name, "_OTHER all");
    let sent = collector.text();
    assert!(sent.contains("orders"), "the name of the service");
    let signature = token.rsplit('.').next().unwrap();
    for mark in ["mark-", "MARK-", signature, "127.0.0.1:9"] {
        assert!(!sent.contains(mark), "{mark}: {sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_collector_the_gateway_serves_and_stops() {
    let issuer = DevIssuer::start().await.unwrap();
    let (_app, app_url) = Server::start().await;
    let telemetry = "[telemetry]\nendpoint = 'http://127.0.0.1:9'\n";
    let running = start(&issuer, &app_url, "", telemetry).await;
    let token = issuer.user_token(issuer.url()).sign();
    let fields = format!("Authorization: Bearer {token}\r\n");
    for _ in 0..20 {
        let answer = get(running.address("proxy"), "/", &fields).await;
        assert_eq!(status(&answer), 200, "{answer}");
    }
    running.stop().await;
}

/// Answers whoever comes with these bytes, over and over, as long as they are taken.
async fn babbling(again: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let refused = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&refused);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(babble(stream, again, Arc::clone(&count)));
        }
    });
    (url, refused)
}

async fn babble(mut stream: TcpStream, again: bool, count: Arc<AtomicUsize>) {
    let _ = stream.read(&mut [0; 1024]).await;
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
    while again && stream.write_all(&[0; 16 * 1024]).await.is_ok() {}
    count.fetch_add(1, Ordering::SeqCst);
    // Held open, without an end.
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_holds_up_no_stop_and_one_that_babbles_is_not_listened_to() {
    let issuer = DevIssuer::start().await.unwrap();
    let (_app, app_url) = Server::start().await;
    let token = issuer.user_token(issuer.url()).sign();
    let fields = format!("Authorization: Bearer {token}\r\n");
    for again in [false, true] {
        let (collector, refused) = babbling(again).await;
        let telemetry = format!("[telemetry]\nendpoint = '{collector}'\n");
        let running = start(&issuer, &app_url, "", &telemetry).await;
        let answer = get(running.address("proxy"), "/", &fields).await;
        assert_eq!(status(&answer), 200, "{answer}");
        let began = Instant::now();
        running.stop().await;
        // A batch may take 10 s; the last one 3.
        let took = began.elapsed();
        assert!(took < Duration::from_secs(8), "{took:?}");
        if again {
            // It was not read for as long as a batch may take.
            until(|| refused.load(Ordering::SeqCst) == 1).await;
            assert!(began.elapsed() < Duration::from_secs(8));
        }
    }
}
