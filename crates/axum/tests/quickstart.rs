//! The application of `docs/quickstart-axum.md` and its tests, as the manual prints them.

#[expect(dead_code, reason = "the manual's main, which a test does not run")]
mod main;

const MANUAL: &str = include_str!("../../../docs/quickstart-axum.md");

#[test]
fn the_manual_prints_what_is_tested_here() {
    let application = include_str!("quickstart/main.rs");
    let tests = include_str!("quickstart/main/tests.rs");
    assert!(MANUAL.contains(&format!("```rust,no_run\n{application}```\n")));
    assert!(MANUAL.contains(&format!("```rust,ignore\n{tests}```\n")));
}
