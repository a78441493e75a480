//! What is told of each request, for access log and metrics.
//!
//! Everything told is from configuration or a fixed code: nothing of it is text the sender chose.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};

use crate::record::interruption::Interruption;
use crate::record::request::{Door, Request};
use crate::record::telemetry::Trace;

use super::places::Place;

/// Is told of every request once it is over.
pub trait Observe: fmt::Debug + Send + Sync {
    /// A request is over: answered to the last byte, or cut off before.
    fn ended(&self, record: &Record);

    /// A connection was cut outside of any request, for this reason code.
    fn cut(&self, reason: &'static str) {
        let _ = reason;
    }
}

/// One request, from its head to the end of its answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record {
    /// The name of its route, if it matched one.
    pub route: Option<Arc<str>>,
    /// `admitted`, or the code of what came in between. A stream that was ended because its token
    /// expired says `stream_expired`.
    pub reason: &'static str,
    /// Why it would have been refused, on a route in shadow mode.
    pub shadowed: Option<&'static str>,
    /// The status it was answered with; for a gRPC client, the one that its status was made of.
    pub status: StatusCode,
    /// The name of its upstream, if it was sent to one.
    pub upstream: Option<Arc<str>>,
    /// How long it took, body and tunnel included.
    pub duration: Duration,
    /// Whether the answer was sent to its end.
    pub end: End,
}

impl<'r> From<&'r Record> for Request<'r> {
    fn from(record: &'r Record) -> Self {
        Self {
            door: Door::Proxy,
            route: record.route.as_ref(),
            reason: record.reason,
            shadowed: record.shadowed,
            status: record.status,
            upstream: record.upstream.as_ref(),
            is_complete: Some(record.end == End::Complete),
            duration: record.duration,
        }
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// Before its end: the client left, or the upstream failed.
    Aborted,
    /// At its end.
    Complete,
}

/// The record of one request as it is written. Whatever becomes of the request, its drop tells.
#[derive(Debug)]
pub(super) struct Exchange {
    record: Record,
    started: Instant,
    observer: Arc<dyn Observe>,
    trace: Trace,
    places: Places,
}

/// The places that a request has taken, for as long as it lasts.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) gateway: Option<Place>,
    pub(super) upstream: Option<Place>,
}

impl Exchange {
    pub(super) fn start(observer: &Arc<dyn Observe>, trace: Trace) -> Self {
        let record = Record {
            route: None,
            reason: Interruption::ClientGone.code(),
            shadowed: None,
            status: StatusCode::OK,
            upstream: None,
            duration: Duration::ZERO,
            end: End::Aborted,
        };
        Self {
            record,
            started: Instant::now(),
            observer: Arc::clone(observer),
            trace,
            places: Places::default(),
        }
    }

    /// Names our span to the application.
    pub(super) fn pass_on(&self, headers: &mut HeaderMap) {
        self.trace.pass_on(headers);
    }

    pub(super) fn route(&mut self, route: &Arc<str>, shadowed: Option<&'static str>) {
        self.record.route = Some(Arc::clone(route));
        self.record.shadowed = shadowed;
    }

    pub(super) fn upstream(&mut self, name: &Arc<str>) {
        self.record.upstream = Some(Arc::clone(name));
    }

    pub(super) const fn answered(&mut self, reason: &'static str, status: StatusCode) {
        self.record.reason = reason;
        self.record.status = status;
    }

    pub(super) const fn interrupted(&mut self, by: Interruption) {
        self.record.reason = by.code();
    }

    pub(super) const fn places(&mut self) -> &mut Places {
        &mut self.places
    }

    /// Gives the places back: what is answered now costs nothing any more.
    pub(super) fn leave(&mut self) {
        self.places = Places::default();
    }

    pub(super) const fn complete(&mut self) {
        self.record.end = End::Complete;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.leave();
        self.record.duration = self.started.elapsed();
        self.trace.end(&Request::from(&self.record));
        self.observer.ended(&self.record);
    }
}

/// Tells `tracing`, and nobody else.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Traced;

impl Observe for Traced {
    fn ended(&self, record: &Record) {
        tracing::info!(
            route = record.route.as_deref(),
            reason = record.reason,
            shadowed = record.shadowed,
            status = record.status.as_u16(),
            upstream = record.upstream.as_deref(),
            duration = record.duration.as_secs_f64(),
            complete = record.end == End::Complete,
            "request"
        );
    }

    fn cut(&self, reason: &'static str) {
        tracing::info!(reason, "connection cut");
    }
}
