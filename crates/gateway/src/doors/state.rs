//! The state of what is in force, as metrics: keys, the addresses of upstreams, requests in progress.
//! It is read whenever the metrics are.

use std::fmt;

use bearward::fetch::FetchError;
use bearward::token_cache::TokenCacheState;
use bearward::{IssuerState, ResourceServer, UnixTime};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::in_force::Current;
use super::proxy::{Purpose, Upstreams};
use crate::record::metrics::Metrics;

impl Metrics {
    /// Counters start from zero; the state of keys and addresses is read from the configuration in
    /// force.
    #[must_use]
    pub fn new(current: Current) -> Self {
        Self::with(Box::new(State(current)))
    }
}

#[derive(Debug)]
struct State(Current);

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let in_force = self.0.load();
        encode_keys(in_force.server(), &mut encoder)?;
        if let Some(cache) = in_force.server().token_cache() {
            encode_token_cache(&cache, &mut encoder)?;
        }
        if let Some(failures) = in_force.counted_failures() {
            let clients = u64::try_from(failures.clients_over_limit()).unwrap_or(u64::MAX);
            let help = "Clients whose tokens fail too often, so that few more of them are checked";
            encode_gauge(
                &mut encoder,
                ("clients_over_failure_limit", help),
                None,
                clients,
            )?;
        }
        encode_upstreams(in_force.all_upstreams(), &mut encoder)
    }
}

/// The state of the keys of each issuer.
fn encode_keys(server: &ResourceServer, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let (states, now) = (server.state(), server.now());
    for (name, help, value) in KEY_SETS {
        let rows = states.iter().filter_map(|state| {
            let value = ConstGauge::new(value(state, now)?);
            Some(([("issuer", state.issuer.as_str())], value))
        });
        encode_family(encoder, MetricType::Gauge, (name, help), rows)?;
    }
    let fetches = states.iter().flat_map(|state| {
        let failed = state.keys.failed_fetches;
        let succeeded = state.keys.fetches.saturating_sub(failed);
        [("succeeded", succeeded), ("failed", failed)].map(|(outcome, count)| {
            let issuer = ("issuer", state.issuer.as_str());
            ([issuer, ("outcome", outcome)], ConstCounter::new(count))
        })
    });
    let help = "Fetches of keys that have ended, by outcome";
    encode_family(
        encoder,
        MetricType::Counter,
        ("keys_fetches", help),
        fetches,
    )?;
    let failures = states.iter().filter_map(|state| {
        let reason = code_of(state.keys.last_error.as_ref()?);
        let issuer = ("issuer", state.issuer.as_str());
        Some(([issuer, ("reason", reason)], ConstGauge::new(1.0)))
    });
    let help = "1 for an issuer whose last fetch failed, with the reason";
    encode_family(
        encoder,
        MetricType::Gauge,
        ("keys_fetch_failed", help),
        failures,
    )
}

/// How often the token cache had a token, and how many tokens and bytes it holds.
fn encode_token_cache(cache: &TokenCacheState, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "Tokens looked up among those verified before, by outcome";
    let lookups = [("hit", cache.hits), ("miss", cache.misses)];
    let lookups =
        lookups.map(|(outcome, count)| ([("outcome", outcome)], ConstCounter::new(count)));
    encode_family(
        encoder,
        MetricType::Counter,
        ("token_cache_lookups", help),
        lookups,
    )?;
    let entries = u64::try_from(cache.entries).unwrap_or(u64::MAX);
    let gauges = [
        (
            "token_cache_entries",
            "Verified tokens that are remembered",
            None,
            entries,
        ),
        (
            "token_cache",
            "The memory that remembered tokens are counted as",
            Some(&Unit::Bytes),
            cache.bytes,
        ),
    ];
    for (name, help, unit, value) in gauges {
        encode_gauge(encoder, (name, help), unit, value)?;
    }
    Ok(())
}

/// Writes one gauge without labels.
fn encode_gauge(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    unit: Option<&Unit>,
    value: u64,
) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    let metric = encoder.encode_descriptor(name, help, unit, gauge.metric_type())?;
    gauge.encode(metric)
}

