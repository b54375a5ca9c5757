//! What came ahead of its place, until the hole before it is filled.

use std::{collections::BTreeMap, ops::Range};

use super::{index, length};
use crate::dissect::budget::Budget;

/// What a held segment costs beside its bytes, so that one-byte segments
/// are not free.
const CHUNK_OVERHEAD_BYTES: usize = 96;

/// By position; the pieces overlap neither each other nor what was delivered.
#[derive(Debug, Default)]
pub(super) struct Held {
    chunks: BTreeMap<i64, Chunk>,
    /// What they cost.
    pub(super) bytes: usize,
    /// What they were on the wire.
    pub(super) passed_bytes: i64,
}

#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Box<[u8]>,
    /// Behind `bytes`, cut off by the snap length.
    pub(super) missing: i64,
}

impl Chunk {
    pub(super) fn wire_bytes(&self) -> i64 {
        length(self.bytes.len()) + self.missing
    }

    fn cost(&self) -> usize {
        self.bytes.len() + CHUNK_OVERHEAD_BYTES
    }
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Where the first piece begins.
    pub(super) fn first(&self) -> Option<i64> {
        self.chunks.first_key_value().map(|(start, _)| *start)
    }

    /// Keeps of `from..end` what is not held yet; `payload` begins at `start`. Answers
    /// whether it differs from what is held.
    pub(super) fn add(
        &mut self,
        from: i64,
        start: i64,
        payload: &[u8],
        end: i64,
        budget: &mut Budget,
    ) -> bool {
        let mut at = from;
        let mut differs = false;
        if let Some((held_at, chunk)) = self.chunks.range(..=at).next_back() {
            differs |= chunk.differs(*held_at, start, payload);
            at = at.max(held_at + chunk.wire_bytes());
        }
        let mut holes = Vec::new();
        for (held_at, chunk) in self.chunks.range(at..end.max(at)) {
            differs |= chunk.differs(*held_at, start, payload);
            holes.push(at..*held_at);
            at = held_at + chunk.wire_bytes();
        }
        holes.push(at..end);
        for hole in holes.into_iter().filter(|hole| !hole.is_empty()) {
            self.insert(&hole, start, payload, budget);
        }
        differs
    }

    /// The piece that begins at `next`, if the first one does.
    pub(super) fn take(&mut self, next: i64, budget: &mut Budget) -> Option<Chunk> {
        let first = self.chunks.first_entry()?;
        if *first.key() != next {
            return None;
        }
        let chunk = first.remove();
        budget.give_back(chunk.cost());
        self.bytes -= chunk.cost();
        self.passed_bytes -= chunk.wire_bytes();
        Some(chunk)
    }

    fn insert(&mut self, hole: &Range<i64>, start: i64, payload: &[u8], budget: &mut Budget) {
        let first = index(hole.start - start).min(payload.len());
        let last = index(hole.end - start).min(payload.len());
        let bytes: Box<[u8]> = payload[first..last].into();
        let missing = hole.end - hole.start - length(bytes.len());
        let chunk = Chunk { bytes, missing };
        budget.take(chunk.cost());
        self.bytes += chunk.cost();
        self.passed_bytes += chunk.wire_bytes();
        self.chunks.insert(hole.start, chunk);
    }
}

impl Chunk {
    /// Whether `payload`, which begins at `start`, has other bytes where both are.
    fn differs(&self, at: i64, start: i64, payload: &[u8]) -> bool {
        let from = at.max(start);
        let own = self.bytes.get(index(from - at)..).unwrap_or_default();
        let other = payload.get(index(from - start)..).unwrap_or_default();
        own.iter().zip(other).any(|(own, other)| own != other)
    }
}
