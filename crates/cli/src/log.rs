//! The log of the commands that keep running: to stderr, for the operator.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterFn, ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::format::Format;

/// The options of the log.
#[derive(clap::Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct Log {
    /// What to log, such as `debug` or `warn,bearward=debug`
    #[arg(long = "log", value_name = "FILTER", env = "RUST_LOG")]
    #[arg(default_value = "info,bearward_tower=debug")]
    filter: String,
    /// How to write it: for a person, or one JSON object a line
    #[arg(long = "log-format", value_enum, default_value = "text")]
    format: Format,
}

impl Log {
    /// Logs from now on.
    pub(crate) fn start(&self) -> Result<(), ParseError> {
        let log = fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        let log = match self.format {
            Format::Json => log.json().boxed(),
            Format::Text => log.boxed(),
        };
        let asked_for = EnvFilter::try_new(&self.filter)?;
        registry()
            .with(log)
            .with(asked_for)
            .with(never_below_info())
            .init();
        Ok(())
    }
}

/// Leaves out what two dependencies say below `info`, whatever was asked for: h2 quotes paths and
/// authorities that it cannot read, and a query may hold a token; notify tells of each change in a
/// folder, which the log itself may be in.
fn never_below_info() -> FilterFn {
    filter_fn(|what: &Metadata<'_>| {
        let name = what.target().split("::").next().unwrap_or_default();
        *what.level() <= Level::INFO || !["h2", "notify"].contains(&name)
    })
}
