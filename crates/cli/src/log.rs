//! The log of long-running commands: to stderr, for the operator. Nothing waits for its reader.

use std::backtrace::{Backtrace, BacktraceStatus};
#[cfg(unix)]
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::mem;
#[cfg(unix)]
use std::os::fd::AsFd;
use std::panic::{self, PanicHookInfo};
use std::time::Duration;

use bearward_gateway::record::log::{LogFormat, LogQueue};
use bearward_gateway::run::log_mistakes;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterFn, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::format::Format;
use crate::{Exit, Failure};

/// The options of the log.
#[derive(clap::Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct Log {
    /// What to log, such as `debug` or `warn,bearward=debug`
    #[arg(long = "log", value_name = "FILTER", env = "RUST_LOG")]
    #[arg(default_value = "info,bearward_tower=debug")]
    filter: String,
    /// How to write it: for a person, or one JSON object per line
    #[arg(long = "log-format", value_enum, default_value = "text")]
    format: Format,
}

impl Log {
    /// Starts logging. Dropping the returned value writes the lines that still wait.
    pub(crate) fn start(&self) -> Result<Started, Failure> {
        let asked_for = self.filter.parse::<Targets>()?;
        let format = match self.format {
            Format::Json => LogFormat::Json,
            Format::Text if io::stderr().is_terminal() => LogFormat::Coloured,
            Format::Text => LogFormat::Text,
        };
        let queue = LogQueue::start(io::stderr(), format).map_err(Failure::Runtime)?;
        let writer = queue.clone();
        let log = fmt::layer()
            .with_ansi(format == LogFormat::Coloured)
            .with_writer(move || writer.clone());
        let log = match self.format {
            Format::Json => log.json().boxed(),
            Format::Text => log.boxed(),
        };
        registry()
            .with(log)
            .with(asked_for)
            .with(without_noise())
            .init();
        // The default hook writes to stderr itself, and waits for its reader.
        panic::set_hook(Box::new(log_panic));
        Ok(Started(queue))
    }
}

/// The running log of this program.
#[derive(Debug)]
pub(crate) struct Started(LogQueue);

impl Started {
    /// The queue of its lines.
    pub(crate) fn queue(&self) -> LogQueue {
        self.0.clone()
    }

    /// A log of this format on standard output, otherwise of the same as this one. If that is the same pipe or file as this log's, no
    /// line of one begins within a line of the other.
    pub(crate) fn for_stdout(&self, format: Option<LogFormat>) -> Result<LogQueue, Failure> {
        let to = Stdout::open().map_err(Failure::Runtime)?;
        let format = format.unwrap_or_else(|| self.0.format());
        let queue = match is_same_file() {
            true => self.0.start_in_same_file(to, format),
            false => LogQueue::start(to, format),
        };
        queue.map_err(Failure::Runtime)
    }

    /// Writes a failure as lines of this log if they are for a program, which could not read a message
    /// for a person.
    pub(crate) fn report(&self, done: Result<Exit, Failure>) -> Result<Exit, Failure> {
        let failure = match done {
            Err(failure) if self.0.format() == LogFormat::Json => failure,
            done => return done,
        };
        if let Failure::Mistakes { file, mistakes } = &failure {
            log_mistakes(file, mistakes);
            tracing::error!(file = %file.display(), "the configuration has mistakes");
        } else {
            tracing::error!("{failure}");
        }
        Ok(Exit::Undecided)
    }
}

/// Standard output. The log has the first error: whoever reads it does not see that nothing arrives.
#[derive(Debug)]
struct Stdout {
    /// Unbuffered, so that what is written is written once.
    file: Unbuffered,
    has_failed: bool,
}

impl Stdout {
    fn open() -> io::Result<Self> {
        #[cfg(unix)]
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        #[cfg(not(unix))]
        let file = io::stdout();
        Ok(Self {
            file,
            has_failed: false,
        })
    }
}

#[cfg(unix)]
type Unbuffered = File;

#[cfg(not(unix))]
type Unbuffered = io::Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        if let Err(error) = &written
            && !mem::replace(&mut self.has_failed, true)
        {
            tracing::warn!(%error, "cannot write to standard output; serving continues");
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Whether stdout and stderr are one file, pipe or terminal.
#[cfg(unix)]
fn is_same_file() -> bool {
    let of = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
    let (stdout, stderr) = (
        rustix::fs::fstat(io::stdout()),
        rustix::fs::fstat(io::stderr()),
    );
    stdout.is_ok_and(|stdout| stderr.is_ok_and(|stderr| of(stdout) == of(stderr)))
}

/// Unknown here, so they count as one.
#[cfg(not(unix))]
const fn is_same_file() -> bool {
    true
}

impl Drop for Started {
    fn drop(&mut self) {
        // If the lines could not be written in time, there is nowhere to report that.
        let _ = self.0.flush(LAST_LINES);
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        tracing::error!(target: "bearward::panic", "{panic}\n{backtrace}");
    } else {
        tracing::error!(target: "bearward::panic", "{panic}");
    }
}

/// Drops events of some dependencies, whatever level was requested. Below `info`: h2 quotes paths and
/// authorities that it cannot read, and a query may hold a token; notify reports each change in a
/// folder, which may contain the log itself. All: the verifier of certificates repeats the error of each
/// fetch of keys, with a path of the machine that built it.
fn without_noise() -> FilterFn {
    filter_fn(|what: &Metadata<'_>| {
        let name = what.target().split("::").next().unwrap_or_default();
        let is_quiet = *what.level() <= Level::INFO || !["h2", "notify"].contains(&name);
        is_quiet && name != "rustls_platform_verifier"
    })
}

/// How long the end waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_millis(500);
