//! The last good key set on disk, so that a restart during an outage of the issuer still serves.
//!
//! A snapshot is bound to the issuer and the URL it was fetched for, is checked like a fetched set
//! when it is read, and its age counts from the fetch, across restarts. It holds public keys only;
//! who can write it can choose the keys, so it is readable and writable by its owner alone.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bearward_core::{JwkSet, UnixTime, limits};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::sync::{spawn_blocking, watch};

/// A place on disk for the keys of one issuer.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) path: PathBuf,
    pub(crate) issuer: String,
    pub(crate) url: String,
}

/// What is to be written: a document, and when it was fetched.
#[derive(Clone)]
pub(crate) struct Latest {
    pub(crate) document: Arc<[u8]>,
    pub(crate) fetched_at: UnixTime,
}

/// What was read: the document, its keys, and how long ago they were fetched.
pub(crate) struct Restored {
    pub(crate) document: Vec<u8>,
    pub(crate) keys: JwkSet,
    pub(crate) fetched_at: UnixTime,
    pub(crate) age: Duration,
}

#[derive(Deserialize, Serialize)]
struct File {
    issuer: String,
    url: String,
    /// Seconds since 1970.
    fetched_at: u64,
    jwk_set: String,
}

impl Snapshot {
    /// Reads the snapshot, if there is one that can be used.
    pub(crate) fn read(&self, now: UnixTime) -> Option<Restored> {
        match self.try_read(now) {
            Ok(restored) => Some(restored),
            Err(SnapshotError::Read(io::ErrorKind::NotFound)) => None,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "key snapshot not used");
                None
            }
        }
    }

    /// Keeps the latest document until there are no more to come. On a thread that may block and in
    /// a task of its own: a disk that hangs holds up no fetch.
    pub(crate) async fn follow(self, mut latest: watch::Receiver<Option<Latest>>) {
        let mut told = None;
        while latest.changed().await.is_ok() {
            let Some(latest) = latest.borrow_and_update().clone() else {
                continue;
            };
            let snapshot = self.clone();
            // It does not panic, and a runtime that is shutting down has no use for it.
            if let Ok(written) = spawn_blocking(move || snapshot.write(&latest)).await {
                self.tell(written.err(), &mut told);
            }
        }
    }

    /// Says what is wrong once, not at each refresh for as long as the disk is full.
    fn tell(&self, error: Option<SnapshotError>, told: &mut Option<SnapshotError>) {
        let path = self.path.display();
        match error {
            Some(error) if *told != Some(error) => {
                tracing::warn!(%path, %error, "key snapshot not written");
            }
            None if told.is_some() => tracing::info!(%path, "key snapshot written again"),
            Some(_) | None => {}
        }
        *told = error;
    }

    fn try_read(&self, now: UnixTime) -> Result<Restored, SnapshotError> {
        // A pipe would be waited for, and a device has no end.
        if !fs::metadata(&self.path)?.is_file() {
            return Err(SnapshotError::NotAFile);
        }
        let mut text = Vec::new();
        let file = fs::File::open(&self.path)?;
        file.take(MAX_BYTES).read_to_end(&mut text)?;
        let file: File = serde_json::from_slice(&text).map_err(|_| SnapshotError::NotASnapshot)?;
        if file.issuer != self.issuer || file.url != self.url {
            return Err(SnapshotError::OfAnother);
        }
        let fetched_at = UnixTime::from_secs(file.fetched_at);
        // A fetch in the future has no age: the clock, or the file, is wrong.
        let age = now.since(fetched_at).ok_or(SnapshotError::FromTheFuture)?;
        let document = file.jwk_set.into_bytes();
        let keys = JwkSet::parse(&document).map_err(|_| SnapshotError::NotASnapshot)?;
        Ok(Restored {
            document,
            keys,
            fetched_at,
            age,
        })
    }

    /// Beside the old one, then renamed over it: a reader finds the old one or the new, whole.
    fn write(&self, latest: &Latest) -> Result<(), SnapshotError> {
        // A folder, a pipe or a device that is there by mistake is not replaced.
        if fs::metadata(&self.path).is_ok_and(|there| !there.is_file()) {
            return Err(SnapshotError::NotAFile);
        }
        let file = File {
            issuer: self.issuer.clone(),
            url: self.url.clone(),
            fetched_at: latest.fetched_at.as_secs(),
            jwk_set: String::from_utf8(latest.document.to_vec())
                .map_err(|_| SnapshotError::NotASnapshot)?,
        };
        let text = serde_json::to_vec(&file).map_err(|_| SnapshotError::NotASnapshot)?;
        let folder = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        // Created with mode 0600.
        let mut temporary = NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))?;
        temporary.write_all(&text)?;
        temporary.as_file().sync_all()?;
        temporary
            .persist(&self.path)
            .map_err(|error| SnapshotError::Read(error.error.kind()))?;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum SnapshotError {
    #[error("it says it was fetched in the future")]
    FromTheFuture,
    #[error("what is there is not a file")]
    NotAFile,
    #[error("it is not a key snapshot")]
    NotASnapshot,
    #[error("it is of another issuer or URL")]
    OfAnother,
    #[error("{0}")]
    Read(io::ErrorKind),
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        Self::Read(error.kind())
    }
}

/// A document as a JSON string, escaped, and the rest. What is cut off there is not JSON.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

const _: () = assert!(limits::DOCUMENT_BYTES * 6 + 4096 < 8 * 1024 * 1024);
