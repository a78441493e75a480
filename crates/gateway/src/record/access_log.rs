//! The access log: which requests get a line, and the text of that line, with the reason and never the
//! token. Two fields contain something that the sender chose, in a form that is printable ASCII: the path
//! without its query, and the id, if a trusted proxy sent it. Who sent the request is written only if the
//! operator asks for it, and only as a verified token says it.
//!
//! Lines that anyone can cause, for refusals and cut connections, are limited: a flood of them would
//! fill the disk and hide what matters. The log reports how many lines were left out, and the metrics
//! count them.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use bearward_gate::peer::Peer;
use prometheus_client::metrics::counter::Counter;
use tracing::Level;

use crate::lock::lock;
use crate::record::identity::LoggedIdentity;
use crate::record::line_limit::Limit;
use crate::record::log::{Line, LogFormat, LogQueue};
use crate::record::recent::Recent;
use crate::record::request::{ADMITTED, End, METADATA, Record};

/// Writes lines, up to a limit.
#[derive(Debug, Default)]
pub(crate) struct AccessLog {
    limit: Mutex<Limit>,
    /// How many were left out in total.
    left_out: Counter,
    /// The output of the log, if known.
    queue: OnceLock<LogQueue>,
    settings: ArcSwap<LogSettings>,
    /// How many admitted requests there were, for the choice of those that get a line.
    admitted: AtomicU32,
    recent: Recent,
    /// The limit on what is kept in it.
    kept: Mutex<Limit>,
}

/// What the access log shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub(crate) identity: LoggedIdentity,
    /// Of so many admitted requests, one gets a line; zero for none.
    pub(crate) admitted_one_in: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            identity: LoggedIdentity::None,
            admitted_one_in: 1,
        }
    }
}

impl AccessLog {
    pub(crate) const fn left_out(&self) -> &Counter {
        &self.left_out
    }

    /// Writes requests into this queue, bypassing the machinery of `tracing` but not its filter.
    pub(crate) fn write_to(&self, queue: LogQueue) {
        // The first one stays: a program has one log.
        let _ = self.queue.set(queue);
    }

    /// How many lines the queue dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.get().map_or(0, LogQueue::dropped)
    }

    /// Puts other settings in force.
    pub(crate) fn set(&self, settings: LogSettings) {
        let before = self.settings.swap(settings.into());
        // What they say about senders was asked for by the settings of then.
        if before.identity != self.settings.load().identity {
            self.recent.clear();
        }
    }

    /// The requests that were refused lately, or failed.
    pub(crate) const fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Writes the line of a request.
    pub(crate) fn request(&self, record: &Record) {
        if record.reason != ADMITTED && !self.may_write() {
            return;
        }
        let settings = self.settings.load();
        let is_failure = record.status.is_client_error() || record.status.is_server_error();
        if is_failure || ![ADMITTED, METADATA].contains(&record.reason) {
            if lock(&self.kept).take(Instant::now()).0 {
                let json = record.to_line(LogFormat::Json, &settings.identity);
                self.recent.keep(record.request.id.as_str(), json);
            }
        } else if !self.is_chosen(settings.admitted_one_in) {
            return;
        }
        let queue = self.queue.get();
        // Coloured output is for a person, so speed does not matter.
        if let Some(queue) = queue.filter(|queue| queue.format() != LogFormat::Coloured) {
            if tracing::enabled!(target: TARGET, Level::INFO) {
                queue.push(&record.to_line(queue.format(), &settings.identity));
            }
            return;
        }
        let unmet = record.unmet.as_deref();
        let requirement = unmet.and_then(|unmet| unmet.requirements.as_deref());
        let peer = peer(record);
        let sender = settings.identity.of(record.sender.as_ref());
        let sender = sender.as_ref();
        let subject = sender.map(|sender| &*sender.subject);
        tracing::info!(
            target: TARGET,
            id = record.request.id.as_str(),
            trace = record.trace.as_deref(),
            door = record.door.as_str(),
            peer = &*peer,
            method = record.request.method,
            path = Some(&*record.path).filter(|path| !path.is_empty()),
            route = record.route.as_deref(),
            issuer = sender.map(|sender| &*sender.issuer),
            subject = subject.filter(|subject| !subject.is_empty()),
            client = sender.and_then(|sender| sender.client.as_deref()),
            reason = record.reason,
            requirement,
            claim = unmet.map(|unmet| &*unmet.claim),
            shadowed = record.shadowed,
            status = record.status.as_u16(),
            answered_by = record.answered_by(),
            upstream = record.upstream.as_deref(),
            complete = record.end.map(|end| end == End::Complete),
            duration_us = u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }

    /// Writes the line of a connection that was cut outside of any request.
    pub(crate) fn cut(&self, reason: &'static str) {
        if self.may_write() {
            tracing::info!(target: TARGET, reason, "a connection was cut");
        }
    }

    /// Reports lines that were left out, unless more may follow at once.
    pub(crate) fn flush(&self) {
        report(lock(&self.limit).flush(Instant::now()));
    }

    /// Whether this admitted request gets a line.
    fn is_chosen(&self, one_in: u32) -> bool {
        match one_in {
            0 => false,
            1 => true,
            _ => (self.admitted.fetch_add(1, Ordering::Relaxed)).is_multiple_of(one_in),
        }
    }

    fn may_write(&self) -> bool {
        let (may_write, before) = lock(&self.limit).take(Instant::now());
        report(before);
        if !may_write {
            self.left_out.inc();
        }
        may_write
    }
}

