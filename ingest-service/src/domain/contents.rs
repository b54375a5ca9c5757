//! Where a capture's chunks are: by rows of the catalog, or by its manifest.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use weir_shared::store::{SegmentStore, StoreError};

use super::{
    capture::{Capture, StoredManifest},
    error::Error,
    id::{Blake3, ChunkIndex, SegmentId, Uid},
    manifest::Manifest,
    range::IndexRange,
};
use crate::catalog::{Catalog, StoredChunk, StoredSegment};

/// Memory of manifests that are kept for the next who asks, bytes: three of the
/// largest captures, or thousands of usual ones.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Segment rows read at a time.
const PAGE_SEGMENTS: u32 = 2_000;

/// Finds chunks.
#[derive(Debug)]
pub struct Contents {
    catalog: Arc<dyn Catalog>,
    store: Arc<dyn SegmentStore>,
    /// Used last at the back.
    kept: Mutex<VecDeque<(Uid, Arc<Manifest>)>>,
}

impl Contents {
    #[must_use]
    pub fn new(catalog: Arc<dyn Catalog>, store: Arc<dyn SegmentStore>) -> Self {
        let kept = Mutex::default();
        Self {
            catalog,
            store,
            kept,
        }
    }

    /// The manifest of a folded capture; `None` for one that has rows.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::ObjectMissing`] when it is damaged or gone:
    /// then all of the capture is; [`Error::Deleted`] when the capture is.
    pub async fn manifest(&self, capture: &Capture) -> Result<Option<Arc<Manifest>>, Error> {
        let Some(stored) = &capture.manifest else {
            return Ok(None);
        };
        if let Some(kept) = self.kept(capture.content) {
            return Ok(Some(kept));
        }
        let manifest = Arc::new(self.read_manifest(capture, stored).await?);
        self.keep(capture.content, Arc::clone(&manifest));
        Ok(Some(manifest))
    }

    /// Whether the manifest is still what it was, also when it is kept.
    ///
    /// # Errors
    /// As of [`Contents::manifest`].
    pub async fn verify_manifest(&self, capture: &Capture) -> Result<(), Error> {
        if let Some(stored) = &capture.manifest {
            self.read_manifest(capture, stored).await?;
        }
        Ok(())
    }

    async fn read_manifest(
        &self,
        capture: &Capture,
        stored: &StoredManifest,
    ) -> Result<Manifest, Error> {
        let decoded = match stored {
            StoredManifest::Inline(bytes) => Manifest::decode(bytes),
            StoredManifest::Object(object) => {
                let bytes = self.get(capture, object.segment, 0..object.bytes).await?;
                if Blake3::of(&bytes) != object.blake3 {
                    return Err(corrupt(capture));
                }
                Manifest::decode(&bytes)
            }
        };
        let manifest = decoded.map_err(|e| Error::Internal(Arc::new(e)))?;
        let whole = (capture.progress.chunks, capture.progress.bytes);
        if (manifest.chunk_count(), manifest.bytes()) != whole {
            return Err(Error::Internal(Arc::new(OtherManifest)));
        }
        Ok(manifest)
    }

    /// What lies at this place of an object of a capture, whatever it is.
    ///
    /// # Errors
    /// [`Error::ObjectMissing`], also when the object ends before; [`Error::Deleted`]
    /// when the capture is; [`Error::StorageUnavailable`].
    pub async fn get(
        &self,
        capture: &Capture,
        segment: SegmentId,
        place: Range<u64>,
    ) -> Result<Bytes, Error> {
        match self.store.get(&segment.object_key(), place).await {
            Ok(bytes) => Ok(bytes),
            Err(error @ (StoreError::Unavailable(_) | StoreError::Full(_))) => {
                Err(Error::StorageUnavailable(Arc::new(error)))
            }
            Err(StoreError::Missing | StoreError::OutsideObject | StoreError::Exists) => {
                Err(self.why_missing(capture).await)
            }
        }
    }

