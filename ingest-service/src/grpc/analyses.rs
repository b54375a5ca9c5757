//! AnalysesService: background analyses.

mod analyzer;
mod batch;
mod convert;
pub(super) mod frames;
mod page;
mod preview;
mod watch;

use std::sync::Arc;

use tonic::{Request, Response, Status};
use weir_shared::proto::ingest::v1::{
    CancelAnalysisRequest, CancelAnalysisResponse, GetAnalysisRequest, GetAnalysisResponse,
    GetPreviewRequest, GetPreviewResponse, ListAnalysesRequest, ListAnalysesResponse,
    StartAnalysisRequest, StartAnalysisResponse, WatchAnalysisRequest, WatchAnalysisResponse,
    analyses_service_server::{AnalysesService, AnalysesServiceServer},
};

use super::{
    error::status,
    streamed::{Answers, Streamed, not_here},
};
use crate::domain::{analyses::Analyses, ingest::Ingest};

pub(crate) use analyzer::RemoteAnalyzer;
pub(crate) use preview::SummaryReader;
pub(crate) use watch::WatchAnalysis;

/// The gRPC service.
#[derive(Clone, Debug)]
pub(crate) struct AnalysesApi {
    ingest: Arc<Ingest>,
    analyses: Arc<Analyses>,
}

impl AnalysesApi {
    pub(crate) fn new(ingest: Arc<Ingest>, analyses: Arc<Analyses>) -> Self {
        Self { ingest, analyses }
    }

    /// What answers its calls.
    pub(crate) fn server(self) -> Streamed<AnalysesServiceServer<Self>, WatchAnalysis> {
        let watch = WatchAnalysis(self.clone());
        Streamed::new(AnalysesServiceServer::new(self), watch)
    }
}

#[tonic::async_trait]
impl AnalysesService for AnalysesApi {
    async fn start_analysis(
        &self,
        request: Request<StartAnalysisRequest>,
    ) -> Result<Response<StartAnalysisResponse>, Status> {
        let new = convert::new_analysis(request.into_inner()).map_err(status)?;
        let started = self.analyses.start(new).await.map_err(status)?;
        let analysis = Some(convert::analysis_to_proto(started).map_err(status)?);
        Ok(Response::new(StartAnalysisResponse { analysis }))
    }

    async fn get_analysis(
        &self,
        request: Request<GetAnalysisRequest>,
    ) -> Result<Response<GetAnalysisResponse>, Status> {
        let GetAnalysisRequest { analysis_id } = request.into_inner();
        let id = convert::analysis_id(&analysis_id).map_err(status)?;
        let found = self.analyses.get(id).await.map_err(status)?;
        let analysis = Some(convert::analysis_to_proto(found).map_err(status)?);
        Ok(Response::new(GetAnalysisResponse { analysis }))
    }

    async fn list_analyses(
        &self,
        request: Request<ListAnalysesRequest>,
    ) -> Result<Response<ListAnalysesResponse>, Status> {
        let page = page::PageRequest::parse(request.into_inner()).map_err(status)?;
        let page = page.fill(&self.ingest, &self.analyses).await;
        Ok(Response::new(page.map_err(status)?))
    }

    async fn cancel_analysis(
        &self,
        request: Request<CancelAnalysisRequest>,
    ) -> Result<Response<CancelAnalysisResponse>, Status> {
        let CancelAnalysisRequest { analysis_id } = request.into_inner();
        let id = convert::analysis_id(&analysis_id).map_err(status)?;
        let ended = self.analyses.cancel(id).await.map_err(status)?;
        let analysis = Some(convert::analysis_to_proto(ended).map_err(status)?);
        Ok(Response::new(CancelAnalysisResponse { analysis }))
    }

    type WatchAnalysisStream = Answers<WatchAnalysisResponse>;

    async fn watch_analysis(
        &self,
        _: Request<WatchAnalysisRequest>,
    ) -> Result<Response<Self::WatchAnalysisStream>, Status> {
        Err(not_here())
    }

    async fn get_preview(
        &self,
        request: Request<GetPreviewRequest>,
    ) -> Result<Response<GetPreviewResponse>, Status> {
        let preview = preview::get(&self.ingest, request.into_inner()).await;
        Ok(Response::new(preview.map_err(status)?))
    }
}
