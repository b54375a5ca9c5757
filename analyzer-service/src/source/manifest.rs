//! A list of extents that is itself an object: for captures of more extents
//! than a message should carry.

use bytes::Bytes;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;
use weir_shared::{
    limits::MANIFEST_BYTES_MAX,
    proto::analyzer::v1::StoredCapture,
    store::{ObjectKey, SegmentStore, StoreError},
};

use super::SourceError;

/// Names a manifest object and what it must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestRef {
    pub object: ObjectKey,
    pub sha256: [u8; 32],
}

/// Reads the manifest whole and verifies it.
///
/// # Errors
/// [`SourceError::Corrupt`] when its digest differs or it is no `StoredCapture`.
pub async fn load(
    store: &dyn SegmentStore,
    manifest: &ManifestRef,
) -> Result<StoredCapture, SourceError> {
    let object = &manifest.object;
    let failed = |error| match error {
        StoreError::Missing => SourceError::Missing(object.clone()),
        StoreError::OutsideObject => SourceError::OutsideObject(object.clone()),
        other => SourceError::Unavailable(Box::new(other)),
    };
    let bytes = store.size(object).await.map_err(failed)?;
    if bytes > MANIFEST_BYTES_MAX {
        return Err(SourceError::OutsideObject(object.clone()));
    }
    let body: Bytes = store.get(object, 0..bytes).await.map_err(failed)?;
    // Up to 300 MiB: too long for a thread that serves other calls.
    let sha256 = manifest.sha256;
    let decoded = spawn_blocking(move || {
        let intact = Sha256::digest(&body).as_slice() == sha256;
        intact.then(|| StoredCapture::decode(body).ok()).flatten()
    });
    match decoded.await {
        Ok(Some(stored)) => Ok(stored),
        // Not one of the capture's bytes can be trusted.
        Ok(None) => Err(SourceError::Corrupt {
            object: object.clone(),
            capture_offset: 0,
            capture_end: u64::MAX,
        }),
        Err(error) => Err(SourceError::Unavailable(Box::new(error))),
    }
}
