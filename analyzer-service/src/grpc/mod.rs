//! The gRPC edge: parses requests, holds calls to their scope, converts events.

mod convert;
mod convert_flow;
mod errors;
mod request;
mod worker;

use std::{num::NonZeroUsize, sync::Arc};

use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;
use weir_shared::{
    call::{CallScope, Deadline, Held},
    proto::analyzer::v1::{
        AnalyzeRequest, AnalyzeResponse, analyzer_service_server::AnalyzerService,
    },
    serve::Lifecycle,
    store::SegmentStore,
};

use self::{request::parse, worker::Worker};
use crate::{threads::Threads, turns::Turn};

/// Events that wait for the client: a few batches, so that the worker goes on
/// while one is being sent, and stops soon when nobody reads.
const EVENTS_QUEUED_MAX: usize = 4;

/// Bounds of one service.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Analyses at once.
    pub analyses_max: usize,
    /// Of those, how many compute at once; the others wait for their turn.
    pub computing_max: usize,
    /// Largest inline capture, bytes.
    pub inline_bytes_max: usize,
    /// Flows in one analysis' table.
    pub flows_max: usize,
}

/// Implements `weir.analyzer.v1.AnalyzerService`.
#[derive(Debug)]
pub struct Analyzer {
    store: Arc<dyn SegmentStore>,
    threads: Arc<dyn Threads>,
    limits: Limits,
    /// A place is held by the worker, not by the handler: it is free again when
    /// the work has stopped.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    lifecycle: Lifecycle,
}

impl Analyzer {
    #[must_use]
    pub fn new(
        store: Arc<dyn SegmentStore>,
        threads: Arc<dyn Threads>,
        limits: Limits,
        lifecycle: Lifecycle,
    ) -> Self {
        Self {
            store,
            threads,
            limits,
            places: Arc::new(Semaphore::new(limits.analyses_max)),
            turns: Arc::new(Semaphore::new(limits.computing_max)),
            lifecycle,
        }
    }
}

#[tonic::async_trait]
impl AnalyzerService for Analyzer {
    type AnalyzeStream = Held<ReceiverStream<Result<AnalyzeResponse, Status>>>;

    async fn analyze(
        &self,
        request: Request<AnalyzeRequest>,
    ) -> Result<Response<Self::AnalyzeStream>, Status> {
        let deadline = Deadline::of(request.extensions());
        let mut request = parse(request.into_inner(), self.limits.inline_bytes_max)
            .map_err(|error| errors::request_status(&error))?;
        request.options.flows_max = self.limits.flows_max;
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(errors::overloaded(self.limits.analyses_max));
        };
        // A second thread costs some CPU time: it is for cores that have nothing else to do.
        let free = self.places.available_permits();
        let running = self.limits.analyses_max.saturating_sub(free);
        if 2 * running > request.options.threads.get() {
            request.options.threads = NonZeroUsize::MIN;
        }

        let Lifecycle {
            tasks, shutdown, ..
        } = &self.lifecycle;
        let scope = CallScope::enter(tasks, shutdown, deadline);
        let (events, answers) = mpsc::channel(EVENTS_QUEUED_MAX);
        let cancel = scope.token().clone();
        let (threads, turns) = (Arc::clone(&self.threads), Arc::clone(&self.turns));
        let worker = Worker {
            store: Arc::clone(&self.store),
            turn: Arc::new(Turn::new(threads, turns, cancel.clone())),
            tasks: tasks.clone(),
            cancel,
            events,
            place,
        };
        tasks.spawn(worker.run(request).in_current_span());
        Ok(Response::new(scope.hold(ReceiverStream::new(answers))))
    }
}
