//! Commands to paste into a shell: with curl, and tokens of the development issuer.

/// An access or ID token of the development issuer, asked for with this JSON text, as a shell
/// expands it: tokens are minted when a line is run, so that no line grows old.
pub(crate) fn minted(issuer: &str, wish: &str) -> String {
    format!(r#"$(curl -s {issuer}/mint -d '{wish}' | cut -d'"' -f4)"#)
}

/// A line and what it does, as they are printed.
pub(crate) fn explained(what: &str, line: &str) -> String {
    format!("# {what}\n{line}\n")
}
