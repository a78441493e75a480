//! What was measured against what it should be.

use std::process::ExitCode;

/// The rows, in the order they were measured.
#[derive(Default)]
pub struct Targets(Vec<(String, f64, f64)>);

impl Targets {
    pub fn at_most(&mut self, what: impl Into<String>, target: f64, measured: f64) {
        self.0.push((what.into(), target, measured));
    }

    /// Prints them. With `--check` the exit code is 1 if one is missed.
    pub fn report(&self) -> ExitCode {
        println!();
        println!("what | at most | measured | ");
        println!("-----|--------:|---------:|-");
        for (what, target, measured) in &self.0 {
            let verdict = if measured <= target { "met" } else { "MISSED" };
            println!("{what} | {target} | {measured:.3} | {verdict}");
        }
        let check = std::env::args().any(|argument| argument == "--check");
        if check && !self.are_met() {
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    fn are_met(&self) -> bool {
        self.0
            .iter()
            .all(|(_, target, measured)| measured <= target)
    }
}
