//! The output of the log: a bounded queue, and one thread that writes what is in it.
//!
//! The reader of the log may stall, and a disk may be full. Neither may delay a request, a reload
//! or the end of the program, so only this thread ever waits for the writer. Lines that do not fit
//! are dropped and counted, and the log says so as soon as it can be written again.
//!
//! Lines are collected for some milliseconds and written together: one write per line would cost a
//! request more than everything else about its line. `tracing-appender` does one write per line and
//! bounds its queue by lines, not by bytes.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::lock::lock;

mod line;
mod timestamp;

pub(crate) use self::line::Line;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a log has these forms here")]
pub enum LogFormat {
    /// For a person at a terminal.
    Coloured,
    /// One JSON object per line.
    Json,
    /// For a person.
    Text,
}

/// A log that never makes its callers wait. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogQueue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    format: LogFormat,
    /// How long the first line waits for others.
    gather: Duration,
    file: Arc<Mutex<File>>,
    queue: Mutex<Queue>,
    /// Wakes the writer: there are lines to write.
    wanted: Condvar,
    /// Everything has been written.
    written: Condvar,
    /// How many lines were dropped in total.
    dropped: Counter,
}

/// What is written to, by one writer at a time.
#[derive(Debug, Default)]
struct File {
    /// The last write ended within a line.
    is_within_line: bool,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    /// How many were dropped since the log last mentioned it.
    dropped: u64,
    is_writing: bool,
    /// The writer waits for the first line.
    is_asleep: bool,
    /// The writer must not wait for more lines.
    is_urgent: bool,
}

impl Queue {
    const fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0
    }
}

impl LogQueue {
    /// Starts the thread that writes lines of this format.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start(to: impl Write + Send + 'static, format: LogFormat) -> io::Result<Self> {
        Self::start_in(Arc::default(), to, format, GATHER)
    }

    /// The same, with this time to gather lines before they are written.
    pub(crate) fn start_gathering(
        to: impl Write + Send + 'static,
        format: LogFormat,
        gather: Duration,
    ) -> io::Result<Self> {
        Self::start_in(Arc::default(), to, format, gather)
    }

    /// The same, for the file or pipe that this log also writes to: neither begins a line within a line of
    /// the other. A writer that stalls holds up both.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start_in_same_file(
        &self,
        to: impl Write + Send + 'static,
        format: LogFormat,
    ) -> io::Result<Self> {
        Self::start_in(Arc::clone(&self.0.file), to, format, GATHER)
    }

    fn start_in(
        file: Arc<Mutex<File>>,
        to: impl Write + Send + 'static,
        format: LogFormat,
        gather: Duration,
    ) -> io::Result<Self> {
        let log = Self(Arc::new(Inner {
            format,
            gather,
            file,
            queue: Mutex::default(),
            wanted: Condvar::new(),
            written: Condvar::new(),
            dropped: Counter::default(),
        }));
        let writer = Writer {
            log: log.clone(),
            to,
        };
        let thread = thread::Builder::new().name("log".to_owned());
        thread.spawn(move || writer.run())?;
        Ok(log)
    }

    /// Adds a line, which ends with a line feed. A line that does not fit is dropped and counted.
    pub fn push(&self, line: &[u8]) {
        let mut queue = self.queue();
        let length = queue.lines.len().saturating_add(line.len());
        if length > QUEUE_BYTES {
            queue.dropped = queue.dropped.saturating_add(1);
            drop(queue);
            self.0.dropped.inc();
            return;
        }
        queue.lines.extend_from_slice(line);
        let is_half_full = length > QUEUE_BYTES / 2 && !queue.is_urgent;
        queue.is_urgent |= is_half_full;
        if queue.is_asleep || is_half_full {
            queue.is_asleep = false;
            drop(queue);
            self.0.wanted.notify_all();
        }
    }

    /// Adds a line of level `info` with these fields, in the format of this log.
    pub fn info(&self, target: &'static str, message: &'static str, fields: &[(&str, &str)]) {
        let mut line = Line::info(self.format(), target, message);
        for (name, value) in fields {
            line.text(name, value);
        }
        self.push(&line.finish());
    }

    /// Waits until the queue has been written, but no longer than `within`. Returns whether it was.
    #[must_use]
    pub fn flush(&self, within: Duration) -> bool {
        let mut queue = self.queue();
        queue.is_urgent = true;
        self.0.wanted.notify_all();
        let is_busy = |queue: &mut Queue| queue.is_writing || !queue.is_empty();
        let waited = self.0.written.wait_timeout_while(queue, within, is_busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// How its lines are written.
    #[must_use]
    pub fn format(&self) -> LogFormat {
        self.0.format
    }

    /// How many lines were dropped since it was started.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.get()
    }

    /// Waits for lines. Takes them, and returns how many were dropped after them.
    fn take(&self, lines: &mut Vec<u8>) -> u64 {
        let mut queue = self.queue();
        queue.is_writing = false;
        if queue.is_empty() {
            queue.is_urgent = false;
            self.0.written.notify_all();
        }
        while queue.is_empty() {
            queue.is_asleep = true;
            let woken = self.0.wanted.wait(queue);
            queue = woken.unwrap_or_else(PoisonError::into_inner);
        }
        queue.is_asleep = false;
        let may_gather = |queue: &mut Queue| !queue.is_urgent;
        let gathered = self
            .0
            .wanted
            .wait_timeout_while(queue, self.0.gather, may_gather);
        queue = gathered.unwrap_or_else(PoisonError::into_inner).0;
        queue.is_urgent = false;
        queue.is_writing = true;
        std::mem::swap(&mut queue.lines, lines);
        std::mem::take(&mut queue.dropped)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0.queue)
    }
}

