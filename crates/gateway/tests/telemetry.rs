//! Traces and metrics: what a collector gets, and what an application is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bearward_testing::DevIssuer;
use bearward_testing::token::SUBJECT;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::log::Log;
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
        ["/v1/metrics", "/v1/traces"]
            .map(|path| self.text_for(path))
            .concat()
    }

    /// All that came for this path.
    fn text_for(&self, path: &str) -> String {
        let requests = self.0.lock().unwrap();
        let text = |(head, body): &Sent| format!("{head}{}", String::from_utf8_lossy(body));
        let requests = requests.iter().filter(|(head, _)| is_for(head, path));
        requests.map(text).collect()
    }

    /// The metrics of each export so far.
    fn exports(&self) -> Vec<ResourceMetrics> {
        let requests = self.0.lock().unwrap();
        let exports = requests.iter();
        let exports = exports.filter(|(head, _)| is_for(head, "/v1/metrics"));
        let exports = exports.map(|(_, body)| {
            let mut request = ExportMetricsServiceRequest::decode(&**body).unwrap();
            assert_eq!(request.resource_metrics.len(), 1);
            request.resource_metrics.remove(0)
        });
        exports.collect()
    }

    /// The spans, of all requests that came.
    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().unwrap();
        let mut spans = Vec::new();
        for (head, body) in &*requests {
            if !is_for(head, "/v1/traces") {
                continue;
            }
            let request = ExportTraceServiceRequest::decode(&**body).unwrap();
            for resource in request.resource_spans {
                let scopes = resource.scope_spans;
                spans.extend(scopes.into_iter().flat_map(|scope| scope.spans));
            }
        }
        spans
    }
}

/// Whether a request is one for this path; all are of OTLP.
fn is_for(head: &str, path: &str) -> bool {
    let paths = ["/v1/logs", "/v1/metrics", "/v1/traces"];
    let is_one = |path: &str| head.starts_with(&format!("post {path} http/1.1\r\n"));
    assert!(paths.into_iter().any(is_one), "{head}");
    let content = "content-type: application/x-protobuf\r\n";
    assert!(head.contains(content), "{head}");
    is_one(path)
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
    for mark in ["mark-", "MARK-", signature] {
        assert!(!sent.contains(mark), "{mark}: {sent}");
    }
    // Metrics name the addresses in the configuration, as `/metrics` does.
    assert!(!collector.text_for("/v1/traces").contains("127.0.0.1:9"));
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
            // Traces and metrics at the end; those of the start may not have been sent yet.
            until(|| refused.load(Ordering::SeqCst) >= 2).await;
            assert!(began.elapsed() < Duration::from_secs(8));
        }
    }
}

// --- metrics ---

/// The lines of `/metrics` with these metrics, each with its number.
fn lines(export: &ResourceMetrics) -> BTreeMap<String, f64> {
    let mut lines = BTreeMap::new();
    for metric in export.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
        let found = match metric.data.as_ref().unwrap() {
            Data::Gauge(gauge) => numbers(metric, &gauge.data_points),
            Data::Sum(sum) => {
                assert!(sum.is_monotonic, "{metric:?}");
                let cumulative = AggregationTemporality::Cumulative;
                assert_eq!(sum.aggregation_temporality(), cumulative);
                assert!(metric.name.ends_with("_total"), "{metric:?}");
                assert!(
                    sum.data_points
                        .iter()
                        .all(|point| point.start_time_unix_nano > 0)
                );
                numbers(metric, &sum.data_points)
            }
            Data::Histogram(histogram) => {
                let cumulative = AggregationTemporality::Cumulative;
                assert_eq!(histogram.aggregation_temporality(), cumulative);
                let points = histogram.data_points.iter();
                points.flat_map(|point| buckets(metric, point)).collect()
            }
            other @ (Data::ExponentialHistogram(_) | Data::Summary(_)) => panic!("{other:?}"),
        };
        for (line, number) in found {
            assert_eq!(lines.insert(line.clone(), number), None, "{line}");
        }
    }
    lines
}

