//! Analyses that go on without their caller: asked for, run by a bounded pool of
//! this instance or another, and watched. What they find is stored as it comes.

mod attempt;
mod board;
mod gather;
mod looks;
mod metrics;
mod on_seal;
mod rest;
mod results;
mod retry;
mod runner;
mod watch;

#[cfg(test)]
mod tests;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{sync::mpsc, time::Instant};

use super::{
    analysis::{Analysis, AnalysisId, Failure, NewAnalysis, Part},
    capture::Capture,
    error::Error,
    ingest::Ingest,
    time::Timestamp,
};
use crate::catalog::{AnalysisQuery, QueueLimits, Queued};
use board::Board;
use metrics::Metrics;
use rest::Rest;
use results::Results;

pub use on_seal::AnalyzeOnSeal;
pub use results::Records;
pub use watch::{AnalysisWatch, Seen};

/// Finds out what is in a capture.
#[async_trait]
pub trait Analyzer: Debug + Send + Sync + 'static {
    /// Analyzes, and tells what is found as it is found, until its end.
    ///
    /// Cancel safety: a dropped call has stopped the analysis.
    ///
    /// # Errors
    /// [`Unanalyzed`]: what was told before is good.
    async fn analyze(&self, job: Job, told: mpsc::Sender<Told>) -> Result<(), Unanalyzed>;
}

/// What is to be analyzed, and how.
#[derive(Clone, Debug)]
pub struct Job {
    pub capture: Arc<Capture>,
    /// As they were asked for.
    pub options: Bytes,
    /// Only records after this sequence are to be told: the others are stored.
    pub after: u64,
    pub deadline: Instant,
}

/// What an analyzer tells: encoded messages, which are the edge's business.
#[derive(Clone, Debug)]
pub enum Told {
    CaptureInfo(Bytes),
    Progress(Bytes),
    /// In the order of their sequences, without gaps.
    Records(Records),
    Summary(Bytes),
}

/// Why an analyzer came to no end.
#[derive(Clone, Debug)]
pub struct Unanalyzed {
    pub failure: Failure,
    /// Tried again, it may come to one.
    pub may_pass: bool,
}

/// Bounds of background analyses.
#[derive(Clone, Copy, Debug)]
pub struct AnalysesSettings {
    /// That this instance runs at once; 0: it runs none.
    pub running_max: u32,
    /// That may wait, of all instances.
    pub waiting_max: u32,
    /// Longest time of one attempt.
    pub duration_max: Duration,
    /// Before an attempt after one that came to nothing; then longer and longer.
    pub retry_after: Duration,
}

/// Analyses that one capture may have: thousands of runs with other options, or a
/// client that runs wild. They go with the capture, in one transaction.
pub const OF_CAPTURE_MAX: u32 = 1_000;

/// The operations on background analyses.
#[derive(Debug)]
pub struct Analyses {
    ingest: Arc<Ingest>,
    analyzer: Arc<dyn Analyzer>,
    settings: AnalysesSettings,
    board: Arc<Board>,
    rest: Rest,
    results: Results,
    metrics: Metrics,
}

impl Analyses {
    #[must_use]
    pub fn new(
        ingest: Arc<Ingest>,
        analyzer: Arc<dyn Analyzer>,
        settings: AnalysesSettings,
    ) -> Arc<Self> {
        let results = Results::new(Arc::clone(&ingest.store), ingest.tasks.clone());
        Arc::new(Self {
            ingest,
            analyzer,
            settings,
            board: Arc::default(),
            rest: Rest::default(),
            results,
            metrics: Metrics::default(),
        })
    }

    /// Up to `limit` parts of what is stored after a sequence, in order.
    ///
    /// # Errors
    /// When the catalog is away.
    pub async fn parts(&self, id: AnalysisId, after: u64, limit: u32) -> Result<Vec<Part>, Error> {
        let parts = self.ingest.catalog.analysis_parts(id, after, limit);
        Ok(parts.await?)
    }

