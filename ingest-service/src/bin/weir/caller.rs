//! Calls to ingest-service: each carries what is left of the deadline, and
//! those that may be repeated are, while that can help.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tonic::{IntoRequest as _, Request, Response, Status, transport::Channel};
use tower::Layer as _;
use weir_shared::{
    call::Deadline,
    layers::trace::{PropagateLayer, TraceService},
    proto::ingest::v1::{
        analyses_service_client::AnalysesServiceClient, events_service_client::EventsServiceClient,
        ingest_service_client::IngestServiceClient, search_service_client::SearchServiceClient,
    },
    status,
};

use crate::{
    failure::{Failure, is_passing},
    output::Notes,
};

/// First wait before a call is repeated; each further one is twice as long.
const WAIT_MIN: Duration = Duration::from_millis(200);
/// Longest wait, also when the service asks for more.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Repeats without any progress before it is given up: 6 to 12 s in all, so
/// that a restart of the service is outlived and a wrong address is told.
const REPEATS_MAX: usize = 5;

/// Each call is a span, and part of the command's trace.
pub(crate) type Client = IngestServiceClient<TraceService<Channel>>;
type EventsClient = EventsServiceClient<TraceService<Channel>>;

/// The same of background analyses.
pub(crate) type AnalysesClient = AnalysesServiceClient<TraceService<Channel>>;

/// The same of what they found.
type SearchClient = SearchServiceClient<TraceService<Channel>>;

/// The service, as one command sees it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    client: Client,
    analyses: AnalysesClient,
    events: EventsClient,
    search: SearchClient,
    deadline: Option<Deadline>,
    pub(crate) notes: Notes,
}

impl Caller {
    pub(crate) fn new(channel: Channel, deadline: Option<Deadline>, notes: Notes) -> Self {
        let channel = PropagateLayer.layer(channel);
        Self {
            client: IngestServiceClient::new(channel.clone()),
            analyses: AnalysesServiceClient::new(channel.clone()),
            events: EventsServiceClient::new(channel.clone()),
            search: SearchServiceClient::new(channel),
            deadline,
            notes,
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn analyses(&self) -> AnalysesClient {
        self.analyses.clone()
    }

    pub(crate) fn events(&self) -> EventsClient {
        self.events.clone()
    }

    pub(crate) fn search(&self) -> SearchClient {
        self.search.clone()
    }

    /// A request that says what is left of the deadline.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        self.timed(message.into_request())
    }

    /// The same for a request that exists.
    pub(crate) fn timed<T>(&self, mut request: Request<T>) -> Request<T> {
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline.remaining());
        }
        request
    }

    /// Makes an idempotent call, again while its failure may pass.
    ///
    /// # Errors
    /// What the last try met.
    pub(crate) async fn call<M: Clone, T>(
        &self,
        message: M,
        once: impl AsyncFnMut(Client, Request<M>) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        self.tries(self.client(), message, once).await
    }

    /// The same with a client of whichever service.
    ///
    /// # Errors
    /// What the last try met.
    pub(crate) async fn repeat<C: Clone, M: Clone, T>(
        &self,
        client: C,
        message: M,
        once: impl AsyncFnMut(C, Request<M>) -> Result<Response<T>, Status>,
    ) -> Result<T, Failure> {
        let done = self.tries(client, message, once).await;
        done.map_err(|status| Failure::from_status(&status))
    }

    async fn tries<C: Clone, M: Clone, T>(
        &self,
        client: C,
        message: M,
        mut once: impl AsyncFnMut(C, Request<M>) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        let mut patience = Patience::new();
        loop {
            match once(client.clone(), self.request(message.clone())).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => patience.wait(status, &self.notes).await?,
            }
        }
    }
}

/// How often something is still worth repeating.
#[derive(Debug)]
pub(crate) struct Patience(ExponentialBackoff);

impl Patience {
    pub(crate) fn new() -> Self {
        Self(waits().with_max_times(REPEATS_MAX).build())
    }

    /// Of what was asked to follow, and has begun to: it waits for the service for as long
    /// as it is away.
    pub(crate) fn endless() -> Self {
        Self(waits().without_max_times().build())
    }

    /// Something was achieved: all the patience is back.
    pub(crate) fn restore(&mut self) {
        *self = Self::new();
    }

    /// Waits before the next try, and says so.
    ///
    /// # Errors
    /// The status, when another try is not worth it.
    pub(crate) async fn wait(&mut self, status: Status, notes: &Notes) -> Result<(), Status> {
        if !is_passing(&status) {
            return Err(status);
        }
        let Some(wait) = self.0.next() else {
            return Err(status);
        };
        let asked = status::retry_after(&status).unwrap_or_default();
        let wait = wait.max(asked.min(WAIT_MAX));
        let failure = Failure::from_status(&status);
        notes.say(&format!(
            "{failure}; trying again in {:.1} s",
            wait.as_secs_f64()
        ));
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

fn waits() -> ExponentialBuilder {
    // Seeded by hand: the clock tells two clients of one outage apart.
    let seed = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| u64::from(since.subsec_nanos()))
        ^ u64::from(std::process::id()) << 32;
    ExponentialBuilder::new()
        .with_min_delay(WAIT_MIN)
        .with_max_delay(WAIT_MAX)
        .with_jitter()
        .with_jitter_seed(seed)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_comes_back_with_progress() {
        let away = || status::error(Code::Unavailable, "ANALYZER_UNAVAILABLE", "away").build();
        let mut patience = Patience::new();
        for _ in 0..2 {
            for _ in 0..REPEATS_MAX {
                patience.wait(away(), &Notes::hidden()).await.unwrap();
            }
            let last = patience.wait(away(), &Notes::hidden()).await;
            assert_eq!(last.unwrap_err().code(), Code::Unavailable);
            patience.restore();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_follows_waits_for_as_long_as_it_takes() {
        let away = || status::error(Code::Unavailable, "ANALYZER_UNAVAILABLE", "away").build();
        let mut patience = Patience::endless();
        for _ in 0..100 * REPEATS_MAX {
            let begun = tokio::time::Instant::now();
            patience.wait(away(), &Notes::hidden()).await.unwrap();
            // With its jitter.
            assert!(begun.elapsed() <= 2 * WAIT_MAX);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_that_the_service_asks_for_is_kept_up_to_a_bound() {
        for (asked, least) in [(5, 5), (3_600, 10)] {
            let asked = Duration::from_secs(asked);
            let busy = status::error(Code::Unavailable, "OVERLOADED", "busy").retry_after(asked);
            let begun = tokio::time::Instant::now();
            Patience::new()
                .wait(busy.build(), &Notes::hidden())
                .await
                .unwrap();
            assert_eq!(begun.elapsed(), Duration::from_secs(least));
        }
    }

    #[tokio::test]
    async fn a_refusal_is_not_repeated() {
        let refused = status::error(Code::NotFound, "CAPTURE_UNKNOWN", "no capture x").build();
        let result = Patience::new().wait(refused, &Notes::hidden()).await;
        assert_eq!(result.unwrap_err().code(), Code::NotFound);
    }
}
