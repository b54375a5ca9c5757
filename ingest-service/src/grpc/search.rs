//! SearchService: what analyses have found, found again.

mod convert;
mod page;
mod record;

use std::sync::Arc;

use tonic::{Request, Response, Status};
use weir_shared::proto::ingest::v1::{
    QueryRecordsRequest, QueryRecordsResponse, SearchCapturesRequest, SearchCapturesResponse,
    search_service_server::SearchService,
};

use super::error::status;
use crate::domain::{index::Index, ingest::Ingest};

pub(crate) use record::RecordReader;

/// The gRPC service.
#[derive(Clone, Debug)]
pub(crate) struct SearchApi {
    ingest: Arc<Ingest>,
    index: Arc<dyn Index>,
}

impl SearchApi {
    pub(crate) fn new(ingest: Arc<Ingest>, index: Arc<dyn Index>) -> Self {
        Self { ingest, index }
    }
}

#[tonic::async_trait]
impl SearchService for SearchApi {
    async fn query_records(
        &self,
        request: Request<QueryRecordsRequest>,
    ) -> Result<Response<QueryRecordsResponse>, Status> {
        let page = page::query(self, request.into_inner()).await;
        page.map(Response::new).map_err(status)
    }

    async fn search_captures(
        &self,
        request: Request<SearchCapturesRequest>,
    ) -> Result<Response<SearchCapturesResponse>, Status> {
        let found = convert::search(self, request.into_inner()).await;
        found.map(Response::new).map_err(status)
    }
}
