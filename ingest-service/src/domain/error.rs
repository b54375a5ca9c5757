//! Why the service could not do it: one variant for each thing a caller can
//! act on differently.

use std::{error, sync::Arc};

use weir_filter::FilterError;
use weir_shared::store::StoreError;

use super::{
    analysis::AnalysisId,
    capture::{Refusal, StoredSlot},
    event::{EventId, Position},
    id::{CaptureId, ChunkIndex},
    index::words::WordSyntax,
    preview::NoPreview,
    range::{IndexRange, Missing},
};
use crate::catalog::CatalogError;

/// A cause that several waiting callers may be told.
pub type Cause = Arc<dyn error::Error + Send + Sync>;

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("chunk {} differs from the one already stored", .index.0)]
    Conflict {
        capture: CaptureId,
        index: ChunkIndex,
        stored: StoredSlot,
    },
    #[error("chunk {} does not have its checksum", .index.0)]
    Checksum { index: ChunkIndex },
    #[error("chunk {}: {why}", .index.0)]
    ChunkSize { index: ChunkIndex, why: String },
    /// A message above the transport's limit, so that its chunk is unknown.
    #[error("a message is too large to hold a chunk of legal size")]
    MessageTooLarge,
    #[error("chunk {} is beyond the last, {} of {count}", .index.0, .count.saturating_sub(1))]
    IndexOutOfRange { index: ChunkIndex, count: u32 },
    #[error("{0}")]
    Order(&'static str),
    #[error("{field}: {why}")]
    Field { field: &'static str, why: String },
    #[error("{} chunks are missing", .0.chunks)]
    Missing(Missing),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("no capture has the id {0}")]
    Unknown(CaptureId),
    #[error("capture {0} was deleted")]
    Deleted(CaptureId),
    #[error("capture {0} is not sealed")]
    NotSealed(CaptureId),
    #[error("the capture has {bytes} bytes")]
    Range { bytes: u64 },
    #[error("a capture has at most {bytes_max} bytes")]
    CaptureTooLarge { bytes_max: u64 },
    /// Which limit of the service's, and how.
    #[error("the client is too slow: {1}")]
    TooSlow(&'static str, String),
    #[error("no space left to store more")]
    StorageFull(#[source] Cause),
    #[error("storage is unavailable")]
    StorageUnavailable(#[source] Cause),
    #[error("stored bytes fail their checksum")]
    Corrupt {
        capture: CaptureId,
        ranges: Vec<IndexRange>,
    },
    #[error("an object of capture {0} is missing")]
    ObjectMissing(CaptureId),
    #[error("no analysis has the id {0}")]
    AnalysisUnknown(AnalysisId),
    #[error("the request started an analysis with other {field} before")]
    AnalysisDiffers { field: &'static str },
    /// Which limit, and what it is.
    #[error("too many analyses: {0} is {1}")]
    TooManyAnalyses(&'static str, u32),
    #[error("the analysis is over and has {records} records")]
    BeyondRecords { records: u64 },
    #[error("stored results of analysis {0} are gone or damaged")]
    ResultsDamaged(AnalysisId),
    #[error(transparent)]
    NoPreview(#[from] NoPreview),
    #[error("the next events are not kept any more; the oldest come after {}", .oldest.0)]
    EventsGone { oldest: Position },
    #[error(transparent)]
    Words(WordSyntax),
    #[error("the filter makes no sense {0}")]
    Filter(#[from] FilterError),
    #[error("handler {handler:?} has not given up event {event}")]
    NoDeadLetter { handler: String, event: EventId },
    #[error("too many large captures are being analyzed at once")]
    Overloaded,
    /// The call is over; why, its scope knows.
    #[error("the call has ended")]
    Ended,
    #[error("internal error")]
    Internal(#[source] Cause),
}

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Refused(refusal) => Self::Refused(refusal),
            CatalogError::Full(_) => Self::StorageFull(Arc::new(error)),
            CatalogError::Unavailable(_) => Self::StorageUnavailable(Arc::new(error)),
            CatalogError::Inconsistent(_) => Self::Internal(Arc::new(error)),
        }
    }
}

impl Error {
    /// A write to the store that failed.
    #[must_use]
    pub fn of_write(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => Self::StorageFull(Arc::new(error)),
            StoreError::Unavailable(_) => Self::StorageUnavailable(Arc::new(error)),
            StoreError::Missing | StoreError::Exists | StoreError::OutsideObject => {
                Self::Internal(Arc::new(error))
            }
        }
    }
}