    /// An object of a capture is not there: was it deleted meanwhile?
    pub async fn why_missing(&self, capture: &Capture) -> Error {
        match self.catalog.by_uid(capture.uid).await {
            Ok(None) => Error::Deleted(capture.id.clone()),
            Ok(Some(_)) => Error::ObjectMissing(capture.id.clone()),
            Err(error) => error.into(),
        }
    }

    /// Up to `limit` chunks of a complete capture, from this index on, none left
    /// out. The capture as it was when they were found: it may have been folded.
    ///
    /// # Errors
    /// As of [`Contents::manifest`].
    pub async fn chunks(
        &self,
        capture: &Arc<Capture>,
        from: ChunkIndex,
        limit: u32,
    ) -> Result<(Arc<Capture>, Vec<StoredChunk>), Error> {
        let mut capture = Arc::clone(capture);
        if from.0 >= capture.progress.chunks {
            return Ok((capture, Vec::new()));
        }
        if capture.manifest.is_none() {
            let rows = self.catalog.chunks(capture.uid, from, limit).await?;
            let follow = (from.0..)
                .zip(&rows)
                .all(|(index, row)| row.index.0 == index);
            if follow && !rows.is_empty() {
                return Ok((capture, rows));
            }
            // The rows are going: it is folded now, or deleted.
            match self.catalog.by_uid(capture.uid).await? {
                None => return Err(Error::Deleted(capture.id.clone())),
                Some(now) => capture = Arc::new(now),
            }
        }
        let Some(manifest) = self.manifest(&capture).await? else {
            return Err(Error::Internal(Arc::new(ChunksGone)));
        };
        let chunks = manifest.chunks_from(from).take(limit as usize).collect();
        Ok((capture, chunks))
    }

    /// All objects that a capture needs, with their lengths.
    ///
    /// # Errors
    /// As of [`Contents::manifest`].
    pub async fn objects(&self, capture: &Capture) -> Result<Vec<StoredSegment>, Error> {
        if let Some(manifest) = self.manifest(capture).await? {
            let own = capture.manifest.as_ref().and_then(object_of);
            return Ok(manifest.segments().iter().copied().chain(own).collect());
        }
        let mut segments: Vec<StoredSegment> = Vec::new();
        loop {
            let after = segments.last().map(|segment| segment.segment);
            let page = self.catalog.segments(capture.uid, after, PAGE_SEGMENTS);
            let page = page.await?;
            if page.is_empty() {
                return Ok(segments);
            }
            segments.extend(page);
        }
    }

    fn kept(&self, content: Uid) -> Option<Arc<Manifest>> {
        let mut kept = self.lock();
        let place = kept.iter().position(|(uid, _)| *uid == content)?;
        let used = kept.remove(place)?;
        let manifest = Arc::clone(&used.1);
        kept.push_back(used);
        Some(manifest)
    }

    fn keep(&self, content: Uid, manifest: Arc<Manifest>) {
        let mut kept = self.lock();
        kept.retain(|(uid, _)| *uid != content);
        kept.push_back((content, manifest));
        let mut bytes: usize = kept.iter().map(|(_, kept)| kept.memory_bytes()).sum();
        while bytes > KEPT_BYTES_MAX
            && let Some((_, oldest)) = kept.pop_front()
        {
            bytes -= oldest.memory_bytes();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Uid, Arc<Manifest>)>> {
        // No code that can panic runs under the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The manifest's own object, when it has one.
#[must_use]
pub fn object_of(manifest: &StoredManifest) -> Option<StoredSegment> {
    match manifest {
        StoredManifest::Inline(_) => None,
        StoredManifest::Object(object) => Some(StoredSegment {
            segment: object.segment,
            bytes: object.bytes,
        }),
    }
}

/// Without its manifest nothing of a capture can be read.
fn corrupt(capture: &Capture) -> Error {
    let last = capture.progress.chunks.saturating_sub(1);
    let all = IndexRange::new(ChunkIndex(0), ChunkIndex(last));
    Error::Corrupt {
        capture: capture.id.clone(),
        ranges: all.into_iter().collect(),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a manifest is of another capture")]
struct OtherManifest;

#[derive(Debug, thiserror::Error)]
#[error("chunks of a complete capture are gone from the catalog")]
struct ChunksGone;
