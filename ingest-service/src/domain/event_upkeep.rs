//! Events are forgotten in the end, and what is still to be done about them is
//! told as metrics.

use std::{sync::Arc, time::Duration};

use weir_shared::chain::Chain;

use super::{ingest::Ingest, time::Timestamp};
use crate::catalog::CatalogError;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(10);

/// Rows in one transaction, so that no upload's commit waits for long.
const BATCH: u32 = 500;

/// Long enough for somebody to look at them.
const DEAD_LETTERS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

impl Ingest {
    /// Forgets events that are older than `kept` once all of these handlers have
    /// them, and tells what is still to be done, until shutdown.
    pub async fn keep_events(self: Arc<Self>, kept: Duration, handlers: Vec<&'static str>) {
        // Time enough for the first delivery.
        while self.sleep(INTERVAL.min(kept)).await {
            if let Err(error) = self.forget_events(Timestamp::now(), kept, &handlers).await {
                tracing::warn!(error = %Chain(&error), "old events are kept for now");
            }
            match self.catalog.backlog().await {
                Ok(backlog) => self.metrics.backlog(&backlog, Timestamp::now()),
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "what is to be delivered is not known");
                }
            }
        }
    }

    async fn forget_events(
        &self,
        now: Timestamp,
        kept: Duration,
        handlers: &[&str],
    ) -> Result<(), CatalogError> {
        let before = now.minus(DEAD_LETTERS_KEPT);
        while self.catalog.forget_dead_letters(before, BATCH).await? {}
        let before = now.minus(kept);
        while self.catalog.forget_events(before, handlers, BATCH).await? {}
        Ok(())
    }
}
