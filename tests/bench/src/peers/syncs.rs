//! What a server syncs before it says OK, as the kernel saw it (strace).

use std::{collections::HashMap, fmt, path::Path, process::Command};

/// Calls that make something durable, and those that open files for writes
/// that are.
const CALLS: &str = "fsync,fdatasync,syncfs,sync,msync,sync_file_range,open,openat";

/// Calls that succeeded, by what they were for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Syncs {
    files: u32,
    directories: u32,
    /// Files opened so that each write is durable (`O_SYNC`, `O_DSYNC`).
    opened: u32,
}

impl fmt::Display for Syncs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            files,
            directories,
            opened,
        } = self;
        write!(f, "{files} files, {directories} directories")?;
        if *opened > 0 {
            write!(f, ", {opened} opened to write through")?;
        }
        let means = match (files + opened > 0, *directories > 0) {
            (false, false) => "nothing survives a power loss for sure",
            (true, false) => "bytes are synced, names are not",
            (false, true) => "names are synced, bytes are not",
            (true, true) => "bytes and names are synced",
        };
        write!(f, ": {means}")
    }
}

/// The command under strace, which is not its parent.
pub(super) fn tracing(trace: &Path, command: &[String]) -> Vec<String> {
    let mut traced: Vec<String> = ["strace", "-D", "-f", "-y", "-s", "4096", "-e"]
        .map(str::to_owned)
        .into();
    let trace = trace.to_str().unwrap().to_owned();
    traced.extend([format!("trace={CALLS}"), "-o".to_owned(), trace]);
    traced.extend_from_slice(command);
    traced
}

impl Syncs {
    /// Of the calls that ended in this part of a trace. The directories that it
    /// names must still be there.
    #[must_use]
    pub fn of(trace: &str) -> Self {
        let mut begun = HashMap::new();
        let mut syncs = Self::default();
        for line in trace.lines() {
            let Some((thread, call)) = line.split_once(' ') else {
                continue;
            };
            let call = call.trim_start();
            if let Some(call) = call.strip_suffix(" <unfinished ...>") {
                begun.insert(thread.to_owned(), call.to_owned());
            } else if let Some((_, end)) = call.split_once(" resumed>") {
                let begin = begun.remove(thread).unwrap_or_default();
                syncs.count(&(begin + end));
            } else {
                syncs.count(call);
            }
        }
        syncs
    }

    fn count(&mut self, call: &str) {
        let Some((name, rest)) = call.split_once('(') else {
            return;
        };
        let failed = rest.rsplit_once(" = ").is_none_or(|(_, result)| {
            let result = result.trim_start();
            result.starts_with('-') || result.starts_with('?')
        });
        if failed {
            return;
        }
        if name.starts_with("open") {
            // O_SYNC is O_DSYNC and more, and strace prints it as O_SYNC alone.
            let writes_through = rest.contains("O_DSYNC") || rest.contains("O_SYNC");
            self.opened += u32::from(writes_through);
            return;
        }
        let path = rest
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'));
        match path {
            Some((path, _)) if Path::new(path).is_dir() => self.directories += 1,
            Some(_) => self.files += 1,
            // sync(2) and msync(2) name no file.
            None => self.files += 1,
        }
    }
}

/// What `dd conv=fdatasync` syncs.
#[must_use]
pub fn of_dd(folder: &Path) -> Syncs {
    let trace = folder.join("trace");
    let output = format!("of={}", folder.join("dd").display());
    let dd = ["dd", "if=/dev/zero", &output, "count=1", "conv=fdatasync"];
    let command = tracing(&trace, &dd.map(str::to_owned));
    let done = Command::new(&command[0]).args(&command[1..]).output();
    assert!(done.unwrap().status.success());
    Syncs::of(&std::fs::read_to_string(trace).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(trace: &str, files: u32, directories: u32, opened: u32) {
        let want = Syncs {
            files,
            directories,
            opened,
        };
        assert_eq!(Syncs::of(trace), want, "{trace}");
    }

    #[test]
    fn a_sync_counts_by_what_it_was_for() {
        check("7 fsync(5</>) = 0", 0, 1, 0);
        check("7 fdatasync(5</no-such/file>) = 0", 1, 0, 0);
        check("7 sync() = 0", 1, 0, 0);
    }

    #[test]
    fn a_sync_that_fails_or_never_ends_does_not_count() {
        check("7 fsync(5</>) = -1 EIO (Input/output error)", 0, 0, 0);
        check("7 fsync(5</> <unfinished ...>", 0, 0, 0);
    }

    #[test]
    fn a_call_in_two_halves_counts_once_it_has_ended() {
        let trace = "7 fsync(5</> <unfinished ...>\n8 fsync(6</x>) = 0\n7 <... fsync resumed>) = 0";
        check(trace, 1, 1, 0);
    }

    #[test]
    fn opening_counts_only_when_writes_go_through() {
        check(
            r#"7 openat(AT_FDCWD, "/x", O_WRONLY|O_DSYNC) = 3</x>"#,
            0,
            0,
            1,
        );
        check(
            r#"7 openat(AT_FDCWD, "/x", O_WRONLY|O_CREAT) = 3</x>"#,
            0,
            0,
            0,
        );
    }
}
