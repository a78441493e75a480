//! The one observer: every door reports each request to it once, and it ends the span of the request.

use std::sync::Arc;
use std::time::Instant;
use std::{fmt, mem};

use bearward_gate::decision::{Admission, Decision, Reason, Refusal};
use bearward_gate::target::shown;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::interruption::Interruption;
use super::request::{Door, End, Record, Request, Verdict};
use super::request_id::{self, RequestId};
use super::telemetry::{Telemetry, Trace, TraceParent};

/// Gets the record of every request once it is over.
pub trait Observe: fmt::Debug + Send + Sync {
    /// A request is over: answered to the last byte, or cut off earlier.
    fn ended(&self, record: &Record);

    /// A connection was cut outside of any request, for this reason code.
    fn cut(&self, reason: &'static str) {
        let _ = reason;
    }
}

/// Where requests are reported, and which of them are traced. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Observer {
    sink: Arc<dyn Observe>,
    telemetry: Telemetry,
}

impl Observer {
    /// Reports to `sink`, without traces.
    #[must_use]
    pub fn new(sink: Arc<dyn Observe>) -> Self {
        Self {
            sink,
            telemetry: Telemetry::default(),
        }
    }

    /// Where traces go; nowhere by default.
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// A request begins at this door.
    pub(crate) fn begin(&self, door: Door, method: &Method, parent: TraceParent<'_>) -> Begun<'_> {
        Begun {
            sink: &self.sink,
            door,
            started: Instant::now(),
            trace: self.telemetry.trace(door, method, parent),
        }
    }

    /// A connection was cut outside of any request.
    pub(crate) fn cut(&self, reason: Interruption) {
        self.sink.cut(reason.code());
    }
}

impl Default for Observer {
    /// Reports to `tracing`.
    fn default() -> Self {
        Self::new(Arc::new(Traced))
    }
}

/// A request of which only the head has arrived.
pub(crate) struct Begun<'o> {
    sink: &'o Arc<dyn Observe>,
    door: Door,
    started: Instant,
    trace: Trace,
}

impl<'o> Begun<'o> {
    /// Reports the decision, for a door that only decides.
    pub(crate) fn end(mut self, request: Request, decision: Decision) {
        let mut record = Record::decided(self.door, request, decision, self.started.elapsed());
        report(self.sink, &mut self.trace, &mut record);
    }

    /// The same, also if nobody waits for the decision any more: a question that is dropped, since the proxy
    /// gave it up, is reported as what `read` makes of it.
    pub(crate) const fn or_gone<R: Fn() -> (Request, Box<str>)>(self, read: R) -> Pending<'o, R> {
        Pending {
            begun: Some(self),
            read,
        }
    }

    /// A request that goes on after the decision.
    pub(crate) fn exchange<H: Default>(self, request: Request, target: &Uri) -> Exchange<H> {
        Exchange {
            target: target.clone(),
            record: Record {
                end: Some(End::Aborted),
                ..Record::begun(self.door, request)
            },
            started: self.started,
            sink: Arc::clone(self.sink),
            trace: self.trace,
            holds: H::default(),
        }
    }
}

/// A question that a door is deciding.
pub(crate) struct Pending<'o, R: Fn() -> (Request, Box<str>)> {
    begun: Option<Begun<'o>>,
    read: R,
}

impl<R: Fn() -> (Request, Box<str>)> Pending<'_, R> {
    /// Reports the decision.
    pub(crate) fn end(mut self, request: Request, decision: Decision) {
        if let Some(begun) = self.begun.take() {
            begun.end(request, decision);
        }
    }

    /// Reports nothing: it was no question.
    pub(crate) fn ignore(mut self) {
        self.begun = None;
    }
}

impl<R: Fn() -> (Request, Box<str>)> Drop for Pending<'_, R> {
    fn drop(&mut self) {
        let Some(mut begun) = self.begun.take() else {
            return;
        };
        let (request, path) = (self.read)();
        let mut record = Record {
            path,
            duration: begun.started.elapsed(),
            ..Record::begun(begun.door, request)
        };
        report(begun.sink, &mut begun.trace, &mut record);
    }
}

