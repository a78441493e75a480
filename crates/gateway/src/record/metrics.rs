//! What is counted, by which labels, in the text format of OpenMetrics, which Prometheus reads.
//!
//! INVARIANT: labels are from configuration (routes, issuers) or fixed codes. Nothing a sender chose
//! becomes one, so that nobody can make their number grow.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use foldhash::fast::RandomState;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::record::access_log::AccessLog;
use crate::record::audit::AuditLog;
use crate::record::log::LogQueue;
use crate::record::observer::Observe;
use crate::record::request::Record;

/// The counters, and where they are registered.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    /// Both metrics for each kind of request so far: every request needs them.
    known: RwLock<HashMap<RequestLabels, (Counter, Histogram), RandomState>>,
    reloads: Family<Label, Counter>,
    cuts: Family<Label, Counter>,
    is_current: Gauge,
    loaded_at: Gauge,
    log: Arc<AccessLog>,
    audit: Arc<AuditLog>,
}

impl Metrics {
    /// Counts from zero. The collector supplies the rest when the metrics are read.
    pub(crate) fn with(collector: Box<dyn Collector>) -> Self {
        let mut registry = Registry::with_prefix("bearward");
        let (requests, reloads, cuts) = (Family::default(), Family::default(), Family::default());
        let durations = Family::new_with_constructor(HISTOGRAM);
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
        let (log, audit) = register_logs(&mut registry);
        registry.register_collector(collector);
        // Series that exist from the start, so that a rate includes their first event.
        for outcome in [Reload::Applied, Reload::Refused] {
            let _ = reloads.get_or_create(&outcome.label());
        }
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
            audit,
        };
        metrics.loaded();
        metrics
    }

    /// Writes the access log into this queue, subject to the filter of `tracing`, and counts the lines
    /// that the queue drops.
    pub fn write_log_to(&self, queue: LogQueue) {
        self.log.write_to(queue);
    }

    /// The audit log.
    #[must_use]
    pub const fn audit(&self) -> &Arc<AuditLog> {
        &self.audit
    }

    /// The access log.
    pub(crate) const fn log(&self) -> &Arc<AccessLog> {
        &self.log
    }

    /// Counts a reload.
    pub fn reload(&self, outcome: Reload) {
        self.reloads.get_or_create(&outcome.label()).inc();
        match outcome {
            Reload::Applied => self.loaded(),
            Reload::Refused => {
                self.is_current.set(0);
            }
        }
    }

    /// Writes to the log how many lines were left out of it.
    pub(crate) fn flush(&self) {
        self.log.flush();
    }

    /// All of them as text.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`] if they cannot be written.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        // An operator who reads the metrics also reads the log.
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

/// The logs, with the number of lines that they do not have.
fn register_logs(registry: &mut Registry) -> (Arc<AccessLog>, Arc<AuditLog>) {
    let (log, audit) = <(Arc<AccessLog>, Arc<AuditLog>)>::default();
    registry.register(
        "log_lines_left_out",
        "Lines of refusals that were too many for the access log",
        log.left_out().clone(),
    );
    registry.register_collector(Box::new(LostLines {
        log: Arc::clone(&log),
        audit: Arc::clone(&audit),
    }));
    (log, audit)
}

impl Observe for Metrics {
    /// Writes a request into the access log, and counts it.
    fn ended(&self, record: &Record) {
        self.log.request(record);
        self.audit.decided(record);
        let route = record.route.clone().unwrap_or_else(|| NO_ROUTE.into());
        let labels = RequestLabels {
            door: record.door.as_str(),
            route,
            reason: record.reason,
            shadowed: record.shadowed.unwrap_or_default(),
        };
        let count = |(requests, durations): &(Counter, Histogram)| {
            requests.inc();
            durations.observe(record.duration.as_secs_f64());
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

    fn cut(&self, reason: &'static str) {
        self.log.cut(reason);
        self.cuts.get_or_create(&[("reason", reason)]).inc();
    }
}

/// The outcome of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reload {
    /// It is in force.
    Applied,
    /// It has mistakes; the last good one stays in force.
    Refused,
}

impl Reload {
    const fn label(self) -> Label {
        let outcome = match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
        };
        [("outcome", outcome)]
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

/// The only label of a metric, and its value.
type Label = [(&'static str, &'static str); 1];

/// The lines of both logs that were lost.
#[derive(Debug)]
struct LostLines {
    log: Arc<AccessLog>,
    audit: Arc<AuditLog>,
}

impl Collector for LostLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, lost) in [
            (
                "log_lines_dropped",
                "Lines of the log that were dropped because its reader stalled or writing failed",
                self.log.dropped(),
            ),
            (
                "audit_lines_lost",
                "Decisions that the audit log does not have: writing failed, or too many unknown senders were refused",
                self.audit.lost(),
            ),
        ] {
            let lost = ConstCounter::new(lost);
            let family = encoder.encode_descriptor(name, help, None, lost.metric_type())?;
            lost.encode(family)?;
        }
        Ok(())
    }
}

/// Buckets from a decision with a known key, 0.1 ms, to a request that waited for a slow application.
fn histogram() -> Histogram {
    Histogram::new([
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
        5.0, 10.0,
    ])
}

const HISTOGRAM: fn() -> Histogram = histogram;

const NO_ROUTE: &str = "-";