fn series(name: &str, attributes: &[KeyValue], bound: Option<&str>) -> String {
    let labels = attributes.iter().map(|attribute| {
        let Some(Value::StringValue(text)) = attribute.value.clone().unwrap().value else {
            panic!("{attribute:?}");
        };
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{}=\"{text}\"", attribute.key)
    });
    let bound = bound.map(|bound| format!("le=\"{bound}\""));
    let labels: Vec<_> = bound.into_iter().chain(labels).collect();
    match labels.is_empty() {
        true => name.to_owned(),
        false => format!("{name}{{{}}}", labels.join(",")),
    }
}

fn numbers(metric: &Metric, points: &[NumberDataPoint]) -> Vec<(String, f64)> {
    let number = |point: &NumberDataPoint| {
        let number = match point.value.unwrap() {
            number_data_point::Value::AsDouble(number) => number,
            number_data_point::Value::AsInt(number) => number.to_string().parse().unwrap(),
        };
        (series(&metric.name, &point.attributes, None), number)
    };
    points.iter().map(number).collect()
}

fn buckets(metric: &Metric, point: &HistogramDataPoint) -> Vec<(String, f64)> {
    let (name, attributes) = (&metric.name, &point.attributes);
    assert_eq!(metric.unit, "s");
    assert!(point.start_time_unix_nano > 0, "{point:?}");
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    let count = |count: u64| -> f64 { count.to_string().parse().unwrap() };
    let mut found = vec![
        (
            series(&format!("{name}_sum"), attributes, None),
            point.sum.unwrap(),
        ),
        (
            series(&format!("{name}_count"), attributes, None),
            count(point.count),
        ),
    ];
    let bounds = point
        .explicit_bounds
        .iter()
        .map(|bound| format!("{bound:?}"));
    let mut below = 0;
    for (bound, number) in bounds.chain(["+Inf".to_owned()]).zip(&point.bucket_counts) {
        below += number;
        let bucket = series(&format!("{name}_bucket"), attributes, Some(&bound));
        found.push((bucket, count(below)));
    }
    found
}

/// The lines of the text of `/metrics`.
fn lines_of_text(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.map(|line| {
        let (series, number) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), number.parse().unwrap())
    });
    lines.collect()
}

