//! Where the test vectors of others are. They are read from a folder and never copied here.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder that `BEARWARD_VECTORS` names, or the usual one beside the workspace. Without either
/// the test that asks is skipped, and says so.
pub(crate) fn folder() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("BEARWARD_VECTORS") {
        let named = PathBuf::from(named);
        assert!(named.is_dir(), "BEARWARD_VECTORS names no folder");
        return Some(named);
    }
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if usual.is_dir() {
        return Some(usual);
    }
    println!("skipped: no test vectors here; BEARWARD_VECTORS names their folder");
    None
}

pub(crate) fn bytes(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn text(path: impl AsRef<Path>) -> String {
    String::from_utf8(bytes(path)).unwrap()
}

pub(crate) fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&bytes(path)).unwrap()
}
