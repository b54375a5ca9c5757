//! Uploads whose bytes cost their client nothing.

use std::{iter, time::Instant};

use bytes::Bytes;
use tonic::Status;
use weir_shared::proto::ingest::v1::{
    Chunk, UploadCaptureRequest, UploadCaptureResponse, upload_capture_request::Message,
};

use weir_tests::{
    caller::Caller,
    messages::{finish, message, open},
};

/// The messages of an upload of so many chunks of `chunk_bytes`, taken from
/// `data` over and over.
pub fn messages(
    id: &str,
    data: &Bytes,
    chunk_bytes: usize,
    chunks: u32,
) -> impl Iterator<Item = UploadCaptureRequest> + Send + use<> {
    let (parts, data) = (data.len() / chunk_bytes, data.clone());
    let all = (0..chunks).map(move |index| {
        let begin = (index as usize % parts) * chunk_bytes;
        message(Message::Chunk(Chunk {
            index,
            data: data.slice(begin..begin + chunk_bytes),
            crc32c: None,
        }))
    });
    iter::once(open(id)).chain(all).chain([finish(chunks)])
}

/// Uploads in one call.
///
/// # Errors
/// The service's.
pub async fn upload(
    caller: &Caller,
    messages: impl Iterator<Item = UploadCaptureRequest> + Send + 'static,
) -> Result<UploadCaptureResponse, Status> {
    let mut rpc = caller.rpc.clone();
    let answer = rpc.upload_capture(tokio_stream::iter(messages)).await?;
    Ok(answer.into_inner())
}

/// How long a future takes.
pub async fn seconds<T>(future: impl Future<Output = T>) -> (T, f64) {
    let begun = Instant::now();
    let done = future.await;
    (done, begun.elapsed().as_secs_f64())
}
