//! ReadCapture: verified bytes, as fast as the caller takes them.

use std::sync::Arc;

use futures::{Stream, StreamExt as _, stream};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;
use weir_shared::{
    call::{CallScope, Deadline},
    proto::ingest::v1::{ReadCaptureRequest, ReadCaptureResponse},
};

use super::{Service, convert, error::status};
use crate::domain::{error::Error, read::span};

/// Pieces between the reading task and the transport: one to send while the
/// next is read.
const PIECES_AHEAD: usize = 1;

pub(super) type ReadStream =
    std::pin::Pin<Box<dyn Stream<Item = Result<ReadCaptureResponse, Status>> + Send>>;

pub(super) async fn read(
    service: &Service,
    request: Request<ReadCaptureRequest>,
) -> Result<Response<ReadStream>, Status> {
    let ingest = &service.ingest;
    let deadline = Deadline::of(request.extensions());
    let scope = CallScope::enter(service.tasks(), &ingest.shutdown, deadline);
    let ReadCaptureRequest {
        capture_id,
        offset,
        length,
    } = request.into_inner();
    let id = convert::capture_id(capture_id).map_err(status)?;
    let (capture, used) = ingest.use_sealed(&id).await.map_err(status)?;
    let wanted = span(&capture, offset, length).map_err(status)?;

    let (sink, pieces) = mpsc::channel(PIECES_AHEAD);
    let (tell_end, end) = oneshot::channel();
    let (reader, token) = (Arc::clone(ingest), scope.token().clone());
    let reading = async move {
        let done = reader.read(capture, used, wanted, sink, token).await;
        tell_end.send(done).ok();
    };
    service.tasks().spawn(reading.in_current_span());

    let pieces = ReceiverStream::new(pieces).map(|data| Ok(ReadCaptureResponse { data }));
    // The end is told after the last piece, also to a caller that reads slowly.
    let end = stream::once(end).filter_map(async |end| match end {
        Ok(Ok(())) => None,
        // The scope knows why, and the held stream says it.
        Ok(Err(Error::Ended)) => None,
        Ok(Err(error)) => Some(Err(status(error))),
        Err(lost) => Some(Err(status(Error::Internal(Arc::new(lost))))),
    });
    Ok(Response::new(Box::pin(scope.hold(pieces.chain(end)))))
}
