//! `[telemetry]`: where traces go.

use url::Url;

use crate::record::telemetry::{Continues, TelemetrySettings};

use super::description::{ROOT, Root, TELEMETRY, Telemetry};
use super::mistakes::Code;
use super::reader::{Fields, is_bare};

pub(super) fn read(fields: &Fields<'_, Root>) -> Option<TelemetrySettings> {
    let fields = ROOT.telemetry.read(fields)?;
    let continues = if TELEMETRY.trust_traceparent.read(&fields) {
        Continues::OfProxies
    } else {
        Continues::None
    };
    let service_name = TELEMETRY.service_name.read(&fields);
    Some(TelemetrySettings {
        endpoint: endpoint(&fields),
        service_name: service_name.map(|name| name.value.to_owned()),
        continues,
    })
}

/// The URL to send traces to, below the given base.
fn endpoint(fields: &Fields<'_, Telemetry>) -> Option<Url> {
    let given = TELEMETRY.endpoint.read(fields)?;
    let url = given.value.parse::<Url>().ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && is_bare(url));
    let Some(mut url) = url else {
        let message = |shown: &str| {
            format!("`endpoint` must be a URL such as \"http://127.0.0.1:4318\", not {shown}")
        };
        let help =
            "set credentials in OTEL_EXPORTER_OTLP_HEADERS, which sends them as header fields";
        fields.report_url((Code::Value, &TELEMETRY.endpoint), &given, message, help);
        return None;
    };
    let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Some(url)
}
