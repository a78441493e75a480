//! Watches files through their folders: editors and orchestrators replace files, or a symbolic link
//! on the way, and do not write into them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::Trigger;
use crate::config::FileRead;

/// Folders, of whose changes is told as long as this lives.
#[derive(Debug)]
pub(super) struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
}

impl Folders {
    /// None yet.
    pub(super) fn watch(told: &mpsc::Sender<Trigger>) -> Self {
        let told = told.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let is_read = event.is_ok_and(|event| event.kind.is_access());
            if !is_read {
                // A trigger that waits already serves as well.
                let _ = told.try_send(Trigger::Changed);
            }
        });
        let watcher = watcher.map_err(|error| {
            tracing::warn!(%error, "files are not watched; send SIGHUP");
        });
        Self {
            watcher: watcher.ok(),
            watched: HashSet::new(),
        }
    }

    /// Watches the folders of these files, too.
    pub(super) fn add(&mut self, file: &Path, more: &[FileRead]) {
        for file in std::iter::once(file).chain(more.iter().map(|read| read.path.as_path())) {
            let folder = match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            if self.watched.contains(folder) {
                continue;
            }
            let Some(watcher) = &mut self.watcher else {
                return;
            };
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder.to_owned());
                }
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "a folder is not watched; send SIGHUP");
                }
            }
        }
    }
}
