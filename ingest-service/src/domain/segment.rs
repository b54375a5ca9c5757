//! The segment that a call is filling.

use std::collections::HashMap;

use tokio::time::Instant;
use weir_shared::limits::{CHUNK_BYTES_MAX, SEGMENT_BYTES_MAX};

use super::{
    capture::{SlotOutcome, StoredSlot},
    chunk::Chunk,
    id::{Blake3, ChunkIndex},
    staging::Reserved,
};

/// Chunks in one segment, so that many tiny ones do not make one huge
/// transaction: 4,096 of 1 KiB fill a segment.
const SEGMENT_CHUNKS_MAX: usize = 4_096;

/// A segment that holds so much is written, bytes. Two of a call that are being written, one
/// that fills, a chunk that arrives and a stream's window of 3 MiB are what a client sends
/// again after a crash: 16 MiB. Larger ones gain nothing on a disk; readers take segments up to
/// [`SEGMENT_BYTES_MAX`], which earlier versions wrote.
const SEGMENT_FULL_BYTES: u64 = 4 << 20;

const _: () = assert!(SEGMENT_FULL_BYTES <= SEGMENT_BYTES_MAX);
const _: () = assert!(CHUNK_BYTES_MAX as u64 <= SEGMENT_FULL_BYTES);

/// Chunks of one call that will be one object.
#[derive(Debug)]
pub struct OpenSegment {
    pub chunks: Vec<Chunk>,
    pub reserved: Reserved,
    places: HashMap<ChunkIndex, usize>,
    bytes: u64,
    opened: Instant,
}

impl OpenSegment {
    /// Begins with a first chunk.
    #[must_use]
    pub fn begin(chunk: Chunk, reserved: Reserved) -> Self {
        Self {
            bytes: chunk.bytes.into(),
            places: [(chunk.index, 0)].into(),
            chunks: vec![chunk],
            reserved,
            opened: Instant::now(),
        }
    }

    /// When its first chunk came.
    #[must_use]
    pub fn opened(&self) -> Instant {
        self.opened
    }

    /// Whether this chunk still fits.
    #[must_use]
    pub fn has_room_for(&self, chunk: &Chunk) -> bool {
        self.bytes + u64::from(chunk.bytes) <= SEGMENT_FULL_BYTES
            && self.chunks.len() < SEGMENT_CHUNKS_MAX
    }

    /// Whether there is no use in waiting for more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes == SEGMENT_FULL_BYTES || self.chunks.len() == SEGMENT_CHUNKS_MAX
    }

    /// How this chunk compares with one of the same index that is here already.
    #[must_use]
    pub fn compare(&self, chunk: &Chunk) -> Option<SlotOutcome> {
        let here = &self.chunks[*self.places.get(&chunk.index)?];
        if here.data == chunk.data {
            return Some(SlotOutcome::Duplicate);
        }
        Some(SlotOutcome::Conflict(StoredSlot {
            bytes: here.bytes,
            crc32c: here.crc32c,
            blake3: Blake3::of(&here.data),
        }))
    }

    /// Adds a chunk that fits and whose index is not here.
    pub fn push(&mut self, chunk: Chunk, reserved: Reserved) {
        self.bytes += u64::from(chunk.bytes);
        self.places.insert(chunk.index, self.chunks.len());
        self.chunks.push(chunk);
        self.reserved.merge(reserved);
    }
}
