//! Between messages and domain types. Messages are destructured: a new field
//! is a compile error until somebody decides on it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
    ops::RangeInclusive,
};

use bytes::Bytes;
use weir_shared::{proto::ingest::v1 as proto, store::Durability};

use crate::domain::{
    capture::{Capture, Declared, SealParams, Spec, State},
    chunk::{ChunkLimits, IncomingChunk},
    error::Error,
    id::{CaptureId, ChunkIndex, Sha256},
    range::{IndexRange, Missing},
    time::Timestamp,
};

/// Bounds of what a caller may have kept beside the bytes: a capture's row
/// stays below 100 KiB, and a page of 1,000 captures with usual labels small.
const LABELS_MAX: usize = 64;
const LABEL_NAME_BYTES_MAX: usize = 128;
const LABEL_VALUE_BYTES_MAX: usize = 1024;
/// Longest name that file systems allow is 255 bytes; a path may be told too.
const FILE_NAME_BYTES_MAX: usize = 4096;
/// The one character that PostgreSQL can't keep in a text; no path has it.
const NUL: char = '\0';

const MICROS: i64 = 1_000_000;
/// What `google.protobuf.Timestamp` may say, in seconds.
const SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

pub(super) fn invalid(field: &'static str, why: impl Display) -> Error {
    Error::Field {
        field,
        why: why.to_string(),
    }
}

pub(super) fn durability_to_proto(durability: Durability) -> proto::Durability {
    match durability {
        Durability::Synced => proto::Durability::Synced,
        Durability::ObjectStore => proto::Durability::ObjectStore,
    }
}

pub(super) fn required<T>(field: &'static str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| invalid(field, "is required"))
}

pub(super) fn capture_id(text: String) -> Result<CaptureId, Error> {
    text.try_into().map_err(|e| invalid("capture_id", e))
}

pub(super) fn spec(spec: proto::CaptureSpec, limits: ChunkLimits) -> Result<Spec, Error> {
    let proto::CaptureSpec {
        capture_id: id,
        chunk_count,
        size_bytes,
        sha256: digest,
        file_name,
        labels: named,
        chunk_bytes,
        analyze_on_seal,
    } = spec;
    let id = match id.is_empty() {
        true => None,
        false => Some(capture_id(id)?),
    };
    if file_name.len() > FILE_NAME_BYTES_MAX {
        return Err(invalid("file_name", "is longer than 4,096 bytes"));
    }
    let chunk_bytes_max = limits.chunk_bytes_max;
    if file_name.contains(NUL) {
        return Err(invalid("file_name", "has a NUL character"));
    }
    if chunk_bytes.is_some_and(|b| b == 0 || b > chunk_bytes_max) {
        let why = format!("must be 1 to {chunk_bytes_max}");
        return Err(invalid("chunk_bytes", why));
    }
    let declared = Declared {
        chunk_count: count(chunk_count, limits)?,
        size_bytes,
        sha256: sha256(&digest)?,
        chunk_bytes,
    };
    agree(&declared)?;
    Ok(Spec {
        id,
        declared,
        file_name,
        labels: labels(named)?,
        analyze_on_seal,
    })
}

/// What can never come true is refused before a byte is sent.
fn agree(declared: &Declared) -> Result<(), Error> {
    if let (Some(count), Some(size), Some(chunk_bytes)) = (
        declared.chunk_count,
        declared.size_bytes,
        declared.chunk_bytes,
    ) && size.div_ceil(chunk_bytes.into()) != u64::from(count)
    {
        return Err(invalid(
            "chunk_count",
            "does not fit size_bytes and chunk_bytes",
        ));
    }
    Ok(())
}

fn count(count: Option<u32>, limits: ChunkLimits) -> Result<Option<u32>, Error> {
    match count {
        Some(count) if count > limits.chunks_max => {
            let why = format!("is above the limit of {}", limits.chunks_max);
            Err(invalid("chunk_count", why))
        }
        _ => Ok(count),
    }
}

fn sha256(bytes: &Bytes) -> Result<Option<Sha256>, Error> {
    if bytes.is_empty() {
        return Ok(None);
    }
    match <[u8; 32]>::try_from(&bytes[..]) {
        Ok(digest) => Ok(Some(Sha256(digest))),
        Err(_) => Err(invalid("sha256", "must have 0 or 32 bytes")),
    }
}

