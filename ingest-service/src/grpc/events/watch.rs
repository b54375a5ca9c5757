//! WatchEvents: events as they happen, each encoded once for all who are told of it.

use bytes::{BufMut, Bytes};
use futures::stream;
use prost::Message as _;
use tonic::{Request, Response, Status};
use weir_shared::{
    call::{CallScope, Deadline},
    proto::ingest::v1::{WatchEventsRequest, WatchEventsResponse},
};

use super::{
    EventsApi,
    convert::{self, Source},
};
use crate::{
    domain::{
        error::Error,
        event::{Event, Position},
        event_watch::Told,
    },
    grpc::{
        convert::labels,
        error::status,
        streamed::{Answer, Answers, Method},
    },
};

/// The method, which the generated server does not answer.
#[derive(Clone, Debug)]
pub(crate) struct WatchEvents(pub(super) EventsApi);

/// An encoded `WatchEventsResponse`.
#[derive(Debug)]
pub(crate) struct Encoded(Bytes);

impl Answer for Encoded {
    fn length(&self) -> usize {
        self.0.len()
    }

    fn write(self, to: &mut impl BufMut) {
        to.put(self.0);
    }
}

#[tonic::async_trait]
impl Method for WatchEvents {
    const PATH: &'static str = "/weir.ingest.v1.EventsService/WatchEvents";
    type Request = WatchEventsRequest;
    type Answer = Encoded;

    async fn call(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Answers<Encoded>>, Status> {
        let Self(EventsApi { ingest, source }) = self;
        let deadline = Deadline::of(request.extensions());
        let scope = CallScope::enter(&ingest.tasks, &ingest.shutdown, deadline);
        let (start, filter) = convert::watched(request.into_inner(), labels).map_err(status)?;
        let watch = ingest.watch_events(start, filter, scope.token().clone());
        let watch = watch.await.map_err(status)?;

        // Asked by the transport for each event: no task and no queue of its own.
        let source = source.clone();
        let events = stream::unfold((watch, source), |(mut watch, source)| async move {
            let told = match watch.next().await {
                Ok(Told::Event(event)) => Ok(event.told(|event| encoded(event, &source))),
                Ok(Told::Nothing(position)) => Ok(nothing(position)),
                Ok(Told::End) => return None,
                // The scope knows why the call ended, and the held stream says it.
                Err(Error::Ended) => return None,
                Err(error) => Err(status(error)),
            };
            Some((told.map(Encoded), (watch, source)))
        });
        Ok(Response::new(Box::pin(scope.hold(events))))
    }
}

fn encoded(event: &Event, source: &Source) -> Bytes {
    let told = WatchEventsResponse {
        cursor: convert::cursor(event.position),
        event: Some(convert::event(event, source)),
    };
    told.encode_to_vec().into()
}

fn nothing(position: Position) -> Bytes {
    let told = WatchEventsResponse {
        cursor: convert::cursor(position),
        event: None,
    };
    told.encode_to_vec().into()
}