impl Record {
    /// Its line in the access log, with its line feed: the bytes that `tracing-subscriber` writes for the same
    /// event.
    #[must_use]
    pub fn to_line(&self, format: LogFormat, identity: &LoggedIdentity) -> Vec<u8> {
        let mut line = Line::info(format, TARGET, "request");
        line.text("id", self.request.id.as_str());
        if let Some(trace) = &self.trace {
            line.text("trace", trace);
        }
        line.text("door", self.door.as_str());
        line.text("peer", &peer(self));
        line.text("method", self.request.method);
        if !self.path.is_empty() {
            line.text("path", &self.path);
        }
        if let Some(route) = &self.route {
            line.text("route", route);
        }
        if let Some(sender) = identity.of(self.sender.as_ref()) {
            sender.write(&mut line);
        }
        line.text("reason", self.reason);
        if let Some(unmet) = &self.unmet {
            if let Some(requirement) = &unmet.requirements {
                line.text("requirement", requirement);
            }
            line.text("claim", &unmet.claim);
        }
        if let Some(shadowed) = self.shadowed {
            line.text("shadowed", shadowed);
        }
        line.number("status", self.status.as_u16().into());
        if let Some(answered_by) = self.answered_by() {
            line.text("answered_by", answered_by);
        }
        if let Some(upstream) = &self.upstream {
            line.text("upstream", upstream);
        }
        if let Some(end) = self.end {
            line.truth("complete", end == End::Complete);
        }
        let micros = self.duration.as_micros();
        line.number("duration_us", u64::try_from(micros).unwrap_or(u64::MAX));
        line.finish()
    }
}

/// The other end of the connection.
fn peer(record: &Record) -> Cow<'static, str> {
    match record.request.peer {
        Peer::Ip(address) => match address.to_canonical() {
            IpAddr::V4(address) => dotted(address.octets()).into(),
            IpAddr::V6(address) => address.to_string().into(),
        },
        Peer::UnixSocket => "unix".into(),
    }
}

/// An IPv4 address as it displays itself, but without the machinery of `fmt`, which every line would pay for.
fn dotted(octets: [u8; 4]) -> String {
    let mut text = String::with_capacity(15);
    for (index, octet) in octets.into_iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        let digit = |value: u8| char::from(b'0'.wrapping_add(value));
        if octet >= 100 {
            text.push(digit(octet / 100));
        }
        if octet >= 10 {
            text.push(digit(octet / 10 % 10));
        }
        text.push(digit(octet % 10));
    }
    text
}

