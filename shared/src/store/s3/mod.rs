//! [`SegmentStore`] in a bucket of an S3 server: AWS, MinIO or another.
//!
//! An object is written by one PUT, whose body the server checks by its
//! SHA-256. ETags mean something else at each server: none is looked at.

mod attempts;
mod failure;
mod http;
mod listing;
mod settings;

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, aws::AmazonS3,
    path::Path, prefix::PrefixStore,
};
use tokio::sync::Semaphore;
use url::Url;

use self::{
    attempts::{attempts, time_for},
    failure::{Failure, WrongLength},
    settings::{REQUESTS_MAX, Settings},
};
use super::{Durability, ObjectKey, ObjectMeta, OpenError, SegmentStore, StoreError};

/// Objects below a prefix of a bucket.
#[derive(Debug)]
pub struct S3Store {
    server: PrefixStore<AmazonS3>,
    /// Whether puts say If-None-Match. A server that does not know it is told
    /// plain PUTs from then on.
    creates_only: AtomicBool,
    /// Bounds requests, and so connections.
    places: Semaphore,
}

impl S3Store {
    /// Asks nothing of the server yet.
    pub(super) fn open(
        url: &Url,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, OpenError> {
        let settings = Settings::new(url, environment)?;
        let prefix = settings
            .prefix
            .as_ref()
            .map_or_else(Path::default, Path::from);
        Ok(Self {
            server: PrefixStore::new(settings.client, prefix),
            creates_only: AtomicBool::new(settings.creates_only),
            places: Semaphore::new(REQUESTS_MAX),
        })
    }

    async fn put_once(&self, key: &Path, body: &PutPayload) -> Result<(), Failure> {
        let time = time_for(body.content_length() as u64);
        attempts(&self.places, time, || async {
            let mode = match self.creates_only.load(Ordering::Relaxed) {
                true => PutMode::Create,
                false => PutMode::Overwrite,
            };
            self.server.put_opts(key, body.clone(), mode.into()).await?;
            Ok(())
        })
        .await
    }

    /// The key is taken: by an earlier attempt of this very put, whose answer
    /// was lost, or by another object?
    async fn is_ours(&self, key: &ObjectKey, body: &PutPayload) -> Result<(), StoreError> {
        let bytes = body.content_length() as u64;
        let found = match self.size(key).await {
            Ok(there) if there == bytes => self.get(key, 0..bytes).await,
            Ok(_) => Err(StoreError::Exists),
            Err(error) => Err(error),
        };
        match found {
            Ok(found) if is_equal(&found, body) => Ok(()),
            Ok(_) | Err(StoreError::OutsideObject) => Err(StoreError::Exists),
            Err(StoreError::Missing) => Err(StoreError::Unavailable(Box::new(Gone))),
            Err(error) => Err(error),
        }
    }

    async fn get_once(&self, key: &Path, range: Range<u64>) -> Result<Bytes, Failure> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            ..GetOptions::default()
        };
        let got = self.server.get_opts(key, options).await?;
        // A range that ends too late is answered with what there is.
        if got.range.end < range.end {
            return Err(Failure::OutsideObject);
        }
        let wanted = range.end - range.start;
        collect(got.into_stream(), wanted).await
    }

    /// Of what HEAD can't say: a GET's refusal has a body.
    async fn size_by_get(&self, key: &Path) -> Result<u64, Failure> {
        attempts(&self.places, time_for(0), || async {
            Ok(self.server.get(key).await?.meta.size)
        })
        .await
    }
}

#[async_trait]
impl SegmentStore for S3Store {
    async fn put(&self, key: &ObjectKey, body: Vec<Bytes>) -> Result<(), StoreError> {
        let (path, body) = (Path::from(key), PutPayload::from_iter(body));
        let mut put = self.put_once(&path, &body).await;
        if let Err(Failure::NotImplemented(cause)) = &put
            && self.creates_only.swap(false, Ordering::Relaxed)
        {
            tracing::warn!(%cause, "the store's server has no If-None-Match: puts go without");
            put = self.put_once(&path, &body).await;
        }
        match put {
            Ok(()) => Ok(()),
            Err(Failure::Taken) => self.is_ours(key, &body).await,
            Err(failure) => Err(failure.into()),
        }
    }

    async fn get(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            let inside = range.start <= self.size(key).await?;
            return match inside {
                true => Ok(Bytes::new()),
                false => Err(StoreError::OutsideObject),
            };
        }
        let (path, time) = (Path::from(key), time_for(range.end - range.start));
        let got = attempts(&self.places, time, || self.get_once(&path, range.clone()));
        Ok(got.await?)
    }

    async fn size(&self, key: &ObjectKey) -> Result<u64, StoreError> {
        let path = Path::from(key);
        let head = attempts(&self.places, time_for(0), || async {
            Ok(self.server.head(&path).await?.size)
        });
        match head.await {
            Err(Failure::MissingSomething) => Ok(self.size_by_get(&path).await?),
            size => Ok(size?),
        }
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let path = Path::from(key);
        let deleted = attempts(&self.places, time_for(0), || async {
            Ok(self.server.delete(&path).await?)
        });
        match deleted.await {
            Ok(()) | Err(Failure::Missing) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    fn list(&self, prefix: Option<&ObjectKey>) -> BoxStream<'_, Result<ObjectMeta, StoreError>> {
        listing::list(&self.server, prefix.map(Path::from)).boxed()
    }

    /// One request writes an object: it is there or not.
    async fn remove_unfinished(&self, _: &ObjectKey, _: SystemTime) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn durability(&self) -> Durability {
        Durability::ObjectStore
    }
}

/// A body of this length, and never more of it.
async fn collect(
    mut body: BoxStream<'static, object_store::Result<Bytes>>,
    wanted: u64,
) -> Result<Bytes, Failure> {
    let mut collected = BytesMut::new();
    while let Some(bytes) = body.next().await {
        collected.extend_from_slice(&bytes?);
        if collected.len() as u64 > wanted {
            break;
        }
    }
    let got = collected.len() as u64;
    match got == wanted {
        true => Ok(collected.freeze()),
        false => Err(Failure::Passing(Box::new(WrongLength { got, wanted }))),
    }
}

fn is_equal(found: &[u8], body: &PutPayload) -> bool {
    let mut rest = found;
    for piece in body {
        match rest.strip_prefix(&piece[..]) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    rest.is_empty()
}

/// Another object was there, and is not any more.
#[derive(Debug, thiserror::Error)]
#[error("the key was taken, and then it was not")]
struct Gone;
