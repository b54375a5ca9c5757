//! WatchAnalysis: what is stored from a sequence on, then what comes, then the end.

use std::sync::Arc;

use futures::{Stream, StreamExt as _, stream};
use prost::Message as _;
use tonic::{Request, Response, Status};
use weir_shared::{
    call::{CallScope, Deadline},
    proto::{
        analyzer::v1::RecordBatch,
        ingest::v1::{WatchAnalysisRequest, WatchAnalysisResponse, watch_analysis_response::Event},
    },
};

use super::{super::error::status, AnalysesApi, convert, frames::Frames};
use crate::domain::{
    analyses::{AnalysisWatch, Records, Seen},
    error::Error,
};

/// Bytes of records in one message, but for a record that is longer: clients take
/// 4 MiB, and what was gathered for an object may be more.
const BATCH_BYTES: usize = 256 << 10;

pub(super) type WatchStream =
    std::pin::Pin<Box<dyn Stream<Item = Result<WatchAnalysisResponse, Status>> + Send>>;

pub(super) async fn watch(
    service: &AnalysesApi,
    request: Request<WatchAnalysisRequest>,
) -> Result<Response<WatchStream>, Status> {
    let ingest = &service.ingest;
    let deadline = Deadline::of(request.extensions());
    let scope = CallScope::enter(&ingest.tasks, &ingest.shutdown, deadline);
    let WatchAnalysisRequest {
        analysis_id,
        after_sequence,
    } = request.into_inner();
    let id = convert::analysis_id(&analysis_id).map_err(status)?;
    let watch = service
        .analyses
        .watch(id, after_sequence, scope.token().clone());
    let watch = watch.await.map_err(status)?;

    // Asked by the transport for each message: no task and no queue of its own.
    let told = stream::unfold(watch, move |mut watch| async move {
        let seen = match next(&mut watch, after_sequence).await {
            Ok(Some(events)) => events.into_iter().map(told).collect(),
            // The scope knows why the call ended, and the held stream says it.
            Ok(None) | Err(Error::Ended) => return None,
            Err(error) => vec![Err(status(error))],
        };
        Some((stream::iter(seen), watch))
    });
    Ok(Response::new(Box::pin(scope.hold(told.flatten()))))
}

fn told(event: Event) -> Result<WatchAnalysisResponse, Status> {
    Ok(WatchAnalysisResponse { event: Some(event) })
}

async fn next(watch: &mut AnalysisWatch, after: u64) -> Result<Option<Vec<Event>>, Error> {
    Ok(match watch.next().await? {
        None => None,
        Some(Seen::Analysis(analysis)) => {
            let analysis = convert::analysis_to_proto(*analysis)?;
            Some(vec![Event::Analysis(analysis)])
        }
        Some(Seen::Progress(progress)) => Some(vec![Event::Progress(convert::decoded(progress)?)]),
        Some(Seen::Records(records)) => Some(batches(records, after)?),
    })
}

/// Those after a sequence, in messages that every client takes.
fn batches(records: Records, after: u64) -> Result<Vec<Event>, Error> {
    let (mut events, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for record in Frames::of(records) {
        let record = record.map_err(|error| Error::Internal(Arc::new(error)))?;
        if record.sequence <= after {
            continue;
        }
        let more = record.encoded_len();
        if !batch.is_empty() && bytes + more > BATCH_BYTES {
            let records = std::mem::take(&mut batch);
            events.push(Event::Records(RecordBatch { records }));
            bytes = 0;
        }
        bytes += more;
        batch.push(record);
    }
    if !batch.is_empty() {
        events.push(Event::Records(RecordBatch { records: batch }));
    }
    Ok(events)
}