fn report(left_out: u64) {
    if left_out > 0 {
        tracing::warn!(target: TARGET, left_out, "lines were left out");
    }
}

/// The target that filters match.
const TARGET: &str = "bearward::access";

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use bearward_gate::peer::Peer;
    use http::{Method, StatusCode};
    use tracing::subscriber::with_default;
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, fmt, registry};

    use super::AccessLog;
    use crate::record::log::{LogFormat, LogQueue};
    use crate::record::request::{ADMITTED, Door, End, Record, Request};
    use crate::record::request_id::RequestId;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        /// Its lines, without their times.
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let lines = text.split_inclusive('\n').map(|line| {
                // As 2026-11-29T00:41:57.123456Z.
                let (before, rest) = line.split_at(line.find("20").unwrap());
                let (time, after) = rest.split_at(27);
                assert_eq!(time.as_bytes()[19], b'.');
                assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
                format!("{before}{after}")
            });
            lines.collect()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines for a request, written by an event and by the queue.
    fn both(format: LogFormat, filter: &str, request: &Record) -> [Vec<String>; 2] {
        let (by_event, by_queue) = (Written::default(), Written::default());
        let log = AccessLog::default();
        let write = || {
            log.request(request);
            let queue = LogQueue::start(by_queue.clone(), format).unwrap();
            log.write_to(queue.clone());
            log.request(request);
            assert!(queue.flush(Duration::from_secs(20)));
        };
        let writer = by_event.clone();
        let lines = fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let lines = match format {
            LogFormat::Json => lines.json().boxed(),
            LogFormat::Text | LogFormat::Coloured => lines.boxed(),
        };
        let filter: Targets = filter.parse().unwrap();
        with_default(registry().with(lines).with(filter), write);
        [by_event.lines(), by_queue.lines()]
    }

    #[test]
    fn a_line_has_the_bytes_of_its_event() {
        let names = [
            "all",
            "",
            "a\"quote\\ and\ttab",
            "\u{1b}[31m\u{7f}\n",
            "Größe 日本 \u{200b}\u{e000}",
        ];
        for format in [LogFormat::Text, LogFormat::Json] {
            for filter in ["info", "bearward::access=info", "warn,bearward=trace"] {
                let [event, queue] = both(format, filter, &request());
                assert_eq!(event, queue);
                assert_eq!(event.len(), 1);
            }
            for name in names {
                let name: Arc<str> = name.into();
                let mut request = request();
                request.reason = "no_scope";
                request.shadowed = Some("token_expired");
                request.status = StatusCode::FORBIDDEN;
                request.end = Some(End::Aborted);
                request.duration = Duration::from_micros(1_234_567);
                request.route = Some(Arc::clone(&name));
                request.upstream = Some(Arc::clone(&name));
                let [event, queue] = both(format, "info", &request);
                assert_eq!(event, queue);
                assert_eq!(event.len(), 1);
            }
            let mut longest = request();
            longest.end = Some(End::Complete);
            longest.duration = Duration::MAX;
            let [event, queue] = both(format, "info", &longest);
            assert_eq!(event, queue);
        }
    }

    #[test]
    fn an_address_is_written_as_it_displays_itself() {
        for octet in 0..=255 {
            let octets = [octet, 0, 255_u8.wrapping_sub(octet), 1];
            assert_eq!(
                super::dotted(octets),
                std::net::Ipv4Addr::from(octets).to_string()
            );
        }
    }

    #[test]
    fn the_filter_holds_for_lines_past_it() {
        for filter in [
            "warn",
            "off",
            "info,bearward::access=warn",
            "bearward::gateway=info",
        ] {
            let [event, queue] = both(LogFormat::Text, filter, &request());
            assert_eq!((event.len(), queue.len()), (0, 0), "{filter}");
        }
    }

    fn request() -> Record {
        let id = RequestId::sent_or_new(None);
        let peer = Peer::Ip([127, 0, 0, 1].into());
        Record {
            reason: ADMITTED,
            duration: Duration::from_micros(12),
            ..Record::begun(Door::Proxy, Request::new(id, &Method::GET, peer))
        }
    }
}
