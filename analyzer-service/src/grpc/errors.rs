//! Errors of an analysis as gRPC statuses: one exhaustive table.

use std::time::Duration;

use tonic::{Code, Status};
use weir_shared::{chain::Chain, status};

use crate::{analysis::AnalysisError, filter::FilterError, source::SourceError};

/// Analyses take seconds: that is when a place is likely to be free.
const RETRY_AFTER_OVERLOAD: Duration = Duration::from_secs(1);
/// A store that is away tends to stay away for a moment.
const RETRY_AFTER_STORAGE: Duration = Duration::from_secs(2);

/// What a request says that can't be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    #[error("{field}: {reason}")]
    Field { field: String, reason: String },
    #[error("extent {index}: {reason}")]
    Extent { index: usize, reason: &'static str },
    #[error("the inline capture has {bytes} bytes, more than {limit}")]
    InlineTooLarge { bytes: usize, limit: usize },
    #[error("the filter makes no sense {0}")]
    Filter(#[from] FilterError),
}

pub(super) fn request_status(error: &RequestError) -> Status {
    let text = error.to_string();
    match error {
        RequestError::Field { field, reason } => status::invalid_field(field, reason),
        RequestError::Extent { .. } => {
            status::error(Code::InvalidArgument, "EXTENT_INVALID", text).build()
        }
        RequestError::Filter(FilterError { position, reason }) => {
            status::filter_syntax(text, *position, reason)
        }
        RequestError::InlineTooLarge { limit, .. } => {
            status::error(Code::InvalidArgument, "INLINE_TOO_LARGE", text)
                .metadata("limit", limit)
                .build()
        }
    }
}

pub(super) fn overloaded(analyses_max: usize) -> Status {
    let text = format!("{analyses_max} analyses are running, which is the limit");
    status::error(Code::Unavailable, "OVERLOADED", text)
        .metadata("limit", analyses_max)
        .retry_after(RETRY_AFTER_OVERLOAD)
        .build()
}

/// `None` for an analysis that was cancelled: the call's scope knows why.
pub(super) fn analysis_status(error: &AnalysisError) -> Option<Status> {
    match error {
        AnalysisError::NotACapture | AnalysisError::Compressed(_) => {
            let text = error.to_string();
            Some(status::error(Code::InvalidArgument, "NOT_A_CAPTURE", text).build())
        }
        AnalysisError::Read(io) => match SourceError::within(io) {
            Some(source) => source_status(source),
            None => {
                tracing::error!(error = %io, "reading the capture failed");
                Some(internal())
            }
        },
    }
}

/// What it was is in the log, not on the wire.
pub(super) fn internal() -> Status {
    status::error(Code::Internal, "INTERNAL", "internal error").build()
}

pub(super) fn source_status(error: &SourceError) -> Option<Status> {
    let text = error.to_string();
    Some(match error {
        SourceError::Cancelled => return None,
        SourceError::Corrupt {
            object,
            capture_offset,
            capture_end,
        } => status::error(Code::DataLoss, "STORED_CHUNK_CORRUPT", text)
            .metadata("object", object)
            .metadata("capture_offset", capture_offset)
            .metadata("capture_end", capture_end)
            .build(),
        SourceError::Missing(object) => {
            status::error(Code::DataLoss, "STORED_OBJECT_MISSING", text)
                .metadata("object", object)
                .build()
        }
        SourceError::OutsideObject(object) => {
            status::error(Code::InvalidArgument, "EXTENT_INVALID", text)
                .metadata("object", object)
                .build()
        }
        SourceError::Unavailable(source) => {
            tracing::error!(error = %Chain(&**source), "the object store failed");
            let text = "the object store is unavailable";
            status::error(Code::Unavailable, "STORAGE_UNAVAILABLE", text)
                .retry_after(RETRY_AFTER_STORAGE)
                .build()
        }
    })
}
