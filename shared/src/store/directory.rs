//! [`SegmentStore`] in a directory of this machine.

mod unfinished;

use std::{
    ops::Range,
    path::{Path, PathBuf},
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload,
    local::LocalFileSystem,
};

use super::{
    Durability, ObjectKey, ObjectMeta, OpenError, Reserve, SegmentStore, StoreError,
    convert::listed,
};

/// What objects leave of their file system: a catalog on it that is to note a deletion, or how
/// far an upload has come, needs some room itself.
pub const DIRECTORY_RESERVE: Reserve = Reserve {
    bytes_max: 16 << 20,
    part: 16,
};

/// Objects as files. A put is temporary file, fsync, link, fsync of the
/// directory, and of new directories.
#[derive(Debug)]
pub struct DirectoryStore {
    backend: LocalFileSystem,
    root: PathBuf,
}

impl DirectoryStore {
    /// The store in this directory, which is created when it is not there.
    ///
    /// # Errors
    /// When the directory can't be created or opened.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        create_synced(directory).map_err(OpenError::Create)?;
        let backend = LocalFileSystem::new_with_prefix(directory)
            .map_err(OpenError::Open)?
            .with_fsync(true);
        Ok(Self {
            backend,
            root: directory.to_owned(),
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

#[async_trait]
impl SegmentStore for DirectoryStore {
    async fn put(&self, key: &ObjectKey, body: Vec<Bytes>) -> Result<(), StoreError> {
        let root = self.root.clone();
        // A file system may take its time to answer.
        let has_room = tokio::task::spawn_blocking(move || DIRECTORY_RESERVE.check(&root, 0));
        if let Ok(Err(full)) = has_room.await {
            return Err(StoreError::Full(Box::new(full)));
        }
        let payload = PutPayload::from_iter(body);
        self.backend
            .put_opts(&key.into(), payload, PutMode::Create.into())
            .await?;
        Ok(())
    }

    async fn get(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        let location = object_store::path::Path::from(key);
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
        Ok(self.backend.head(&key.into()).await?.size)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        match self
            .backend
            .delete(&key.into())
            .await
            .map_err(StoreError::from)
        {
            Ok(()) | Err(StoreError::Missing) => Ok(()),
            Err(other) => Err(other),
        }
    }

    fn list(&self, prefix: Option<&ObjectKey>) -> BoxStream<'_, Result<ObjectMeta, StoreError>> {
        let prefix = prefix.map(object_store::path::Path::from);
        self.backend
            .list(prefix.as_ref())
            .filter_map(|item| async {
                match item {
                    Ok(meta) => listed(meta).map(Ok),
                    Err(error) => Some(Err(error.into())),
                }
            })
            .boxed()
    }

    async fn remove_unfinished(
        &self,
        prefix: &ObjectKey,
        before: SystemTime,
    ) -> Result<u64, StoreError> {
        let directory = self.root.join(prefix.as_ref());
        let removing = tokio::task::spawn_blocking(move || unfinished::remove(&directory, before));
        match removing.await {
            Ok(removed) => Ok(removed),
            Err(error) => Err(StoreError::Unavailable(Box::new(error))),
        }
    }

    fn durability(&self) -> Durability {
        Durability::Synced
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
    use super::super::conformance;
    use super::*;

    #[tokio::test]
    async fn a_directory_conforms() {
        let directory = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(&directory.path().join("new")).unwrap();
        conformance(&store).await;
        assert_eq!(store.durability(), Durability::Synced);
    }
}
