//! The access log: one line a request, with the reason and never the token. No field is text that the
//! sender chose.
//!
//! What anyone can cause, refusals and cut connections, is limited: a flood of them would fill the
//! disk and hide what matters. How many lines were left out is told, and all of them are counted in
//! the metrics.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use crate::metrics::{ADMITTED, Request};

/// Writes lines, as many as it may.
#[derive(Debug, Default)]
pub(crate) struct AccessLog {
    limit: Mutex<Limit>,
    /// How many were left out, for ever.
    left_out: Counter,
}

impl AccessLog {
    pub(crate) const fn left_out(&self) -> &Counter {
        &self.left_out
    }

    /// Writes the line of a request.
    pub(crate) fn request(&self, request: &Request<'_>) {
        if request.reason != ADMITTED && !self.may_write() {
            return;
        }
        tracing::info!(
            target: "bearward::access",
            door = request.door.as_str(),
            route = request.route.map(AsRef::as_ref),
            reason = request.reason,
            shadowed = request.shadowed,
            status = request.status.as_u16(),
            upstream = request.upstream.map(AsRef::as_ref),
            complete = request.is_complete,
            duration_us = u64::try_from(request.duration.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }

    /// Writes the line of a connection that was cut outside of any request.
    pub(crate) fn cut(&self, reason: &'static str) {
        if self.may_write() {
            tracing::info!(target: "bearward::access", reason, "a connection was cut");
        }
    }

    /// Tells of lines that were left out, unless more may follow at once.
    pub(crate) fn flush(&self) {
        tell(self.limit().flush(Instant::now()));
    }

    fn may_write(&self) -> bool {
        let (may_write, before) = self.limit().take(Instant::now());
        tell(before);
        if !may_write {
            self.left_out.inc();
        }
        may_write
    }

    fn limit(&self) -> std::sync::MutexGuard<'_, Limit> {
        // Numbers are whole between any two statements.
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(left_out: u64) {
    if left_out > 0 {
        tracing::warn!(target: "bearward::access", left_out, "lines were left out");
    }
}

/// So many lines a second. A rule without a clock.
#[derive(Debug, Default)]
struct Limit {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Limit {
    /// Whether one more may be written now, and how many were left out in the seconds before.
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

    /// Begins anew once the second is over: how many were left out in it.
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
    use std::time::{Duration, Instant};

    use super::{LINES, Limit};

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
        // The next second: they are told once, and lines are written again.
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
