//! Prints the public API of a crate, an item a line, from the JSON that rustdoc writes.
//!
//! Implementations of automatic traits and blanket ones are left out: every type has dozens. Derived
//! ones are there, since a type that is no longer `Clone` breaks its users.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(json) = std::env::args_os().nth(1) else {
        eprintln!("usage: public-api-of FILE.json");
        return ExitCode::from(2);
    };
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build();
    match api {
        Ok(api) => {
            print!("{api}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}; a new toolchain may need a new version of public-api");
            ExitCode::FAILURE
        }
    }
}
