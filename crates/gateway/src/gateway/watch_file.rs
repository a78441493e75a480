//! Watches a file through its folder: editors and orchestrators replace files, or a symbolic link on
//! the way, and do not write into them.

use std::path::Path;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::Trigger;

/// Tells of each change in the folder of `file`, as long as the watcher lives.
pub(super) fn watch(
    file: &Path,
    told: mpsc::Sender<Trigger>,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let is_read = event.is_ok_and(|event| event.kind.is_access());
        if !is_read {
            // A trigger that waits already serves as well.
            let _ = told.try_send(Trigger::Changed);
        }
    })?;
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