/// Each write is one whole line, as `tracing-subscriber` makes it.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    /// No caller waits for the log.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread that waits for the writer.
struct Writer<W> {
    log: LogQueue,
    to: W,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        let mut lines = Vec::new();
        let mut dropped: u64 = 0;
        loop {
            let more = self.log.take(&mut lines);
            let lost = self.write(&lines);
            self.log.0.dropped.inc_by(lost);
            dropped = dropped.saturating_add(more).saturating_add(lost);
            if dropped > 0 && lost == 0 && self.write(&self.notice(dropped)) == 0 {
                dropped = 0;
            }
            lines.clear();
            lines.shrink_to(KEPT_BYTES);
        }
    }

    /// The line that reports how many lines were dropped.
    fn notice(&self, count: u64) -> Vec<u8> {
        let mut line = Line::warning(self.log.format(), "bearward::log", "lines were dropped");
        line.number("dropped", count);
        line.finish()
    }

    /// Writes lines, and returns how many of them were lost to an error.
    fn write(&mut self, lines: &[u8]) -> u64 {
        let file = Arc::clone(&self.log.0.file);
        let mut file = lock(&file);
        let mut rest = lines;
        if file.is_within_line {
            // Ends the broken line, so that this one does not continue it.
            let ended = self.write_some(b"\n");
            file.is_within_line = ended.is_err();
        }
        while !rest.is_empty() && !file.is_within_line {
            match self.write_some(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(_) => {
                    let before = lines.len().saturating_sub(rest.len()).checked_sub(1);
                    let last = before.and_then(|last| lines.get(last));
                    file.is_within_line = last.is_some_and(|last| *last != b'\n');
                    break;
                }
            }
        }
        let lost = rest.iter().filter(|byte| **byte == b'\n').count();
        u64::try_from(lost).unwrap_or(u64::MAX)
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.to.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another program that shares the pipe made it non-blocking; we do wait.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(GATHER),
                Err(error) => return Err(error),
            }
        }
    }
}

/// How much may wait to be written. As much again may be in the course of being written.
const QUEUE_BYTES: usize = 1024 * 1024;

/// The capacity to which a larger buffer shrinks.
const KEPT_BYTES: usize = 64 * 1024;

