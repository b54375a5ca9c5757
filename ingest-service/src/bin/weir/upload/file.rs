//! The file that is uploaded: opened once, and watched for changes.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use weir_shared::proto::ingest::v1::Chunk;

use super::{
    identity::{ContentIdentity, FileIdentity},
    plan::Split,
};
use crate::{failure::Failure, render::text::escape};

/// A regular file that is not empty and did not change since it was opened.
#[derive(Debug)]
pub(crate) struct SourceFile {
    file: File,
    /// As the user named it.
    name: PathBuf,
    pub(crate) identity: FileIdentity,
}

/// CRC32C of the chunks read so far, by index.
#[derive(Debug)]
pub(crate) struct Ledger(Mutex<Vec<Option<u32>>>);

impl SourceFile {
    /// # Errors
    /// [`Failure::File`] for what cannot be read, is no regular file, or is empty.
    pub(crate) fn open(name: &Path) -> Result<Self, Failure> {
        let fail = |error: io::Error| Failure::file("read", name, &error);
        // Before opening: opening a named pipe waits for its writer.
        let metadata = std::fs::metadata(name).map_err(fail)?;
        let shown = escape(&name.to_string_lossy());
        if metadata.is_dir() {
            return Err(Failure::File(format!("{shown}: is a directory")));
        }
        if !metadata.is_file() {
            return Err(Failure::File(format!(
                "{shown}: not a regular file; send it with: weir upload - < {shown}"
            )));
        }
        let file = File::open(name).map_err(fail)?;
        let content = ContentIdentity::from(&file.metadata().map_err(fail)?);
        if content.size_bytes == 0 {
            return Err(Failure::File(format!("{shown}: is empty")));
        }
        let path = name.canonicalize().map_err(fail)?;
        Ok(Self {
            file,
            name: name.to_owned(),
            identity: FileIdentity { path, content },
        })
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.identity.content.size_bytes
    }

    /// Its last name, for people.
    pub(crate) fn file_name(&self) -> String {
        self.name
            .file_name()
            .map_or(String::new(), |name| name.to_string_lossy().into_owned())
    }

    /// Reads one chunk on a thread that may block, and notes its CRC32C.
    ///
    /// # Errors
    /// [`Failure::File`] when it cannot be read, or the file has changed.
    pub(crate) async fn chunk(
        self: Arc<Self>,
        split: Split,
        index: u32,
        ledger: Arc<Ledger>,
    ) -> Result<Chunk, Failure> {
        let read = tokio::task::spawn_blocking(move || self.read(split, index, &ledger));
        match read.await {
            Ok(chunk) => chunk,
            Err(stopped) => Err(Failure::File(format!("reading stopped: {stopped}"))),
        }
    }

    fn read(&self, split: Split, index: u32, ledger: &Ledger) -> Result<Chunk, Failure> {
        let range = split.range(index);
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let mut data = vec![0; length];
        let read = self.file.read_exact_at(&mut data, range.start);
        // Asked after the bytes are read: they are of the file as it was opened.
        let metadata = self.file.metadata();
        let fail = |error: io::Error| Failure::file("read", &self.name, &error);
        if ContentIdentity::from(&metadata.map_err(fail)?) != self.identity.content {
            let shown = escape(&self.name.to_string_lossy());
            return Err(Failure::File(format!(
                "{shown}: changed while it was read; try again when nobody writes to it"
            )));
        }
        read.map_err(fail)?;
        let crc = crc32c::crc32c(&data);
        ledger.note(index, crc);
        Ok(Chunk {
            index,
            data: Bytes::from(data),
            crc32c: Some(crc),
        })
    }
}

impl Ledger {
    pub(crate) fn new(n_chunks: u32) -> Self {
        Self(Mutex::new(vec![None; n_chunks as usize]))
    }

    fn note(&self, index: u32, crc: u32) {
        let mut crcs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = crcs.get_mut(index as usize) {
            *slot = Some(crc);
        }
    }

    /// Chunks that were not read.
    pub(crate) fn unread(&self) -> Vec<u32> {
        let crcs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (0..)
            .zip(crcs.iter())
            .filter(|(_, crc)| crc.is_none())
            .map(|(index, _)| index)
            .collect()
    }

    /// CRC32C of the whole file, once every chunk was read.
    pub(crate) fn whole(&self, split: Split) -> Option<u32> {
        let crcs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut whole = 0;
        for (index, crc) in (0..).zip(crcs.iter()) {
            let range = split.range(index);
            let length = usize::try_from(range.end - range.start).ok()?;
            whole = crc32c::crc32c_combine(whole, (*crc)?, length);
        }
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, num::NonZeroU32};

    use super::*;

    fn chunks_of(chunk_bytes: u32, size_bytes: u64) -> Split {
        let chunk_bytes = NonZeroU32::new(chunk_bytes).unwrap();
        Split::with_chunks_of(size_bytes, chunk_bytes).unwrap()
    }

    #[tokio::test]
    async fn chunks_and_their_crcs_make_the_whole() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let content: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        file.write_all(&content).unwrap();
        let source = Arc::new(SourceFile::open(file.path()).unwrap());
        let split = chunks_of(64, 1_000);
        let ledger = Arc::new(Ledger::new(split.n_chunks()));
        let mut whole = Vec::new();
        for index in 0..split.n_chunks() {
            assert_eq!(ledger.whole(split), None);
            let chunk = source
                .clone()
                .chunk(split, index, ledger.clone())
                .await
                .unwrap();
            whole.extend_from_slice(&chunk.data);
        }
        assert_eq!(whole, content);
        assert_eq!(ledger.unread(), [0u32; 0]);
        assert_eq!(ledger.whole(split), Some(crc32c::crc32c(&content)));
    }

    #[tokio::test]
    async fn a_file_that_grows_or_shrinks_is_not_sent() {
        for change in [2_000, 10] {
            let file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().set_len(1_000).unwrap();
            let source = Arc::new(SourceFile::open(file.path()).unwrap());
            file.as_file().set_len(change).unwrap();
            let ledger = Arc::new(Ledger::new(1));
            let error = source
                .chunk(chunks_of(1_000, 1_000), 0, ledger)
                .await
                .unwrap_err();
            assert!(
                error.to_string().contains("changed while it was read"),
                "{error}"
            );
        }
    }

    fn check_refused(path: &Path, want: &str) {
        let error = SourceFile::open(path).unwrap_err();
        assert!(matches!(error, Failure::File(_)));
        let text = error
            .to_string()
            .replace(&path.display().to_string(), "FILE");
        assert_eq!(text, want);
    }

    #[test]
    fn what_is_no_file_with_bytes_is_refused_in_clear_words() {
        let dir = tempfile::tempdir().unwrap();
        check_refused(dir.path(), "FILE: is a directory");
        check_refused(&dir.path().join("none"), "FILE: cannot read: no such file");
        let empty = dir.path().join("empty\x1b[2J");
        File::create(&empty).unwrap();
        let shown = SourceFile::open(&empty).unwrap_err().to_string();
        assert!(shown.ends_with(r"empty\x1b[2J: is empty"), "{shown}");
        check_refused(
            Path::new("/dev/null"),
            "FILE: not a regular file; send it with: weir upload - < FILE",
        );
    }
}
