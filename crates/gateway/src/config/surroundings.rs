//! Access to what a configuration refers to: files and environment variables.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bearward::core::limits;

use super::key::{Field, Key};
use super::mistakes::Code;
use super::reader::{At, Given, Hidden};
use super::secret::{Document, Hides, Secret};
use super::validity::Certificates;

/// Looks up files and environment variables for a configuration.
pub struct Surroundings<'s> {
    folder: PathBuf,
    variable: Box<Variable<'s>>,
    kind: FileKind,
    /// The files that were read, and those that could not be.
    files: RefCell<Vec<FileRead>>,
    certificates: RefCell<Vec<Certificates>>,
}

/// The kinds of files that may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Any file, such as the path that a shell creates for `<(command)`. Only the start can wait for
    /// it.
    Any,
    /// A regular file, or a link to one: a pipe would wait for its writer.
    Regular,
}

impl FileKind {
    /// Reads a file up to one byte after `most`, so that a file that is too large is recognised.
    pub(super) fn read(self, path: &Path, most: usize) -> io::Result<Vec<u8>> {
        // Checks before opening: opening is what could wait.
        if self == Self::Regular && !fs::metadata(path)?.is_file() {
            let message = "it is not a regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        let mut file = File::open(path)?.take(most.saturating_add(1));
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

type Variable<'s> = dyn Fn(&str) -> Option<OsString> + 's;

impl<'s> Surroundings<'s> {
    /// File paths are relative to `folder`; `variable` looks up environment variables.
    #[must_use]
    pub fn new(
        folder: impl Into<PathBuf>,
        variable: impl Fn(&str) -> Option<OsString> + 's,
    ) -> Self {
        Self {
            folder: folder.into(),
            variable: Box::new(variable),
            kind: FileKind::Any,
            files: RefCell::default(),
            certificates: RefCell::default(),
        }
    }

    /// For a program that already serves: refuses pipes and devices.
    pub(crate) fn while_serving(mut self) -> Self {
        self.kind = FileKind::Regular;
        self
    }

    /// Uses the environment of this process and the folder of the configuration file.
    #[must_use]
    pub fn of(config: &Path) -> Self {
        let folder = config.parent().unwrap_or_else(|| Path::new(""));
        Self::new(folder, |name| std::env::var_os(name))
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Reads a file, up to the maximum length of a document.
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let path = self.path(path);
        let read = self.kind.read(&path, limits::DOCUMENT_BYTES);
        let bytes = read.as_deref().ok();
        let found = bytes.and_then(|bytes| Certificates::of(&path, bytes));
        self.certificates.borrow_mut().extend(found);
        let contents = bytes.map(Contents::of);
        self.files.borrow_mut().push(FileRead { path, contents });
        read
    }

    /// Reads a required file. A missing file never counts as an empty one.
    pub(super) fn read_for(&self, given: &Given<'_>, key: &Field, path: &str) -> Option<Document> {
        let bytes = read_by_key(given, key, path, self.read(path))?;
        Some(Document(bytes.into()))
    }

    /// Reads a required file with a secret.
    pub(super) fn read_secret<T, V: Hides>(
        &self,
        given: &Given<'_>,
        key: &Key<T, V>,
        path: &str,
    ) -> Option<Secret> {
        let bytes = read_by_key(given, key, path, self.read(path))?;
        Some(Secret::of(key, bytes))
    }

    /// Reads a required file with a secret that is read again whenever it is needed, so that its changes
    /// are no news.
    pub(super) fn look_at<T, V: Hides>(
        &self,
        given: &Given<'_>,
        key: &Key<T, V>,
        path: &str,
    ) -> Option<Secret> {
        let read = FileKind::Regular.read(&self.path(path), limits::DOCUMENT_BYTES);
        let bytes = read_by_key(given, key, path, read)?;
        Some(Secret::of(key, bytes))
    }

    /// Follows a reference to a secret as far as its file, if it has one.
    pub(super) fn refer<'t, T>(
        &self,
        given: &Given<'_>,
        key: &Key<T, Hidden>,
        reference: &At<&'t str>,
    ) -> Option<Referred<'t>> {
        match reference.value.split_once(':') {
            Some(("env", name)) if !name.is_empty() => {
                let Some(secret) = self.variable_os(name) else {
                    let message = format!("the environment variable {name:?} is not set");
                    given.report(Code::FileMissing, key, message, "");
                    return None;
                };
                let secret = secret.into_encoded_bytes();
                Some(Referred::Variable(Secret::of(key, secret)))
            }
            Some(("file", path)) if !path.is_empty() => Some(Referred::File(path)),
            _ => {
                // The value may be the secret itself.
                let message = format!(
                    "`{}` must be a reference to the secret, not the secret itself",
                    key.key
                );
                let help =
                    "write \"env:NAME\" or \"file:PATH\"; if this was the secret, replace it";
                given.report(Code::Value, key, message, help);
                None
            }
        }
    }

    /// The files read so far.
    pub(super) fn files(&self) -> Vec<FileRead> {
        self.files.borrow().clone()
    }

    /// The certificates read so far.
    pub(super) fn certificates(&self) -> Vec<Certificates> {
        self.certificates.borrow().clone()
    }

    pub(super) fn variable_os(&self, name: &str) -> Option<OsString> {
        (self.variable)(name)
    }
}

/// What a reference leads to.
pub(super) enum Referred<'t> {
    /// A file with this path.
    File(&'t str),
    /// A variable with this value.
    Variable(Secret),
}

fn read_by_key(
    given: &Given<'_>,
    key: &Field,
    path: &str,
    read: io::Result<Vec<u8>>,
) -> Option<Vec<u8>> {
    match read {
        // Half of a list of authorities would be another list.
        Ok(bytes) if bytes.len() > limits::DOCUMENT_BYTES => {
            let most = limits::DOCUMENT_BYTES;
            let message = format!("`{key}`: the file {path:?} is longer than {most} bytes");
            given.report(Code::TooLarge, key, message, "");
            None
        }
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let message = format!("`{key}`: the file {path:?} cannot be read: {error}");
            let help = "paths are relative to the configuration's folder";
            given.report(Code::FileMissing, key, message, help);
            None
        }
    }
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// A file and its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead {
    pub(crate) path: PathBuf,
    /// `None` if it could not be read.
    pub(crate) contents: Option<Contents>,
}

impl FileRead {
    /// The same file with its present contents.
    pub(crate) fn again(self) -> Self {
        let read = FileKind::Regular.read(&self.path, limits::DOCUMENT_BYTES);
        let contents = read.ok().map(|bytes| Contents::of(&bytes));
        Self { contents, ..self }
    }
}

/// A hash of a file's contents, which may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contents(u64);

impl Contents {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        Self(hasher.finish())
    }
}
