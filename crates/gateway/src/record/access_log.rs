//! The access log: which requests get a line, and the text of that line, with the reason and never the
//! token. Two fields contain something that the sender chose, in a form that is printable ASCII: the path
//! without its query, and the id, if a trusted proxy sent it.
//!
//! Lines that anyone can cause, for refusals and cut connections, are limited: a flood of them would
//! fill the disk and hide what matters. The log reports how many lines were left out, and the metrics
//! count them.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use bearward_gate::peer::Peer;
use prometheus_client::metrics::counter::Counter;
use tracing::Level;

use crate::lock::lock;
use crate::record::log::{Line, LogFormat, LogQueue};
use crate::record::request::{ADMITTED, End, Record};

/// Writes lines, up to a limit.
#[derive(Debug, Default)]
pub(crate) struct AccessLog {
    limit: Mutex<Limit>,
    /// How many were left out in total.
    left_out: Counter,
    /// The output of the log, if known.
    queue: OnceLock<LogQueue>,
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

    /// Writes the line of a request.
    pub(crate) fn request(&self, record: &Record) {
        if record.reason != ADMITTED && !self.may_write() {
            return;
        }
        let queue = self.queue.get();
        // Coloured output is for a person, so speed does not matter.
        if let Some(queue) = queue.filter(|queue| queue.format() != LogFormat::Coloured) {
            if tracing::enabled!(target: TARGET, Level::INFO) {
                queue.push(&line(queue.format(), record));
            }
            return;
        }
        let unmet = record.unmet.as_deref();
        let requirement = unmet.and_then(|unmet| unmet.requirements.as_deref());
        let peer = peer(record);
        tracing::info!(
            target: TARGET,
            id = record.request.id.as_str(),
            trace = record.trace.as_deref(),
            door = record.door.as_str(),
            peer = &*peer,
            method = record.request.method,
            path = Some(&*record.path).filter(|path| !path.is_empty()),
            route = record.route.as_deref(),
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

    fn may_write(&self) -> bool {
        let (may_write, before) = lock(&self.limit).take(Instant::now());
        report(before);
        if !may_write {
            self.left_out.inc();
        }
        may_write
    }
}

/// The same bytes as those of the event.
fn line(format: LogFormat, record: &Record) -> Vec<u8> {
    let mut line = Line::info(format, TARGET, "request");
    line.text("id", record.request.id.as_str());
    if let Some(trace) = &record.trace {
        line.text("trace", trace);
    }
    line.text("door", record.door.as_str());
    line.text("peer", &peer(record));
    line.text("method", record.request.method);
    if !record.path.is_empty() {
        line.text("path", &record.path);
    }
    if let Some(route) = &record.route {
        line.text("route", route);
    }
    line.text("reason", record.reason);
    if let Some(unmet) = &record.unmet {
        if let Some(requirement) = &unmet.requirements {
            line.text("requirement", requirement);
        }
        line.text("claim", &unmet.claim);
    }
    if let Some(shadowed) = record.shadowed {
        line.text("shadowed", shadowed);
    }
    line.number("status", record.status.as_u16().into());
    if let Some(answered_by) = record.answered_by() {
        line.text("answered_by", answered_by);
    }
    if let Some(upstream) = &record.upstream {
        line.text("upstream", upstream);
    }
    if let Some(end) = record.end {
        line.truth("complete", end == End::Complete);
    }
    let micros = record.duration.as_micros();
    line.number("duration_us", u64::try_from(micros).unwrap_or(u64::MAX));
    line.finish()
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

/// Limits the lines per second. The caller passes the time.
#[derive(Debug, Default)]
struct Limit {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Limit {
    /// Whether one more may be written now, and how many were left out in earlier seconds.
    fn take(&mut self, now: Instant) -> (bool, u64) {
        let before = self.flush(now);
        if self.since.is_none() {
            self.since = Some(now);
        }
        if self.written < LINES {
            self.written = self.written.saturating_add(1);
            return (true, before);
        }
        self.left_out = self.left_out.saturating_add(1);
        (false, before)
    }

    /// Starts anew once the second is over, and returns how many were left out in it.
    fn flush(&mut self, now: Instant) -> u64 {
        let is_over = |since: Instant| now.saturating_duration_since(since) >= SECOND;
        if !self.since.is_some_and(is_over) {
            return 0;
        }
        let left_out = self.left_out;
        *self = Self::default();
        left_out
    }
}

/// Enough to see what goes on; at 200 bytes a line it is 20 KB a second.
const LINES: u32 = 100;

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use bearward_gate::peer::Peer;
    use http::{Method, StatusCode};
    use tracing::subscriber::with_default;
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, fmt, registry};

    use super::{AccessLog, LINES, Limit};
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

    #[test]
    fn t_dos_06_a_flood_is_cut_off_and_its_size_told() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut limit = Limit::default();
        for _ in 0..LINES {
            assert_eq!(limit.take(start), (true, 0));
        }
        for _ in 0..7 {
            assert_eq!(limit.take(after(999)), (false, 0));
        }
        assert_eq!(limit.flush(after(999)), 0);
        // The next second: they are reported once, and lines are written again.
        assert_eq!(limit.take(after(1000)), (true, 7));
        assert_eq!(limit.take(after(1001)), (true, 0));
    }

    #[test]
    fn t_dos_06_the_end_of_a_flood_is_told_without_another_line() {
        let start = Instant::now();
        let mut limit = Limit::default();
        for _ in 0..=LINES {
            limit.take(start);
        }
        let later = start + Duration::from_secs(60);
        assert_eq!(limit.flush(later), 1);
        assert_eq!(limit.flush(later), 0);
    }
}
