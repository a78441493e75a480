//! Metrics for OpenTelemetry: the numbers of `/metrics`, sent to the same collector at intervals.
//!
//! They are counted once. What is sent is read from the text of `/metrics`, so the two cannot differ.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_sdk::metrics::data;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use prost::Message;
use tokio::time::MissedTickBehavior;

use super::head::Kept;
use super::open_metrics::{Starts, attribute, read};
use super::{Client, LAST_EXPORT, Signal, TelemetryError, TelemetrySettings, resource};
use crate::record::metrics::Metrics;

/// Sends the metrics, from its first moment until it is stopped.
#[derive(Debug)]
pub(crate) struct MetricExport {
    client: Client,
    /// A request without a body: where metrics go, and with which fields.
    head: Request<()>,
    resource: Resource,
    interval: Duration,
    starts: Starts,
}

impl MetricExport {
    /// An export to the collector of these settings. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`TelemetryError`] if the exporter cannot be set up. Does not check that the collector answers.
    pub(crate) fn new(settings: &TelemetrySettings) -> Result<Self, TelemetryError> {
        let attributes = resource(settings);
        let attributes = attributes.iter();
        let attributes = attributes.map(|(key, value)| attribute(key.as_str(), &value.as_str()));
        Ok(Self {
            client: Client::new(Signal::Metrics)?,
            head: head(settings)?,
            resource: Resource {
                attributes: attributes.collect(),
                ..Resource::default()
            },
            interval: settings.metrics_interval.unwrap_or_else(interval),
            starts: Starts::at(now()),
        })
    }

    /// Sends them at once, at each interval, and a last time after `stop`.
    pub(crate) async fn run(mut self, metrics: Arc<Metrics>, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut ticks = tokio::time::interval(self.interval);
        // A collector that was away does not get all that it missed at once: each export has everything.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = async {
                ticks.tick().await;
                self.send(&metrics).await;
            };
            tokio::select! {
                () = &mut stop => break,
                () = next => {}
            }
        }
        if tokio::time::timeout(LAST_EXPORT, self.send(&metrics))
            .await
            .is_err()
        {
            tracing::warn!("the last metrics were not sent in time");
        }
    }

    /// A failure is logged by the client, and what was counted goes with the next export.
    async fn send(&mut self, metrics: &Arc<Metrics>) {
        let metrics = Arc::clone(metrics);
        // Thousands of lines take milliseconds, in which requests are served.
        let encoded = tokio::task::spawn_blocking(move || metrics.encode()).await;
        let Ok(Ok(text)) = encoded else {
            return tracing::error!("the metrics cannot be written");
        };
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(InstrumentationScope {
                        name: SCOPE.to_owned(),
                        ..InstrumentationScope::default()
                    }),
                    metrics: read(&text, &mut self.starts, now()),
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        };
        let head = self.head.clone();
        let request = head.map(|()| Bytes::from(request.encode_to_vec()));
        let _ = self.client.send_bytes(request).await;
    }
}

fn head(settings: &TelemetrySettings) -> Result<Request<()>, TelemetryError> {
    let kept = Kept::default();
    let mut exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(kept.clone());
    if let Some(endpoint) = settings.endpoint_of(Signal::Metrics) {
        exporter = exporter.with_endpoint(endpoint);
    }
    let exporter = exporter.build();
    let exporter = exporter.map_err(|error| TelemetryError::Exporter(error.to_string()))?;
    let nothing = data::ResourceMetrics::default();
    kept.head(exporter.export(&nothing))
}

/// The interval that the environment names, in milliseconds, or that of the specification.
fn interval() -> Duration {
    let named = std::env::var("OTEL_METRIC_EXPORT_INTERVAL").ok();
    let named = named.and_then(|text| text.parse().ok());
    named.map_or(INTERVAL, Duration::from_millis).max(SHORTEST)
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

const SCOPE: &str = "bearward";

const INTERVAL: Duration = Duration::from_secs(60);

/// An export has every series, so a shorter interval is a mistake.
pub(crate) const SHORTEST: Duration = Duration::from_secs(1);
