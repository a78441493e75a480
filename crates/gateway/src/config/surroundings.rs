//! What a configuration refers to outside of itself: files and environment variables.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bearward::core::limits;

use super::mistakes::Code;
use super::reader::Fields;

/// Where files and environment variables of a configuration are looked up.
pub struct Surroundings<'s> {
    folder: PathBuf,
    variable: Box<Variable<'s>>,
    /// The files that were read, or should have been.
    files: RefCell<Vec<FileRead>>,
}

type Variable<'s> = dyn Fn(&str) -> Option<OsString> + 's;

impl<'s> Surroundings<'s> {
    /// Files are relative to `folder`; `variable` knows the environment.
    #[must_use]
    pub fn new(
        folder: impl Into<PathBuf>,
        variable: impl Fn(&str) -> Option<OsString> + 's,
    ) -> Self {
        Self {
            folder: folder.into(),
            variable: Box::new(variable),
            files: RefCell::default(),
        }
    }

    /// The environment of this process, and the folder of the configuration file.
    #[must_use]
    pub fn of(config: &Path) -> Self {
        let folder = config.parent().unwrap_or_else(|| Path::new(""));
        Self::new(folder, |name| std::env::var_os(name))
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Reads a file, no further than a document may be long.
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let path = self.path(path);
        let read = read(&path);
        let contents = read.as_ref().ok().map(|bytes| Contents::of(bytes));
        self.files.borrow_mut().push(FileRead { path, contents });
        read
    }

    /// A file that is needed. One that is not there is never taken for an empty one.
    pub(super) fn read_for(&self, fields: &Fields<'_>, key: &str, path: &str) -> Option<Secret> {
        match self.read(path) {
            Ok(bytes) => Some(Secret(bytes.into())),
            Err(error) => {
                let message = format!("`{key}`: the file {path:?} cannot be read: {error}");
                let help = "paths are relative to the folder of the configuration";
                fields.tell(Code::FileMissing, key, message, help);
                None
            }
        }
    }

    /// The files that were read until now.
    pub(super) fn files(&self) -> Vec<FileRead> {
        self.files.borrow().clone()
    }

    pub(super) fn variable(&self, name: &str) -> Option<Vec<u8>> {
        (self.variable)(name).map(OsString::into_encoded_bytes)
    }
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// A file, and what was in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead {
    pub(crate) path: PathBuf,
    /// `None` if it could not be read.
    pub(crate) contents: Option<Contents>,
}

impl FileRead {
    /// The same file as it is now.
    pub(crate) fn again(self) -> Self {
        let contents = read(&self.path).ok();
        Self {
            contents: contents.map(|bytes| Contents::of(&bytes)),
            path: self.path,
        }
    }
}

/// What a file held, without holding it: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contents(u64);

impl Contents {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        Self(hasher.finish())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(limits::DOCUMENT_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    // One byte more, so that what is too large does not look as if it ended there.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A secret, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) Box<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