/// Without what changes by itself.
fn settled(mut lines: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    lines.retain(|series, _| !series.starts_with("bearward_keys_age_seconds"));
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collector_gets_every_series_of_metrics_with_its_number() {
    let issuer = DevIssuer::start().await.unwrap();
    let (_app, app_url) = Server::start().await;
    let (collector, url) = Server::start().await;
    let telemetry = format!(
        "[telemetry]\nendpoint = '{url}'\nservice_name = 'orders'\nmetrics_interval = '1h'\n"
    );
    let running = start(&issuer, &app_url, "", &telemetry).await;
    // The first export is at the start, with everything that starts at 0.
    until(|| !collector.exports().is_empty()).await;
    let first = lines(&collector.exports()[0]);
    let of_route =
        r#"bearward_requests_total{door="proxy",route="all",reason="kid_unknown",shadowed=""}"#;
    assert_eq!(first.get(of_route), Some(&0.0), "{first:?}");

    let proxy = running.address("proxy");
    let token = issuer.user_token(issuer.url()).sign();
    let good = format!("Authorization: Bearer {token}\r\n");
    for fields in [&*good, &good, "Authorization: Bearer x\r\n", ""] {
        get(proxy, "/", fields).await;
    }
    let door = running.address("forward auth");
    get(door, "/auth/nginx", &asking("/", &token)).await;
    let metrics = Arc::clone(&running.metrics);
    let counted =
        |text: &str| text.contains("door=\"forward_auth\",route=\"all\",reason=\"admitted\"");
    until(|| counted(&metrics.encode().unwrap())).await;
    running.stop().await;
    let exports = collector.exports();
    assert_eq!(exports.len(), 2, "at the start and at the end");
    let last = &exports[1];
    let text = lines_of_text(&metrics.encode().unwrap());
    assert_eq!(settled(lines(last)), settled(text.clone()));
    assert_eq!(lines(last).len(), text.len());
    let admitted =
        r#"bearward_requests_total{door="proxy",route="all",reason="admitted",shadowed=""}"#;
    assert_eq!(lines(last)[admitted], 2.0);
    let resource = last.resource.as_ref().unwrap();
    let names = resource
        .attributes
        .iter()
        .filter(|attribute| attribute.key == "service.name");
    let names: Vec<_> = names
        .map(|name| name.value.clone().unwrap().value)
        .collect();
    assert_eq!(names, [Some(Value::StringValue("orders".to_owned()))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_sent_at_each_interval() {
    let issuer = DevIssuer::start().await.unwrap();
    let (_app, app_url) = Server::start().await;
    let (collector, url) = Server::start().await;
    let telemetry = format!("[telemetry]\nendpoint = '{url}'\nmetrics_interval = '1s'\n");
    let running = start(&issuer, &app_url, "", &telemetry).await;
    until(|| collector.exports().len() >= 3).await;
    running.stop().await;
    let times = collector.exports().into_iter().map(|export| {
        let metrics = export
            .scope_metrics
            .into_iter()
            .flat_map(|scope| scope.metrics);
        let mut points = metrics.filter_map(|metric| match metric.data.unwrap() {
            Data::Sum(sum) => sum.data_points.into_iter().next(),
            Data::ExponentialHistogram(_)
            | Data::Gauge(_)
            | Data::Histogram(_)
            | Data::Summary(_) => None,
        });
        points.next().unwrap()
    });
    let times: Vec<_> = times
        .map(|point| (point.start_time_unix_nano, point.time_unix_nano))
        .collect();
    // All count from the same moment.
    assert!(
        times
            .windows(2)
            .all(|pair| pair[0].0 == pair[1].0 && pair[0].1 < pair[1].1),
        "{times:?}"
    );
    assert!(times[2].1 - times[0].1 >= 1_900_000_000, "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_signals_that_are_configured() {
    let issuer = DevIssuer::start().await.unwrap();
    let (_app, app_url) = Server::start().await;
    let token = issuer.user_token(issuer.url()).sign();
    for (signals, has_traces, has_metrics) in [
        ("", true, true),
        ("signals = ['traces', 'metrics']", true, true),
        ("signals = ['traces']", true, false),
        ("signals = ['metrics']", false, true),
    ] {
        let (collector, url) = Server::start().await;
        let telemetry = format!("[telemetry]\nendpoint = '{url}'\n{signals}\n");
        let running = start(&issuer, &app_url, "", &telemetry).await;
        let fields = format!("Authorization: Bearer {token}\r\n");
        get(running.address("proxy"), "/", &fields).await;
        running.stop().await;
        assert_eq!(!collector.spans().is_empty(), has_traces, "{signals}");
        assert_eq!(!collector.exports().is_empty(), has_metrics, "{signals}");
    }
}

/// On one thread, in which the log is read.
#[tokio::test]
async fn a_collector_of_metrics_that_is_down_is_logged_once() {
    let (log, _guard) = Log::listen();
    let issuer = DevIssuer::start().await.unwrap();
    let (_app, app_url) = Server::start().await;
    let telemetry = "[telemetry]\nendpoint = 'http://127.0.0.1:9'\nsignals = ['metrics']\nmetrics_interval = '1s'\n";
    let running = start(&issuer, &app_url, "", telemetry).await;
    let token = issuer.user_token(issuer.url()).sign();
    let fields = format!("Authorization: Bearer {token}\r\n");
    let line = "the collector does not accept metrics";
    until(|| log.text().contains(line)).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2500) {
        let answer = get(running.address("proxy"), "/", &fields).await;
        assert_eq!(status(&answer), 200, "{answer}");
    }
    running.stop().await;
    assert_eq!(log.text().matches(line).count(), 1, "{}", log.text());
}

/// A collector that answers records of logs with these statuses, and everything else well.
async fn answering(statuses: &'static [u16]) -> (Server, String) {
    let server = Server::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let kept = server.clone();
    tokio::spawn(async move {
        let mut statuses = statuses.iter().copied();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let status = match is_for(&head, "/v1/logs") {
                true => statuses.next().expect("no more records"),
                false => 200,
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            stream.read_exact(&mut body).await.unwrap();
            kept.0.lock().unwrap().push((head, body));
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (server, url)
}

/// The records that came for `/v1/logs`.
fn records(server: &Server) -> Vec<LogRecord> {
    let requests = server.0.lock().unwrap();
    let mut records = Vec::new();
    for (head, body) in requests.iter().filter(|(head, _)| is_for(head, "/v1/logs")) {
        assert!(
            head.contains("content-type: application/x-protobuf"),
            "{head}"
        );
        let request = ExportLogsServiceRequest::decode(&**body).unwrap();
        for resource in request.resource_logs {
            let scopes = resource.scope_logs.into_iter();
            records.extend(scopes.flat_map(|scope| scope.log_records));
        }
    }
    records
}

async fn audited(collector: &str) -> (Running, DevIssuer) {
    let issuer = DevIssuer::start().await.expect("a port");
    let text = format!(
        "{}[[routes]]\nname = 'all'\npath_prefix = '/'\n[listen.forward_auth]\naddress = '127.0.0.1:0'\n\
         [telemetry]\nendpoint = '{collector}'\nsignals = ['traces']\n[audit]\nto = 'otlp'\n",
        issuers(&[&issuer])
    );
    (Running::start(&text).await, issuer)
}

#[tokio::test]
async fn the_audit_log_goes_to_the_collector() {
    // The first batch is refused for now, and comes again.
    let (collector, url) = answering(&[503, 200, 200]).await;
    let (running, issuer) = audited(&url).await;
    let token = issuer.user_token(issuer.url()).sign();
    let door = running.address("forward auth");
    assert_eq!(
        status(&get(door, "/auth/nginx", &asking("/x", &token)).await),
        200
    );
    assert_eq!(
        status(&get(door, "/auth/nginx", &asking("/x", "x")).await),
        401
    );
    let of = |record: &LogRecord, key: &str| {
        let mut attributes = record.attributes.iter();
        let found = attributes.find(|attribute| attribute.key == key)?;
        let value = found.value.clone()?.value?;
        if let Value::StringValue(text) = value {
            return Some(text);
        }
        Some(format!("{value:?}"))
    };
    until(|| records(&collector).len() >= 4).await;
    let records = records(&collector);
    let [first, second] = &records[records.len() - 2..] else {
        panic!("{records:?}");
    };
    assert_eq!(of(first, "bearward.decision").as_deref(), Some("admitted"));
    assert_eq!(of(first, "bearward.subject").as_deref(), Some(SUBJECT));
    assert_eq!(
        of(first, "bearward.status").as_deref(),
        Some("IntValue(200)")
    );
    assert_eq!(first.trace_id.len(), 16);
    assert_eq!(
        of(second, "bearward.reason").as_deref(),
        Some("not_compact_jws")
    );
    assert_eq!(of(second, "bearward.subject"), None);
    let metrics = running.metrics.encode().unwrap();
    assert!(
        metrics.contains("bearward_audit_lines_lost_total 0\n"),
        "{metrics}"
    );
    running.stop().await;
}

#[tokio::test]
async fn what_the_collector_refuses_of_the_audit_log_is_counted() {
    let (_collector, url) = answering(&[400, 400, 400, 400]).await;
    let (running, issuer) = audited(&url).await;
    let token = issuer.user_token(issuer.url()).sign();
    let door = running.address("forward auth");
    assert_eq!(
        status(&get(door, "/auth/nginx", &asking("/x", &token)).await),
        200
    );
    let lost = "bearward_audit_lines_lost_total 1\n";
    until(|| running.metrics.encode().unwrap().contains(lost)).await;
    running.stop().await;
}
