use std::sync::Arc;

use expect_test::{Expect, expect};
use weir_shared::status::{detail, reason, retry_after};

use super::*;
use crate::domain::{
    capture::StoredSlot,
    id::{Blake3, CaptureId, ChunkIndex},
    range::{IndexRange, Missing},
};

fn id() -> CaptureId {
    "c".parse().unwrap()
}

#[track_caller]
fn check(error: Error, expected: &Expect) {
    let status = status(error);
    let retry = match retry_after(&status) {
        Some(delay) => format!(", retry after {delay:?}"),
        None => String::new(),
    };
    let told = format!(
        "{:?} {}: {}{retry}",
        status.code(),
        reason(&status).unwrap_or_default(),
        status.message()
    );
    expected.assert_eq(&told);
}

#[test]
fn each_error_has_its_code_and_reason() {
    let index = ChunkIndex(7);
    check(
        Error::Checksum { index },
        &expect!["InvalidArgument CHUNK_CHECKSUM_MISMATCH: chunk 7 does not have its checksum"],
    );
    let why = "too long".to_owned();
    check(
        Error::ChunkSize { index, why },
        &expect!["InvalidArgument CHUNK_SIZE: chunk 7: too long"],
    );
    check(
        Error::IndexOutOfRange { index, count: 3 },
        &expect!["OutOfRange INDEX_OUT_OF_RANGE: chunk 7 is beyond the last, 2 of 3"],
    );
    check(
        Error::Overloaded,
        &expect![
            "Unavailable OVERLOADED: too many large captures are being analyzed at once, retry after 1s"
        ],
    );
    check(
        Error::Order("open first"),
        &expect!["InvalidArgument UPLOAD_ORDER: open first"],
    );
    let why = "must be lower case".to_owned();
    check(
        Error::Field { field: "id", why },
        &expect!["InvalidArgument INVALID_FIELD: id: must be lower case"],
    );
    check(
        Error::Refused(Refusal::ParamsDiffer { field: "labels" }),
        &expect!["AlreadyExists CAPTURE_PARAMS_DIFFER: labels differs from what was declared"],
    );
    check(
        Error::Refused(Refusal::SealParamsDiffer { field: "sha256" }),
        &expect!["FailedPrecondition SEAL_PARAMS_DIFFER: sha256 differs from what was declared"],
    );
    let highest = index;
    check(
        Error::Refused(Refusal::BeyondCount { count: 2, highest }),
        &expect![
            "FailedPrecondition CHUNKS_BEYOND_COUNT: chunk 7 is durable, beyond the count of 2"
        ],
    );
    check(
        Error::Refused(Refusal::DigestDiffers),
        &expect![
            "FailedPrecondition CAPTURE_DIGEST_MISMATCH: the capture's SHA-256 is another one"
        ],
    );
    check(
        Error::Unknown(id()),
        &expect!["NotFound CAPTURE_UNKNOWN: no capture has the id c"],
    );
    check(
        Error::Deleted(id()),
        &expect!["Aborted CAPTURE_DELETED: capture c was deleted"],
    );
    check(
        Error::NotSealed(id()),
        &expect!["FailedPrecondition CAPTURE_NOT_SEALED: capture c is not sealed"],
    );
    check(
        Error::Range { bytes: 9 },
        &expect!["OutOfRange RANGE: the capture has 9 bytes"],
    );
    check(
        Error::CaptureTooLarge { bytes_max: 9 },
        &expect!["ResourceExhausted QUOTA: a capture has at most 9 bytes"],
    );
    check(
        Error::Refused(Refusal::TooManyOpen { open_max: 9 }),
        &expect!["ResourceExhausted QUOTA: 9 captures are unsealed already"],
    );
    check(
        Error::TooSlow("upload_idle_timeout", "no message for 300 s".to_owned()),
        &expect!["ResourceExhausted QUOTA: the client is too slow: no message for 300 s"],
    );
    check(
        Error::ObjectMissing(id()),
        &expect!["DataLoss STORED_OBJECT_MISSING: an object of capture c is missing"],
    );
}

#[test]
fn causes_are_not_sent() {
    let cause = || Arc::new(std::io::Error::other("/secret/path"));
    check(
        Error::StorageFull(cause()),
        &expect!["ResourceExhausted STORAGE_FULL: no space left to store more"],
    );
    check(
        Error::StorageUnavailable(cause()),
        &expect!["Unavailable STORAGE_UNAVAILABLE: storage is unavailable, retry after 2s"],
    );
    check(
        Error::Internal(cause()),
        &expect!["Internal INTERNAL: internal error"],
    );
}

#[test]
fn details_let_a_client_recover() {
    let stored = StoredSlot {
        bytes: 3,
        crc32c: 9,
        blake3: Blake3::of(b"abc"),
    };
    let conflict = status(Error::Conflict {
        capture: id(),
        index: ChunkIndex(7),
        stored,
    });
    assert_eq!(conflict.code(), Code::FailedPrecondition);
    assert_eq!(reason(&conflict).as_deref(), Some("CHUNK_CONFLICT"));
    let wanted = proto::ChunkConflict {
        capture_id: "c".into(),
        index: 7,
        stored_bytes: 3,
        stored_crc32c: 9,
    };
    assert_eq!(detail(&conflict), Some(wanted));

    let range = IndexRange::new(ChunkIndex(2), ChunkIndex(4)).unwrap();
    let told = proto::IndexRange { first: 2, last: 4 };
    let missing = status(Error::Missing(Missing {
        ranges: vec![range],
        chunks: 3,
        truncated: false,
    }));
    assert_eq!(reason(&missing).as_deref(), Some("CHUNKS_MISSING"));
    let wanted = proto::MissingChunks {
        ranges: vec![told],
        count: 3,
    };
    assert_eq!(detail(&missing), Some(wanted));

    let corrupt = status(Error::Corrupt {
        capture: id(),
        ranges: vec![range],
    });
    assert_eq!(reason(&corrupt).as_deref(), Some("STORED_CHUNK_CORRUPT"));
    let wanted = proto::CorruptChunks {
        capture_id: "c".into(),
        ranges: vec![told],
    };
    assert_eq!(detail(&corrupt), Some(wanted));
}
