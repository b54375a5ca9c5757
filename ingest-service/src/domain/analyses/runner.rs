//! The pool: takes what waits, oldest first, and what a dead instance ran.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use weir_shared::{chain::Chain, traceparent};

use super::{Analyses, attempt::Attempt};
use crate::{
    catalog::{Claim, Lease},
    domain::{analysis::Analysis, error::Error, time::Timestamp},
};

/// Between two looks without a word of this process: another instance may have
/// queued something, or died.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl Analyses {
    /// Runs what waits, until shutdown. For one task.
    pub async fn run_queued(self: Arc<Self>) {
        let places = self.settings.running_max as usize;
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        let shutdown = self.ingest.shutdown.clone();
        while !shutdown.is_cancelled() {
            let lease = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                lease = self.ingest.instance.lease() => lease,
            };
            if let Err(error) = self.begin_queued(&places, &lease).await {
                tracing::warn!(error = %Chain(&error), "what waits was not begun");
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.board.anything_queued() => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    pub(super) async fn begin_queued(
        self: &Arc<Self>,
        places: &Arc<Semaphore>,
        lapse: &CancellationToken,
    ) -> Result<(), Error> {
        let catalog = &self.ingest.catalog;
        let running = self.board.running();
        let limit = self.rest.limit(places.available_permits(), running.len());
        let claim = Claim {
            owner: self.ingest.instance.id,
            running,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        let active = catalog.active_analyses(&claim).await?;
        self.metrics.active(active);
        if claim.limit == 0 || !active.claimable {
            return Ok(());
        }
        let claimed = catalog.claim_analyses(&claim, Timestamp::now()).await?;
        self.ingest.tail.ring();
        for analysis in claimed {
            // Only this task takes places.
            let place = Arc::clone(places).try_acquire_owned();
            let place = place.map_err(|closed| Error::Internal(Arc::new(closed)))?;
            self.metrics.begun(&analysis);
            self.board.changed(analysis.id);
            self.begin(analysis, place, lapse.clone());
        }
        Ok(())
    }

    fn begin(
        self: &Arc<Self>,
        analysis: Analysis,
        place: OwnedSemaphorePermit,
        lapse: CancellationToken,
    ) {
        let span = tracing::info_span!(
            parent: None,
            "analysis",
            otel.name = format!("analysis of {}", analysis.capture_id),
            analysis.id = %analysis.id,
            capture.id = %analysis.capture_id,
            attempt = analysis.attempts,
        );
        if let Some(parent) = &analysis.traceparent {
            traceparent::follow(&span, parent);
        }
        let id = analysis.id;
        let attempt = Attempt {
            lease: Lease {
                analysis: id,
                owner: self.ingest.instance.id,
                attempt: analysis.attempts,
            },
            running: self.board.run(id, analysis.attempts, place),
            analysis,
            analyses: Arc::clone(self),
            lapse,
        };
        // The instance stays alive until it is done, also at shutdown.
        let working = self.ingest.instance.working();
        let run = async move {
            attempt.run().await;
            drop(working);
        };
        self.ingest.tasks.spawn(run.instrument(span));
    }
}
