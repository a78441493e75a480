//! The log of long-running commands: to stderr, for the operator. Nothing waits for its reader.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};
use std::time::Duration;

use bearward_gateway::record::log::{LogFormat, LogQueue};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterFn, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::Failure;
use crate::format::Format;

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
            .with(never_below_info())
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

/// Drops events below `info` of two dependencies, whatever level was requested: h2 quotes paths and
/// authorities that it cannot read, and a query may hold a token; notify reports each change in a
/// folder, which may contain the log itself.
fn never_below_info() -> FilterFn {
    filter_fn(|what: &Metadata<'_>| {
        let name = what.target().split("::").next().unwrap_or_default();
        *what.level() <= Level::INFO || !["h2", "notify"].contains(&name)
    })
}

/// How long the end waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_millis(500);
