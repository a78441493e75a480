//! `bearward completions`: shell completions for commands and options.

use clap_complete::Shell;

use crate::{Exit, Failure, help, print};

/// Prints the completions for a shell.
///
/// For bash: bearward completions bash > ~/.local/share/bash-completion/completions/bearward. For zsh,
/// save it as _bearward in a folder of $fpath. For fish: > ~/.config/fish/completions/bearward.fish.
#[derive(clap::Args)]
#[command(after_long_help = help::sections([help::PLAIN_EXITS, help::ENVIRONMENT]))]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, mut program: clap::Command) -> Result<Exit, Failure> {
        // Writes into memory first: the library panics if it cannot write.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "bearward", &mut script);
        print(script)?;
        Ok(Exit::Good)
    }
}
