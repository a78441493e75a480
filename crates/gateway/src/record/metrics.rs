//! What is counted, by which labels, in the text format of OpenMetrics, which Prometheus reads.
//!
//! INVARIANT: labels are from configuration (routes, issuers) or fixed codes. Nothing a sender chose
//! becomes one, so that nobody can make their number grow.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use foldhash::fast::RandomState;
use http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

use crate::record::access_log::AccessLog;
use crate::record::audit::AuditLog;
use crate::record::interruption::Interruption;
use crate::record::log::LogQueue;
use crate::record::observer::Observe;
use crate::record::request::{Door, End, Record};

/// The counters, and where they are registered.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    responses: Family<ResponseLabels, Counter>,
    /// The metrics of each kind of request so far: every request needs them.
    known: RwLock<HashMap<Kind, Counted, RandomState>>,
    /// How many series of `requests` were started before a request needed them.
    started: Mutex<usize>,
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
        let help =
            "Requests by door, route and reason; the reason of those that passed is `admitted`";
        let requests = registered(&mut registry, "requests", help);
        let durations = Family::new_with_constructor(HISTOGRAM);
        registry.register_with_unit(
            "request_duration",
            "How long requests took; in forward auth and ext_authz, decisions",
            Unit::Seconds,
            durations.clone(),
        );
        let help = "Answers of the reverse proxy by route and status, and whether the application or the gateway \
                    gave them";
        let responses = registered(&mut registry, "responses", help);
        let help = "Configurations read again: applied or refused";
        let reloads: Family<Label, Counter> = registered(&mut registry, "reloads", help);
        let help = "Connections that were cut outside of any request, by reason";
        let cuts: Family<Label, Counter> = registered(&mut registry, "connections_cut", help);
        let help =
            "1 if the configuration in force is the last one that was read; 0 if that was refused";
        let is_current = registered(&mut registry, "config_current", help);
        let loaded_at = Gauge::default();
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
        for reason in CUTS {
            let _ = cuts.get_or_create(&[("reason", reason.code())]);
        }
        let metrics = Self {
            registry,
            requests,
            durations,
            responses,
            known: RwLock::default(),
            started: Mutex::default(),
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

    /// Starts at 0 what alerts read of the requests of these routes at these doors. A series that appears
    /// with its first event never shows in a rate: nothing says that it was 0 before.
    pub(crate) fn start_series(&self, doors: &[Door], routes: impl Iterator<Item = Arc<str>>) {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let routes = [NO_ROUTE.into()].into_iter().chain(routes);
        let kinds = routes.flat_map(|route| {
            let reasons = doors.iter().flat_map(|door| alerted(*door));
            reasons.map(move |(door, reason)| RequestLabels {
                door,
                route: Arc::clone(&route),
                reason,
                shadowed: "",
            })
        });
        for labels in kinds {
            if self.requests.get(&labels).is_some() {
                continue;
            }
            if *started >= SERIES_STARTED {
                tracing::warn!(
                    route = &*labels.route,
                    "the metrics of this route and those after it do not start at 0, because there are too \
                     many routes: alerts miss the first event of each"
                );
                return;
            }
            let _ = self.requests.get_or_create(&labels);
            *started = started.saturating_add(1);
        }
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
        let kind = Kind::of(record);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&kind) {
            return known.count(record);
        }
        drop(known);
        let counted = Counted {
            requests: self.requests.get_or_create_owned(&kind.labels),
            durations: self.durations.get_or_create_owned(&RouteLabels {
                door: kind.labels.door,
                route: Arc::clone(&kind.labels.route),
            }),
            responses: kind.answered.map(|(answered_by, status)| {
                self.responses.get_or_create_owned(&ResponseLabels {
                    route: Arc::clone(&kind.labels.route),
                    answered_by,
                    status,
                })
            }),
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(kind).or_insert(counted).count(record);
    }

    fn cut(&self, reason: &'static str) {
        self.log.cut(reason);
        self.cuts.get_or_create(&[("reason", reason)]).inc();
    }
}

/// A new metric under this name.
fn registered<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// What distinguishes requests in the metrics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    labels: RequestLabels,
    /// Who gave the answer that was sent to its end, and its status.
    answered: Option<(&'static str, u16)>,
}

impl Kind {
    fn of(record: &Record) -> Self {
        let is_complete = record.end == Some(End::Complete);
        let answered_by = record.answered_by().filter(|_| is_complete);
        Self {
            labels: RequestLabels {
                door: record.door.as_str(),
                route: record.route.clone().unwrap_or_else(|| NO_ROUTE.into()),
                reason: record.reason,
                shadowed: record.shadowed.unwrap_or_default(),
            },
            answered: answered_by.map(|by| (by, known_status(record.status))),
        }
    }
}

/// The metrics of one kind of request.
#[derive(Clone, Debug)]
struct Counted {
    requests: Counter,
    durations: Histogram,
    responses: Option<Counter>,
}

impl Counted {
    fn count(&self, record: &Record) {
        self.requests.inc();
        self.durations.observe(record.duration.as_secs_f64());
        if let Some(responses) = &self.responses {
            responses.inc();
        }
    }
}

/// A registered status, or the first of its class: an application may choose any number, and a client
/// treats one that it does not know as that ([RFC 9110 §15]).
///
/// [RFC 9110 §15]: https://www.rfc-editor.org/rfc/rfc9110#section-15
fn known_status(status: StatusCode) -> u16 {
    if status.canonical_reason().is_some() {
        return status.as_u16();
    }
    match status.as_u16() {
        ..200 => 100,
        200..300 => 200,
        300..400 => 300,
        400..500 => 400,
        500.. => 500,
    }
}

/// The reasons that the rules in `deploy/prometheus` read, at this door.
fn alerted(door: Door) -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_proxy = match door {
        Door::ExtAuthz | Door::ForwardAuth => &[][..],
        Door::Proxy => &ALERTED_AT_PROXY,
    };
    let of_proxy = of_proxy.iter().map(|reason| reason.code());
    let reasons = ALERTED.into_iter().chain(of_proxy);
    reasons.map(move |reason| (door.as_str(), reason))
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
struct ResponseLabels {
    route: Arc<str>,
    answered_by: &'static str,
    status: u16,
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

/// The most series that are started at 0, over all reloads: a scrape has a line for each.
const SERIES_STARTED: usize = 10_000;

/// The reasons with which connections are cut outside of any request.
const CUTS: [Interruption; 3] = [
    Interruption::ClientTimeout,
    Interruption::TlsHandshake,
    Interruption::TooManyConnections,
];

const ALERTED: [&str; 2] = ["keys_unavailable", "kid_unknown"];

const ALERTED_AT_PROXY: [Interruption; 5] = [
    Interruption::TooManyRequests,
    Interruption::UpstreamConnect,
    Interruption::UpstreamFailed,
    Interruption::UpstreamFraming,
    Interruption::UpstreamTimeout,
];
