//! The program `bearward`, which runs the library `bearward_cli`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request makes some fifty short-lived allocations. With the system's allocator, these take a sixth
/// of the processor time outside the kernel.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    bearward_cli::run(std::env::args_os()).into()
}
