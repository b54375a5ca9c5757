//! The contract of [`SegmentStore`] as a check.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::TryStreamExt as _;

use super::{ObjectKey, SegmentStore, StoreError};

/// A whole segment, bytes, of pieces that do not divide it.
const LARGE_BYTES: usize = 8 << 20;
const PIECE_BYTES: usize = 1_000_003;

/// What every implementation does, as a check that panics where one does not.
/// For tests; `store` is empty.
///
/// # Panics
/// When the store breaks the contract of [`SegmentStore`].
#[allow(clippy::unwrap_used, reason = "an assertion suite")]
pub async fn conformance(store: &dyn SegmentStore) {
    let key: ObjectKey = "seg/aa/one".parse().unwrap();
    let other: ObjectKey = "manifest/two".parse().unwrap();
    let body = vec![Bytes::from_static(b"hello "), Bytes::from_static(b"world")];

    assert!(matches!(
        store.get(&key, 0..1).await,
        Err(StoreError::Missing)
    ));
    assert!(matches!(
        store.get(&key, 0..0).await,
        Err(StoreError::Missing)
    ));
    store.put(&key, body.clone()).await.unwrap();
    assert_eq!(store.get(&key, 0..11).await.unwrap(), "hello world");
    assert_eq!(store.get(&key, 4..8).await.unwrap(), "o wo");
    assert_eq!(store.get(&key, 3..3).await.unwrap(), "");
    assert_eq!(store.get(&key, 11..11).await.unwrap(), "");
    for outside in [0..12, 11..12, 12..12, 40..50] {
        assert!(matches!(
            store.get(&key, outside).await,
            Err(StoreError::OutsideObject)
        ));
    }

    assert_eq!(store.size(&key).await.unwrap(), 11);
    assert!(matches!(store.size(&other).await, Err(StoreError::Missing)));

    let taken = store.put(&key, vec![Bytes::from_static(b"other")]).await;
    assert!(matches!(taken, Err(StoreError::Exists)));
    assert_eq!(store.get(&key, 0..11).await.unwrap(), "hello world");

    store.put(&other, vec![]).await.unwrap();
    assert_eq!(store.size(&other).await.unwrap(), 0);
    assert_eq!(store.get(&other, 0..0).await.unwrap(), "");
    listings(store).await;

    let future = SystemTime::now() + Duration::from_secs(24 * 3600);
    let prefix: ObjectKey = "seg".parse().unwrap();
    let removed = store.remove_unfinished(&prefix, future).await.unwrap();
    assert_eq!(removed, 0, "whole objects stay");
    assert_eq!(store.size(&key).await.unwrap(), 11);

    store.delete(&key).await.unwrap();
    store.delete(&key).await.unwrap();
    assert!(matches!(
        store.get(&key, 0..1).await,
        Err(StoreError::Missing)
    ));
    store.put(&key, body).await.unwrap();
    large(store).await;
}

#[allow(clippy::unwrap_used, reason = "an assertion suite")]
async fn listings(store: &dyn SegmentStore) {
    let mut all: Vec<_> = store.list(None).try_collect().await.unwrap();
    all.sort_by(|a, b| a.key.cmp(&b.key));
    let sizes: Vec<_> = all.iter().map(|o| (o.key.as_ref(), o.bytes)).collect();
    assert_eq!(sizes, [("manifest/two", 0), ("seg/aa/one", 11)]);
    for (prefix, objects) in [("seg", 1), ("seg/aa", 1), ("se", 0), ("other", 0)] {
        let prefix: ObjectKey = prefix.parse().unwrap();
        let below: Vec<_> = store.list(Some(&prefix)).try_collect().await.unwrap();
        assert_eq!(below.len(), objects, "{prefix}");
    }
}

#[allow(clippy::unwrap_used, reason = "an assertion suite")]
async fn large(store: &dyn SegmentStore) {
    let key: ObjectKey = "seg/large".parse().unwrap();
    let whole: Vec<u8> = (0_u32..)
        .map(|i| (i % 251) as u8)
        .take(LARGE_BYTES)
        .collect();
    let pieces = whole.chunks(PIECE_BYTES).map(Bytes::copy_from_slice);
    store.put(&key, pieces.collect()).await.unwrap();
    assert_eq!(store.size(&key).await.unwrap(), LARGE_BYTES as u64);
    let read = store.get(&key, 0..LARGE_BYTES as u64).await.unwrap();
    assert!(read == whole, "8 MiB come back as they went");
    let middle = 3_000_000..3_000_100;
    let read = store.get(&key, 3_000_000..3_000_100).await.unwrap();
    assert_eq!(read, whole[middle]);
}
