//! [`SegmentStore`] over the `object_store` crate.

use std::{ops::Range, path::Path, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload,
    local::LocalFileSystem,
};

use super::{ObjectKey, ObjectMeta, OpenError, SegmentStore, StoreError};

/// Objects of any `object_store` backend.
#[derive(Debug)]
pub struct ObjectSegments {
    backend: Arc<dyn ObjectStore>,
}

impl ObjectSegments {
    /// A directory of this machine. Written objects, their directory entries
    /// and new directories are synced before a put returns.
    ///
    /// # Errors
    /// When the directory can't be created or opened.
    pub fn directory(directory: &Path) -> Result<Self, OpenError> {
        create_synced(directory).map_err(OpenError::Create)?;
        let backend = LocalFileSystem::new_with_prefix(directory)
            .map_err(OpenError::Open)?
            .with_fsync(true);
        Ok(Self {
            backend: Arc::new(backend),
        })
    }
}

/// Creates the directory and the parents that are not there, and syncs the
/// entry of each: else a power loss could take all that was acknowledged below.
///
/// # Errors
/// When one can't be created or synced.
pub fn create_synced(directory: &Path) -> std::io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_synced(parent)?;
    match std::fs::create_dir(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _created_by_us_or_another => {}
    }
    std::fs::File::open(parent)?.sync_all()
}

fn path(key: &ObjectKey) -> object_store::path::Path {
    object_store::path::Path::from(key.as_ref())
}

#[async_trait]
impl SegmentStore for ObjectSegments {
    async fn put(&self, key: &ObjectKey, body: Vec<Bytes>) -> Result<(), StoreError> {
        let payload = PutPayload::from_iter(body);
        self.backend
            .put_opts(&path(key), payload, PutMode::Create.into())
            .await?;
        Ok(())
    }

    async fn get(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        let location = path(key);
        if range.is_empty() {
            let meta = self.backend.head(&location).await?;
            let inside = range.start <= meta.size;
            return if inside {
                Ok(Bytes::new())
            } else {
                Err(StoreError::OutsideObject)
            };
        }
        let wanted = range.end - range.start;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            ..GetOptions::default()
        };
        let got = match self.backend.get_opts(&location, options).await {
            Ok(got) => got.bytes().await,
            Err(error) => Err(error),
        };
        match got {
            // Backends answer a range that ends too late with what there is.
            Ok(bytes) if bytes.len() as u64 == wanted => Ok(bytes),
            Ok(_) => Err(StoreError::OutsideObject),
            Err(error) => match StoreError::from(error) {
                // A range that starts too late is an error of each backend's own.
                StoreError::Unavailable(source) => match self.backend.head(&location).await {
                    Ok(meta) if meta.size < range.end => Err(StoreError::OutsideObject),
                    Ok(_) | Err(_) => Err(StoreError::Unavailable(source)),
                },
                other => Err(other),
            },
        }
    }

    async fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        Ok(self.backend.head(&path(key)).await?.size)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        match self
            .backend
            .delete(&path(key))
            .await
            .map_err(StoreError::from)
        {
            Ok(()) | Err(StoreError::Missing) => Ok(()),
            Err(other) => Err(other),
        }
    }

    fn list(&self, prefix: Option<&ObjectKey>) -> BoxStream<'_, Result<ObjectMeta, StoreError>> {
        let prefix = prefix.map(path);
        self.backend
            .list(prefix.as_ref())
            .filter_map(|item| async {
                match item {
                    // Not a key of ours: somebody else's file, left alone.
                    Ok(meta) => {
                        let key = ObjectKey::try_from(String::from(meta.location)).ok()?;
                        Some(Ok(ObjectMeta {
                            key,
                            bytes: meta.size,
                            modified: meta.last_modified.into(),
                        }))
                    }
                    Err(error) => Some(Err(error.into())),
                }
            })
            .boxed()
    }
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            object_store::Error::AlreadyExists { .. } => Self::Exists,
            other if is_full(&other) => Self::Full(Box::new(other)),
            other => Self::Unavailable(Box::new(other)),
        }
    }
}

/// Whether some source of the error is the operating system's "no space" or "quota".
fn is_full(error: &object_store::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(io) = current.downcast_ref::<std::io::Error>()
            && matches!(
                io.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            )
        {
            return true;
        }
        source = current.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::{conformance, open};
    use super::*;

    #[tokio::test]
    async fn a_directory_conforms() {
        let directory = tempfile::tempdir().unwrap();
        let store = ObjectSegments::directory(&directory.path().join("new"));
        conformance(&store.unwrap()).await;
    }

    #[test]
    fn other_schemes_are_refused_by_name() {
        for (url, text) in [
            (
                "s3://bucket/prefix",
                "scheme `s3` is not supported: use file:///DIRECTORY",
            ),
            ("weir-data", "not a URL"),
            (
                "file://host/x",
                "not an absolute path of a directory on this machine",
            ),
        ] {
            let error = open(url).expect_err(url);
            assert_eq!(error.to_string(), text);
        }
    }
}
