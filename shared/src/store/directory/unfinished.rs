//! What a killed process leaves behind in the directory.
//!
//! The backend writes an object as `KEY#N` beside its place, and then gives it
//! its name. Such a file is no object: no listing of the store tells of it.

use std::{ffi::OsStr, fs, io, path::Path, time::SystemTime};

use uuid::Uuid;

/// Removes the unfinished files of this directory that are older, and counts
/// them. Of one that can't be removed the next call tries again.
pub(super) fn remove(directory: &Path, before: SystemTime) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        // Nothing has been written yet.
        return 0;
    };
    let mut removed = 0;
    for entry in entries.flatten() {
        if !is_unfinished(&entry.file_name()) {
            continue;
        }
        match remove_if_old(&entry, before) {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(file = ?entry.path(), "removed an unfinished write");
                removed += 1;
            }
            Err(error) => tracing::warn!(%error, file = ?entry.path(), "not removed"),
        }
    }
    removed
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
        let id = "0192b9c0-7f00-7000-8000-000000000001";
        let files = [
            (format!("{id}#1"), true),
            (format!("{id}#23"), true),
            (id.to_owned(), false),
            (format!("{id}#"), false),
            (format!("{id}#x"), false),
            (format!("{}#1", id.to_uppercase()), false),
            ("notes#1".to_owned(), false),
        ];
        for (file, _) in &files {
            fs::write(root.path().join(file), "half").unwrap();
        }
        let below = root.path().join(format!("{id}#7"));
        fs::create_dir(&below).unwrap();
        let hour = Duration::from_secs(3600);
        let there = || files.iter().map(|(f, _)| root.path().join(f).exists());

        assert_eq!(remove(root.path(), SystemTime::now() - hour), 0);
        assert!(there().all(|is_there| is_there));
        assert_eq!(remove(root.path(), SystemTime::now() + hour), 2);
        for ((file, unfinished), is_there) in files.iter().zip(there()) {
            assert_eq!(*unfinished, !is_there, "{file}");
        }
        assert!(below.is_dir());
        assert_eq!(remove(&root.path().join("nothing"), SystemTime::now()), 0);
    }
}
