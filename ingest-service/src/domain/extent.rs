//! A capture as runs of bytes in stored objects, in index order.

use std::{collections::VecDeque, sync::Arc};

use super::{
    capture::Capture,
    contents::Contents,
    crc::combine,
    error::Error,
    id::{ChunkIndex, SegmentId},
};
use crate::catalog::StoredChunk;

/// Chunks looked up at a time: some 100 KiB of memory, a few hundred reads for
/// the largest capture.
const PAGE_CHUNKS: u32 = 2_000;

/// Chunks that follow each other both in the capture and in one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub segment: SegmentId,
    pub offset: u64,
    pub bytes: u64,
    /// Of the run.
    pub crc32c: u32,
    pub first: ChunkIndex,
    pub last: ChunkIndex,
}

impl Extent {
    fn of(chunk: &StoredChunk) -> Self {
        Self {
            segment: chunk.segment,
            offset: chunk.offset.into(),
            bytes: chunk.bytes.into(),
            crc32c: chunk.crc32c,
            first: chunk.index,
            last: chunk.index,
        }
    }

    /// Appends the chunk if it follows in both ways and keeps within the bound.
    fn append(&mut self, chunk: &StoredChunk, bytes_max: u64) -> bool {
        let bytes = u64::from(chunk.bytes);
        let follows = chunk.segment == self.segment
            && u64::from(chunk.offset) == self.offset + self.bytes
            && chunk.index.0 == self.last.0 + 1;
        if !follows || self.bytes + bytes > bytes_max {
            return false;
        }
        self.crc32c = combine(self.crc32c, chunk.crc32c, bytes);
        self.bytes += bytes;
        self.last = chunk.index;
        true
    }
}

/// Reads the extents of a sealed (or sealing) capture, page by page.
#[derive(Debug)]
pub struct Extents {
    contents: Arc<Contents>,
    capture: Arc<Capture>,
    bytes_max: u64,
    next: ChunkIndex,
    page: VecDeque<StoredChunk>,
}

impl Extents {
    /// Extents of at most `bytes_max` bytes, or of one chunk.
    #[must_use]
    pub fn new(contents: Arc<Contents>, capture: Arc<Capture>, bytes_max: u64) -> Self {
        Self {
            contents,
            capture,
            bytes_max,
            next: ChunkIndex(0),
            page: VecDeque::new(),
        }
    }

    /// Passes by what lies before this byte of the capture, where that is known
    /// without a look at each chunk, and says which byte the next extent begins
    /// with.
    ///
    /// # Errors
    /// As of [`Extents::next`].
    pub async fn skip_to(&mut self, byte: u64) -> Result<u64, Error> {
        let manifest = self.contents.manifest(&self.capture).await?;
        match manifest.and_then(|manifest| manifest.chunk_at(byte)) {
            Some((chunk, begin)) => {
                self.page.clear();
                self.next = chunk;
                Ok(begin)
            }
            None => Ok(0),
        }
    }

    /// The next one; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Deleted`] when the capture went away meanwhile: its end is never
    /// told too early. Also as [`Contents::manifest`] says.
    pub async fn next(&mut self) -> Result<Option<Extent>, Error> {
        let Some(chunk) = self.peek().await? else {
            return Ok(None);
        };
        self.page.pop_front();
        let mut extent = Extent::of(&chunk);
        while let Some(chunk) = self.peek().await? {
            if !extent.append(&chunk, self.bytes_max) {
                break;
            }
            self.page.pop_front();
        }
        Ok(Some(extent))
    }

    async fn peek(&mut self) -> Result<Option<StoredChunk>, Error> {
        if self.page.is_empty() && self.next.0 < self.capture.progress.chunks {
            let read = self.contents.chunks(&self.capture, self.next, PAGE_CHUNKS);
            let (capture, chunks) = read.await?;
            self.capture = capture;
            self.page = chunks.into();
            if let Some(last) = self.page.back() {
                self.next = ChunkIndex(last.index.0 + 1);
            }
        }
        Ok(self.page.front().copied())
    }
}
