//! Chunks that are sent again to a folded capture: no row keeps their hash, so
//! they are compared with the stored bytes.

use std::sync::Arc;

use super::{Verdict, Writer};
use crate::catalog::StoredChunk;
use crate::domain::{
    capture::{Capture, SlotOutcome, StoredSlot},
    error::Error,
    id::{Blake3, ChunkIndex, Uid},
    range::IndexRange,
};

impl Writer {
    /// Judges these chunks, given by index, length in bytes and hash.
    ///
    /// # Errors
    /// When what is stored can't be read, or is damaged.
    pub(super) async fn compare_with_stored(
        &self,
        uid: Uid,
        chunks: impl Iterator<Item = (ChunkIndex, u32, Blake3)>,
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        let gone = || Error::Deleted(verdict.capture.clone());
        let capture = self.catalog.by_uid(uid).await?.ok_or_else(gone)?;
        let manifest = self.contents.manifest(&capture).await?;
        let manifest = manifest.ok_or_else(|| Error::Internal(Arc::new(NotFolded)))?;
        let count = manifest.chunk_count();
        for (index, bytes, blake3) in chunks {
            let outcome = match manifest.chunks_from(index).next() {
                None => SlotOutcome::OutOfRange { count },
                Some(stored) => {
                    let slot = self.stored_slot(&capture, &stored).await?;
                    slot.compare(bytes, blake3)
                }
            };
            verdict.record(index, outcome);
        }
        Ok(())
    }

    async fn stored_slot(
        &self,
        capture: &Capture,
        chunk: &StoredChunk,
    ) -> Result<StoredSlot, Error> {
        let begin = u64::from(chunk.offset);
        let place = begin..begin + u64::from(chunk.bytes);
        let data = self.contents.get(capture, chunk.segment, place).await?;
        if crc32c::crc32c(&data) != chunk.crc32c {
            return Err(Error::Corrupt {
                capture: capture.id.clone(),
                ranges: IndexRange::new(chunk.index, chunk.index)
                    .into_iter()
                    .collect(),
            });
        }
        Ok(StoredSlot {
            bytes: chunk.bytes,
            crc32c: chunk.crc32c,
            blake3: Blake3::of(&data),
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a capture that was folded is not")]
struct NotFolded;
