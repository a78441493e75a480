//! The audit log for OpenTelemetry: each of its lines becomes a record of OTLP, sent to the collector in batches.
//!
//! The thread that writes the audit log sends them, so no request waits for the collector. A batch that the
//! collector does not take is sent again, and lost after the last try; the audit log counts its lines.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{LogExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _};
use prometheus_client::metrics::counter::Counter;
use prost::Message;
use serde_json::Value as Json;

use super::head::Kept;
use super::open_metrics::attribute;
use super::{Client, Signal, TelemetryError, TelemetrySettings, resource};

/// Sends lines of the audit log.
#[derive(Debug)]
pub(crate) struct AuditExport {
    client: Client,
    /// A request without a body: where records go, and with which fields.
    head: Request<()>,
    resource: Resource,
    /// How many records a collector refused of batches that it took.
    rejected: Counter,
}

impl AuditExport {
    /// An export to the collector of these settings. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`TelemetryError`] if the exporter cannot be set up. Does not check that the collector answers.
    pub(crate) fn new(
        settings: &TelemetrySettings,
        rejected: Counter,
    ) -> Result<Self, TelemetryError> {
        let attributes = resource(settings);
        let attributes = attributes.iter();
        let attributes = attributes.map(|(key, value)| attribute(key.as_str(), &value.as_str()));
        Ok(Self {
            client: Client::new(Signal::Logs)?,
            head: head(settings)?,
            resource: Resource {
                attributes: attributes.collect(),
                ..Resource::default()
            },
            rejected,
        })
    }

    /// Whether the collector takes these records; `None` if it may take them later.
    fn send(&self, body: &Bytes) -> Option<bool> {
        let request = self.head.clone().map(|()| body.clone());
        let sent = self
            .client
            .runtime
            .block_on(self.client.send_bytes(request));
        if let Ok(response) = &sent {
            self.rejected.inc_by(rejected(response));
        }
        match sent.map(|response| response.status()) {
            Ok(status) if status.is_success() => Some(true),
            // What may be sent again, as the protocol says.
            Ok(
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT,
            )
            | Err(_) => None,
            Ok(_) => Some(false),
        }
    }
}

impl Write for AuditExport {
    /// Takes all of the lines, or none.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let records = lines.split(|byte| *byte == b'\n').filter_map(record);
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(self.resource.clone()),
                scope_logs: vec![ScopeLogs {
                    scope: Some(InstrumentationScope {
                        name: "bearward".to_owned(),
                        ..InstrumentationScope::default()
                    }),
                    log_records: records.collect(),
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            }],
        };
        let body = Bytes::from(request.encode_to_vec());
        for pause in PAUSES {
            match self.send(&body) {
                Some(true) => return Ok(lines.len()),
                Some(false) => break,
                None => thread::sleep(pause),
            }
        }
        Err(io::Error::other(
            "the collector does not take the audit log",
        ))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many records the collector did not take of a batch that it did.
fn rejected(response: &Response<Bytes>) -> u64 {
    let answer = ExportLogsServiceResponse::decode(response.body().as_ref()).ok();
    let partial = answer.filter(|_| response.status().is_success());
    let partial = partial.and_then(|answer| answer.partial_success);
    let count = partial.map_or(0, |partial| partial.rejected_log_records);
    u64::try_from(count).unwrap_or_default()
}

/// The record of a line.
fn record(line: &[u8]) -> Option<LogRecord> {
    let line: Json = serde_json::from_slice(line).ok()?;
    let text = |name: &str| line.get(name).and_then(Json::as_str).unwrap_or_default();
    let time = text("timestamp").parse::<jiff::Timestamp>().ok()?;
    let time = u64::try_from(time.as_nanosecond()).unwrap_or_default();
    let fields = line.get("fields")?.as_object()?;
    let trace = fields.get("trace").and_then(Json::as_str);
    let attributes = fields.iter();
    let attributes = attributes.filter(|(name, _)| !["message", "trace"].contains(&name.as_str()));
    Some(LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time,
        severity_number: match text("level") {
            "INFO" => SeverityNumber::Info,
            _ => SeverityNumber::Warn,
        }
        .into(),
        severity_text: text("level").to_owned(),
        body: fields.get("message").map(any),
        attributes: attributes
            .map(|(name, value)| member(&format!("bearward.{name}"), value))
            .collect(),
        trace_id: trace.map(bytes_of).unwrap_or_default(),
        ..LogRecord::default()
    })
}

fn member(name: &str, value: &Json) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(any(value)),
        ..KeyValue::default()
    }
}

fn any(value: &Json) -> AnyValue {
    let value = match value {
        Json::String(text) => Value::StringValue(text.clone()),
        Json::Number(number) => Value::IntValue(number.as_i64().unwrap_or(i64::MAX)),
        Json::Object(members) => Value::KvlistValue(KeyValueList {
            values: members
                .iter()
                .map(|(name, value)| member(name, value))
                .collect(),
        }),
        Json::Bool(value) => Value::BoolValue(*value),
        // No field of a line is one of these.
        Json::Array(_) | Json::Null => Value::StringValue(value.to_string()),
    };
    AnyValue { value: Some(value) }
}

/// The bytes of hexadecimal digits.
fn bytes_of(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    let bytes = pairs.map(|pair| {
        let pair = str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    bytes.collect::<Option<_>>().unwrap_or_default()
}

fn head(settings: &TelemetrySettings) -> Result<Request<()>, TelemetryError> {
    let kept = Kept::default();
    let mut exporter = LogExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(kept.clone());
    if let Some(endpoint) = settings.endpoint_of(Signal::Logs) {
        exporter = exporter.with_endpoint(endpoint);
    }
    let exporter = exporter.build();
    let exporter = exporter.map_err(|error| TelemetryError::Exporter(error.to_string()))?;
    kept.head(exporter.export(LogBatch::new(&[])))
}

/// How long after each try the next one is; after the last, the batch is lost.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::ZERO,
];

#[cfg(test)]
mod tests {
    use super::{bytes_of, record};

    #[test]
    fn a_line_is_a_record() {
        let line = br#"{"timestamp":"2026-11-30T21:00:00.5Z","level":"INFO","fields":{"message":"decision","trace":"0af7651916cd43dd8448eb211c80319c","status":200,"act":{"sub":"a"}},"target":"bearward::audit"}"#;
        let record = record(line).unwrap();
        assert_eq!(record.time_unix_nano, 1_796_072_400_500_000_000);
        assert_eq!(record.trace_id.len(), 16);
        let names: Vec<_> = record.attributes.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(names, ["bearward.act", "bearward.status"]);
        assert_eq!(record.severity_text, "INFO");
        assert!(super::record(b"").is_none());
        assert!(super::record(b"{}").is_none());
    }

    #[test]
    fn digits_are_bytes() {
        assert_eq!(bytes_of("0aff"), [10, 255]);
        assert!(bytes_of("zz").is_empty());
    }
}