/// Which upstream addresses can be connected to, and what is in progress to each upstream.
fn encode_upstreams(upstreams: &Upstreams, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let states = upstreams.state();
    let addresses = states.iter().map(|state| {
        let labels = [("upstream", &*state.upstream), ("address", &*state.address)];
        (labels, ConstGauge::new(f64::from(u8::from(state.is_up))))
    });
    let help = "1 if the address of an upstream can be connected to, as far as is known";
    encode_family(encoder, MetricType::Gauge, ("upstream_up", help), addresses)?;
    for (name, help, purpose) in LOADS {
        let loads = upstreams.loads(purpose).into_iter();
        let loads = loads.map(|(upstream, load)| {
            let load = ConstGauge::new(f64::from(load));
            ([("upstream", upstream)], load)
        });
        encode_family(encoder, MetricType::Gauge, (name, help), loads)?;
    }
    Ok(())
}

/// Writes one metric for each set of labels.
fn encode_family<'l, M: EncodeMetric, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    kind: MetricType,
    (name, help): (&str, &str),
    rows: impl IntoIterator<Item = ([(&'static str, &'l str); N], M)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    rows.into_iter()
        .try_for_each(|(labels, metric)| metric.encode(family.encode_family(&labels)?))
}

const LOADS: [(&str, &str, Purpose); 2] = [
    (
        "upstream_requests_in_progress",
        "Requests in progress to an upstream",
        Purpose::Request,
    ),
    (
        "upstream_streams_in_progress",
        "WebSockets, streams of events and gRPC calls in progress to an upstream",
        Purpose::Stream,
    ),
];

type KeySetValue = fn(&IssuerState, UnixTime) -> Option<f64>;

const KEY_SETS: [(&str, &str, KeySetValue); 4] = [
    (
        "keys_usable",
        "1 if the tokens of the issuer can be verified",
        |state, _| Some(f64::from(u8::from(state.keys.is_usable))),
    ),
    (
        "keys_stale",
        "1 if the keys are older than the issuer said they are fresh",
        |state, _| Some(f64::from(u8::from(state.keys.is_stale))),
    ),
    (
        "keys_age_seconds",
        "How long ago the keys were fetched, or found unchanged",
        |state, now| {
            let age = now.since(state.keys.fetched_at?).unwrap_or_default();
            Some(age.as_secs_f64())
        },
    ),
    (
        "keys_generation",
        "How often the key set has changed",
        |state, _| {
            let generation = u32::try_from(state.keys.generation).unwrap_or(u32::MAX);
            Some(f64::from(generation))
        },
    ),
];

/// A fixed code for each way a fetch fails.
const fn code_of(error: &FetchError) -> &'static str {
    match error {
        FetchError::Authorization => "authorization",
        FetchError::ClientCertificate => "client_certificate",
        FetchError::Connect(_) => "connect",
        FetchError::Discovery(_) => "discovery",
        FetchError::Interrupted => "interrupted",
        FetchError::IssuerMismatch { .. } => "issuer_mismatch",
        FetchError::JwkSet(_) => "jwk_set",
        FetchError::NotMetadata => "not_metadata",
        FetchError::Proxy => "proxy",
        FetchError::Redirect(_) => "redirect_refused",
        FetchError::Status(_) => "status",
        FetchError::Timeout => "fetch_timeout",
        FetchError::Tls(_) => "tls",
        FetchError::TooLarge => "jwks_too_large",
        FetchError::UrlScheme => "url_scheme",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use bearward::fetch::{ConnectFailure, TlsFailure};

    use super::{FetchError, code_of};

    const MANUAL: &str = include_str!("../../../../docs/gateway.md");

    #[test]
    fn the_manual_has_the_code_of_each_failed_fetch() {
        for error in [
            FetchError::Authorization,
            FetchError::ClientCertificate,
            FetchError::Connect(ConnectFailure::Refused),
            FetchError::Interrupted,
            FetchError::IssuerMismatch {
                named: "https://other.example".into(),
                configured: "https://id.example".into(),
            },
            FetchError::NotMetadata,
            FetchError::Proxy,
            FetchError::Redirect(307),
            FetchError::Status(500),
            FetchError::Timeout,
            FetchError::Tls(TlsFailure::Authority),
            FetchError::TooLarge,
            FetchError::UrlScheme,
        ] {
            let code = code_of(&error);
            assert!(MANUAL.contains(&format!("`{code}`")), "{code}");
        }
    }
}
