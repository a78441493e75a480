//! `bearward schema`: the reference of the configuration.

use bearward_gateway::config;
use clap::ValueEnum;

use crate::{Exit, Failure, help, print};

/// Prints the JSON Schema of the configuration, for editors, or every key in Markdown.
#[derive(clap::Args)]
#[command(after_long_help = help::sections([help::PLAIN_EXITS, help::ENVIRONMENT]))]
pub(crate) struct Schema {
    /// How to print it
    #[arg(long, value_enum, default_value = "json")]
    format: Form,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Json,
    Markdown,
}

impl Schema {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let text = match self.format {
            Form::Json => format!("{:#}\n", config::schema()),
            Form::Markdown => config::reference(),
        };
        print(text)?;
        Ok(Exit::Good)
    }
}
