//! The one table from errors to what a caller is told. Causes are logged here,
//! once, and never sent.

use std::time::Duration;

use tonic::{Code, Status};
use weir_filter::FilterError;
use weir_shared::{
    call::{EndCause, end_status},
    chain::Chain,
    proto::ingest::v1 as proto,
    status::{error as begin, filter_syntax},
};

use super::convert::range_to_proto;
use crate::domain::{capture::Refusal, error::Error, index::words::WordSyntax, preview::NoPreview};

/// When to try again: a disk or a database that was busy is back by then.
const RETRY_STORAGE_AFTER: Duration = Duration::from_secs(2);

/// When to try again: an analyzer restarts within this.
const RETRY_ANALYZER_AFTER: Duration = Duration::from_secs(1);

/// When to try again: a picture is drawn within this, mostly.
const RETRY_PREVIEW_AFTER: Duration = Duration::from_millis(500);

pub(super) fn status(error: Error) -> Status {
    let text = error.to_string();
    match error {
        Error::Conflict {
            capture,
            index,
            stored,
        } => begin(Code::FailedPrecondition, "CHUNK_CONFLICT", text)
            .detail(&proto::ChunkConflict {
                capture_id: capture.to_string(),
                index: index.0,
                stored_bytes: stored.bytes.into(),
                stored_crc32c: stored.crc32c,
            })
            .build(),
        Error::Checksum { index } => begin(Code::InvalidArgument, "CHUNK_CHECKSUM_MISMATCH", text)
            .metadata("index", index.0)
            .build(),
        Error::ChunkSize { index, .. } => begin(Code::InvalidArgument, "CHUNK_SIZE", text)
            .metadata("index", index.0)
            .build(),
        Error::MessageTooLarge => begin(Code::InvalidArgument, "CHUNK_SIZE", text).build(),
        Error::IndexOutOfRange { index, count } => {
            begin(Code::OutOfRange, "INDEX_OUT_OF_RANGE", text)
                .metadata("index", index.0)
                .metadata("count", count)
                .build()
        }
        Error::Order(_) => begin(Code::InvalidArgument, "UPLOAD_ORDER", text).build(),
        Error::Field { field, why } => weir_shared::status::invalid_field(field, &why),
        Error::Missing(missing) => begin(Code::FailedPrecondition, "CHUNKS_MISSING", text)
            .detail(&proto::MissingChunks {
                count: missing.chunks.into(),
                ranges: missing.ranges.into_iter().map(range_to_proto).collect(),
            })
            .build(),
        Error::Refused(refusal) => refused(&refusal, text),
        Error::Unknown(_) => begin(Code::NotFound, "CAPTURE_UNKNOWN", text).build(),
        Error::Deleted(_) => begin(Code::Aborted, "CAPTURE_DELETED", text).build(),
        Error::NotSealed(_) => begin(Code::FailedPrecondition, "CAPTURE_NOT_SEALED", text).build(),
        Error::Range { bytes } => begin(Code::OutOfRange, "RANGE", text)
            .metadata("bytes", bytes)
            .build(),
        Error::CaptureTooLarge { .. } => begin(Code::ResourceExhausted, "QUOTA", text.clone())
            .quota("capture_bytes_max", &text)
            .build(),
        Error::TooSlow(limit, _) => begin(Code::ResourceExhausted, "QUOTA", text.clone())
            .quota(limit, &text)
            .build(),
        Error::StorageFull(cause) => {
            tracing::error!(cause = %Chain(&*cause), "storage is full");
            begin(Code::ResourceExhausted, "STORAGE_FULL", text).build()
        }
        Error::StorageUnavailable(cause) => {
            tracing::error!(cause = %Chain(&*cause), "storage is away");
            begin(Code::Unavailable, "STORAGE_UNAVAILABLE", text)
                .retry_after(RETRY_STORAGE_AFTER)
                .build()
        }
        Error::Corrupt { capture, ranges } => {
            tracing::error!(capture.id = %capture, ?ranges, "stored chunks are corrupt");
            begin(Code::DataLoss, "STORED_CHUNK_CORRUPT", text)
                .detail(&proto::CorruptChunks {
                    capture_id: capture.to_string(),
                    ranges: ranges.into_iter().map(range_to_proto).collect(),
                })
                .build()
        }
        Error::ObjectMissing(capture) => {
            tracing::error!(capture.id = %capture, "a stored object is missing");
            begin(Code::DataLoss, "STORED_OBJECT_MISSING", text).build()
        }
        Error::AnalysisUnknown(_) => begin(Code::NotFound, "ANALYSIS_UNKNOWN", text).build(),
        Error::AnalysisDiffers { field } => {
            begin(Code::AlreadyExists, "ANALYSIS_PARAMS_DIFFER", text)
                .metadata("field", field)
                .build()
        }
        Error::TooManyAnalyses(limit, _) => begin(Code::ResourceExhausted, "QUOTA", text.clone())
            .quota(limit, &text)
            .build(),
        Error::BeyondRecords { records } => begin(Code::OutOfRange, "RANGE", text)
            .metadata("records", records)
            .build(),
        Error::ResultsDamaged(analysis) => {
            tracing::error!(analysis.id = %analysis, "stored results are gone or damaged");
            begin(Code::DataLoss, "STORED_RESULTS_DAMAGED", text).build()
        }
        Error::NoPreview(NoPreview::NotDrawn(_)) => begin(Code::Unavailable, "NO_PREVIEW", text)
            .retry_after(RETRY_PREVIEW_AFTER)
            .build(),
        Error::NoPreview(
            NoPreview::NoAnalysis(_) | NoPreview::NotOver(_) | NoPreview::NotSucceeded(_),
        ) => begin(Code::FailedPrecondition, "NO_PREVIEW", text).build(),
        Error::EventsGone { oldest } => begin(Code::OutOfRange, "EVENTS_GONE", text)
            .detail(&proto::EventsGone {
                oldest_cursor: oldest.0.to_string(),
            })
            .build(),
        Error::Words(WordSyntax { position, why }) => filter_syntax(text, position, why),
        Error::Filter(FilterError { position, reason }) => filter_syntax(text, position, &reason),
        Error::NoDeadLetter { .. } => begin(Code::NotFound, "DEAD_LETTER_UNKNOWN", text).build(),
        Error::Overloaded => begin(Code::Unavailable, "OVERLOADED", text)
            .retry_after(RETRY_ANALYZER_AFTER)
            .build(),
        // Where the caller went away or was too late, its scope says so first.
        Error::Ended => end_status(EndCause::Shutdown),
        Error::Internal(cause) => {
            tracing::error!(cause = %Chain(&*cause), "internal error");
            begin(Code::Internal, "INTERNAL", text).build()
        }
    }
}

