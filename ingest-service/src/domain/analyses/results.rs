//! Records as they are stored: one object for each part, a zstd frame (RFC 8878)
//! of length-delimited messages, with a checksum.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio_util::task::TaskTracker;
use weir_shared::store::{SegmentStore, StoreError};
use zstd::bulk;

use super::gather::PART_BYTES;
use crate::domain::{
    analysis::{AnalysisId, Part},
    error::Error,
    id::SegmentId,
};

/// Level of compression: the fastest, which packs records to about a quarter.
const LEVEL: i32 = 1;

/// Bytes that an object may unpack to: what is gathered, and one message of an
/// analyzer beyond it, which has at most 4 MiB. More is not ours.
const RAW_BYTES_MAX: u64 = 8 << 20;
const _: () = assert!(PART_BYTES as u64 + (4 << 20) < RAW_BYTES_MAX);

/// Unpacked parts that are kept for those who watch, bytes: the last ones of some
/// analyses.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// Records that follow one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// Sequences, without gaps.
    pub first: u64,
    pub last: u64,
    /// Length-delimited messages. A message may go on in the next piece.
    pub framed: Vec<Bytes>,
}

/// Writes and reads parts.
#[derive(Debug)]
pub(super) struct Results {
    store: Arc<dyn SegmentStore>,
    tasks: TaskTracker,
    /// Used last at the back.
    kept: Mutex<VecDeque<(SegmentId, Bytes)>>,
}

/// Records that are packed.
#[derive(Debug)]
pub(super) struct Packed {
    first: u64,
    last: u64,
    raw: Bytes,
    packed: Bytes,
}

impl Packed {
    fn pack(records: &Records) -> io::Result<Self> {
        let raw = Bytes::from(records.framed.concat());
        let mut compressor = bulk::Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        let packed = compressor.compress(&raw)?.into();
        Ok(Self {
            first: records.first,
            last: records.last,
            raw,
            packed,
        })
    }
}

impl Results {
    pub(super) fn new(store: Arc<dyn SegmentStore>, tasks: TaskTracker) -> Self {
        let kept = Mutex::default();
        Self { store, tasks, kept }
    }

    /// # Errors
    /// [`Error::Internal`]
    pub(super) async fn pack(&self, records: Records) -> Result<Packed, Error> {
        // A millisecond or so: not for an async worker.
        let packing = self.tasks.spawn_blocking(move || Packed::pack(&records));
        let packed = packing.await.map_err(|e| Error::Internal(Arc::new(e)))?;
        packed.map_err(|e| Error::Internal(Arc::new(e)))
    }

    /// Writes a new object. It is nobody's until its part is recorded.
    ///
    /// # Errors
    /// As of [`Error::of_write`].
    pub(super) async fn put(&self, id: AnalysisId, packed: &Packed) -> Result<Part, Error> {
        let segment = SegmentId::generate(id.as_owner());
        let body = vec![packed.packed.clone()];
        let key = segment.object_key();
        let put = self.store.put(&key, body).await;
        put.map_err(Error::of_write)?;
        self.keep(segment, packed.raw.clone());
        Ok(Part {
            first: packed.first,
            last: packed.last,
            segment,
            bytes: packed.packed.len() as u64,
            raw_bytes: packed.raw.len() as u64,
        })
    }

    /// # Errors
    /// [`Error::ResultsDamaged`], [`Error::StorageUnavailable`].
    pub(super) async fn get(&self, id: AnalysisId, part: &Part) -> Result<Records, Error> {
        let raw = match self.kept(part.segment) {
            Some(raw) => raw,
            None => {
                let raw = self.read(id, part).await?;
                self.keep(part.segment, raw.clone());
                raw
            }
        };
        Ok(Records {
            first: part.first,
            last: part.last,
            framed: vec![raw],
        })
    }

    async fn read(&self, id: AnalysisId, part: &Part) -> Result<Bytes, Error> {
        let key = part.segment.object_key();
        let packed = match self.store.get(&key, 0..part.bytes).await {
            Ok(packed) => packed,
            Err(StoreError::Missing | StoreError::OutsideObject | StoreError::Exists) => {
                return Err(Error::ResultsDamaged(id));
            }
            Err(error @ (StoreError::Unavailable(_) | StoreError::Full(_))) => {
                return Err(Error::StorageUnavailable(Arc::new(error)));
            }
        };
        let (length, raw_bytes) = match usize::try_from(part.raw_bytes) {
            Ok(length) if part.raw_bytes <= RAW_BYTES_MAX => (length, part.raw_bytes),
            _ => return Err(Error::ResultsDamaged(id)),
        };
        let unpacking = self
            .tasks
            .spawn_blocking(move || bulk::decompress(&packed, length));
        let unpacked = unpacking.await.map_err(|e| Error::Internal(Arc::new(e)))?;
        match unpacked {
            Ok(raw) if raw.len() as u64 == raw_bytes => Ok(raw.into()),
            Ok(_) | Err(_) => Err(Error::ResultsDamaged(id)),
        }
    }

    fn kept(&self, segment: SegmentId) -> Option<Bytes> {
        let mut kept = self.lock();
        let place = kept.iter().position(|(id, _)| *id == segment)?;
        let used = kept.remove(place)?;
        let raw = used.1.clone();
        kept.push_back(used);
        Some(raw)
    }

    fn keep(&self, segment: SegmentId, raw: Bytes) {
        let mut kept = self.lock();
        kept.retain(|(id, _)| *id != segment);
        kept.push_back((segment, raw));
        let mut bytes: usize = kept.iter().map(|(_, raw)| raw.len()).sum();
        while bytes > KEPT_BYTES_MAX
            && let Some((_, oldest)) = kept.pop_front()
        {
            bytes -= oldest.len();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(SegmentId, Bytes)>> {
        // No code that can panic runs under the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