/// How long the first line usually waits for others.
const GATHER: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::{LogFormat, LogQueue, QUEUE_BYTES};

    const SOON: Duration = Duration::from_secs(20);

    /// Writes when it may.
    struct Gated {
        may: mpsc::Receiver<io::Result<usize>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Everything, once the gate is gone.
            let may = self.may.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            self.written
                .lock()
                .unwrap()
                .extend_from_slice(&bytes[..may]);
            Ok(may)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Setting {
        queue: LogQueue,
        gate: mpsc::Sender<io::Result<usize>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    fn start(format: LogFormat) -> Setting {
        let (gate, may) = mpsc::channel();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let to = Gated {
            may,
            written: Arc::clone(&written),
        };
        let queue = LogQueue::start(to, format).unwrap();
        Setting {
            queue,
            gate,
            written,
        }
    }

    fn text(written: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(written.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn t_dos_09_a_writer_that_stalls_holds_up_nobody_and_what_is_dropped_is_told() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let Setting {
                queue,
                gate,
                written,
            } = start(format);
            let line = [&[b'x'; 1023][..], b"\n"].concat();
            let pushed = 3 * QUEUE_BYTES / line.len();
            for _ in 0..pushed {
                queue.push(&line);
            }
            assert!(!queue.flush(Duration::from_millis(10)));
            let dropped = queue.dropped();
            let least = u64::try_from(QUEUE_BYTES / line.len()).unwrap();
            assert!(dropped >= least, "{dropped}");
            drop(gate);
            assert!(queue.flush(SOON));
            queue.push(b"flows again\n");
            assert!(queue.flush(SOON));
            let text = text(&written);
            let kept = text.lines().filter(|line| line.starts_with("xx")).count();
            assert_eq!(u64::try_from(pushed - kept).unwrap(), dropped);
            // Reported in one line or in two: the writer may have taken some while others were pushed.
            let (before, after) = match format {
                LogFormat::Json => (
                    r#"Z","level":"WARN","fields":{"message":"lines were dropped","dropped":"#,
                    r#"},"target":"bearward::log"}"#,
                ),
                LogFormat::Coloured | LogFormat::Text => {
                    ("Z  WARN bearward::log: lines were dropped dropped=", "")
                }
            };
            let told = text.lines().filter_map(|line| {
                let (_, count) = line.split_once(before)?;
                count.strip_suffix(after)?.parse::<u64>().ok()
            });
            assert_eq!(told.sum::<u64>(), dropped, "{format:?}");
            assert!(text.ends_with("flows again\n"));
            // A line that never fits is dropped by itself.
            queue.push(&vec![b'y'; QUEUE_BYTES + 1]);
            assert_eq!(queue.dropped(), dropped + 1);
        }
    }

    #[test]
    fn t_dos_09_a_full_disk_loses_lines_and_counts_them() {
        let Setting {
            queue,
            gate,
            written,
        } = start(LogFormat::Text);
        let full = || Err(io::ErrorKind::StorageFull.into());
        // The first line in part, then nothing: two are lost.
        gate.send(Ok(4)).unwrap();
        gate.send(full()).unwrap();
        queue.push(b"first line\nsecond line\n");
        assert!(queue.flush(SOON));
        assert_eq!(queue.dropped(), 2);
        gate.send(full()).unwrap();
        queue.push(b"third line\n");
        assert!(queue.flush(SOON));
        let dropped = queue.dropped();
        drop(gate);
        queue.push(b"last line\n");
        assert!(queue.flush(SOON));
        let text = text(&written);
        // The broken line does not run into another.
        assert!(text.starts_with("firs\n"), "{text}");
        assert!(text.contains("\nlast line\n"), "{text}");
        let told = format!("lines were dropped dropped={dropped}\n");
        assert!(text.ends_with(&told), "{text}");
    }

    /// Takes one byte at a time, as a pipe may.
    #[derive(Clone, Default)]
    struct Slow(Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes[0]);
            std::thread::yield_now();
            Ok(1)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn two_logs_in_one_pipe_never_mix_within_a_line() {
        let pipe = Slow::default();
        let first = LogQueue::start(pipe.clone(), LogFormat::Text).unwrap();
        let second = first
            .start_in_same_file(pipe.clone(), LogFormat::Json)
            .unwrap();
        for _ in 0..200 {
            first.push(b"aaaaaaaaaaaaaaaa\n");
            second.push(b"bbbbbbbbbbbbbbbb\n");
        }
        assert!(first.flush(SOON) && second.flush(SOON));
        let text = text(&pipe.0);
        assert_eq!(text.lines().count(), 400);
        for line in text.lines() {
            assert!(
                ["a".repeat(16), "b".repeat(16)].contains(&line.to_owned()),
                "{line}"
            );
        }
    }

    #[test]
    fn a_pipe_that_others_do_not_wait_for_loses_nothing() {
        let Setting {
            queue,
            gate,
            written,
        } = start(LogFormat::Text);
        let later = io::ErrorKind::WouldBlock;
        for may in [
            Err(later.into()),
            Ok(3),
            Err(io::ErrorKind::Interrupted.into()),
        ] {
            gate.send(may).unwrap();
        }
        drop(gate);
        queue.push(b"a line\n");
        assert!(queue.flush(SOON));
        assert_eq!((text(&written).as_str(), queue.dropped()), ("a line\n", 0));
    }
}
