//! The object store: where capture bytes are. ingest-service writes it,
//! analyzer-service only reads it.

mod key;
mod object;

use std::{error::Error, fmt::Debug, ops::Range, path::Path, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

pub use key::{InvalidKey, ObjectKey};
pub use object::{ObjectSegments, create_synced};

/// Immutable objects under keys.
///
/// Implementations pass [`conformance`].
#[async_trait]
pub trait SegmentStore: Debug + Send + Sync + 'static {
    /// Writes a new object whole. `Ok` says that it survives what the backend
    /// promises: for a directory a power loss (object, directory entry and new
    /// directories are synced).
    ///
    /// Cancel safety: a dropped `put` leaves the object whole or absent.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the key is taken: the object there is unchanged.
    async fn put(&self, key: &ObjectKey, body: Vec<Bytes>) -> Result<(), StoreError>;

    /// Exactly these bytes of the object.
    ///
    /// # Errors
    /// [`StoreError::OutsideObject`] when the object ends before the range does.
    async fn get(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// Length of the object, bytes.
    async fn size(&self, key: &ObjectKey) -> Result<u64, StoreError>;

    /// Removes the object; one that is not there is a success, for retries.
    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError>;

    /// All objects whose key starts with the parts of `prefix`, in no
    /// particular order. Objects put or deleted meanwhile may or may not come.
    fn list(&self, prefix: Option<&ObjectKey>) -> BoxStream<'_, Result<ObjectMeta, StoreError>>;
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    pub key: ObjectKey,
    pub bytes: u64,
    pub modified: SystemTime,
}

/// Why a store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no such object")]
    Missing,
    #[error("the key is taken")]
    Exists,
    #[error("the range ends outside of the object")]
    OutsideObject,
    #[error("no space left in the store")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    #[error("store unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a store URL can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("not a URL")]
    Url(#[source] url::ParseError),
    #[error("scheme `{0}` is not supported: use file:///DIRECTORY")]
    Scheme(String),
    #[error("not an absolute path of a directory on this machine")]
    Path,
    #[error("cannot create the directory")]
    Create(#[source] std::io::Error),
    #[error("cannot open the directory")]
    Open(#[source] object_store::Error),
}

/// Opens the store that a URL names: `file:///DIRECTORY`, which is created when
/// it is not there.
///
/// # Errors
/// [`OpenError`] says which part of the URL is wrong.
pub fn open(url: &str) -> Result<Arc<dyn SegmentStore>, OpenError> {
    let url = url::Url::parse(url).map_err(OpenError::Url)?;
    match url.scheme() {
        "file" => {
            let directory = url.to_file_path().map_err(|()| OpenError::Path)?;
            Ok(Arc::new(ObjectSegments::directory(&directory)?))
        }
        other => Err(OpenError::Scheme(other.to_owned())),
    }
}

/// The `file://` URL of a directory, made absolute.
///
/// # Errors
/// When the working directory is gone or a URL can't say the path.
pub fn directory_url(directory: &Path) -> Result<String, OpenError> {
    let absolute = std::path::absolute(directory).map_err(OpenError::Create)?;
    let url = url::Url::from_directory_path(absolute).map_err(|()| OpenError::Path)?;
    Ok(url.into())
}

/// What every implementation does, as a check that panics where one does not.
/// For tests; `store` is empty.
///
/// # Panics
/// When the store breaks the contract of [`SegmentStore`].
#[allow(clippy::unwrap_used, reason = "an assertion suite")]
pub async fn conformance(store: &dyn SegmentStore) {
    use futures::TryStreamExt as _;

    let key: ObjectKey = "seg/aa/one".parse().unwrap();
    let other: ObjectKey = "manifest/two".parse().unwrap();
    let body = vec![Bytes::from_static(b"hello "), Bytes::from_static(b"world")];

    assert!(matches!(
        store.get(&key, 0..1).await,
        Err(StoreError::Missing)
    ));
    store.put(&key, body.clone()).await.unwrap();
    assert_eq!(store.get(&key, 0..11).await.unwrap(), "hello world");
    assert_eq!(store.get(&key, 4..8).await.unwrap(), "o wo");
    assert_eq!(store.get(&key, 3..3).await.unwrap(), "");
    for outside in [0..12, 11..12, 40..50] {
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
    let mut all: Vec<_> = store.list(None).try_collect().await.unwrap();
    all.sort_by(|a, b| a.key.cmp(&b.key));
    let sizes: Vec<_> = all.iter().map(|o| (o.key.as_ref(), o.bytes)).collect();
    assert_eq!(sizes, [("manifest/two", 0), ("seg/aa/one", 11)]);
    let prefix: ObjectKey = "seg".parse().unwrap();
    let below: Vec<_> = store.list(Some(&prefix)).try_collect().await.unwrap();
    assert_eq!(below.len(), 1);

    store.delete(&key).await.unwrap();
    store.delete(&key).await.unwrap();
    assert!(matches!(
        store.get(&key, 0..1).await,
        Err(StoreError::Missing)
    ));
    store.put(&key, body).await.unwrap();
}
