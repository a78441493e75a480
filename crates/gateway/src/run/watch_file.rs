//! Watches files through their folders: editors and orchestrators replace files, or a symbolic link
//! on the way, and do not write into them.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::Trigger;
use crate::config::FileRead;

/// Folders that are watched until this is dropped.
#[derive(Debug)]
pub(super) struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    /// The file names for which a write counts as a change.
    names: Arc<Mutex<HashSet<OsString>>>,
}

impl Folders {
    /// A watcher without folders.
    pub(super) fn watch(triggers: &mpsc::Sender<Trigger>) -> Self {
        let triggers = triggers.clone();
        let names = Arc::<Mutex<HashSet<OsString>>>::default();
        let ours = Arc::clone(&names);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let is_nothing = event.is_ok_and(|event| is_nothing(&event, &lock(&ours)));
            if !is_nothing {
                // If a trigger is already waiting, it suffices.
                let _ = triggers.try_send(Trigger::Changed);
            }
        });
        let watcher = watcher.map_err(|error| {
            tracing::warn!(%error, "files are not watched; send SIGHUP");
        });
        Self {
            watcher: watcher.ok(),
            watched: HashSet::new(),
            names,
        }
    }

    /// Also watches the folders of these files.
    pub(super) fn add(&mut self, file: &Path, more: &[FileRead]) {
        for file in std::iter::once(file).chain(more.iter().map(|read| read.path.as_path())) {
            if let Some(name) = file.file_name() {
                lock(&self.names).insert(name.to_owned());
            }
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

/// Whether an event does not concern our files: a read, or a write to a file with another name, such as
/// a log. Created or removed files and links may lead to ours, whatever their names.
fn is_nothing(event: &Event, ours: &HashSet<OsString>) -> bool {
    let is_written = matches!(
        event.kind,
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_))
    );
    let is_ours = |path: &PathBuf| path.file_name().is_none_or(|name| ours.contains(name));
    event.kind.is_access()
        || is_written && !event.paths.is_empty() && !event.paths.iter().any(is_ours)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::ffi::OsString;

    use notify::event::{AccessKind, CreateKind, DataChange, ModifyKind, RemoveKind, RenameMode};
    use notify::{Event, EventKind};

    use super::is_nothing;

    #[test]
    fn a_log_beside_the_configuration_is_nothing_to_us() {
        let ours = HashSet::from([OsString::from("bearward.toml")]);
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        for (kind, name, expected) in [
            (written, "access.log", true),
            (written, "bearward.toml", false),
            (EventKind::Access(AccessKind::Any), "bearward.toml", true),
            // As an orchestrator does it: a link with another name replaces the old one.
            (EventKind::Create(CreateKind::Any), "..data_tmp", false),
            (
                EventKind::Modify(ModifyKind::Name(RenameMode::Both)),
                "..data",
                false,
            ),
            (EventKind::Remove(RemoveKind::Any), "..2026", false),
        ] {
            let event = Event::new(kind).add_path(format!("/etc/bearward/{name}").into());
            assert_eq!(is_nothing(&event, &ours), expected, "{kind:?} {name}");
        }
        // An event does not always name the file.
        assert!(!is_nothing(&Event::new(written), &ours));
    }
}
