//! The program `bearward`: see the library `bearward_cli`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request is some fifty short-lived pieces of memory. With the system's allocator, a sixth of the
/// processor time outside the kernel goes there.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    bearward_cli::run(std::env::args_os()).into()
}
