//! Files that options name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bearward_core::limits;

/// Reads a file, up to the maximum length of a document.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(limits::DOCUMENT_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    // One byte more, so that a file that is too large is recognised.
    let file = File::open(path)?.take(limit.saturating_add(1));
    { file }.read_to_end(&mut bytes)?;
    Ok(bytes)
}
