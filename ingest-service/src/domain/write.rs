//! How a segment becomes durable: hash, drop what is there already, write the
//! object, then commit. Each runs in a task of its own, so that a dropped
//! handler never leaves half of one.

mod stored;

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use weir_shared::store::SegmentStore;

use super::{
    capture::{Capture, ChunkRecord, SlotOutcome},
    chunk::Chunk,
    committer::Committer,
    contents::Contents,
    digest::RunningDigest,
    error::Error,
    id::{Blake3, CaptureId, ChunkIndex, SegmentId, Uid},
    live::Live,
    staging::Reserved,
    turn::Turn,
};
use crate::catalog::{Catalog, Committed, SegmentCommit, Slots};

/// Times a segment is written again because a sweeper condemned its id. Once
/// is possible after hours of pause; more is a fault.
const CONDEMNED_RETRIES_MAX: u32 = 2;

/// Below this a hand-over to another thread costs more than the hashing, bytes.
pub(super) const HASH_INLINE_BYTES_MAX: usize = 64 << 10;

/// Segments that are hashed and put at once, of all calls: as many requests as
/// a store takes. Each needs a thread in a directory, and the threads' stacks
/// and heaps are in no budget; more would not make a disk faster.
pub const WRITES_MAX: usize = 64;

/// What writing needs.
#[derive(Clone, Debug)]
pub struct Writer {
    pub catalog: Arc<dyn Catalog>,
    pub store: Arc<dyn SegmentStore>,
    pub contents: Arc<Contents>,
    pub live: Arc<Live>,
    pub committer: Committer,
    pub tasks: TaskTracker,
    /// [`WRITES_MAX`].
    pub places: Arc<Semaphore>,
}

/// A closed segment on its way.
#[derive(Debug)]
pub struct Segment {
    pub capture: CaptureId,
    pub uid: Uid,
    pub chunks: Vec<Chunk>,
    /// Given back when the segment is committed, or can't be.
    pub reserved: Reserved,
}

/// What became of the chunks of one segment.
#[derive(Debug, Default)]
pub struct Tally {
    pub stored: u32,
    pub duplicate: u32,
    /// The capture after the last commit.
    pub capture: Option<Box<Capture>>,
}

struct Hashed {
    chunks: Vec<Chunk>,
    hashes: Vec<Blake3>,
    digest: Option<RunningDigest>,
}

impl Writer {
    /// Makes a segment durable. When some of its chunks are refused, the others
    /// are durable nevertheless.
    ///
    /// # Errors
    /// For the first refused chunk, or for all when nothing could be written.
    pub async fn write(&self, segment: Segment, turn: Turn) -> Result<Tally, Error> {
        let Segment {
            capture,
            uid,
            chunks,
            reserved,
        } = segment;
        let Turn {
            digest_before,
            digest_after,
            committed_before,
            committed_after,
        } = turn;
        let running = digest_before.await.ok().flatten();
        // Taken only now, so that nobody who has one waits for one who has none. It is never closed.
        let place = self.places.acquire().await;
        let hashed = self.hash(chunks, running).await?;
        let digest = hashed.digest.as_ref().map(RunningDigest::so_far);
        digest_after.send(hashed.digest.clone()).ok();

        let mut verdict = Verdict::of(capture);
        let news = self.drop_durable(uid, hashed, &mut verdict).await?;
        let durable = match &news {
            Some(news) => Some(self.put(uid, news).await?),
            None => None,
        };
        drop(place);
        // Writes overlap; commits go in order, so that a call's chunks become
        // durable as they came.
        let intact = committed_before.await.unwrap_or(false);
        if let (Some(news), Some(id)) = (news, durable) {
            let commit = SegmentCommit {
                capture: uid,
                segment: id,
                bytes: news.bytes.into(),
                chunks: news.records,
                // It is of what came: only while every chunk so far lies in
                // its slot is it of what is stored as well.
                digest: digest.filter(|_| intact && verdict.refused.is_none()),
                traceparent: weir_shared::traceparent::current(),
            };
            self.commit(commit, &news.bodies, &mut verdict).await?;
        }
        drop(reserved);
        committed_after
            .send(intact && verdict.refused.is_none())
            .ok();
        match verdict.refused {
            None => Ok(verdict.tally),
            Some(error) => Err(error),
        }
    }

    /// Off the async workers: a segment takes milliseconds.
    async fn hash(
        &self,
        chunks: Vec<Chunk>,
        running: Option<RunningDigest>,
    ) -> Result<Hashed, Error> {
        let bytes: usize = chunks.iter().map(|c| c.data.len()).sum();
        let work = move || Hashed {
            hashes: chunks.iter().map(|c| Blake3::of(&c.data)).collect(),
            digest: running.and_then(|running| running.append(&chunks)),
            chunks,
        };
        if bytes <= HASH_INLINE_BYTES_MAX {
            return Ok(work());
        }
        let hashed = self.tasks.spawn_blocking(work).await;
        hashed.map_err(|panicked| Error::Internal(Arc::new(panicked)))
    }

