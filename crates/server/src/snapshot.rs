//! The last good key set on disk, for a restart during an outage of the issuer.
//!
//! A snapshot is bound to its issuer and the URL it was fetched for. We check it like a fetched
//! set, and its age counts from the fetch, across restarts. It contains only public keys. Anyone
//! who can write it can choose the keys, so only its owner can read and write it.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bearward_core::jwk_set::KeyDocument;
use bearward_core::{JwkSet, UnixTime, limits};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::sync::{spawn_blocking, watch};

/// The file with the keys of one issuer.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) path: PathBuf,
    pub(crate) issuer: String,
    pub(crate) url: String,
    pub(crate) kind: KeyDocument,
}

/// The snapshot to write: a document, and when it was fetched.
#[derive(Clone)]
pub(crate) struct Latest {
    pub(crate) document: Arc<[u8]>,
    pub(crate) fetched_at: UnixTime,
}

/// The snapshot read: the document, its keys, and the time since the fetch.
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
    /// Reads the snapshot, if there is a usable one.
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

    /// Writes the latest document until the channel closes. It runs in its own task and on a thread
    /// that may block, so a hanging disk delays no fetch.
    pub(crate) async fn follow(self, mut latest: watch::Receiver<Option<Latest>>) {
        let mut reported = None;
        while latest.changed().await.is_ok() {
            let Some(latest) = latest.borrow_and_update().clone() else {
                continue;
            };
            let snapshot = self.clone();
            // The closure does not panic, and a runtime that is shutting down does not need the
            // result.
            if let Ok(written) = spawn_blocking(move || snapshot.write(&latest)).await {
                self.report(written.err(), &mut reported);
            }
        }
    }

    /// Logs an error once, not at each refresh while the disk is full.
    fn report(&self, error: Option<SnapshotError>, reported: &mut Option<SnapshotError>) {
        let path = self.path.display();
        match error {
            Some(error) if *reported != Some(error) => {
                tracing::warn!(%path, %error, "key snapshot not written");
            }
            None if reported.is_some() => tracing::info!(%path, "key snapshot written again"),
            Some(_) | None => {}
        }
        *reported = error;
    }

    fn try_read(&self, now: UnixTime) -> Result<Restored, SnapshotError> {
        // Reading a pipe would block, and a device has no end.
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
        // A fetch in the future has no age: the clock or the file is wrong.
        let age = now.since(fetched_at).ok_or(SnapshotError::FromTheFuture)?;
        let document = file.jwk_set.into_bytes();
        let keys = self
            .kind
            .parse(&document)
            .map_err(|_| SnapshotError::NotASnapshot)?;
        Ok(Restored {
            document,
            keys,
            fetched_at,
            age,
        })
    }

    /// Writes next to the old file, then renames: a reader finds the complete old or new file.
    fn write(&self, latest: &Latest) -> Result<(), SnapshotError> {
        // Does not replace a folder, a pipe or a device that is there by mistake.
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
    #[error("its time of fetching is in the future")]
    FromTheFuture,
    #[error("the path is not a regular file")]
    NotAFile,
    #[error("it is not a key snapshot")]
    NotASnapshot,
    #[error("it belongs to another issuer or URL")]
    OfAnother,
    #[error("{0}")]
    Read(io::ErrorKind),
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        Self::Read(error.kind())
    }
}

/// An escaped document as a JSON string, and the rest. A longer file is cut off and then no JSON.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

const _: () = assert!(limits::DOCUMENT_BYTES * 6 + 4096 < 8 * 1024 * 1024);
