//! VerifyCapture: reads what is stored, here, and sends none of it.

use std::sync::Arc;

use futures::Stream;
use tokio::{
    sync::mpsc,
    time::{Duration, Instant},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;
use weir_shared::{
    call::{CallScope, Deadline},
    proto::ingest::v1::{
        VerifyCaptureRequest, VerifyCaptureResponse, VerifyProgress, VerifyResult,
        verify_capture_response::Event,
    },
};

use super::{MISSING_RANGES_MAX, Service, convert, error::status};
use crate::domain::{
    error::Error,
    verify::{Verification, Verified},
};

/// Between two tellings of how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

pub(super) type VerifyStream =
    std::pin::Pin<Box<dyn Stream<Item = Result<VerifyCaptureResponse, Status>> + Send>>;

type Sink = mpsc::Sender<Result<VerifyCaptureResponse, Status>>;

pub(super) async fn verify(
    service: &Service,
    request: Request<VerifyCaptureRequest>,
) -> Result<Response<VerifyStream>, Status> {
    let ingest = &service.ingest;
    let deadline = Deadline::of(request.extensions());
    let scope = CallScope::enter(service.tasks(), &ingest.shutdown, deadline);
    let VerifyCaptureRequest { capture_id } = request.into_inner();
    let id = convert::capture_id(capture_id).map_err(status)?;
    let (capture, used) = ingest.use_sealed(&id).await.map_err(status)?;
    let size_bytes = capture.progress.bytes;
    let ended = scope.token().clone();
    let verification = ingest.verify(Arc::clone(&capture), used, MISSING_RANGES_MAX, ended);

    // Room for the result behind a progress that is not taken yet.
    let (sink, events) = mpsc::channel(1);
    let token = scope.token().clone();
    let running = async move {
        let result = match run(verification, size_bytes, &sink).await {
            Ok(verified) => Ok(response(Event::Result(result(verified)))),
            // The scope knows why, and the held stream says it.
            Err(Error::Ended) => return,
            Err(error) => Err(status(error)),
        };
        tokio::select! {
            biased;
            () = token.cancelled() => {}
            sent = sink.send(result) => drop(sent),
        }
    };
    service.tasks().spawn(running.in_current_span());
    Ok(Response::new(Box::pin(
        scope.hold(ReceiverStream::new(events)),
    )))
}

/// A client that does not take the progress misses it: the reading goes on.
async fn run(
    mut verification: Verification,
    size_bytes: u64,
    sink: &Sink,
) -> Result<Verified, Error> {
    let mut told = Instant::now();
    while verification.next().await?.is_some() {
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            let progress = VerifyProgress {
                bytes_verified: verification.bytes(),
                size_bytes,
            };
            sink.try_send(Ok(response(Event::Progress(progress)))).ok();
        }
    }
    Ok(verification.finish())
}

fn response(event: Event) -> VerifyCaptureResponse {
    VerifyCaptureResponse { event: Some(event) }
}

fn result(verified: Verified) -> VerifyResult {
    let Verified {
        bytes,
        damaged_chunks,
        damaged,
    } = verified;
    let listed: u64 = damaged
        .iter()
        .map(|range| u64::from(range.last().0 - range.first().0) + 1)
        .sum();
    VerifyResult {
        bytes_verified: bytes,
        chunks_damaged: damaged_chunks,
        damaged: damaged.into_iter().map(convert::range_to_proto).collect(),
        damaged_truncated: listed < damaged_chunks,
    }
}
