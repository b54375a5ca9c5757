//! A new index catches up with what was there before it.

use std::{sync::Arc, time::Duration};

use weir_shared::chain::Chain;

use super::indexer::Indexer;
use crate::{
    catalog::{AnalysisQuery, ListPlace, ListQuery},
    domain::{
        analysis::{Analysis, AnalysisState},
        capture::{Capture, State},
        error::Error,
        grouped::Grouped,
    },
};

/// Captures in one question to the catalog.
const PAGE: u32 = 100;

/// After a failure: the catalog, the store or the index was away.
const RETRY_AFTER: Duration = Duration::from_secs(10);

impl Indexer {
    /// Indexes what is there, once for each index, until shutdown. What happens
    /// meanwhile comes as events.
    pub async fn rebuild(self: Arc<Self>) {
        loop {
            match self.rebuild_once().await {
                Ok(()) => return,
                Err(error) => tracing::warn!(error = %Chain(&error), "the index is not whole yet"),
            }
            if !self.ingest.sleep(RETRY_AFTER).await {
                return;
            }
        }
    }

    async fn rebuild_once(&self) -> Result<(), Error> {
        if self.index.is_whole().await? {
            return Ok(());
        }
        let mut query = ListQuery {
            state: Some(State::Sealed),
            limit: PAGE,
            ..ListQuery::default()
        };
        let mut captures = 0_u64;
        loop {
            let page = self.ingest.list(&query).await?;
            for capture in &page {
                if self.ingest.shutdown.is_cancelled() {
                    return Ok(());
                }
                self.index_again(capture).await?;
                captures += 1;
            }
            match page.last() {
                Some(last) => query.after = Some(ListPlace::of(last)),
                None => break,
            }
        }
        self.index.set_whole().await?;
        if captures > 0 {
            tracing::info!(captures, "indexed what was there before the index");
        }
        Ok(())
    }

    async fn index_again(&self, capture: &Capture) -> Result<(), Error> {
        self.words_of(capture.uid, &Grouped::default()).await?;
        let of = |state| AnalysisQuery {
            capture: Some(capture.uid),
            state: Some(state),
            limit: 1,
            ..AnalysisQuery::default()
        };
        for state in [
            AnalysisState::Succeeded,
            AnalysisState::Failed,
            AnalysisState::Cancelled,
        ] {
            let newest: Vec<Analysis> = self.analyses.list(&of(state)).await?;
            if let Some(newest) = newest.first() {
                match self.results_of(newest).await {
                    // Damage is told where it is asked for, and holds up no other.
                    Err(Error::ResultsDamaged(_) | Error::AnalysisUnknown(_)) => {}
                    done => return done,
                }
            }
        }
        Ok(())
    }
}
