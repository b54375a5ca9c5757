//! UploadCapture: the stream of messages, and how the call ends.

use std::sync::{Arc, OnceLock};

use futures::{Stream, StreamExt as _};
use tonic::{Code, Request, Status, Streaming};
use tracing::Instrument as _;
use weir_shared::{
    call::{CallScope, Deadline, EndCause, end_status},
    proto::ingest::v1::{UploadCaptureRequest, upload_capture_request::Message},
};

use super::{Service, convert, error::status, receive::Receipt};
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
    messages.map(move |message| match message {
        Ok(UploadCaptureRequest { message }) => receipt
            .take()
            .and_then(|room| item(message, room, limits))
            .unwrap_or_else(UploadItem::Refused),
        // What tonic says of a message above the decoding limit.
        Err(error) if error.code() == Code::OutOfRange => {
            UploadItem::Refused(Error::MessageTooLarge)
        }
        Err(error) => {
            broken.get_or_init(|| error);
            UploadItem::Broken
        }
    })
}

fn item(
    message: Option<Message>,
    room: Reserved,
    limits: ChunkLimits,
) -> Result<UploadItem, Error> {
    match message {
        None => Err(Error::Order("a message without content")),
        Some(Message::Open(spec)) => Ok(UploadItem::Open(convert::spec(spec, limits)?)),
        Some(Message::Chunk(chunk)) => Ok(UploadItem::Chunk(convert::chunk(chunk), room)),
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
