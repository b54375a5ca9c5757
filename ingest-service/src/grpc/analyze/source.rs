//! How a capture's bytes are named to the analyzer.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;
use weir_shared::{
    limits::{EXTENTS_PER_MESSAGE_MAX, SEGMENT_BYTES_MAX},
    proto::analyzer::v1::{Extent, ManifestRef, StoredCapture, analyze_request::Source},
    store::ObjectKey,
};

use crate::domain::{
    capture::Capture, error::Error, extent::Extents, id::Sha256, ingest::Ingest,
    sweep::MANIFEST_PREFIX,
};

/// A source, and the object to delete after the analysis.
pub(super) struct Named {
    pub(super) source: Source,
    pub(super) manifest: Option<ObjectKey>,
}

/// Captures of many extents that are named at once. Each costs some 170 MB per
/// million extents until its list is written.
const NAMINGS_MAX: usize = 2;

/// Bounds the memory that the naming of large captures takes.
#[derive(Debug)]
pub(crate) struct Namings(Arc<Semaphore>);

impl Default for Namings {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(NAMINGS_MAX)))
    }
}

impl Namings {
    /// To be held while a capture of so many chunks is named; `None` for one
    /// that fits a message anyway.
    fn begin(&self, chunks: u32) -> Result<Option<OwnedSemaphorePermit>, Error> {
        if chunks as usize <= EXTENTS_PER_MESSAGE_MAX {
            return Ok(None);
        }
        let permit = Arc::clone(&self.0).try_acquire_owned();
        permit.map(Some).map_err(|_| Error::Overloaded)
    }
}

/// Names the extents, or an object that lists them when they are many.
///
/// # Errors
/// [`Error::Overloaded`] when too many large captures are being named.
pub(super) async fn name(
    ingest: &Ingest,
    namings: &Namings,
    capture: &Arc<Capture>,
) -> Result<Named, Error> {
    let _permit = namings.begin(capture.progress.chunks)?;
    let contents = Arc::clone(&ingest.contents);
    let mut found = Extents::new(contents, Arc::clone(capture), SEGMENT_BYTES_MAX);
    let mut extents = Vec::new();
    while let Some(extent) = found.next().await? {
        extents.push(Extent {
            object: extent.segment.object_key().to_string(),
            offset: extent.offset,
            length: extent.bytes,
            crc32c: extent.crc32c,
        });
    }
    let stored = StoredCapture {
        capture_id: capture.id.to_string(),
        extents,
    };
    if stored.extents.len() <= EXTENTS_PER_MESSAGE_MAX {
        return Ok(Named {
            source: Source::Stored(stored),
            manifest: None,
        });
    }
    write_manifest(ingest, capture, stored).await
}

async fn write_manifest(
    ingest: &Ingest,
    capture: &Capture,
    stored: StoredCapture,
) -> Result<Named, Error> {
    // Off the async workers: it may be many MiB.
    let encoding = ingest.tasks.spawn_blocking(move || {
        let body = Bytes::from(stored.encode_to_vec());
        (Sha256::of(&body), body)
    });
    let encoded = encoding.await.map_err(|e| Error::Internal(Arc::new(e)));
    let (sha256, body) = encoded?;
    let key = format!("{MANIFEST_PREFIX}/{}", Uuid::now_v7());
    let key = ObjectKey::try_from(key).map_err(|e| Error::Internal(Arc::new(e)))?;
    let put = ingest.store.put(&key, vec![body]).await;
    put.map_err(Error::of_write)?;
    Ok(Named {
        source: Source::Manifest(ManifestRef {
            capture_id: capture.id.to_string(),
            object: key.to_string(),
            sha256: Bytes::copy_from_slice(&sha256.0),
        }),
        manifest: Some(key),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_namings_of_large_captures_are_bounded() {
        const SMALL: u32 = 10_000;
        let namings = Namings::default();
        let mut held: Vec<_> = (0..NAMINGS_MAX)
            .map(|_| namings.begin(SMALL + 1).unwrap())
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert!(matches!(namings.begin(SMALL + 1), Err(Error::Overloaded)));
        assert!(namings.begin(SMALL).unwrap().is_none());
        held.pop();
        assert!(namings.begin(SMALL + 1).unwrap().is_some());
    }
}
