//! Where the chunks of a sealed capture are, in one piece: what a capture's
//! rows are folded into.
//!
//! Lengths and places are coded as runs, so that a capture that came in order
//! costs some five bytes for each chunk (its CRC32C), and one whose chunks came
//! interleaved some ten more. Hashes are not kept: a chunk that is sent again
//! is compared with the stored bytes.

mod encoding;

use super::{
    id::{ChunkIndex, SegmentId, Uid},
    shape::Shape,
};
use crate::catalog::{StoredChunk, StoredSegment};

pub use encoding::DecodeError;

/// A sealed capture's chunks and the objects they lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The capture that wrote the objects.
    content: Uid,
    segments: Vec<StoredSegment>,
    lengths: Vec<LengthRun>,
    places: Vec<PlaceRun>,
    /// One for each chunk.
    crc32c: Vec<u32>,
    bytes: u64,
}

/// Chunks of one length, up to the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LengthRun {
    first: u32,
    bytes: u32,
    /// Bytes of all chunks before.
    begin: u64,
}

/// Chunks that lie one behind the other in one object, up to the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PlaceRun {
    first: u32,
    /// Place in the list of segments.
    segment: u32,
    offset: u32,
}

/// Puts a manifest together, chunk by chunk.
#[derive(Debug)]
pub struct Builder {
    manifest: Manifest,
    /// Where the next chunk would lie if it followed.
    end: u32,
    places: std::collections::HashMap<SegmentId, u32>,
}

/// Rows that make no whole capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chunks do not follow each other, or lie outside of their objects")]
pub struct NotWhole;

impl Builder {
    /// Of a capture that wrote these segments itself.
    #[must_use]
    pub fn new(content: Uid, segments: Vec<StoredSegment>) -> Self {
        let places = segments.iter().map(|segment| segment.segment).zip(0..);
        Self {
            places: places.collect(),
            manifest: Manifest {
                content,
                segments,
                lengths: Vec::new(),
                places: Vec::new(),
                crc32c: Vec::new(),
                bytes: 0,
            },
            end: 0,
        }
    }

    /// Appends the next chunk.
    ///
    /// # Errors
    /// When it is not the next one, or its object is not listed or too short.
    pub fn push(&mut self, chunk: &StoredChunk) -> Result<(), NotWhole> {
        let Self {
            manifest,
            end,
            places,
        } = self;
        let index = manifest.chunk_count();
        let place = *places.get(&chunk.segment).ok_or(NotWhole)?;
        let chunk_end = chunk.offset.checked_add(chunk.bytes).ok_or(NotWhole)?;
        let holds = |segment: &StoredSegment| u64::from(chunk_end) <= segment.bytes;
        let is_inside = manifest.segments.get(place as usize).is_some_and(holds);
        if chunk.index.0 != index || !is_inside || chunk.bytes == 0 {
            return Err(NotWhole);
        }
        if manifest.lengths.last().map(|run| run.bytes) != Some(chunk.bytes) {
            manifest.lengths.push(LengthRun {
                first: index,
                bytes: chunk.bytes,
                begin: manifest.bytes,
            });
        }
        let follows = |run: &PlaceRun| run.segment == place && *end == chunk.offset;
        if !manifest.places.last().is_some_and(follows) {
            manifest.places.push(PlaceRun {
                first: index,
                segment: place,
                offset: chunk.offset,
            });
        }
        *end = chunk_end;
        manifest.crc32c.push(chunk.crc32c);
        manifest.bytes += u64::from(chunk.bytes);
        Ok(())
    }

    /// All chunks were appended.
    #[must_use]
    pub fn finish(self) -> Manifest {
        self.manifest
    }
}

impl Manifest {
    /// Chunks of the capture.
    #[must_use]
    pub fn chunk_count(&self) -> u32 {
        u32::try_from(self.crc32c.len()).unwrap_or(u32::MAX)
    }

    /// Bytes of the capture.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The objects that hold its chunks.
    #[must_use]
    pub fn segments(&self) -> &[StoredSegment] {
        &self.segments
    }

    /// Memory that it takes, bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.segments)
            + size_of_val(&*self.lengths)
            + size_of_val(&*self.places)
            + size_of_val(&*self.crc32c)
    }

    /// The lengths of its chunks in short.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let last = self.lengths.last().map_or(0, |run| run.bytes);
        let uniform = match *self.lengths {
            [] => None,
            [all] => Some(all.bytes),
            [all, last] if last.first.checked_add(1) == Some(self.chunk_count()) => Some(all.bytes),
            _ => None,
        };
        Shape { uniform, last }
    }

    /// The chunk that holds this byte of the capture, and the capture's byte
    /// that it begins with.
    #[must_use]
    pub fn chunk_at(&self, byte: u64) -> Option<(ChunkIndex, u64)> {
        if byte >= self.bytes {
            return None;
        }
        let run = self.lengths[self.lengths.partition_point(|run| run.begin <= byte) - 1];
        let chunks = (byte - run.begin) / u64::from(run.bytes);
        let index = run.first + u32::try_from(chunks).ok()?;
        Some((ChunkIndex(index), run.begin + chunks * u64::from(run.bytes)))
    }

    /// Chunks in order, from this one on.
    pub fn chunks_from(&self, from: ChunkIndex) -> impl Iterator<Item = StoredChunk> + '_ {
        let count = self.chunk_count();
        let mut place = self.places.partition_point(|run| run.first <= from.0);
        // What lies before it in its run of places is walked over: at most the
        // chunks of one segment.
        let first = match place.checked_sub(1) {
            Some(run) if from.0 < count => self.places[run].first,
            _ => count,
        };
        place = place.saturating_sub(1);
        let mut length = self.lengths.partition_point(|run| run.first <= first);
        length = length.saturating_sub(1);
        let mut offset = 0;
        let all = (first..count).map(move |index| {
            if self
                .lengths
                .get(length + 1)
                .is_some_and(|r| r.first == index)
            {
                length += 1;
            }
            if self.places.get(place + 1).is_some_and(|r| r.first == index) {
                place += 1;
            }
            let run = self.places[place];
            if run.first == index {
                offset = run.offset;
            }
            let bytes = self.lengths[length].bytes;
            let chunk = StoredChunk {
                index: ChunkIndex(index),
                bytes,
                crc32c: self.crc32c[index as usize],
                segment: self.segments[run.segment as usize].segment,
                offset,
            };
            offset += bytes;
            chunk
        });
        all.skip_while(move |chunk| chunk.index < from)
    }
}

#[cfg(test)]
mod tests;
