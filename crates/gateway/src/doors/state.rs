//! The state of what is in force, as metrics: keys, the addresses of upstreams, requests in progress.
//! It is read whenever the metrics are.

use std::fmt;

use bearward::fetch::FetchError;
use bearward::token_cache::TokenCacheState;
use bearward::{IssuerState, UnixTime};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::in_force::Current;
use super::proxy::UpstreamLoad;
use crate::record::metrics::Metrics;

impl Metrics {
    /// Counters start from zero; the state of keys and addresses is read from the configuration in
    /// force.
    #[must_use]
    pub fn new(current: Current) -> Self {
        let collectors: [Box<dyn Collector>; 3] = [
            Box::new(KeySets(current.clone())),
            Box::new(Addresses(current.clone())),
            Box::new(Loads(current)),
        ];
        Self::with(collectors)
    }
}

/// The state of keys, read whenever the metrics are.
#[derive(Debug)]
struct KeySets(Current);

impl Collector for KeySets {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let in_force = self.0.load();
        let (states, now) = (in_force.server().state(), in_force.server().now());
        for (name, help, value) in KEY_SETS {
            let kind = ConstGauge::new(0.0).metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            let values = states
                .iter()
                .filter_map(|state| Some((state.issuer.as_str(), value(state, now)?)));
            for (issuer, value) in values {
                let labels = [("issuer", issuer)];
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Fetches of keys that have ended, by outcome";
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = encoder.encode_descriptor("keys_fetches", help, None, kind)?;
        for state in &states {
            let failed = state.keys.failed_fetches;
            let succeeded = state.keys.fetches.saturating_sub(failed);
            for (outcome, count) in [("succeeded", succeeded), ("failed", failed)] {
                let labels = [("issuer", state.issuer.as_str()), ("outcome", outcome)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "1 for an issuer whose last fetch failed, with the reason";
        let kind = ConstGauge::new(0.0).metric_type();
        let mut family = encoder.encode_descriptor("keys_fetch_failed", help, None, kind)?;
        for state in &states {
            let Some(error) = &state.keys.last_error else {
                continue;
            };
            let labels = [
                ("issuer", state.issuer.as_str()),
                ("reason", code_of(error)),
            ];
            ConstGauge::new(1.0).encode(family.encode_family(&labels)?)?;
        }
        match in_force.server().token_cache() {
            Some(cache) => encode_token_cache(&cache, &mut encoder),
            None => Ok(()),
        }
    }
}

/// How often the token cache had a token, and how many tokens and bytes it holds.
fn encode_token_cache(
    cache: &TokenCacheState,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    let help = "Tokens looked up among those verified before, by outcome";
    let kind = ConstCounter::new(0_u64).metric_type();
    let mut family = encoder.encode_descriptor("token_cache_lookups", help, None, kind)?;
    for (outcome, count) in [("hit", cache.hits), ("miss", cache.misses)] {
        ConstCounter::new(count).encode(family.encode_family(&[("outcome", outcome)])?)?;
    }
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
        let gauge = ConstGauge::new(value);
        let metric = encoder.encode_descriptor(name, help, unit, gauge.metric_type())?;
        gauge.encode(metric)?;
    }
    Ok(())
}

/// Which upstream addresses can be connected to, read whenever the metrics are.
#[derive(Debug)]
struct Addresses(Current);

impl Collector for Addresses {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "1 if the address of an upstream can be connected to, as far as is known";
        let kind = ConstGauge::new(0.0).metric_type();
        let mut family = encoder.encode_descriptor("upstream_up", help, None, kind)?;
        for state in self.0.load().all_upstreams().state() {
            let labels = [
                ("upstream", &*state.upstream),
                ("address", state.address.as_str()),
            ];
            let value = f64::from(u8::from(state.is_up));
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// What is in progress to each upstream, read whenever the metrics are.
#[derive(Debug)]
struct Loads(Current);

impl Collector for Loads {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let loads = self.0.load().all_upstreams().loads();
        for (name, help, value) in LOADS {
            let kind = ConstGauge::new(0.0).metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for load in &loads {
                let labels = [("upstream", &*load.upstream)];
                let value = f64::from(value(load));
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

type LoadValue = fn(&UpstreamLoad) -> u32;

const LOADS: [(&str, &str, LoadValue); 2] = [
    (
        "upstream_requests_in_progress",
        "Requests in progress to an upstream",
        |load| load.requests,
    ),
    (
        "upstream_streams_in_progress",
        "WebSockets, streams of events and gRPC calls in progress to an upstream",
        |load| load.streams,
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
        FetchError::Connect => "connect",
        FetchError::Discovery(_) => "discovery",
        FetchError::Interrupted => "interrupted",
        FetchError::IssuerMismatch => "issuer_mismatch",
        FetchError::JwkSet(_) => "jwk_set",
        FetchError::NotMetadata => "not_metadata",
        FetchError::Redirect(_) => "redirect_refused",
        FetchError::Status(_) => "status",
        FetchError::Timeout => "fetch_timeout",
        FetchError::Tls => "tls",
        FetchError::TooLarge => "jwks_too_large",
        FetchError::UrlScheme => "url_scheme",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::{FetchError, code_of};

    const MANUAL: &str = include_str!("../../../../docs/gateway.md");

    #[test]
    fn the_manual_has_the_code_of_each_failed_fetch() {
        for error in [
            FetchError::Connect,
            FetchError::Interrupted,
            FetchError::IssuerMismatch,
            FetchError::NotMetadata,
            FetchError::Redirect(307),
            FetchError::Status(500),
            FetchError::Timeout,
            FetchError::Tls,
            FetchError::TooLarge,
            FetchError::UrlScheme,
        ] {
            let code = code_of(&error);
            assert!(MANUAL.contains(&format!("`{code}`")), "{code}");
        }
    }
}
