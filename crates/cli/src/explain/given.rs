//! Where the text of a token comes from: the argument itself, a file, or standard input.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bearward_core::limits;

use crate::Failure;

/// Reads the token that an argument means. Only a file and standard input keep it out of the shell's
/// history and the list of processes.
pub(super) fn read(given: &OsStr) -> Result<Vec<u8>, Failure> {
    if given == STDIN {
        return token(io::stdin()).map_err(Failure::Read);
    }
    // No token has a colon in it.
    let Some(path) = given.to_str().and_then(|text| text.strip_prefix("file:")) else {
        return match is_file(given) {
            true => Err(Failure::FileAsToken(given.into())),
            false => Ok(given.as_encoded_bytes().to_vec()),
        };
    };
    let file = PathBuf::from(path);
    let read = File::open(&file).and_then(token);
    read.map_err(|error| Failure::File { file, error })
}

/// Whether it is the name of a file rather than a token. Nothing that begins as JWTs do is looked up.
fn is_file(given: &OsStr) -> bool {
    !given.as_encoded_bytes().starts_with(b"eyJ") && Path::new(given).is_file()
}

/// Reads one token, without the line feed that the shell's `echo` adds.
fn token(input: impl Read) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(limits::TOKEN_BYTES).unwrap_or(u64::MAX);
    let mut token = Vec::new();
    // Enough to detect a token that is too long.
    input
        .take(limit.saturating_add(2))
        .read_to_end(&mut token)?;
    if token.last() == Some(&b'\n') {
        token.pop();
    }
    Ok(token)
}

/// The argument that means standard input.
pub(super) const STDIN: &str = "-";
