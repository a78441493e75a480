//! OpenTelemetry: a span for each request, and metrics, sent to a collector by OTLP over HTTP.
//!
//! A span contains what the access log contains, under the same rule: everything comes from
//! configuration or is a fixed code, nothing is text that the sender chose. The trace that a request
//! names ([W3C Trace Context]) is continued if its sender is trusted. Otherwise a new one begins: the
//! sender could choose ids and whether it is recorded. Requests to applications name our span.
//!
//! [W3C Trace Context]: https://www.w3.org/TR/trace-context/

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HeaderInjector, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span as SdkSpan};
use reqwest::redirect::Policy;
use tokio::runtime::Handle;
use url::Url;

use crate::record::request::{Door, Record, known};

pub(crate) mod audit;
mod head;
pub(crate) mod metrics;
mod open_metrics;

/// Where traces go; nowhere by default. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Telemetry(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    continues: Continues,
}

/// A collector, and what it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// The base of its URLs.
    pub(crate) endpoint: Option<Url>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) metrics_interval: Option<Duration>,
    pub(crate) service_name: Option<String>,
    pub(crate) continues: Continues,
}

/// What a collector gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The audit log.
    Logs,
    Metrics,
    Traces,
}

impl Signal {
    /// Those that `signals` names.
    pub(crate) const CHOSEN: [Self; 2] = [Self::Traces, Self::Metrics];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Traces => "traces",
        }
    }
}

impl TelemetrySettings {
    pub(crate) fn has(&self, signal: Signal) -> bool {
        self.signals.contains(&signal)
    }

    /// Where a signal goes; `None` if the environment says.
    fn endpoint_of(&self, signal: Signal) -> Option<String> {
        let base = self.endpoint.as_ref()?.as_str();
        Some(format!(
            "{}/v1/{}",
            base.trim_end_matches('/'),
            signal.as_str()
        ))
    }
}

/// Which traces are continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continues {
    None,
    /// Those that a trusted proxy names.
    OfProxies,
}

/// Who names the trace that a request is part of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TraceParent<'r> {
    /// A trusted proxy, in these fields.
    Proxy(&'r HeaderMap),
    /// A sender who is not trusted.
    Untrusted,
}

impl Telemetry {
    /// Traces to the collector of these settings, if it gets any. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`TelemetryError`] if the exporter cannot be set up. Does not check that the collector answers.
    pub fn start(settings: &TelemetrySettings) -> Result<Self, TelemetryError> {
        if !settings.has(Signal::Traces) {
            return Ok(Self::default());
        }
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(Client::new(Signal::Traces)?);
        if let Some(endpoint) = settings.endpoint_of(Signal::Traces) {
            exporter = exporter.with_endpoint(endpoint);
        }
        let exporter = exporter
            .build()
            .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(settings))
            .with_batch_exporter(exporter)
            .build();
        let tracer = provider.tracer("bearward");
        let continues = settings.continues;
        Ok(Self(Some(Arc::new(Inner {
            provider,
            tracer,
            continues,
        }))))
    }

    /// Begins the span of a request.
    pub(crate) fn trace(&self, door: Door, method: &Method, parent: TraceParent<'_>) -> Trace {
        let Some(inner) = &self.0 else {
            return Trace(None);
        };
        let parent = match (inner.continues, parent) {
            (Continues::OfProxies, TraceParent::Proxy(fields)) => TraceContextPropagator::new()
                .extract_with_context(&Context::new(), &HeaderExtractor(fields)),
            _ => Context::new(),
        };
        let method = known(method);
        let attributes = [
            KeyValue::new("http.request.method", method),
            KeyValue::new("bearward.door", door.as_str()),
        ];
        let span = inner
            .tracer
            .span_builder(method)
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let span = inner.tracer.build_with_context(span, &parent);
        Trace(Some(Box::new(Begun { method, span })))
    }

    /// Sends the remaining spans, for some seconds at most.
    pub(crate) async fn stop(self) {
        let Some(inner) = self.0 else {
            return;
        };
        let stopped = move || inner.provider.shutdown_with_timeout(LAST_EXPORT);
        match tokio::task::spawn_blocking(stopped).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces were not sent"),
            Err(error) => tracing::error!(%error, "the last traces were not sent"),
        }
    }
}

/// The span of one request; empty if traces are off. It ends when dropped.
#[derive(Debug, Default)]
pub(crate) struct Trace(Option<Box<Begun>>);

#[derive(Debug)]
struct Begun {
    method: &'static str,
    span: SdkSpan,
}

