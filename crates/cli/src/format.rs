//! How results are written: for programs or for people.

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
    /// Text where a person looks at stdout, JSON where a program does.
    pub(crate) fn for_stdout() -> Self {
        if std::io::stdout().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}
