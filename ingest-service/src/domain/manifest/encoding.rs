//! A manifest as bytes: postcard's varints of a version and runs.

use serde::{Deserialize, Serialize};

use super::{Builder, Manifest, NotWhole};
use crate::{
    catalog::{StoredChunk, StoredSegment},
    domain::id::{ChunkIndex, SegmentId, Uid},
};

/// Of this layout. A manifest of another one is refused, not guessed.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Encoded {
    version: u8,
    content: [u8; 16],
    /// Ids and lengths in bytes.
    segments: Vec<([u8; 16], u64)>,
    /// Numbers of chunks and their length in bytes.
    lengths: Vec<(u32, u32)>,
    /// Numbers of chunks that follow each other in an object, which one of
    /// `segments` it is, and where they begin.
    places: Vec<(u32, u32, u32)>,
    /// Four bytes for each chunk, the lowest first: varints of them would be longer.
    crc32c: Vec<u8>,
}

/// Not a manifest that this version reads.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("no manifest")]
    Malformed(#[source] postcard::Error),
    #[error("a manifest of version {0}")]
    Version(u8),
    #[error("runs of different length")]
    Uneven,
    #[error(transparent)]
    NotWhole(#[from] NotWhole),
}

impl Manifest {
    /// As bytes, to be kept with their digest.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let count = self.chunk_count();
        let ends = |firsts: Vec<u32>| firsts.into_iter().skip(1).chain([count]);
        let length_ends = ends(self.lengths.iter().map(|run| run.first).collect());
        let place_ends = ends(self.places.iter().map(|run| run.first).collect());
        let lengths = self.lengths.iter().zip(length_ends);
        let places = self.places.iter().zip(place_ends);
        let encoded = Encoded {
            version: VERSION,
            content: *self.content.as_bytes(),
            segments: self
                .segments
                .iter()
                .map(|segment| (*segment.segment.as_bytes(), segment.bytes))
                .collect(),
            lengths: lengths
                .map(|(run, end)| (end - run.first, run.bytes))
                .collect(),
            places: places
                .map(|(run, end)| (end - run.first, run.segment, run.offset))
                .collect(),
            crc32c: self.crc32c.iter().flat_map(|c| c.to_le_bytes()).collect(),
        };
        postcard::to_stdvec(&encoded).expect("memory takes all")
    }

    /// What [`Manifest::encode`] gave. Total: any bytes are a manifest whose
    /// chunks lie inside of their objects, or an error.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let encoded: Encoded = postcard::from_bytes(bytes).map_err(DecodeError::Malformed)?;
        let Encoded {
            version,
            content,
            segments,
            lengths,
            places,
            crc32c,
        } = encoded;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let content = Uid::from_bytes(content);
        let segments: Vec<_> = segments
            .into_iter()
            .map(|(id, bytes)| StoredSegment {
                segment: SegmentId::from_bytes(content, id),
                bytes,
            })
            .collect();
        let ids: Vec<SegmentId> = segments.iter().map(|s| s.segment).collect();
        let mut builder = Builder::new(content, segments);
        // Numbers of chunks come from outside: runs are walked only as far as
        // there are checksums.
        let (crcs, rest) = crc32c.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(DecodeError::Uneven);
        }
        let mut lengths = lengths.into_iter();
        let mut places = places.into_iter();
        let (mut length, mut place) = ((0, 0), (0, 0, 0));
        for (index, crc) in (0..).zip(crcs) {
            while length.0 == 0 {
                length = lengths.next().ok_or(DecodeError::Uneven)?;
            }
            while place.0 == 0 {
                place = places.next().ok_or(DecodeError::Uneven)?;
            }
            let (_, segment, offset) = place;
            let bytes = length.1;
            builder.push(&StoredChunk {
                index: ChunkIndex(index),
                bytes,
                crc32c: u32::from_le_bytes(*crc),
                segment: *ids.get(segment as usize).ok_or(NotWhole)?,
                offset,
            })?;
            length.0 -= 1;
            place = (place.0 - 1, segment, offset.wrapping_add(bytes));
        }
        let nothing_left = length.0 == 0 && place.0 == 0;
        if !nothing_left || lengths.next().is_some() || places.next().is_some() {
            return Err(DecodeError::Uneven);
        }
        Ok(builder.finish())
    }
}