pub(super) fn labels(labels: HashMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
    if labels.len() > LABELS_MAX {
        return Err(invalid("labels", format!("at most {LABELS_MAX}")));
    }
    for (name, value) in &labels {
        if name.is_empty() || name.len() > LABEL_NAME_BYTES_MAX {
            let why = format!("a name must have 1 to {LABEL_NAME_BYTES_MAX} bytes");
            return Err(invalid("labels", why));
        }
        if value.len() > LABEL_VALUE_BYTES_MAX {
            let why = format!("a value has at most {LABEL_VALUE_BYTES_MAX} bytes");
            return Err(invalid("labels", why));
        }
        if name.contains(NUL) || value.contains(NUL) {
            return Err(invalid("labels", "has a NUL character"));
        }
    }
    Ok(labels.into_iter().collect())
}

pub(super) fn seal_params(
    chunk_count: Option<u32>,
    digest: &Bytes,
    size_bytes: Option<u64>,
    limits: ChunkLimits,
) -> Result<SealParams, Error> {
    Ok(SealParams {
        chunk_count: count(chunk_count, limits)?,
        sha256: sha256(digest)?,
        size_bytes,
    })
}

/// Out of a buffer of so many bytes. As a small slice it would pin all of them,
/// and the staging budget counts payloads: so it is copied, and a hostile sender
/// gets at most twice the budget.
pub(super) fn chunk(chunk: proto::Chunk, buffer_bytes: usize) -> IncomingChunk {
    let proto::Chunk {
        index,
        data,
        crc32c,
    } = chunk;
    let data = if data.len() < buffer_bytes / 2 {
        Bytes::copy_from_slice(&data)
    } else {
        data
    };
    IncomingChunk {
        index: ChunkIndex(index),
        data,
        crc32c,
    }
}

/// `None`: captures of every state.
pub(super) fn state(state: i32) -> Result<Option<State>, Error> {
    match proto::CaptureState::try_from(state) {
        Ok(proto::CaptureState::Unspecified) => Ok(None),
        Ok(proto::CaptureState::Receiving) => Ok(Some(State::Receiving)),
        Ok(proto::CaptureState::Sealed) => Ok(Some(State::Sealed)),
        Ok(proto::CaptureState::Sealing) => Ok(Some(State::Sealing)),
        Err(_) => Err(invalid("state", "is not a state")),
    }
}

pub(super) fn capture_to_proto(capture: &Capture, missing: Missing) -> proto::Capture {
    let (state, is_sealed) = match capture.state {
        State::Receiving => (proto::CaptureState::Receiving, false),
        State::Sealing => (proto::CaptureState::Sealing, false),
        State::Sealed => (proto::CaptureState::Sealed, true),
    };
    let sha256 = capture.sha256.filter(|_| is_sealed);
    proto::Capture {
        capture_id: capture.id.to_string(),
        state: state.into(),
        chunk_count: capture.declared.chunk_count,
        chunks_durable: capture.progress.chunks,
        bytes_durable: capture.progress.bytes,
        missing: missing.ranges.into_iter().map(range_to_proto).collect(),
        sha256: sha256.map_or_else(Bytes::new, |s| Bytes::copy_from_slice(&s.0)),
        crc32c: capture.crc32c,
        file_name: capture.file_name.clone(),
        labels: capture.labels.clone().into_iter().collect(),
        create_time: Some(time_to_proto(capture.created)),
        seal_time: capture.sealed.map(time_to_proto),
        expire_time: capture.expire_time().map(time_to_proto),
        chunk_bytes: capture.declared.chunk_bytes,
        size_bytes: match is_sealed {
            true => Some(capture.progress.bytes),
            false => capture.declared.size_bytes,
        },
        uid: capture.uid.to_string(),
        missing_truncated: missing.truncated,
        analyze_on_seal: capture.analyze_on_seal,
    }
}

pub(super) fn range_to_proto(range: IndexRange) -> proto::IndexRange {
    proto::IndexRange {
        first: range.first().0,
        last: range.last().0,
    }
}

/// Times are kept to the microsecond: one in between is before the next.
pub(super) fn time(
    field: &'static str,
    time: Option<weir_shared::proto::Timestamp>,
) -> Result<Option<Timestamp>, Error> {
    let Some(weir_shared::proto::Timestamp { seconds, nanos }) = time else {
        return Ok(None);
    };
    let nanos = u32::try_from(nanos).ok().filter(|n| *n < 1_000_000_000);
    match nanos {
        Some(nanos) if SECONDS.contains(&seconds) => {
            let micros = i64::from(nanos.div_ceil(1000));
            Ok(Some(Timestamp(seconds * MICROS + micros)))
        }
        _ => Err(invalid(field, "must be within years 1 to 9999")),
    }
}

pub(super) fn time_to_proto(time: Timestamp) -> weir_shared::proto::Timestamp {
    weir_shared::proto::Timestamp {
        seconds: time.0.div_euclid(MICROS),
        nanos: i32::try_from(time.0.rem_euclid(MICROS) * 1000).unwrap_or(0),
    }
}
