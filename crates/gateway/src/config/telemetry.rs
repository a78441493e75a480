//! `[telemetry]`: where traces and metrics go.

use std::time::Duration;

use url::Url;

use crate::record::telemetry::metrics::SHORTEST;
use crate::record::telemetry::{Continues, Signal, TelemetrySettings};

use super::description::{ROOT, Root, TELEMETRY, Telemetry};
use super::key::Field;
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
    let signals = signals(&fields);
    report_useless(&fields, &signals);
    Some(TelemetrySettings {
        endpoint: endpoint(&fields),
        service_name: service_name.map(|name| name.value.to_owned()),
        continues,
        signals,
        metrics_interval: interval(&fields),
    })
}

/// What is sent: everything, unless the key says otherwise.
fn signals(fields: &Fields<'_, Telemetry>) -> Vec<Signal> {
    let key = &TELEMETRY.signals;
    if !fields.has(key) {
        return Signal::CHOSEN.to_vec();
    }
    if fields.is_empty(key) {
        let message = "`signals` is empty, so nothing would be sent";
        fields.report(Code::Value, key, message, "leave out `[telemetry]`");
    }
    let help = "write \"traces\", \"metrics\" or both";
    fields.parse_each(key.read(fields), help, |given| {
        let mut all = Signal::CHOSEN.into_iter();
        let found = all.find(|signal| signal.as_str() == given);
        found.ok_or_else(|| format!("`signals` takes \"traces\" and \"metrics\", not {given:?}"))
    })
}

/// Reports the keys about a signal that is not sent.
fn report_useless(fields: &Fields<'_, Telemetry>, signals: &[Signal]) {
    let keys: [(&Field, Signal); 2] = [
        (&TELEMETRY.metrics_interval, Signal::Metrics),
        (&TELEMETRY.trust_traceparent, Signal::Traces),
    ];
    let is_known = !fields.has_mistake(&TELEMETRY.signals);
    let useless = |key: &Field, signal: &Signal| fields.has(key) && !signals.contains(signal);
    for (key, signal) in keys
        .iter()
        .filter(|(key, signal)| is_known && useless(key, signal))
    {
        let signal = signal.as_str();
        let message = format!("`{key}` has no effect: `signals` does not have \"{signal}\"");
        fields.report(
            Code::Value,
            key,
            message,
            format!("add \"{signal}\" to `signals`"),
        );
    }
}

fn interval(fields: &Fields<'_, Telemetry>) -> Option<Duration> {
    let key = &TELEMETRY.metrics_interval;
    let interval = key.read(fields)?;
    if interval < SHORTEST {
        let message = format!("`metrics_interval` must be at least 1s, not {interval:?}");
        fields.report(Code::Value, key, message, "write \"1s\" or more");
    }
    Some(interval)
}

/// The base of the URLs to send to.
fn endpoint(fields: &Fields<'_, Telemetry>) -> Option<Url> {
    let given = TELEMETRY.endpoint.read(fields)?;
    let url = given.value.parse::<Url>().ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && is_bare(url));
    let Some(url) = url else {
        let message = |shown: &str| {
            format!("`endpoint` must be a URL such as \"http://127.0.0.1:4318\", not {shown}")
        };
        let help =
            "set credentials in OTEL_EXPORTER_OTLP_HEADERS, which sends them as header fields";
        fields.report_url((Code::Value, &TELEMETRY.endpoint), &given, message, help);
        return None;
    };
    Some(url)
}
