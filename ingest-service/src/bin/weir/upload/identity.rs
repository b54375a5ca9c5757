//! Which file this is, and whether it still is the same.

use std::{
    fs::Metadata, os::unix::ffi::OsStrExt as _, os::unix::fs::MetadataExt as _, path::PathBuf,
};

/// Hex digits of the digest in a capture id: 128 bits.
const ID_DIGITS: usize = 32;

/// A file's content, as far as the file system tells without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    /// Absolute, links resolved: however a file is named, it is one capture.
    pub(crate) path: PathBuf,
    pub(crate) content: ContentIdentity,
}

/// Changes whenever the content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentIdentity {
    pub(crate) size_bytes: u64,
    pub(crate) modified_ns: i128,
    pub(crate) inode: u64,
}

impl From<&Metadata> for ContentIdentity {
    fn from(metadata: &Metadata) -> Self {
        let seconds = i128::from(metadata.mtime());
        Self {
            size_bytes: metadata.len(),
            modified_ns: seconds * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
            inode: metadata.ino(),
        }
    }
}

impl FileIdentity {
    /// `f-` and 32 hex digits of BLAKE3 over path, size, modification time (ns)
    /// and inode, the numbers as little-endian 64, 128 and 64 bits, each part
    /// ended by its length being fixed or, for the path, by a zero byte.
    pub(crate) fn capture_id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.path.as_os_str().as_bytes());
        hasher.update(&[0]);
        hasher.update(&self.content.size_bytes.to_le_bytes());
        hasher.update(&self.content.modified_ns.to_le_bytes());
        hasher.update(&self.content.inode.to_le_bytes());
        let hex = hasher.finalize().to_hex();
        format!("f-{}", &hex[..ID_DIGITS])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> FileIdentity {
        FileIdentity {
            path: PathBuf::from("/captures/a.pcap"),
            content: ContentIdentity {
                size_bytes: 24,
                modified_ns: 1_700_000_000_000_000_001,
                inode: 7,
            },
        }
    }

    #[test]
    fn the_id_of_a_file_never_changes_between_versions() {
        // Computed once and fixed: another value would send every file again.
        assert_eq!(
            identity().capture_id(),
            "f-76804b755fbd118d97c6e3d917e7894f"
        );
    }

    #[test]
    fn every_part_counts() {
        let mut ids = vec![identity().capture_id()];
        let changes: [fn(&mut FileIdentity); 4] = [
            |file| file.path.push("b"),
            |file| file.content.size_bytes += 1,
            |file| file.content.modified_ns += 1,
            |file| file.content.inode += 1,
        ];
        for change in changes {
            let mut file = identity();
            change(&mut file);
            ids.push(file.capture_id());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 5);
    }
}
