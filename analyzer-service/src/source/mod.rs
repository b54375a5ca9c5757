//! Where the bytes of a capture come from: a message, or extents of stored
//! objects. This is the edge between the async store and the sync core.

mod extents;
mod manifest;

use std::{error::Error, io};

use weir_shared::store::ObjectKey;

pub use extents::ExtentReader;
pub use manifest::{ManifestRef, load};

/// A run of bytes inside one stored object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    pub object: ObjectKey,
    pub offset: u64,
    /// 1 to `SEGMENT_BYTES_MAX`.
    pub length: u64,
    pub crc32c: u32,
}

/// Why stored bytes can't be read. Travels through the core as an [`io::Error`].
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The call ended: nobody waits for the rest.
    #[error("cancelled")]
    Cancelled,
    #[error(
        "stored bytes fail their checksum: object {object}, bytes {capture_offset} to {capture_end} of the capture"
    )]
    Corrupt {
        object: ObjectKey,
        capture_offset: u64,
        /// Exclusive.
        capture_end: u64,
    },
    #[error("object {0} is missing")]
    Missing(ObjectKey),
    #[error("an extent lies outside of object {0}")]
    OutsideObject(ObjectKey),
    #[error("object store")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl From<SourceError> for io::Error {
    fn from(error: SourceError) -> Self {
        io::Error::other(error)
    }
}

impl SourceError {
    /// The source's own error inside of an [`io::Error`] that came from a reader
    /// of this module.
    #[must_use]
    pub fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}
