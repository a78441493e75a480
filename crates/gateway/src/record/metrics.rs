//! What is counted, in the text format of OpenMetrics, which Prometheus reads.
//!
//! INVARIANT: labels are from configuration (routes, issuers) or fixed codes. Nothing a sender chose
//! becomes one, so that nobody can make their number grow.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bearward::fetch::FetchError;
use bearward::token_cache::TokenCacheState;
use bearward::{IssuerState, UnixTime};
use bearward_gate::decision::Decision;
use foldhash::fast::RandomState;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::doors::in_force::Current;
use crate::doors::proxy::{Observe, Record, UpstreamLoad};
use crate::record::access_log::AccessLog;
use crate::record::log::LogQueue;
pub use crate::record::request::{ADMITTED, Door, METADATA, Request};
use crate::record::telemetry::Trace;

/// The counters, and where they are registered.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    /// Both of each kind of request there was, since each request asks for them.
    known: RwLock<HashMap<RequestLabels, (Counter, Histogram), RandomState>>,
    reloads: Family<ReloadLabels, Counter>,
    cuts: Family<CutLabels, Counter>,
    is_current: Gauge,
    loaded_at: Gauge,
    log: Arc<AccessLog>,
}

impl Metrics {
    /// Counts from zero; the state of keys and addresses is that of what is in force.
    #[must_use]
    pub fn new(current: Current) -> Self {
        let mut registry = Registry::with_prefix("bearward");
        let requests = Family::default();
        let durations = Family::new_with_constructor(HISTOGRAM);
        let (reloads, cuts) = (Family::default(), Family::default());
        let (is_current, loaded_at) = (Gauge::default(), Gauge::default());
        registry.register(
            "requests",
            "Requests by door, route and reason; the reason of those that passed is `admitted`",
            requests.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "How long requests took; in forward auth and ext_authz, decisions",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register(
            "reloads",
            "Configurations read again: applied or refused",
            reloads.clone(),
        );
        registry.register(
            "connections_cut",
            "Connections that were cut outside of any request, by reason",
            cuts.clone(),
        );
        registry.register(
            "config_current",
            "1 if the configuration in force is the last one that was read; 0 if that was refused",
            is_current.clone(),
        );
        registry.register_with_unit(
            "config_loaded_at",
            "When the configuration in force was read",
            Unit::Seconds,
            loaded_at.clone(),
        );
        let log = Arc::new(AccessLog::default());
        registry.register(
            "log_lines_left_out",
            "Lines of refusals that were too many for the access log",
            log.left_out().clone(),
        );
        registry.register_collector(Box::new(DroppedLines(Arc::clone(&log))));
        registry.register_collector(Box::new(KeySets(current.clone())));
        registry.register_collector(Box::new(Addresses(current.clone())));
        registry.register_collector(Box::new(Loads(current)));
        let metrics = Self {
            registry,
            requests,
            durations,
            known: RwLock::default(),
            reloads,
            cuts,
            is_current,
            loaded_at,
            log,
        };
        metrics.begin();
        metrics
    }

    /// What is there from the start, so that a rate sees the first one as well.
    fn begin(&self) {
        for outcome in [Reload::Applied, Reload::Refused] {
            let outcome = outcome.as_str();
            let _ = self.reloads.get_or_create(&ReloadLabels { outcome });
        }
        self.loaded();
    }

    /// Logs and counts what a door answered.
    pub(crate) fn answered(
        &self,
        door: Door,
        decision: &Decision,
        duration: Duration,
        mut trace: Trace,
    ) {
        let request = Request::decided(door, decision, duration);
        trace.end(&request);
        self.request(&request);
    }

    /// Writes a request into the access log, and counts it.
    pub fn request(&self, request: &Request<'_>) {
        self.log.request(request);
        let route = request.route.cloned().unwrap_or_else(|| NO_ROUTE.into());
        let labels = RequestLabels {
            door: request.door.as_str(),
            route,
            reason: request.reason,
            shadowed: request.shadowed.unwrap_or_default(),
        };
        let count = |(requests, durations): &(Counter, Histogram)| {
            requests.inc();
            durations.observe(request.duration.as_secs_f64());
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&labels) {
            return count(known);
        }
        drop(known);
        let requests = self.requests.get_or_create_owned(&labels);
        let durations = self.durations.get_or_create_owned(&RouteLabels {
            door: labels.door,
            route: Arc::clone(&labels.route),
        });
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        count(known.entry(labels).or_insert((requests, durations)));
    }

    /// Writes the access log into this queue, by the filter that holds for `tracing`, and counts the
    /// lines that the queue drops.
    pub fn write_log_to(&self, queue: LogQueue) {
        self.log.write_to(queue);
    }

    /// Counts a configuration that was read again.
    pub fn reload(&self, outcome: Reload) {
        let labels = ReloadLabels {
            outcome: outcome.as_str(),
        };
        self.reloads.get_or_create(&labels).inc();
        match outcome {
            Reload::Applied => self.loaded(),
            Reload::Refused => {
                self.is_current.set(0);
            }
        }
    }

    /// Tells the log how many lines were left out of it.
    pub(crate) fn flush(&self) {
        self.log.flush();
    }

    /// All of them as text.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`] if they cannot be written.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        // Whoever looks at the numbers looks at the log as well.
        self.log.flush();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn loaded(&self) {
        self.is_current.set(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        self.loaded_at.set(i64::try_from(now).unwrap_or(i64::MAX));
    }
}

/// The proxy tells of each request once it is over.
impl Observe for Metrics {
    fn ended(&self, record: &Record) {
        self.request(&Request::from(record));
    }

    fn cut(&self, reason: &'static str) {
        self.log.cut(reason);
        self.cuts.get_or_create(&CutLabels { reason }).inc();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// What became of a configuration that was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reload {
    /// It is in force.
    Applied,
    /// It has mistakes; the last good one stays in force.
    Refused,
}

impl Reload {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    door: &'static str,
    route: Arc<str>,
    reason: &'static str,
    shadowed: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    door: &'static str,
    route: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CutLabels {
    reason: &'static str,
}

/// The lines of the log that were dropped.
#[derive(Debug)]
struct DroppedLines(Arc<AccessLog>);

impl Collector for DroppedLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help =
            "Lines of the log that were dropped because its reader stalled or writing failed";
        let dropped = ConstCounter::new(self.0.dropped());
        let kind = dropped.metric_type();
        let family = encoder.encode_descriptor("log_lines_dropped", help, None, kind)?;
        dropped.encode(family)
    }
}

/// The state of keys, looked up when it is asked for.
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

/// How often a token that came was one that had been verified before, and what that takes.
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

/// Which addresses of upstreams can be connected to, looked up when it is asked for.
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

/// What is in progress to each upstream, looked up when the metrics are read.
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

/// From a decision with a known key, 0.1 ms, to a request that waited for a slow application.
fn histogram() -> Histogram {
    let buckets = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
        5.0, 10.0,
    ];
    Histogram::new(buckets)
}

const HISTOGRAM: fn() -> Histogram = histogram;

const NO_ROUTE: &str = "-";

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
