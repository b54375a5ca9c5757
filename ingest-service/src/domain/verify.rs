//! Reads what is stored of a sealed capture to see whether it is still whole.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use weir_shared::limits::SEGMENT_BYTES_MAX;

use super::{
    capture::Capture,
    error::Error,
    extent::{Extent, Extents},
    id::ChunkIndex,
    ingest::Ingest,
    live::InUse,
    range::{IndexRange, IndexRanges},
};

/// A capture on its way through a verification.
#[derive(Debug)]
pub struct Verification {
    ingest: Arc<Ingest>,
    capture: Arc<Capture>,
    used: InUse,
    ended: CancellationToken,
    extents: Extents,
    /// The first chunk that is not looked at.
    next: ChunkIndex,
    bytes: u64,
    damage: Damage,
}

/// What is damaged of a capture.
#[derive(Debug)]
struct Damage {
    chunks: u64,
    ranges: IndexRanges,
}

/// What a verification came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// That were read, or would have been were they there.
    pub bytes: u64,
    /// Whose bytes are gone or fail their checksum.
    pub damaged_chunks: u64,
    /// Their indexes, ascending; the first ones when there are too many runs.
    pub damaged: Vec<IndexRange>,
}

impl Ingest {
    /// Begins to verify a sealed capture that this call uses. Tells at most so
    /// many runs of damaged chunks.
    #[must_use]
    pub fn verify(
        self: &Arc<Self>,
        capture: Arc<Capture>,
        used: InUse,
        ranges_max: usize,
        ended: CancellationToken,
    ) -> Verification {
        let contents = Arc::clone(&self.contents);
        Verification {
            ingest: Arc::clone(self),
            extents: Extents::new(contents, Arc::clone(&capture), SEGMENT_BYTES_MAX),
            capture,
            used,
            ended,
            next: ChunkIndex(0),
            bytes: 0,
            damage: Damage {
                chunks: 0,
                ranges: IndexRanges::at_most(ranges_max),
            },
        }
    }
}

impl Verification {
    /// Verifies the next run of bytes and says how many they were; `None` after
    /// the last.
    ///
    /// # Errors
    /// [`Error::Ended`], [`Error::Deleted`], or why it can't be told whether
    /// they are whole. Damage is no error.
    pub async fn next(&mut self) -> Result<Option<u64>, Error> {
        let (ended, deleted) = (self.ended.clone(), self.used.deletion());
        tokio::select! {
            biased;
            () = ended.cancelled() => Err(Error::Ended),
            () = deleted.cancelled() => Err(Error::Deleted(self.capture.id.clone())),
            verified = self.verify_next() => verified,
        }
    }

    /// Bytes that are verified.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Verified {
        Verified {
            bytes: self.bytes,
            damaged_chunks: self.damage.chunks,
            damaged: self.damage.ranges.into_vec(),
        }
    }

    async fn verify_next(&mut self) -> Result<Option<u64>, Error> {
        if self.next.0 >= self.capture.progress.chunks {
            return Ok(None);
        }
        let extent = match self.next_extent().await {
            Ok(Some(extent)) => extent,
            Ok(None) => return Ok(None),
            // Its manifest is: so nothing of it can be read.
            Err(Error::Corrupt { .. } | Error::ObjectMissing(_)) => return Ok(self.lose_rest()),
            Err(error) => return Err(error),
        };
        match self.ingest.stored(&self.capture, &extent).await {
            Ok(bytes) if crc32c::crc32c(&bytes) == extent.crc32c => {}
            Ok(bytes) => {
                let corrupt = self.ingest.corrupt_chunks(&self.capture, &extent, &bytes);
                for index in corrupt.await? {
                    self.damage.add(index);
                }
            }
            Err(Error::ObjectMissing(_)) => self.damage.add_all(extent.first, extent.last),
            Err(error) => return Err(error),
        }
        self.next = ChunkIndex(extent.last.0 + 1);
        self.bytes += extent.bytes;
        Ok(Some(extent.bytes))
    }

    async fn next_extent(&mut self) -> Result<Option<Extent>, Error> {
        if self.next.0 == 0 {
            let contents = &self.ingest.contents;
            contents.verify_manifest(&self.capture).await?;
        }
        self.extents.next().await
    }

    fn lose_rest(&mut self) -> Option<u64> {
        let left = self.capture.progress.bytes - self.bytes;
        let count = self.capture.progress.chunks;
        self.damage.add_all(self.next, ChunkIndex(count - 1));
        self.next = ChunkIndex(count);
        self.bytes += left;
        Some(left)
    }
}

