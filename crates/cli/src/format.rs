//! The format of results: for programs or for people.

use std::io::IsTerminal;

use clap::ValueEnum;

/// The form of what stands on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// JSON, one object a line
    Json,
    /// Text for a person
    Text,
}

impl Format {
    /// Text if stdout is a terminal, otherwise JSON.
    pub(crate) fn for_stdout() -> Self {
        if std::io::stdout().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}
