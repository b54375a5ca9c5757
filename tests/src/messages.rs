//! Requests, as short as a test wants to write them.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use weir_shared::proto::ingest::v1::{
    CaptureSpec, Chunk, Finish, UploadCaptureRequest, upload_capture_request::Message,
};

/// A capture's spec with nothing but its id.
#[must_use]
pub fn spec(id: &str) -> CaptureSpec {
    CaptureSpec {
        capture_id: id.to_owned(),
        ..CaptureSpec::default()
    }
}

/// An upload's first message.
#[must_use]
pub fn open(id: &str) -> UploadCaptureRequest {
    open_with(spec(id))
}

/// An upload's first message, with more declared than the id.
#[must_use]
pub fn open_with(spec: CaptureSpec) -> UploadCaptureRequest {
    message(Message::Open(spec))
}

/// A chunk without a checksum.
#[must_use]
pub fn chunk(index: u32, data: impl AsRef<[u8]>) -> UploadCaptureRequest {
    message(Message::Chunk(bare_chunk(index, data)))
}

/// A chunk as `PutChunk` takes it.
#[must_use]
pub fn bare_chunk(index: u32, data: impl AsRef<[u8]>) -> Chunk {
    Chunk {
        index,
        data: Bytes::copy_from_slice(data.as_ref()),
        crc32c: None,
    }
}

/// The end of a whole upload of so many chunks.
#[must_use]
pub fn finish(chunk_count: u32) -> UploadCaptureRequest {
    finish_with(Finish {
        chunk_count: Some(chunk_count),
        ..Finish::default()
    })
}

#[must_use]
pub fn finish_with(finish: Finish) -> UploadCaptureRequest {
    message(Message::Finish(finish))
}

#[must_use]
pub fn message(message: Message) -> UploadCaptureRequest {
    UploadCaptureRequest {
        message: Some(message),
    }
}

/// SHA-256 as the contract carries it.
#[must_use]
pub fn sha256(data: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(data))
}
