//! Reads extents one after the other, each verified before its first byte.

use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weir_shared::store::{SegmentStore, StoreError};

use super::{Extent, SourceError};
use crate::threads::{Threads, wait};

/// Verified extents that wait for the analysis. With the one being read and
/// the one being fetched, an analysis holds at most 3 extents: 24 MiB.
const EXTENTS_AHEAD: usize = 1;

/// The bytes of a stored capture in order, for a thread that may block.
///
/// Ends early, with [`SourceError::Cancelled`], when the call does.
#[derive(Debug)]
pub struct ExtentReader {
    current: Bytes,
    /// Extents that are still to come.
    n_left: usize,
    fetched: mpsc::Receiver<Result<Bytes, SourceError>>,
    threads: Arc<dyn Threads>,
    cancel: CancellationToken,
}

impl ExtentReader {
    /// Begins fetching, in a task of `tasks`, for a thread of `threads`.
    #[must_use]
    pub fn new(
        store: Arc<dyn SegmentStore>,
        extents: Vec<Extent>,
        tasks: &TaskTracker,
        threads: Arc<dyn Threads>,
        cancel: CancellationToken,
    ) -> Self {
        let (sender, fetched) = mpsc::channel(EXTENTS_AHEAD);
        let cancelled = cancel.clone();
        let n_left = extents.len();
        tasks.spawn(async move {
            tokio::select! {
                biased;
                () = cancelled.cancelled() => {}
                () = fetch_all(&*store, extents, sender) => {}
            }
        });
        Self {
            current: Bytes::new(),
            n_left,
            fetched,
            threads,
            cancel,
        }
    }

    fn next_extent(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.n_left == 0 {
            return Ok(None);
        }
        self.n_left -= 1;
        let (cancel, fetched) = (&self.cancel, &mut self.fetched);
        let extent = wait(&*self.threads, async {
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(SourceError::Cancelled),
                // A fetch that died must not look like the capture's end.
                extent = fetched.recv() => extent
                    .unwrap_or_else(|| Err(SourceError::Unavailable("the fetch ended early".into()))),
            }
        })?;
        Ok(Some(extent))
    }
}

impl Read for ExtentReader {
    /// Fills the buffer unless the capture ends: pcap-parser takes a short
    /// first read for a short header.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            if self.current.is_empty() {
                match self.next_extent()? {
                    Some(extent) => self.current = extent,
                    None => break,
                }
            }
            let n = self.current.len().min(buffer.len() - filled);
            self.current.copy_to_slice(&mut buffer[filled..filled + n]);
            filled += n;
        }
        Ok(filled)
    }
}

async fn fetch_all(
    store: &dyn SegmentStore,
    extents: Vec<Extent>,
    sender: mpsc::Sender<Result<Bytes, SourceError>>,
) {
    let mut capture_offset = 0;
    for extent in extents {
        let fetched = fetch(store, &extent, capture_offset).await;
        capture_offset += extent.length;
        let failed = fetched.is_err();
        if sender.send(fetched).await.is_err() || failed {
            return;
        }
    }
}

async fn fetch(
    store: &dyn SegmentStore,
    extent: &Extent,
    capture_offset: u64,
) -> Result<Bytes, SourceError> {
    let object = &extent.object;
    let range = extent.offset..extent.offset + extent.length;
    let bytes = match store.get(object, range).await {
        Ok(bytes) => bytes,
        Err(StoreError::Missing) => return Err(SourceError::Missing(object.clone())),
        Err(StoreError::OutsideObject) => return Err(SourceError::OutsideObject(object.clone())),
        Err(other) => return Err(SourceError::Unavailable(Box::new(other))),
    };
    if crc32c::crc32c(&bytes) != extent.crc32c {
        return Err(SourceError::Corrupt {
            object: object.clone(),
            capture_offset,
            capture_end: capture_offset + extent.length,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::TokioThreads;
    use weir_shared::store::DirectoryStore;

    struct Fixture {
        _directory: tempfile::TempDir,
        store: Arc<dyn SegmentStore>,
    }

    async fn fixture() -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(directory.path()).unwrap();
        let key = "seg/a".parse().unwrap();
        let body = vec![Bytes::from_static(b"0123456789")];
        store.put(&key, body).await.unwrap();
        Fixture {
            _directory: directory,
            store: Arc::new(store),
        }
    }

    fn extent(object: &str, offset: u64, bytes: &[u8]) -> Extent {
        Extent {
            object: object.parse().unwrap(),
            offset,
            length: bytes.len() as u64,
            crc32c: crc32c::crc32c(bytes),
        }
    }

    /// Reads all in pieces of `step` bytes; the error's text when it fails.
    async fn read_all(extents: Vec<Extent>, step: usize) -> Result<Vec<Vec<u8>>, String> {
        let fixture = fixture().await;
        let tasks = TaskTracker::new();
        let cancel = CancellationToken::new();
        let store = Arc::clone(&fixture.store);
        let mut reader = ExtentReader::new(store, extents, &tasks, Arc::new(TokioThreads), cancel);
        let pieces = tasks.spawn_blocking(move || {
            let mut pieces = Vec::new();
            loop {
                let mut buffer = vec![0; step];
                let n = reader.read(&mut buffer)?;
                if n == 0 {
                    return Ok(pieces);
                }
                buffer.truncate(n);
                pieces.push(buffer);
            }
        });
        pieces.await.unwrap().map_err(|error: io::Error| {
            SourceError::within(&error).map_or("foreign".into(), ToString::to_string)
        })
    }

    #[tokio::test]
    async fn a_read_fills_its_buffer_across_extents() {
        let extents = vec![extent("seg/a", 7, b"789"), extent("seg/a", 0, b"0123")];
        let pieces = read_all(extents, 5).await.unwrap();
        assert_eq!(pieces, [b"78901".to_vec(), b"23".to_vec()]);
    }

    #[tokio::test]
    async fn a_wrong_checksum_is_seen_before_the_first_byte() {
        let mut wrong = extent("seg/a", 4, b"4567");
        wrong.crc32c ^= 1;
        let read = read_all(vec![extent("seg/a", 0, b"01"), wrong], 1).await;
        assert_eq!(
            read.unwrap_err(),
            "stored bytes fail their checksum: object seg/a, bytes 2 to 6 of the capture"
        );
    }

    #[tokio::test]
    async fn missing_objects_and_wrong_ranges_are_told_apart() {
        let missing = read_all(vec![extent("seg/b", 0, b"0")], 1).await;
        assert_eq!(missing.unwrap_err(), "object seg/b is missing");
        let outside = read_all(vec![extent("seg/a", 9, b"9x")], 1).await;
        assert_eq!(
            outside.unwrap_err(),
            "an extent lies outside of object seg/a"
        );
    }

    #[tokio::test]
    async fn a_cancelled_call_ends_a_waiting_read() {
        let fixture = fixture().await;
        let tasks = TaskTracker::new();
        let cancel = CancellationToken::new();
        cancel.cancel();
        let extents = vec![extent("seg/a", 0, b"0")];
        let store = Arc::clone(&fixture.store);
        let mut reader = ExtentReader::new(store, extents, &tasks, Arc::new(TokioThreads), cancel);
        let read = tasks.spawn_blocking(move || reader.read(&mut [0]));
        let error = read.await.unwrap().unwrap_err();
        assert!(matches!(
            SourceError::within(&error),
            Some(SourceError::Cancelled)
        ));
    }
}
