//! EventsService: what has happened, and what was given up.

mod convert;
mod dead_letters;

use std::{pin::Pin, sync::Arc};

use futures::{Stream, stream};
use tonic::{Request, Response, Status};
use weir_shared::{
    call::{CallScope, Deadline},
    proto::ingest::v1::{
        DropDeadLettersRequest, DropDeadLettersResponse, GetDeadLetterRequest,
        GetDeadLetterResponse, ListDeadLettersRequest, ListDeadLettersResponse,
        RedriveDeadLettersRequest, RedriveDeadLettersResponse, WatchEventsRequest,
        WatchEventsResponse, events_service_server::EventsService,
    },
};

use super::{convert::labels, error::status};
use crate::domain::{error::Error, event_watch::Told, ingest::Ingest};

pub(crate) use convert::{Source, event};

type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

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
}

#[tonic::async_trait]
impl EventsService for EventsApi {
    type WatchEventsStream = WatchStream;

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<WatchStream>, Status> {
        let ingest = &self.ingest;
        let deadline = Deadline::of(request.extensions());
        let scope = CallScope::enter(&ingest.tasks, &ingest.shutdown, deadline);
        let (start, filter) = convert::watched(request.into_inner(), labels).map_err(status)?;
        let watch = ingest.watch_events(start, filter, scope.token().clone());
        let watch = watch.await.map_err(status)?;

        // Asked by the transport for each event: no task and no queue of its own.
        let source = self.source.clone();
        let events = stream::unfold((watch, source), |(mut watch, source)| async move {
            let told = match watch.next().await {
                Ok(Told::Event(event)) => Ok(WatchEventsResponse {
                    cursor: convert::cursor(event.position),
                    event: Some(convert::event(&event, &source)),
                }),
                Ok(Told::Nothing(position)) => Ok(WatchEventsResponse {
                    cursor: convert::cursor(position),
                    event: None,
                }),
                Ok(Told::End) => return None,
                // The scope knows why the call ended, and the held stream says it.
                Err(Error::Ended) => return None,
                Err(error) => Err(status(error)),
            };
            Some((told, (watch, source)))
        });
        Ok(Response::new(Box::pin(scope.hold(events))))
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
