//! How a capture's bytes are named to the analyzer.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use uuid::Uuid;
use weir_shared::{
    limits::{EXTENTS_PER_MESSAGE_MAX, SEGMENT_BYTES_MAX},
    proto::analyzer::v1::{Extent, ManifestRef, StoredCapture, analyze_request::Source},
    store::ObjectKey,
};

use crate::domain::{
    capture::Capture, error::Error, extent::Extents, id::Sha256, ingest::Ingest,
    upkeep::MANIFEST_PREFIX,
};

/// A source, and the object to delete after the analysis.
pub(super) struct Named {
    pub(super) source: Source,
    pub(super) manifest: Option<ObjectKey>,
}

/// Names the extents, or an object that lists them when they are many.
pub(super) async fn name(ingest: &Ingest, capture: &Arc<Capture>) -> Result<Named, Error> {
    let catalog = Arc::clone(&ingest.catalog);
    let mut found = Extents::new(catalog, Arc::clone(capture), SEGMENT_BYTES_MAX);
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
    write_manifest(ingest, capture, &stored).await
}

async fn write_manifest(
    ingest: &Ingest,
    capture: &Capture,
    stored: &StoredCapture,
) -> Result<Named, Error> {
    let body = Bytes::from(stored.encode_to_vec());
    let sha256 = Sha256::of(&body);
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
