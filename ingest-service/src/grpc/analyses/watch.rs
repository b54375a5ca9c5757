//! WatchAnalysis: what is stored from a sequence on, then what comes, then the end.

use std::sync::Arc;

use bytes::BufMut;
use futures::{StreamExt as _, stream};
use prost::Message as _;
use tonic::{Request, Response, Status};
use weir_shared::{
    call::{CallScope, Deadline},
    proto::ingest::v1::{
        WatchAnalysisRequest, WatchAnalysisResponse, watch_analysis_response::Event,
    },
};

use super::{super::error::status, AnalysesApi, batch::Batch, convert};
use crate::{
    domain::{
        analyses::{AnalysisWatch, Seen},
        error::Error,
    },
    grpc::streamed::{Answer, Answers, Method},
};

/// The method, which the generated server does not answer.
#[derive(Clone, Debug)]
pub(crate) struct WatchAnalysis(pub(super) AnalysesApi);

/// A `WatchAnalysisResponse`.
#[derive(Debug)]
pub(crate) enum Told {
    Message(Box<WatchAnalysisResponse>),
    Records(Batch),
}

impl Answer for Told {
    fn length(&self) -> usize {
        match self {
            Self::Message(message) => message.encoded_len(),
            Self::Records(batch) => batch.length(),
        }
    }

    fn write(self, to: &mut impl BufMut) {
        match self {
            Self::Message(message) => message.encode_raw(to),
            Self::Records(batch) => batch.write(to),
        }
    }
}

#[tonic::async_trait]
impl Method for WatchAnalysis {
    const PATH: &'static str = "/weir.ingest.v1.AnalysesService/WatchAnalysis";
    type Request = WatchAnalysisRequest;
    type Answer = Told;

    async fn call(
        &self,
        request: Request<WatchAnalysisRequest>,
    ) -> Result<Response<Answers<Told>>, Status> {
        let Self(AnalysesApi { ingest, analyses }) = self;
        let deadline = Deadline::of(request.extensions());
        let scope = CallScope::enter(&ingest.tasks, &ingest.shutdown, deadline);
        let WatchAnalysisRequest {
            analysis_id,
            after_sequence,
        } = request.into_inner();
        let id = convert::analysis_id(&analysis_id).map_err(status)?;
        let watch = analyses.watch(id, after_sequence, scope.token().clone());
        let watch = watch.await.map_err(status)?;

        // Asked by the transport for each message: no task and no queue of its own.
        let told = stream::unfold(watch, move |mut watch| async move {
            let told = match next(&mut watch, after_sequence).await {
                Ok(Some(told)) => told.into_iter().map(Ok).collect(),
                // The scope knows why the call ended, and the held stream says it.
                Ok(None) | Err(Error::Ended) => return None,
                Err(error) => vec![Err(status(error))],
            };
            Some((stream::iter(told), watch))
        });
        Ok(Response::new(Box::pin(scope.hold(told.flatten()))))
    }
}

async fn next(watch: &mut AnalysisWatch, after: u64) -> Result<Option<Vec<Told>>, Error> {
    let event = match watch.next().await? {
        None => return Ok(None),
        Some(Seen::Analysis(analysis)) => {
            let analysis = Arc::unwrap_or_clone(analysis);
            Event::Analysis(convert::analysis_to_proto(analysis)?)
        }
        Some(Seen::Progress(progress)) => Event::Progress(convert::decoded(progress)?),
        Some(Seen::Records(records)) => {
            let batches = Batch::all(records, after);
            let batches = batches.map_err(|cut| Error::Internal(Arc::new(cut)))?;
            return Ok(Some(batches.into_iter().map(Told::Records).collect()));
        }
    };
    let event = Some(event);
    let message = Box::new(WatchAnalysisResponse { event });
    Ok(Some(vec![Told::Message(message)]))
}
