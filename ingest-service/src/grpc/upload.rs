//! UploadCapture: the stream of messages, and how the call ends.

use std::sync::{Arc, OnceLock};

use futures::{Stream, StreamExt as _};
use prost::{DecodeError, Message as _};
use tonic::{Code, Request, Status, Streaming};
use tracing::Instrument as _;
use weir_shared::{
    call::{CallScope, Deadline, EndCause, end_status},
    limits::GRPC_MESSAGE_BYTES_MAX,
    proto::ingest::v1::{UploadCaptureRequest, upload_capture_request::Message},
};

use super::{
    Service, convert,
    error::status,
    receive::{Arrived, Receipt},
};
use crate::domain::{
    chunk::ChunkLimits,
    error::Error,
    staging::Reserved,
    upload::{UploadItem, Uploaded},
};

pub(super) async fn upload(
    service: &Service,
    request: Request<Streaming<UploadCaptureRequest>>,
) -> Result<Uploaded, Status> {
    let ingest = &service.ingest;
    let receipt = Receipt::of(request.extensions()).map_err(status)?;
    let connection = Arc::clone(&receipt.connection);
    let deadline = Deadline::of(request.extensions());
    let scope = CallScope::enter(&ingest.tasks, &ingest.shutdown, deadline);
    let broken = Arc::new(OnceLock::new());
    let messages = items(
        request.into_inner(),
        receipt,
        ingest.settings.chunks,
        &broken,
    );
    // In a task of its own: a dropped handler drops the scope, which ends the
    // session, and that makes durable what came.
    let session = Arc::clone(ingest).upload(messages, connection, scope.token().clone());
    let session = ingest.tasks.spawn(session.in_current_span());
    let done = tokio::select! {
        biased;
        done = session => done,
        () = scope.token().cancelled() => {
            return Err(end_status(scope.end_cause().unwrap_or(EndCause::ClientGone)));
        }
    };
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Error::Ended)) => Err(match (scope.end_cause(), broken.get()) {
            (Some(cause), _) => end_status(cause),
            (None, Some(broken)) => broken.clone(),
            (None, None) => status(Error::Ended),
        }),
        Ok(Err(error)) => Err(status(error)),
        Err(panicked) => Err(status(Error::Internal(Arc::new(panicked)))),
    }
}

/// `broken` takes the transport's status, for a client that still listens.
fn items(
    messages: Streaming<UploadCaptureRequest>,
    receipt: Receipt,
    limits: ChunkLimits,
    broken: &Arc<OnceLock<Status>>,
) -> impl Stream<Item = UploadItem> + use<> {
    let broken = Arc::clone(broken);
    let broke = move |status| {
        broken.get_or_init(|| status);
        UploadItem::Broken
    };
    messages.map(move |shown| {
        let shown = match shown {
            Ok(shown) => shown,
            // What tonic says of a message above the decoding limit.
            Err(error) if error.code() == Code::OutOfRange => {
                return UploadItem::Refused(Error::MessageTooLarge);
            }
            Err(error) => return broke(error),
        };
        let Arrived { room, bytes } = match receipt.take() {
            Ok(arrived) => arrived,
            Err(error) => return UploadItem::Refused(error),
        };
        // As long as its largest message may be.
        let mut buffer_bytes = GRPC_MESSAGE_BYTES_MAX;
        let message = match bytes {
            None => shown.message,
            Some(bytes) => {
                buffer_bytes = bytes.len();
                match UploadCaptureRequest::decode(bytes) {
                    Ok(decoded) => decoded.message,
                    Err(error) => return broke(malformed(&error)),
                }
            }
        };
        item(message, room, buffer_bytes, limits).unwrap_or_else(UploadItem::Refused)
    })
}

/// As tonic says it of those that it decodes.
fn malformed(error: &DecodeError) -> Status {
    Status::internal(error.to_string())
}

fn item(
    message: Option<Message>,
    room: Reserved,
    buffer_bytes: usize,
    limits: ChunkLimits,
) -> Result<UploadItem, Error> {
    match message {
        None => Err(Error::Order("a message without content")),
        Some(Message::Open(spec)) => Ok(UploadItem::Open(convert::spec(spec, limits)?)),
        Some(Message::Chunk(chunk)) => {
            Ok(UploadItem::Chunk(convert::chunk(chunk, buffer_bytes), room))
        }
        Some(Message::Finish(finish)) => {
            let weir_shared::proto::ingest::v1::Finish {
                chunk_count,
                sha256,
                size_bytes,
            } = finish;
            let params = convert::seal_params(chunk_count, &sha256, size_bytes, limits)?;
            Ok(UploadItem::Finish(params))
        }
    }
}