fn refused(refusal: &Refusal, text: String) -> Status {
    match refusal {
        Refusal::ParamsDiffer { field } => {
            begin(Code::AlreadyExists, "CAPTURE_PARAMS_DIFFER", text)
                .metadata("field", field)
                .build()
        }
        Refusal::SealParamsDiffer { field } => {
            begin(Code::FailedPrecondition, "SEAL_PARAMS_DIFFER", text)
                .metadata("field", field)
                .build()
        }
        Refusal::BeyondCount { count, highest } => {
            begin(Code::FailedPrecondition, "CHUNKS_BEYOND_COUNT", text)
                .metadata("count", count)
                .metadata("highest", highest.0)
                .build()
        }
        Refusal::Incomplete { count } => begin(Code::FailedPrecondition, "CHUNKS_MISSING", text)
            .metadata("count", count)
            .build(),
        Refusal::TooManyOpen { .. } => begin(Code::ResourceExhausted, "QUOTA", text.clone())
            .quota("open_captures_max", &text)
            .build(),
        Refusal::SizeDiffers { .. } | Refusal::DigestDiffers => {
            begin(Code::FailedPrecondition, "CAPTURE_DIGEST_MISMATCH", text).build()
        }
    }
}

pub(super) fn analyzer_unavailable() -> Status {
    let text = "the analyzer is away";
    begin(Code::Unavailable, "ANALYZER_UNAVAILABLE", text)
        .retry_after(RETRY_ANALYZER_AFTER)
        .build()
}

#[cfg(test)]
mod tests;