    /// What is stored in one part.
    ///
    /// # Errors
    /// [`Error::ResultsDamaged`], [`Error::StorageUnavailable`];
    /// [`Error::AnalysisUnknown`] when it is gone since the part was looked up.
    pub async fn records(&self, id: AnalysisId, part: &Part) -> Result<Records, Error> {
        match self.results.get(id, part).await {
            // What is swept with its capture is no damage.
            Err(damaged @ Error::ResultsDamaged(_)) => {
                self.get(id).await?;
                Err(damaged)
            }
            read => read,
        }
    }

    /// Puts an analysis behind those that wait, or gives the one that the same
    /// request has started before.
    ///
    /// Cancel safety: a dropped call may still do it.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::NotSealed`], [`Error::AnalysisDiffers`], or
    /// [`Error::TooManyAnalyses`].
    pub async fn start(self: &Arc<Self>, new: NewAnalysis) -> Result<Analysis, Error> {
        let analyses = Arc::clone(self);
        let started = async move {
            let limits = QueueLimits {
                waiting_max: analyses.settings.waiting_max,
                of_capture_max: OF_CAPTURE_MAX,
            };
            let ingest = &analyses.ingest;
            let queued = ingest
                .catalog
                .queue_analysis(&new, limits, Timestamp::now());
            match queued.await? {
                Queued::New(analysis) => {
                    analyses.ingest.tail.ring();
                    analyses.board.queued();
                    Ok(*analysis)
                }
                Queued::There(analysis) => Ok(*analysis),
                Queued::Differs(differs) => Err(Error::AnalysisDiffers {
                    field: differs.field,
                }),
                Queued::CaptureUnknown => Err(Error::Unknown(new.capture_id)),
                Queued::CaptureNotSealed => Err(Error::NotSealed(new.capture_id)),
                Queued::TooManyWait => Err(Error::TooManyAnalyses(
                    "analyses_waiting_max",
                    limits.waiting_max,
                )),
                Queued::TooManyOfCapture => Err(Error::TooManyAnalyses(
                    "analyses_of_capture_max",
                    limits.of_capture_max,
                )),
            }
        };
        self.ingest.undivided(started).await
    }

    /// # Errors
    /// [`Error::AnalysisUnknown`]
    pub async fn get(&self, id: AnalysisId) -> Result<Analysis, Error> {
        let found = self.ingest.catalog.analysis(id).await?;
        found.ok_or(Error::AnalysisUnknown(id))
    }

    /// Newest first, without summaries.
    ///
    /// # Errors
    /// When the catalog is away.
    pub async fn list(&self, query: &AnalysisQuery) -> Result<Vec<Analysis>, Error> {
        Ok(self.ingest.catalog.analyses(query).await?)
    }

    /// Stops an analysis for ever. It does not run any more when this returns, unless
    /// another instance has it: that one notices within a second.
    ///
    /// It stops before the catalog has heard of it. When that fails, it goes on as
    /// after any loss: from what is stored.
    ///
    /// Cancel safety: a dropped call may still do it.
    ///
    /// # Errors
    /// [`Error::AnalysisUnknown`]; when the catalog is away.
    pub async fn cancel(self: &Arc<Self>, id: AnalysisId) -> Result<Analysis, Error> {
        let analyses = Arc::clone(self);
        let cancelled = async move {
            let ingest = &analyses.ingest;
            let now = Timestamp::now();
            let _held = analyses.board.hold(id);
            let cancelled = ingest.catalog.cancel_analysis(id, now);
            let (cancelled, ()) = tokio::join!(cancelled, analyses.board.stop(id));
            let cancelled = cancelled?.ok_or(Error::AnalysisUnknown(id))?;
            if cancelled.ended == Some(now) {
                analyses.metrics.cancelled();
            }
            ingest.tail.ring();
            // It may have begun between the two.
            analyses.board.stop(id).await;
            analyses.board.changed(id);
            Ok(cancelled)
        };
        self.ingest.undivided(cancelled).await
    }
}
