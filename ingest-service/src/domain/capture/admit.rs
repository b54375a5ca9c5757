//! Which chunks of a segment take their slots.

use std::collections::HashMap;

use super::{Capture, Progress, State};
use crate::domain::id::{Blake3, ChunkIndex};

/// A chunk that lies durable in a segment and asks for its slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkRecord {
    pub index: ChunkIndex,
    pub bytes: u32,
    pub crc32c: u32,
    pub blake3: Blake3,
    /// Where it begins in the segment, bytes.
    pub offset: u32,
}

/// What a taken slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSlot {
    pub bytes: u32,
    pub crc32c: u32,
    pub blake3: Blake3,
}

/// What became of one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotOutcome {
    Stored,
    /// The same bytes were there already: a retry, not an error.
    Duplicate,
    /// Other bytes were there first, and stay.
    Conflict(StoredSlot),
    /// The capture ends before this index.
    OutOfRange {
        count: u32,
    },
    /// Not of the declared `chunk_bytes`.
    WrongSize {
        chunk_bytes: u32,
    },
    /// The capture would become larger than a capture may be.
    CaptureTooLarge {
        bytes_max: u64,
    },
}

impl StoredSlot {
    /// Equality is BLAKE3 and length, computed here, never the client's word.
    #[must_use]
    pub fn compare(self, bytes: u32, blake3: Blake3) -> SlotOutcome {
        if self.bytes == bytes && self.blake3 == blake3 {
            SlotOutcome::Duplicate
        } else {
            SlotOutcome::Conflict(self)
        }
    }
}

impl Capture {
    /// Admits what may take its slot, in order, and counts it as durable.
    /// `taken` is what the slots of these chunks hold.
    pub fn admit(
        &mut self,
        chunks: &[ChunkRecord],
        taken: &HashMap<ChunkIndex, StoredSlot>,
        capture_bytes_max: u64,
    ) -> Vec<SlotOutcome> {
        let mut now_taken = HashMap::new();
        let mut outcomes = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let slot = taken
                .get(&chunk.index)
                .or_else(|| now_taken.get(&chunk.index));
            if let Some(slot) = slot {
                outcomes.push(slot.compare(chunk.bytes, chunk.blake3));
                continue;
            }
            let outcome = self.refuses(chunk, capture_bytes_max);
            outcomes.push(match outcome {
                Some(refused) => refused,
                None => {
                    self.count(chunk);
                    let slot = StoredSlot {
                        bytes: chunk.bytes,
                        crc32c: chunk.crc32c,
                        blake3: chunk.blake3,
                    };
                    now_taken.insert(chunk.index, slot);
                    SlotOutcome::Stored
                }
            });
        }
        outcomes
    }

    /// Why a chunk can't take its free slot.
    #[must_use]
    pub fn refuses(&self, chunk: &ChunkRecord, capture_bytes_max: u64) -> Option<SlotOutcome> {
        let count = match self.state {
            State::Receiving => self.declared.chunk_count,
            State::Sealing | State::Sealed => Some(self.progress.chunks),
        };
        if let Some(count) = count
            && chunk.index.0 >= count
        {
            return Some(SlotOutcome::OutOfRange { count });
        }
        if let Some(chunk_bytes) = self.declared.chunk_bytes
            && !self.fits(chunk, chunk_bytes)
        {
            return Some(SlotOutcome::WrongSize { chunk_bytes });
        }
        if self.progress.bytes + u64::from(chunk.bytes) > capture_bytes_max {
            return Some(SlotOutcome::CaptureTooLarge {
                bytes_max: capture_bytes_max,
            });
        }
        None
    }

    fn fits(&self, chunk: &ChunkRecord, chunk_bytes: u32) -> bool {
        let Progress { highest, short, .. } = self.progress;
        if chunk.bytes > chunk_bytes {
            return false;
        }
        if chunk.bytes == chunk_bytes {
            return short.is_none_or(|last| chunk.index < last);
        }
        match self.declared.chunk_count {
            Some(count) => chunk.index.0.checked_add(1) == Some(count),
            None => highest.is_none_or(|highest| highest < chunk.index) && short.is_none(),
        }
    }

    fn count(&mut self, chunk: &ChunkRecord) {
        let progress = &mut self.progress;
        progress.chunks += 1;
        progress.bytes += u64::from(chunk.bytes);
        progress.highest = progress.highest.max(Some(chunk.index));
        if self.declared.chunk_bytes.is_some_and(|b| chunk.bytes < b) {
            progress.short = Some(chunk.index);
        }
    }
}
