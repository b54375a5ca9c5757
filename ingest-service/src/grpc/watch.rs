//! WatchCapture: the state of a capture whenever it has changed.

use futures::{Stream, stream};
use tonic::{Request, Response, Status};
use weir_shared::{
    call::{CallScope, Deadline},
    proto::ingest::v1::{WatchCaptureRequest, WatchCaptureResponse},
};

use super::{MISSING_RANGES_MAX, Service, convert, error::status};
use crate::domain::error::Error;

pub(super) type WatchStream =
    std::pin::Pin<Box<dyn Stream<Item = Result<WatchCaptureResponse, Status>> + Send>>;

pub(super) async fn watch(
    service: &Service,
    request: Request<WatchCaptureRequest>,
) -> Result<Response<WatchStream>, Status> {
    let ingest = &service.ingest;
    let deadline = Deadline::of(request.extensions());
    let scope = CallScope::enter(service.tasks(), &ingest.shutdown, deadline);
    let WatchCaptureRequest { capture_id } = request.into_inner();
    let id = convert::capture_id(capture_id).map_err(status)?;
    let watch = ingest.watch(&id, MISSING_RANGES_MAX, scope.token().clone());
    let watch = watch.await.map_err(status)?;

    // Asked by the transport for each state: no task and no queue of its own.
    let states = stream::unfold(watch, |mut watch| async move {
        let told = match watch.next().await {
            Ok(Some((capture, missing))) => Ok(WatchCaptureResponse {
                capture: Some(convert::capture_to_proto(&capture, missing)),
            }),
            // The scope knows why the call ended, and the held stream says it.
            Ok(None) | Err(Error::Ended) => return None,
            Err(error) => Err(status(error)),
        };
        Some((told, watch))
    });
    Ok(Response::new(Box::pin(scope.hold(states))))
}
