//! Sealed captures are folded: their rows become a manifest, small ones in the
//! capture's own row, larger ones as an object beside its segments.
//!
//! Every step may be cut, and any number of services may do it at once: until
//! the manifest's object is named by the capture it is an orphan, and who comes
//! second finds nothing to do.

use std::{sync::Arc, time::Duration};

use weir_shared::{chain::Chain, store::StoreError};

use super::{
    capture::{Capture, ManifestObject, StoredManifest},
    error::Error,
    id::{Blake3, ChunkIndex, SegmentId, Sha256},
    ingest::Ingest,
    manifest::{Builder, Manifest, NotWhole},
    time::Timestamp,
};
use crate::catalog::{Fold, Folding};

/// Between two looks for sealed captures, for what other services left. One look
/// costs two questions that an empty index answers.
const INTERVAL: Duration = Duration::from_secs(10);

/// After a change of a capture, until the next look: what is sealed meanwhile
/// shares its transaction.
const PAUSE: Duration = Duration::from_millis(200);

/// Captures in one transaction: small ones share its sync.
const BATCH: u32 = 32;

/// Rows of chunks in one transaction of their removal: some milliseconds, in
/// which no commit can run on SQLite.
const DROPPED_ROWS: u32 = 5_000;

/// Chunks looked up at a time.
const PAGE_CHUNKS: u32 = 2_000;

/// Above this a manifest is an object, bytes: with one that is as long a
/// capture's row stays below a kilobyte.
const INLINE_BYTES_MAX: usize = 512;

/// Times that the object of a manifest is written again because a sweeper
/// condemned its id: it took longer than the sweeper's grace.
const CONDEMNED_RETRIES_MAX: u32 = 2;

/// What a sealed capture is to be.
enum Prepared {
    Fold(Box<Fold>),
    /// A sweeper can't tell whose the objects of old keys are.
    KeepRows,
    /// Another service was faster.
    NotNeeded,
}

impl Ingest {
    /// Folds what is sealed, until shutdown.
    pub async fn fold_captures(self: Arc<Self>) {
        // What an earlier process left is found by the first look.
        let mut is_left = true;
        loop {
            let folded = match is_left {
                true => self.fold_once().await,
                false => self.fold_sealed().await,
            };
            if let Err(error) = folded {
                tracing::warn!(error = %Chain(&error), "captures not folded");
            }
            is_left = tokio::select! {
                biased;
                () = self.live.any_change() => false,
                is_running = self.sleep(INTERVAL) => match is_running {
                    true => true,
                    false => return,
                },
            };
            if !self.sleep(PAUSE).await {
                return;
            }
        }
    }

