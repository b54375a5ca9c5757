//! EventsService: what has happened, and what was given up.

mod convert;
mod dead_letters;
mod watch;

use std::sync::Arc;

use tonic::{Request, Response, Status};
use weir_shared::proto::ingest::v1::{
    DropDeadLettersRequest, DropDeadLettersResponse, GetDeadLetterRequest, GetDeadLetterResponse,
    ListDeadLettersRequest, ListDeadLettersResponse, RedriveDeadLettersRequest,
    RedriveDeadLettersResponse, WatchEventsRequest, WatchEventsResponse,
    events_service_server::{EventsService, EventsServiceServer},
};

use super::{
    error::status,
    streamed::{Answers, Streamed, not_here},
};
use crate::domain::ingest::Ingest;

pub(crate) use convert::{Source, event};
pub(crate) use watch::WatchEvents;

/// The gRPC service.
#[derive(Clone, Debug)]
pub(crate) struct EventsApi {
    ingest: Arc<Ingest>,
    source: Source,
}

impl EventsApi {
    pub(crate) fn new(ingest: Arc<Ingest>, source: Source) -> Self {
        Self { ingest, source }
    }

    /// What answers its calls.
    pub(crate) fn server(self) -> Streamed<EventsServiceServer<Self>, WatchEvents> {
        let watch = WatchEvents(self.clone());
        Streamed::new(EventsServiceServer::new(self), watch)
    }
}

#[tonic::async_trait]
impl EventsService for EventsApi {
    type WatchEventsStream = Answers<WatchEventsResponse>;

    async fn watch_events(
        &self,
        _: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        Err(not_here())
    }

    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        let page = dead_letters::list(self, request.into_inner()).await;
        page.map(Response::new).map_err(status)
    }

    async fn get_dead_letter(
        &self,
        request: Request<GetDeadLetterRequest>,
    ) -> Result<Response<GetDeadLetterResponse>, Status> {
        let one = dead_letters::get(self, request.into_inner()).await;
        one.map(Response::new).map_err(status)
    }

    async fn redrive_dead_letters(
        &self,
        request: Request<RedriveDeadLettersRequest>,
    ) -> Result<Response<RedriveDeadLettersResponse>, Status> {
        let done = dead_letters::redrive(self, request.into_inner()).await;
        done.map(Response::new).map_err(status)
    }

    async fn drop_dead_letters(
        &self,
        request: Request<DropDeadLettersRequest>,
    ) -> Result<Response<DropDeadLettersResponse>, Status> {
        let done = dead_letters::forget(self, request.into_inner()).await;
        done.map(Response::new).map_err(status)
    }
}
