//! The log of the commands that keep running: to stderr, for the operator.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

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
        let log = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::try_new(&self.filter)?)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        match self.format {
            Format::Json => log.json().init(),
            Format::Text => log.init(),
        }
        Ok(())
    }
}