    /// Folds all that are sealed now.
    async fn fold_sealed(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let captures = self.catalog.unfolded(None, after, BATCH).await?;
            let Some(last) = captures.last() else {
                break;
            };
            after = Some(last.uid);
            self.fold_all(captures).await?;
        }
        match after {
            Some(_) => self.drop_rows().await,
            None => Ok(()),
        }
    }

    /// The same, and removes the rows that some fold has left.
    pub(super) async fn fold_once(&self) -> Result<(), Error> {
        self.fold_sealed().await?;
        self.drop_rows().await
    }

    async fn drop_rows(&self) -> Result<(), Error> {
        while !self.shutdown.is_cancelled() && self.catalog.drop_folded_rows(DROPPED_ROWS).await? {}
        Ok(())
    }

    /// Folds the captures of this digest, so that they can be shared. One that
    /// can't be folded now is only not shared.
    pub(super) async fn fold_those_of(&self, sha256: Sha256) {
        let folded = match self.catalog.unfolded(Some(sha256), None, BATCH).await {
            Ok(captures) => self.fold_all(captures).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = folded {
            tracing::warn!(error = %Chain(&error), "a capture is not shared");
        }
    }

    async fn fold_all(&self, captures: Vec<Capture>) -> Result<(), Error> {
        let mut folds = Vec::with_capacity(captures.len());
        for capture in captures {
            if self.shutdown.is_cancelled() {
                return Ok(());
            }
            let capture = Arc::new(capture);
            match self.prepare(&capture).await {
                Ok(Prepared::Fold(fold)) => folds.push(*fold),
                Ok(Prepared::KeepRows) => self.catalog.keep_rows(capture.uid).await?,
                Ok(Prepared::NotNeeded) | Err(Error::Deleted(_)) => {}
                // One that fails does not keep the others.
                Err(error) => {
                    tracing::warn!(capture.id = %capture.id, error = %Chain(&error), "not folded");
                }
            }
        }
        for _ in 0..=CONDEMNED_RETRIES_MAX {
            if folds.is_empty() {
                return Ok(());
            }
            let done = self.catalog.fold(&folds).await?;
            let mut again = Vec::new();
            for (fold, folding) in folds.into_iter().zip(done) {
                match folding {
                    Folding::Folded => {}
                    Folding::NotNeeded => self.delete_manifest(&fold).await,
                    Folding::Condemned => again.push(fold),
                }
            }
            folds = again;
            for fold in &mut folds {
                self.write_again(fold).await?;
            }
        }
        Ok(())
    }

    /// The manifest of a capture, durable.
    async fn prepare(&self, capture: &Arc<Capture>) -> Result<Prepared, Error> {
        let segments = self.contents.objects(capture).await?;
        if segments.iter().any(|s| s.segment.has_key_without_owner()) {
            return Ok(Prepared::KeepRows);
        }
        let mut builder = Builder::new(capture.uid, segments);
        let mut from = ChunkIndex(0);
        loop {
            let (now, chunks) = self.contents.chunks(capture, from, PAGE_CHUNKS).await?;
            if now.manifest.is_some() {
                return Ok(Prepared::NotNeeded);
            }
            let Some(last) = chunks.last() else {
                break;
            };
            from = ChunkIndex(last.index.0 + 1);
            for chunk in &chunks {
                builder
                    .push(chunk)
                    .map_err(|e| Error::Internal(Arc::new(e)))?;
            }
        }
        let manifest = builder.finish();
        let whole = (capture.progress.chunks, capture.progress.bytes);
        if (manifest.chunk_count(), manifest.bytes()) != whole {
            return Err(Error::Internal(Arc::new(NotWhole)));
        }
        Ok(Prepared::Fold(Box::new(Fold {
            uid: capture.uid,
            manifest: self.store_manifest(capture, &manifest).await?,
            shape: manifest.shape(),
            segments: u32::try_from(manifest.segments().len()).unwrap_or(u32::MAX),
            now: Timestamp::now(),
        })))
    }

    async fn store_manifest(
        &self,
        capture: &Capture,
        manifest: &Manifest,
    ) -> Result<StoredManifest, Error> {
        let bytes = manifest.encode();
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(StoredManifest::Inline(bytes.into()));
        }
        let object = ManifestObject {
            segment: SegmentId::generate(capture.uid),
            bytes: bytes.len() as u64,
            blake3: Blake3::of(&bytes),
        };
        let key = object.segment.object_key();
        let put = self.store.put(&key, vec![bytes.into()]).await;
        put.map_err(Error::of_write)?;
        Ok(StoredManifest::Object(object))
    }

    async fn write_again(&self, fold: &mut Fold) -> Result<(), Error> {
        let StoredManifest::Object(object) = &mut fold.manifest else {
            return Ok(());
        };
        let key = object.segment.object_key();
        let bytes = match self.store.get(&key, 0..object.bytes).await {
            Ok(bytes) => bytes,
            // The sweeper was faster: the next look begins anew.
            Err(StoreError::Missing) => return Ok(()),
            Err(error) => return Err(Error::of_write(error)),
        };
        object.segment = SegmentId::generate(fold.uid);
        let key = object.segment.object_key();
        let put = self.store.put(&key, vec![bytes]).await;
        put.map_err(Error::of_write)
    }

    /// Left to the sweeper when it fails.
    async fn delete_manifest(&self, fold: &Fold) {
        if let StoredManifest::Object(object) = &fold.manifest {
            self.delete_object(&object.segment.object_key()).await;
        }
    }
}

#[cfg(test)]
mod tests;
