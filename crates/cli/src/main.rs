//! The program `bearward`: see the library `bearward_cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bearward_cli::run(std::env::args_os()).into()
}