    /// Judges the chunks whose slots are taken; `None` when no other is left.
    async fn drop_durable(
        &self,
        uid: Uid,
        hashed: Hashed,
        verdict: &mut Verdict,
    ) -> Result<Option<News>, Error> {
        let indexes: Vec<_> = hashed.chunks.iter().map(|c| c.index).collect();
        let durable: HashMap<_, _> = match self.catalog.slots(uid, &indexes).await? {
            Slots::Taken(durable) => durable.into_iter().collect(),
            Slots::Folded => {
                let chunks = hashed.chunks.iter().zip(&hashed.hashes);
                let chunks = chunks.map(|(chunk, blake3)| (chunk.index, chunk.bytes, *blake3));
                self.compare_with_stored(uid, chunks, verdict).await?;
                return Ok(None);
            }
        };
        let mut news = News::default();
        for (chunk, blake3) in hashed.chunks.into_iter().zip(hashed.hashes) {
            if let Some(slot) = durable.get(&chunk.index) {
                verdict.record(chunk.index, slot.compare(chunk.bytes, blake3));
                continue;
            }
            news.records.push(ChunkRecord {
                index: chunk.index,
                bytes: chunk.bytes,
                crc32c: chunk.crc32c,
                blake3,
                offset: news.bytes,
            });
            news.bytes += chunk.bytes;
            news.bodies.push(chunk.data);
        }
        Ok((!news.records.is_empty()).then_some(news))
    }

    async fn put(&self, owner: Uid, news: &News) -> Result<SegmentId, Error> {
        let id = SegmentId::generate(owner);
        let put = self.store.put(&id.object_key(), news.bodies.clone()).await;
        put.map_err(Error::of_write)?;
        Ok(id)
    }

    async fn commit(
        &self,
        mut commit: SegmentCommit,
        bodies: &[Bytes],
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        for _ in 0..=CONDEMNED_RETRIES_MAX {
            match self.committer.commit(commit.clone()).await? {
                Committed::CaptureGone => return Err(Error::Deleted(verdict.capture.clone())),
                Committed::Slots { outcomes, capture } => {
                    self.live.changed(commit.capture);
                    for (chunk, outcome) in commit.chunks.iter().zip(outcomes) {
                        verdict.record(chunk.index, outcome);
                    }
                    verdict.tally.capture = Some(capture);
                    return Ok(());
                }
                // What was written for it is nobody's: the sweeper finds it.
                Committed::Folded => {
                    let chunks = commit.chunks.iter();
                    let chunks = chunks.map(|chunk| (chunk.index, chunk.bytes, chunk.blake3));
                    return self
                        .compare_with_stored(commit.capture, chunks, verdict)
                        .await;
                }
                Committed::Condemned => {
                    commit.segment = SegmentId::generate(commit.capture);
                    let key = commit.segment.object_key();
                    let put = self.store.put(&key, bodies.to_vec()).await;
                    put.map_err(Error::of_write)?;
                }
            }
        }
        Err(Error::StorageUnavailable(Arc::new(CondemnedAgain)))
    }
}

/// Chunks that have no slot yet, one behind the other.
#[derive(Default)]
struct News {
    records: Vec<ChunkRecord>,
    bodies: Vec<Bytes>,
    bytes: u32,
}

struct Verdict {
    capture: CaptureId,
    tally: Tally,
    refused: Option<Error>,
}

impl Verdict {
    fn of(capture: CaptureId) -> Self {
        Self {
            capture,
            tally: Tally::default(),
            refused: None,
        }
    }

    fn record(&mut self, index: ChunkIndex, outcome: SlotOutcome) {
        let refused = match outcome {
            SlotOutcome::Stored => {
                self.tally.stored += 1;
                return;
            }
            SlotOutcome::Duplicate => {
                self.tally.duplicate += 1;
                return;
            }
            SlotOutcome::Conflict(stored) => Error::Conflict {
                capture: self.capture.clone(),
                index,
                stored,
            },
            SlotOutcome::OutOfRange { count } => Error::IndexOutOfRange { index, count },
            SlotOutcome::WrongSize { chunk_bytes } => Error::ChunkSize {
                index,
                why: format!("only the last chunk may be of less than {chunk_bytes} bytes"),
            },
            SlotOutcome::CaptureTooLarge { bytes_max } => Error::CaptureTooLarge { bytes_max },
        };
        self.refused.get_or_insert(refused);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a new segment was condemned again and again")]
struct CondemnedAgain;
