//! The only code in this crate that panics.
//!
//! Signing with a parsed key, and reading the keys and requests embedded in this crate, cannot fail
//! unless the build is broken or the system has no randomness. A test kit that returned a `Result`
//! there would only move the `unwrap` into every test.

use std::fmt;

/// The value of a `result` that is never an error.
///
/// # Panics
///
/// If it is an error after all: this crate was built from damaged files, or the system has no
/// randomness.
#[expect(
    clippy::expect_used,
    reason = "a damaged test kit must stop the test, not answer wrongly"
)]
pub(crate) fn holds<T, E: fmt::Debug>(result: Result<T, E>) -> T {
    result.expect("what is embedded parses, a parsed key signs, the system has randomness")
}
