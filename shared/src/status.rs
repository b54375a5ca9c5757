//! Errors as gRPC tells them: `google.rpc.Status` with an `ErrorInfo` (domain
//! `weir`, reason in UPPER_SNAKE) on every one, and typed details that let a
//! client recover. Reasons and codes: the table in ARCHITECTURE.md.

use std::{collections::HashMap, fmt::Display, time::Duration};

use bytes::Bytes;
use prost::{Message, Name};
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;

use crate::proto::analyzer::v1::FilterSyntax;

/// `ErrorInfo.domain` of every error.
pub const DOMAIN: &str = "weir";

/// Longest message, bytes. Details travel in headers, which clients bound to
/// 16 KiB in all.
const MESSAGE_BYTES_MAX: usize = 1024;

const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
const QUOTA_FAILURE: &str = "type.googleapis.com/google.rpc.QuotaFailure";

/// Starts an error.
#[must_use]
pub fn error(code: Code, reason: &'static str, message: impl Into<String>) -> ErrorBuilder {
    ErrorBuilder {
        code,
        message: bounded(message.into()),
        reason,
        metadata: HashMap::new(),
        details: Vec::new(),
    }
}

/// INVALID_ARGUMENT, `INVALID_FIELD`, with a `BadRequest` that names the field.
#[must_use]
pub fn invalid_field(field: &str, description: &str) -> Status {
    error(
        Code::InvalidArgument,
        "INVALID_FIELD",
        format!("{field}: {description}"),
    )
    .bad_request(field, description)
    .build()
}

/// INVALID_ARGUMENT, `FILTER_SYNTAX`, with the byte at which a text makes no sense.
#[must_use]
pub fn filter_syntax(message: String, position: usize, reason: &str) -> Status {
    error(Code::InvalidArgument, "FILTER_SYNTAX", message)
        .metadata("position", position)
        .detail(&FilterSyntax {
            position: u32::try_from(position).unwrap_or(u32::MAX),
            reason: reason.to_owned(),
        })
        .build()
}

fn bounded(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
    }
    message
}

/// An error in the making.
#[derive(Debug)]
pub struct ErrorBuilder {
    code: Code,
    message: String,
    reason: &'static str,
    metadata: HashMap<String, String>,
    details: Vec<Any>,
}

impl ErrorBuilder {
    /// A fact for programs, in `ErrorInfo.metadata`.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: impl Display) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// Which field of the request is wrong.
    #[must_use]
    pub fn bad_request(self, field: &str, description: &str) -> Self {
        let violation = pb::bad_request::FieldViolation {
            field: field.to_owned(),
            description: description.to_owned(),
            ..Default::default()
        };
        let detail = pb::BadRequest {
            field_violations: vec![violation],
        };
        self.any(BAD_REQUEST, &detail)
    }

    /// When it is worth trying again.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        let detail = pb::RetryInfo {
            retry_delay: prost_types::Duration::try_from(delay).ok(),
        };
        self.any(RETRY_INFO, &detail)
    }

    /// Which bound was passed.
    #[must_use]
    pub fn quota(self, subject: &str, description: &str) -> Self {
        let violation = pb::quota_failure::Violation {
            subject: subject.to_owned(),
            description: description.to_owned(),
            ..Default::default()
        };
        let detail = pb::QuotaFailure {
            violations: vec![violation],
        };
        self.any(QUOTA_FAILURE, &detail)
    }

    /// A detail of our own.
    #[must_use]
    pub fn detail<M: Message + Name>(self, detail: &M) -> Self {
        self.any(&M::type_url(), detail)
    }

    /// The finished status.
    #[must_use]
    pub fn build(self) -> Status {
        let info = pb::ErrorInfo {
            reason: self.reason.to_owned(),
            domain: DOMAIN.to_owned(),
            metadata: self.metadata,
        };
        let mut details = vec![any(ERROR_INFO, &info)];
        details.extend(self.details);
        let status = pb::Status {
            code: self.code.into(),
            message: self.message.clone(),
            details,
        };
        Status::with_details(self.code, self.message, Bytes::from(status.encode_to_vec()))
    }

    fn any(mut self, type_url: &str, detail: &impl Message) -> Self {
        self.details.push(any(type_url, detail));
        self
    }
}

fn any(type_url: &str, detail: &impl Message) -> Any {
    Any {
        type_url: type_url.to_owned(),
        value: detail.encode_to_vec(),
    }
}

/// The reason that a Weir service gave; `None` for statuses of other origin.
#[must_use]
pub fn reason(status: &Status) -> Option<String> {
    error_info(status).map(|info| info.reason)
}

/// One fact of `ErrorInfo.metadata`.
#[must_use]
pub fn metadata(status: &Status, key: &str) -> Option<String> {
    error_info(status)?.metadata.remove(key)
}

fn error_info(status: &Status) -> Option<pb::ErrorInfo> {
    find::<pb::ErrorInfo>(status, ERROR_INFO).filter(|info| info.domain == DOMAIN)
}

/// How long the server asks to wait before the next try.
#[must_use]
pub fn retry_after(status: &Status) -> Option<Duration> {
    let info = find::<pb::RetryInfo>(status, RETRY_INFO)?;
    Duration::try_from(info.retry_delay?).ok()
}

/// A detail of our own, when the status has one.
#[must_use]
pub fn detail<M: Message + Name + Default>(status: &Status) -> Option<M> {
    find(status, &M::type_url())
}

fn find<M: Message + Default>(status: &Status, type_url: &str) -> Option<M> {
    let decoded = pb::Status::decode(status.details()).ok()?;
    let any = decoded
        .details
        .into_iter()
        .find(|d| d.type_url == type_url)?;
    M::decode(&*any.value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ingest::v1::{ChunkConflict, MissingChunks};

    #[test]
    fn what_is_put_in_is_found_again() {
        let conflict = ChunkConflict {
            capture_id: "c".into(),
            index: 7,
            stored_bytes: 9,
            stored_crc32c: 1,
        };
        let status = error(Code::Unavailable, "OVERLOADED", "busy")
            .metadata("limit", 4)
            .retry_after(Duration::from_millis(1500))
            .detail(&conflict)
            .build();
        assert_eq!(reason(&status).as_deref(), Some("OVERLOADED"));
        assert_eq!(metadata(&status, "limit").as_deref(), Some("4"));
        assert_eq!(retry_after(&status), Some(Duration::from_millis(1500)));
        assert_eq!(detail(&status), Some(conflict));
        assert_eq!(detail::<MissingChunks>(&status), None);
    }

    #[test]
    fn other_peoples_statuses_have_no_reason() {
        assert_eq!(reason(&Status::internal("x")), None);
        let garbage = Status::with_details(Code::Internal, "x", Bytes::from_static(b"\xff\xff"));
        assert_eq!(reason(&garbage), None);
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let status = error(Code::Internal, "X", "ä".repeat(2000)).build();
        assert_eq!(status.message().len(), MESSAGE_BYTES_MAX);
    }
}