impl Damage {
    fn add(&mut self, index: ChunkIndex) {
        self.chunks += 1;
        self.ranges.push(index);
    }

    fn add_all(&mut self, first: ChunkIndex, last: ChunkIndex) {
        for index in first.0..=last.0 {
            self.add(ChunkIndex(index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        capture::Declared,
        testing::{Rig, chunk, open, upload},
    };

    const ID: &str = "cap";

    /// Six chunks of two bytes, in two objects.
    async fn rig() -> Rig {
        let rig = Rig::new().await;
        let declared = Declared {
            chunk_count: Some(6),
            ..Declared::default()
        };
        for indexes in [[0, 1, 2], [3, 4, 5]] {
            let mut items = vec![open(ID, declared.clone())];
            items.extend(indexes.map(|index| chunk(index, "ab")));
            upload(&rig, items).await.unwrap();
        }
        rig
    }

    async fn verified(rig: &Rig, ranges_max: usize) -> Result<String, Error> {
        let (capture, used) = rig.ingest.use_sealed(&ID.parse().unwrap()).await?;
        let ended = CancellationToken::new();
        let mut verification = rig.ingest.verify(capture, used, ranges_max, ended);
        while verification.next().await?.is_some() {}
        let done = verification.finish();
        let ranges = done.damaged.iter().map(|r| (r.first().0, r.last().0));
        let ranges: Vec<_> = ranges.collect();
        Ok(format!(
            "{} bytes, {} damaged {ranges:?}",
            done.bytes, done.damaged_chunks
        ))
    }

    #[tokio::test]
    async fn damaged_and_lost_chunks_are_listed_up_to_a_bound() {
        let rig = rig().await;
        assert_eq!(verified(&rig, 9).await.unwrap(), "12 bytes, 0 damaged []");
        rig.store.corrupt_all(2);
        let told = verified(&rig, 9).await.unwrap();
        assert_eq!(told, "12 bytes, 2 damaged [(1, 1), (4, 4)]");
        let told = verified(&rig, 1).await.unwrap();
        assert_eq!(told, "12 bytes, 2 damaged [(1, 1)]");
        let capture = rig.ingest.get(&ID.parse().unwrap()).await.unwrap();
        let stored = rig
            .catalog
            .chunks(capture.uid, ChunkIndex(0), 9)
            .await
            .unwrap();
        let lost = stored[0].segment.object_key();
        rig.ingest.store.delete(&lost).await.unwrap();
        let told = verified(&rig, 9).await.unwrap();
        assert_eq!(told, "12 bytes, 4 damaged [(0, 2), (4, 4)]");
    }

    #[tokio::test]
    async fn a_verification_ends_with_its_call_and_with_its_capture() {
        let rig = rig().await;
        let id = ID.parse().unwrap();
        let ended = CancellationToken::new();
        let begin = async || {
            let (capture, used) = rig.ingest.use_sealed(&id).await.unwrap();
            rig.ingest.verify(capture, used, 9, ended.clone())
        };
        let (mut first, mut second) = (begin().await, begin().await);
        rig.ingest.delete(&id).await.unwrap();
        assert!(matches!(first.next().await, Err(Error::Deleted(_))));
        ended.cancel();
        assert!(matches!(second.next().await, Err(Error::Ended)));
    }
}