impl Trace {
    /// Names our span to the application, replacing the client's.
    pub(crate) fn pass_on(&self, headers: &mut HeaderMap) {
        let Some(begun) = &self.0 else {
            return;
        };
        let ours = begun.span.span_context().clone();
        let context = Context::new().with_remote_span_context(ours);
        headers.remove(TRACESTATE);
        TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(headers));
        if headers
            .get(TRACESTATE)
            .is_some_and(|state| state.is_empty())
        {
            headers.remove(TRACESTATE);
        }
    }

    /// The id of the trace, if it is recorded.
    pub(crate) fn id(&self) -> Option<Box<str>> {
        let context = self.0.as_ref()?.span.span_context();
        let is_recorded = context.is_sampled();
        is_recorded.then(|| context.trace_id().to_string().into())
    }

    /// Ends the span with the outcome of the request.
    pub(crate) fn end(&mut self, request: &Record) {
        let Some(mut begun) = self.0.take() else {
            return;
        };
        let span = &mut begun.span;
        span.set_attribute(KeyValue::new("bearward.reason", request.reason));
        let id = request.request.id.as_str().to_owned();
        span.set_attribute(KeyValue::new("bearward.request_id", id));
        let status = request.status.as_u16();
        span.set_attribute(KeyValue::new(
            "http.response.status_code",
            i64::from(status),
        ));
        if let Some(route) = &request.route {
            let route = Arc::clone(route);
            span.update_name(format!("{} {route}", begun.method));
            span.set_attribute(KeyValue::new("bearward.route", route));
        }
        if let Some(shadowed) = request.shadowed {
            span.set_attribute(KeyValue::new("bearward.shadowed", shadowed));
        }
        if let Some(upstream) = &request.upstream {
            span.set_attribute(KeyValue::new("bearward.upstream", Arc::clone(upstream)));
        }
        if request.status.is_server_error() {
            span.set_attribute(KeyValue::new("error.type", request.reason));
            span.set_status(Status::error(request.reason));
        }
        span.end();
    }
}

/// Why there are no traces or metrics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// There is no HTTP client.
    #[error("telemetry: the HTTP client cannot be set up: {0}")]
    Client(String),
    /// The exporter refused its settings, which may come from the environment.
    #[error("telemetry: {0}")]
    Exporter(String),
}

/// Our identity in traces and metrics, from the configuration or the environment.
fn resource(settings: &TelemetrySettings) -> Resource {
    let detected = Resource::builder().build();
    let name = detected.get(&SERVICE_NAME.into());
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let builder = Resource::builder();
    match &settings.service_name {
        Some(name) => builder.with_service_name(name.clone()).build(),
        None if is_named => detected,
        None => builder.with_service_name("bearward").build(),
    }
}

/// Sends batches from whichever thread gathers them, on the runtime that serves.
#[derive(Debug)]
struct Client {
    signal: Signal,
    http: reqwest::Client,
    runtime: Handle,
    /// Whether the last batch failed, so that an outage is logged once.
    is_failing: AtomicBool,
}

impl Client {
    fn new(signal: Signal) -> Result<Self, TelemetryError> {
        let failed = |error: &dyn std::error::Error| TelemetryError::Client(error.to_string());
        let http = reqwest::Client::builder()
            .timeout(EXPORT)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self {
            signal,
            http,
            runtime: Handle::try_current().map_err(|error| failed(&error))?,
            is_failing: AtomicBool::new(false),
        })
    }

    fn report(&self, is_taken: bool) {
        let was_failing = self.is_failing.swap(!is_taken, Ordering::Relaxed);
        let signal = self.signal.as_str();
        match (was_failing, is_taken) {
            (false, false) => tracing::warn!("the collector does not accept {signal}"),
            (true, true) => tracing::info!("the collector accepts {signal} again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let request = reqwest::Request::try_from(request)?;
            let mut response = http.execute(request).await?;
            let status = response.status();
            let mut body = Vec::new();
            // A collector's answer to a batch is short; no more is read.
            while body.len() < ANSWER_BYTES {
                match response.chunk().await? {
                    Some(chunk) => body.extend_from_slice(&chunk),
                    None => break,
                }
            }
            Ok::<_, reqwest::Error>((status, Bytes::from(body)))
        });
        let answered = sent.await;
        let is_taken = matches!(&answered, Ok(Ok((status, _))) if status.is_success());
        self.report(is_taken);
        let (status, body): (StatusCode, Bytes) = answered??;
        let mut response = http::Response::new(body);
        *response.status_mut() = status;
        Ok(response)
    }
}

/// How long a batch may take.
const EXPORT: Duration = Duration::from_secs(10);

/// How long the last one may take, when the program ends.
const LAST_EXPORT: Duration = Duration::from_secs(3);

const ANSWER_BYTES: usize = 64 * 1024;

const SERVICE_NAME: &str = "service.name";

const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use opentelemetry_http::HttpClient;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::{Client, EXPORT, Signal};

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_takes_too_long_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        // Accepts and reads, but never answers.
        let silent = tokio::spawn(async move {
            let (_stream, _) = listener.accept().await.unwrap();
            std::future::pending::<()>().await;
        });
        let client = Client::new(Signal::Traces).unwrap();
        let began = Instant::now();
        let request = http::Request::post(url).body(Bytes::from_static(b"spans"));
        assert!(client.send_bytes(request.unwrap()).await.is_err());
        assert_eq!(began.elapsed().as_secs(), EXPORT.as_secs());
        silent.abort();
    }
}
