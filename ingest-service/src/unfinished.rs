//! What a killed process leaves behind in a store that is a directory.
//!
//! The backend writes an object as `KEY#N` beside its place, and then gives it
//! its name. Such a file is no object: no listing of the store tells of it.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::domain::{
    id::SegmentId,
    upkeep::{MANIFEST_PREFIX, SweepSettings},
};

/// Removes unfinished files that are older than the grace time now and then,
/// until shutdown.
pub(crate) async fn sweep(
    directory: PathBuf,
    settings: SweepSettings,
    tasks: TaskTracker,
    shutdown: CancellationToken,
) {
    loop {
        let root = directory.clone();
        let swept = tasks.spawn_blocking(move || {
            if let Some(before) = SystemTime::now().checked_sub(settings.grace) {
                remove_unfinished(&root, before);
            }
        });
        if let Err(error) = swept.await {
            tracing::error!(%error, "the sweep of unfinished files panicked");
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(settings.interval) => {}
        }
    }
}

/// Of a file that can't be removed the next sweep tries again.
fn remove_unfinished(root: &Path, before: SystemTime) {
    for prefix in [SegmentId::PREFIX, MANIFEST_PREFIX] {
        let Ok(entries) = fs::read_dir(root.join(prefix)) else {
            // Nothing has been written yet.
            continue;
        };
        for entry in entries.flatten() {
            if !is_unfinished(&entry.file_name()) {
                continue;
            }
            match remove_if_old(&entry, before) {
                Ok(false) => {}
                Ok(true) => tracing::info!(file = ?entry.path(), "removed an unfinished write"),
                Err(error) => tracing::warn!(%error, file = ?entry.path(), "not removed"),
            }
        }
    }
}

fn remove_if_old(entry: &fs::DirEntry, before: SystemTime) -> io::Result<bool> {
    let metadata = entry.metadata()?;
    let is_old = metadata.is_file() && metadata.modified()? < before;
    if is_old {
        fs::remove_file(entry.path())?;
    }
    Ok(is_old)
}

/// Whether it is a UUID of ours, `#` and a number: nothing else is removed.
fn is_unfinished(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.split_once('#'));
    parts.is_some_and(|(id, number)| {
        Uuid::try_parse(id).is_ok_and(|uuid| uuid.to_string() == id)
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_old_unfinished_files_of_ours_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let id = Uuid::now_v7();
        let files = [
            (format!("seg/{id}#1"), true),
            (format!("seg/{id}#23"), true),
            (format!("manifest/{id}#1"), true),
            (format!("seg/{id}"), false),
            (format!("seg/{id}#"), false),
            (format!("seg/{id}#x"), false),
            ("seg/notes#1".to_owned(), false),
            (format!("{id}#1"), false),
            (format!("other/{id}#1"), false),
        ];
        for directory in ["seg", "manifest", "other"] {
            fs::create_dir(root.path().join(directory)).unwrap();
        }
        for (file, _) in &files {
            fs::write(root.path().join(file), "half").unwrap();
        }
        let hour = Duration::from_secs(3600);
        let there = || files.iter().map(|(f, _)| root.path().join(f).exists());

        remove_unfinished(root.path(), SystemTime::now() - hour);
        assert!(there().all(|is_there| is_there));
        remove_unfinished(root.path(), SystemTime::now() + hour);
        for ((file, unfinished), is_there) in files.iter().zip(there()) {
            assert_eq!(*unfinished, !is_there, "{file}");
        }
        remove_unfinished(&root.path().join("nothing"), SystemTime::now());
    }
}
