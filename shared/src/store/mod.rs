//! The object store: where capture bytes are. ingest-service writes it,
//! analyzer-service only reads it.

mod conformance;
mod convert;
mod directory;
mod key;
mod open;
mod reserve;
mod s3;

use std::{error::Error, fmt::Debug, ops::Range, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

pub use conformance::conformance;
pub use directory::{DIRECTORY_RESERVE, DirectoryStore, create_synced};
pub use key::{InvalidKey, ObjectKey};
pub use open::{OpenError, directory_url, may_pass, open, open_with, without_secrets};
pub use reserve::{NoRoom, Reserve};
pub use s3::S3Store;

/// Immutable objects under keys.
///
/// Implementations pass [`conformance`].
#[async_trait]
pub trait SegmentStore: Debug + Send + Sync + 'static {
    /// Writes a new object whole. `Ok` says that it survives what
    /// [`SegmentStore::durability`] says.
    ///
    /// Cancel safety: a dropped `put` leaves the object whole or absent.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the key is taken by other bytes: the object
    /// there is unchanged. Only a server that can't create conditionally
    /// overwrites instead; so a key is made up for one object, by its writer.
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

    /// Removes what puts below `prefix` left behind that were cut by the end of
    /// their process before this time, and says how much that was. It is no
    /// object: no listing tells of it.
    async fn remove_unfinished(
        &self,
        prefix: &ObjectKey,
        before: SystemTime,
    ) -> Result<u64, StoreError>;

    /// What an object survives once its put returned.
    fn durability(&self) -> Durability;
}

/// What is stored survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A power loss of this machine: it is synced, with its directory entry and
    /// new directories.
    Synced,
    /// What the server behind it promises.
    ObjectStore,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    pub key: ObjectKey,
    pub bytes: u64,
    /// By the store's clock.
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