/// A request in progress. Dropping it reports it, however it ended.
#[derive(Debug)]
pub(crate) struct Exchange<H: Default> {
    record: Record,
    started: Instant,
    sink: Arc<dyn Observe>,
    trace: Trace,
    /// What it asks for, in case it ends before its path is read.
    target: Uri,
    /// What the request holds until it ends.
    holds: H,
}

impl<H: Default> Exchange<H> {
    /// Names the request and our span to the application.
    pub(crate) fn pass_on(&self, headers: &mut HeaderMap) {
        headers.insert(request_id::PASSED_ON, self.id().value().clone());
        self.trace.pass_on(headers);
    }

    pub(crate) const fn id(&self) -> &RequestId {
        &self.record.request.id
    }

    /// A route admitted the request.
    pub(crate) fn admitted(&mut self, admission: &mut Admission) {
        self.record.route = Some(Arc::clone(&admission.route.name));
        self.record.shadowed = admission.shadowed.as_ref().map(Reason::code);
        self.record.path = mem::take(&mut admission.path);
        let shadowed = admission.shadowed_sender.take();
        self.record.sender = shadowed.or_else(|| admission.principal.clone());
        self.record.verdict = Some(Verdict::Admitted);
    }

    /// The gate refused the request.
    pub(crate) fn refused(&mut self, refusal: &mut Refusal) {
        let route = refusal.route.as_ref();
        self.record.route = route.map(|route| Arc::clone(&route.name));
        self.record.path = mem::take(&mut refusal.path);
        self.record.unmet = refusal.unmet.take();
        self.record.sender = refusal.sender.take();
        self.record.verdict = Some(Verdict::Refused);
    }

    /// The gateway answers with its metadata, at this path.
    pub(crate) fn published(&mut self, path: &str) {
        self.record.path = path.into();
    }

    pub(crate) fn upstream(&mut self, name: &Arc<str>) {
        self.record.upstream = Some(Arc::clone(name));
    }

    pub(crate) const fn answered(&mut self, reason: &'static str, status: StatusCode) {
        self.record.reason = reason;
        self.record.status = status;
    }

    pub(crate) const fn interrupted(&mut self, by: Interruption) {
        self.record.reason = by.code();
    }

    pub(crate) const fn complete(&mut self) {
        self.record.end = Some(End::Complete);
    }

    pub(crate) const fn holds(&mut self) -> &mut H {
        &mut self.holds
    }

    /// Releases what it holds: the rest of the answer needs none of it.
    pub(crate) fn leave(&mut self) {
        self.holds = H::default();
    }
}

impl<H: Default> Drop for Exchange<H> {
    fn drop(&mut self) {
        self.leave();
        self.record.duration = self.started.elapsed();
        if self.record.path.is_empty() {
            self.record.path = shown(self.target.path());
        }
        report(&self.sink, &mut self.trace, &mut self.record);
    }
}

fn report(sink: &Arc<dyn Observe>, trace: &mut Trace, record: &mut Record) {
    record.trace = trace.id();
    trace.end(record);
    sink.ended(record);
}

/// Reports to `tracing` alone.
#[derive(Clone, Copy, Debug)]
struct Traced;

impl Observe for Traced {
    fn ended(&self, record: &Record) {
        tracing::info!(
            id = record.request.id.as_str(),
            method = record.request.method,
            path = &*record.path,
            route = record.route.as_deref(),
            reason = record.reason,
            shadowed = record.shadowed,
            status = record.status.as_u16(),
            upstream = record.upstream.as_deref(),
            duration = record.duration.as_secs_f64(),
            complete = record.end.map(|end| end == End::Complete),
            "request"
        );
    }

    fn cut(&self, reason: &'static str) {
        tracing::info!(reason, "connection cut");
    }
}
