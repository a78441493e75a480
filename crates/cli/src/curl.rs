//! Commands to paste into a shell, with curl and tokens of the development issuer.

/// A shell expression for an access or ID token of the development issuer, requested with this JSON
/// text: each run of a line mints a new token, so lines never expire.
pub(crate) fn minted(issuer: &str, wish: &str) -> String {
    format!(r#"$(curl -s {issuer}/mint -d '{wish}' | cut -d'"' -f4)"#)
}

/// Lines with their purposes, as printed.
pub(crate) fn explained(lines: &[(&str, String)]) -> String {
    let explained = lines
        .iter()
        .map(|(what, line)| format!("# {what}\n{line}\n"));
    explained.collect::<Vec<_>>().join("\n")
}
