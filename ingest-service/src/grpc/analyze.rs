//! AnalyzeCapture: names the capture's bytes to the analyzer and relays what it
//! streams back.

mod call;
mod client;
mod relay;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;
use weir_shared::{
    call::{CallScope, Deadline},
    proto::ingest::v1::{AnalyzeCaptureRequest, AnalyzeCaptureResponse},
};

pub(super) use call::{AnalyzerCall, Cut, Hearer};
pub(crate) use client::connect;
pub use client::{AnalyzerClient, client as analyzer_client, endpoint as analyzer_endpoint};

use super::{Service, convert, error::status};
use relay::Relay;
pub(crate) use source::Namings;

/// Events between the relaying task and the transport. Each may be a batch of
/// records: more would only be memory.
const EVENTS_AHEAD: usize = 2;

pub(super) type AnalyzeStream =
    std::pin::Pin<Box<dyn Stream<Item = Result<AnalyzeCaptureResponse, Status>> + Send>>;

pub(super) async fn analyze(
    service: &Service,
    request: Request<AnalyzeCaptureRequest>,
) -> Result<Response<AnalyzeStream>, Status> {
    let ingest = &service.ingest;
    let deadline = Deadline::of(request.extensions());
    let scope = CallScope::enter(service.tasks(), &ingest.shutdown, deadline);
    let AnalyzeCaptureRequest {
        capture_id,
        options,
    } = request.into_inner();
    let id = convert::capture_id(capture_id).map_err(status)?;
    let (capture, used) = ingest.use_sealed(&id).await.map_err(status)?;

    let (sink, events) = mpsc::channel(EVENTS_AHEAD);
    let relay = Relay {
        call: AnalyzerCall {
            ingest: Arc::clone(ingest),
            client: service.analyzer.clone(),
            namings: Arc::clone(&service.namings),
            capture,
            options,
            deadline,
        },
        used,
        ended: scope.token().clone(),
        sink,
    };
    service.tasks().spawn(relay.run().in_current_span());
    Ok(Response::new(Box::pin(
        scope.hold(ReceiverStream::new(events)),
    )))
}
