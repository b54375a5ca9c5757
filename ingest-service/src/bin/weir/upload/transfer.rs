//! One UploadCapture call.

use futures::{Stream, StreamExt as _, stream};
use tokio::sync::oneshot;
use tonic::{IntoStreamingRequest as _, Status};
use weir_shared::proto::ingest::v1::{
    CaptureSpec, Chunk, Finish, UploadCaptureRequest, UploadCaptureResponse,
    upload_capture_request::Message,
};

use crate::{caller::Caller, failure::Failure};

/// Why a call did not end well.
#[derive(Debug)]
pub(super) enum TransferError {
    /// The bytes could not be had: trying again does not help.
    Source(Failure),
    Call(Status),
}

/// What comes between open and the end of the call.
#[derive(Debug)]
pub(super) enum Part {
    Chunk(Chunk),
    Finish(Finish),
}

/// Sends open, then the parts. When a part cannot be had the call is cancelled:
/// an end of the stream would look like a decision.
///
/// Cancel safety: dropping it cancels the call; what the service has made
/// durable stays.
pub(super) async fn transfer(
    caller: &Caller,
    capture_id: &str,
    parts: impl Stream<Item = Result<Part, Failure>> + Send + 'static,
) -> Result<UploadCaptureResponse, TransferError> {
    let open = CaptureSpec {
        capture_id: capture_id.to_owned(),
        ..Default::default()
    };
    let open = UploadCaptureRequest {
        message: Some(Message::Open(open)),
    };
    let (failed, source_failure) = oneshot::channel();
    let messages = stream::once(async { open }).chain(messages(parts, failed));
    let request = caller.timed(messages.into_streaming_request());
    let mut client = caller.client();
    tokio::select! {
        biased;
        Ok(failure) = source_failure => Err(TransferError::Source(failure)),
        response = client.upload_capture(request) => {
            response.map(tonic::Response::into_inner).map_err(TransferError::Call)
        }
    }
}

/// The parts as messages, up to the first that fails; its failure goes aside,
/// because a request stream of tonic's cannot fail. Then the stream stays open
/// until the call is dropped.
fn messages(
    parts: impl Stream<Item = Result<Part, Failure>> + Send + 'static,
    failed: oneshot::Sender<Failure>,
) -> impl Stream<Item = UploadCaptureRequest> + Send + 'static {
    let state = (Box::pin(parts), failed);
    stream::unfold(state, |(mut parts, failed)| async move {
        let message = match parts.next().await? {
            Ok(Part::Chunk(chunk)) => Message::Chunk(chunk),
            Ok(Part::Finish(finish)) => Message::Finish(finish),
            Err(failure) => {
                // The other end is gone only when the call is.
                _ = failed.send(failure);
                return std::future::pending().await;
            }
        };
        let message = UploadCaptureRequest {
            message: Some(message),
        };
        Some((message, (parts, failed)))
    })
}
