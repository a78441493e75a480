//! The audit log: who was admitted where, and who was refused, one JSON object per decision.
//!
//! Nothing in it is text of a sender that was not verified: of those, a line has the reason and the route
//! alone. A line is lost rather than a request delayed, and the metrics count what was lost.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bearward::core::json::Value;
use bearward::{ClaimPath, Principal};
use prometheus_client::metrics::counter::Counter;

use crate::lock::lock;
use crate::record::identity::{Sender, shown};
use crate::record::line_limit::Limit;
use crate::record::log::{Line, LogFormat, LogQueue};
use crate::record::request::Record;
use crate::record::telemetry::audit::AuditExport;
use crate::record::telemetry::{TelemetryError, TelemetrySettings};

/// Where the audit log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditSettings {
    /// Into this file, at its end.
    File(PathBuf),
    /// To the collector of `[telemetry]`.
    Otlp,
    /// To standard output, which the program passes to [`AuditLog::write_to`].
    Stdout,
}

/// Why there is no audit log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    #[error(transparent)]
    Export(#[from] TelemetryError),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// Writes decisions, if it is configured.
#[derive(Debug, Default)]
pub struct AuditLog {
    queue: OnceLock<LogQueue>,
    /// Set to have the file opened again.
    reopen: Arc<AtomicBool>,
    /// The limit on refusals of senders who are not known.
    unknown: Mutex<Limit>,
    /// How many of those had no line, or were refused by the collector.
    left_out: Counter,
    /// What is protected, as the configuration names it.
    resource: ArcSwapOption<Box<str>>,
}

impl AuditLog {
    /// Starts the audit log in this file.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or no thread started.
    pub(crate) fn open(&self, path: &Path) -> io::Result<()> {
        let file = ReopenedFile {
            file: open(path)?,
            path: path.to_owned(),
            reopen: Arc::clone(&self.reopen),
            is_within_line: false,
        };
        self.write_to(LogQueue::start(file, LogFormat::Json)?);
        Ok(())
    }

    /// Starts to send the audit log to the collector of these settings.
    ///
    /// # Errors
    ///
    /// The exporter cannot be set up, or no thread started.
    pub(crate) fn send(&self, settings: &TelemetrySettings) -> Result<(), AuditError> {
        let export = AuditExport::new(settings, self.left_out.clone())?;
        let queue = LogQueue::start_gathering(export, LogFormat::Json, BATCH)?;
        self.write_to(queue);
        Ok(())
    }

    /// Writes into this queue.
    pub fn write_to(&self, queue: LogQueue) {
        // The first one stays: a program has one audit log.
        let _ = self.queue.set(queue);
    }

    /// Opens the file again before the next line, after another program has moved it.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }

    /// Names what is protected.
    pub(crate) fn set_resource(&self, resource: Option<&str>) {
        let resource = resource.map(|resource| Arc::new(Box::from(resource)));
        self.resource.store(resource);
    }

    /// How many decisions have no line.
    pub(crate) fn lost(&self) -> u64 {
        let dropped = self.queue.get().map_or(0, LogQueue::dropped);
        dropped.saturating_add(self.left_out.get())
    }

    /// Waits until its lines are written, but no longer than `within`.
    pub(crate) fn flush(&self, within: Duration) {
        let is_written = self.queue.get().is_none_or(|queue| queue.flush(within));
        if !is_written {
            tracing::warn!("the last lines of the audit log were not written in time");
        }
    }

    /// Writes the line of a decision.
    pub(super) fn decided(&self, record: &Record) {
        let Some(queue) = self.queue.get() else {
            return;
        };
        let Some(verdict) = record.verdict else {
            return;
        };
        if record.sender.is_none() && !self.may_write() {
            self.left_out.inc();
            return;
        }
        let mut line = Line::info(LogFormat::Json, TARGET, "decision");
        line.text("id", record.request.id.as_str());
        if let Some(trace) = &record.trace {
            line.text("trace", trace);
        }
        line.text("decision", verdict.as_str());
        line.text("reason", record.reason);
        line.number("status", record.status.as_u16().into());
        line.text("door", record.door.as_str());
        line.text("method", record.request.method);
        if let Some(route) = &record.route {
            line.text("route", route);
        }
        if let Some(resource) = &*self.resource.load() {
            line.text("resource", resource);
        }
        if let Some(sender) = &record.sender {
            write_sender(sender, &mut line);
        }
        if let Some(unmet) = &record.unmet {
            if let Some(requirement) = &unmet.requirements {
                line.text("requirement", requirement);
            }
            line.text("claim", &unmet.claim);
        }
        if let Some(shadowed) = record.shadowed {
            line.text("shadowed", shadowed);
        }
        queue.push(&line.finish());
    }

    /// Anyone can be refused: a flood of them must not fill the disk.
    fn may_write(&self) -> bool {
        lock(&self.unknown).take(Instant::now()).0
    }
}

fn write_sender(sender: &Principal, line: &mut Line) {
    Sender::of(sender).write(line);
    line.text("kind", sender.kind().as_str());
    let act = ClaimPath::new(["act"]);
    if let Some(actor) = sender.claim(&act).and_then(|act| actor(act, ACTORS)) {
        line.json("act", &actor);
    }
}

/// Who acts for the subject, and for whom that actor acts in turn; `...` in the place of those past `depth` ([RFC 8693 §4.1]).
///
/// [RFC 8693 §4.1]: https://www.rfc-editor.org/rfc/rfc8693#section-4.1
fn actor(act: Value<'_>, depth: usize) -> Option<serde_json::Value> {
    let mut actor = serde_json::Map::new();
    for name in ["iss", "sub", "client_id"] {
        if let Some(text) = act.get(name).and_then(Value::as_str) {
            actor.insert(name.to_owned(), shown(&text).into());
        }
    }
    if let Some(next) = act.get("act") {
        let next = match depth.checked_sub(1) {
            Some(0) | None => Some("...".into()),
            Some(depth) => self::actor(next, depth),
        };
        actor.extend(next.map(|next| ("act".to_owned(), next)));
    }
    (!actor.is_empty()).then(|| actor.into())
}

/// A file that is opened again when asked, but never within a line.
#[derive(Debug)]
struct ReopenedFile {
    path: PathBuf,
    file: File,
    reopen: Arc<AtomicBool>,
    is_within_line: bool,
}

impl Write for ReopenedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_within_line && self.reopen.swap(false, Ordering::Relaxed) {
            match open(&self.path) {
                Ok(file) => self.file = file,
                Err(error) => {
                    let path = self.path.display();
                    tracing::error!(%path, %error, "the audit log cannot be opened again; the old file is kept");
                }
            }
        }
        let count = self.file.write(bytes)?;
        let last = count.checked_sub(1).and_then(|last| bytes.get(last));
        self.is_within_line = last.is_some_and(|last| *last != b'\n');
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Opens a file to append to. A new one can be read by its owner alone, since it names users.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// How long a batch for a collector gathers lines.
const BATCH: Duration = Duration::from_secs(1);

/// The target of its lines.
const TARGET: &str = "bearward::audit";

/// How many actors of a chain are shown.
const ACTORS: usize = 4;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::{ReopenedFile, open};

    #[test]
    fn a_file_that_was_moved_is_opened_again_between_two_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let moved = folder.path().join("audit.jsonl.1");
        let reopen = Arc::<AtomicBool>::default();
        let mut file = ReopenedFile {
            file: open(&path).unwrap(),
            path: path.clone(),
            reopen: Arc::clone(&reopen),
            is_within_line: false,
        };
        file.write_all(b"a line\nhalf a").unwrap();
        std::fs::rename(&path, &moved).unwrap();
        reopen.store(true, Ordering::Relaxed);
        file.write_all(b" line\n").unwrap();
        file.write_all(b"another\n").unwrap();
        let read = |path| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(&moved), "a line\nhalf a line\n");
        assert_eq!(read(&path), "another\n");
        // The folder is gone: the old file goes on.
        std::fs::remove_dir_all(folder.path()).unwrap();
        reopen.store(true, Ordering::Relaxed);
        file.write_all(b"kept\n").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let file = open(&path).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
