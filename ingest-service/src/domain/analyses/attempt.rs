//! One attempt of an analysis, from its claim to its end.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::Instrument as _;
use weir_shared::chain::Chain;

use super::{
    Analyses, Job, Unanalyzed,
    board::Running,
    gather::{Gather, Gathered},
    retry::{self, late, permanent, unanalyzed},
};
use crate::{
    catalog::{Lease, Recorded, Step},
    domain::{
        analysis::{Analysis, End},
        capture::Capture,
        error::Error,
        id::SegmentId,
        live::InUse,
        time::Timestamp,
    },
};

/// What was told and not taken yet. Each may be a batch of records: more would
/// only be memory.
const TOLD_AHEAD: usize = 2;

/// Between two tries to tell the catalog how an attempt has ended.
const TELL_RETRY: Duration = Duration::from_millis(500);

/// Times that a part is written again because a sweeper has condemned it.
const CONDEMNED_MAX: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) analyses: Arc<Analyses>,
    pub(super) analysis: Analysis,
    pub(super) lease: Lease,
    pub(super) running: Running,
    /// Cancelled when others may soon take over what this instance does.
    pub(super) lapse: CancellationToken,
}

/// Nothing more can be recorded: the analysis is somebody else's, or over.
struct Lost;

impl Attempt {
    /// Runs to whatever ends it. What it holds is stored then, unless it is not
    /// its analysis any more.
    pub(super) async fn run(mut self) {
        let id = self.analysis.id;
        let ended = match self.begin().await {
            Ok((capture, used)) => self.until_lost(&used, capture).await,
            Err(Error::Deleted(_)) => Err(Lost),
            Err(error) => self.end(Err(unanalyzed(&error))).await,
        };
        if ended.is_err() {
            tracing::info!(analysis.id = %id, attempt = self.lease.attempt, "not this instance's any more");
        }
        self.analyses.board.changed(id);
    }

    async fn begin(&self) -> Result<(Arc<Capture>, InUse), Error> {
        let ingest = &self.analyses.ingest;
        let capture = ingest.catalog.by_uid(self.analysis.capture).await?;
        let id = self.analysis.capture_id.clone();
        let capture = capture.ok_or(Error::Deleted(id))?;
        let used = ingest.use_capture(&capture).await?;
        Ok((Arc::new(capture), used))
    }

    /// What is dropped here has stopped: what was written and not recorded is left to
    /// the sweeper.
    async fn until_lost(&mut self, used: &InUse, capture: Arc<Capture>) -> Result<(), Lost> {
        let (stop, lapse) = (self.running.stop_token(), self.lapse.clone());
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(Lost),
            () = used.deleted() => Err(Lost),
            () = lapse.cancelled() => Err(Lost),
            ended = self.analyze(capture) => ended,
        }
    }

    async fn analyze(&mut self, capture: Arc<Capture>) -> Result<(), Lost> {
        let analyses = Arc::clone(&self.analyses);
        let allowed = analyses.settings.duration_max;
        let allowed = self
            .analysis
            .max_duration
            .map_or(allowed, |d| d.min(allowed));
        let deadline = Instant::now() + allowed;
        let job = Job {
            capture,
            options: self.analysis.options.clone(),
            after: self.analysis.records,
            deadline,
        };
        let (teller, mut told) = mpsc::channel(TOLD_AHEAD);
        let analyzer = Arc::clone(&analyses.analyzer);
        // Aborted when this is dropped. A task of its own goes on while a part is written.
        let analysis = async move { analyzer.analyze(job, teller).await };
        let analysis = analyses.ingest.tasks.spawn(analysis.in_current_span());
        let mut analysis = AbortOnDropHandle::new(analysis);

        let mut gather = Gather::after(self.analysis.records);
        let ended = loop {
            tokio::select! {
                biased;
                () = analyses.ingest.shutdown.cancelled() => break Ok(End::Released),
                () = sleep_until(deadline) => break Err(late()),
                next = told.recv() => match next {
                    Some(next) => if let Err(gap) = gather.take(next) {
                        break Err(permanent("INTERNAL", &gap.to_string()));
                    }
                    None => break match (&mut analysis).await {
                        Ok(Ok(())) if gather.has_summary() => Ok(End::Succeeded),
                        Ok(Ok(())) => Err(permanent("INTERNAL", "no summary")),
                        Ok(Err(unanalyzed)) => Err(unanalyzed),
                        Err(panicked) => Err(permanent("INTERNAL", &panicked.to_string())),
                    },
                },
                () = sleep_until(gather.due()) => {}
            }
            if (gather.is_full() || gather.due() <= Instant::now())
                && let Err(error) = self.step(gather.step(), None).await?
            {
                return self.end(Err(unanalyzed(&error))).await;
            }
        };
        drop(analysis);
        self.finish(gather.step(), ended).await
    }

    /// The last step, with all that is left to store.
    async fn finish(
        &mut self,
        gathered: Gathered,
        ended: Result<End, Unanalyzed>,
    ) -> Result<(), Lost> {
        let has_records = gathered.records.is_some();
        let end = match ended {
            Ok(end) => end,
            Err(unanalyzed) if has_records => {
                self.analysis.failures = 0;
                self.come_to(unanalyzed)
            }
            Err(unanalyzed) => self.come_to(unanalyzed),
        };
        match self.step(gathered, Some(end)).await? {
            Ok(()) => Ok(()),
            Err(error) => self.end(Err(unanalyzed(&error))).await,
        }
    }

    /// Ends the attempt without anything to store. Told to the catalog as soon as that
    /// hears it: until then nobody else can have the analysis.
    async fn end(&mut self, ended: Result<End, Unanalyzed>) -> Result<(), Lost> {
        let end = match ended {
            Ok(end) => end,
            Err(unanalyzed) => self.come_to(unanalyzed),
        };
        loop {
            let gathered = Gathered::default();
            let Err(error) = self.step(gathered, Some(end.clone())).await? else {
                return Ok(());
            };
            tracing::warn!(error = %Chain(&error), "the end of an attempt is not told yet");
            if !self.analyses.ingest.sleep(TELL_RETRY).await {
                // The next instance finds that this one is gone.
                return Err(Lost);
            }
        }
    }

    /// Stores a part and tells the catalog. The inner result: it could not, and
    /// whether it happened is not known.
    async fn step(
        &mut self,
        gathered: Gathered,
        end: Option<End>,
    ) -> Result<Result<(), Error>, Lost> {
        let analyses = Arc::clone(&self.analyses);
        let Gathered { records, found } = gathered;
        let mut step = Step {
            part: None,
            found,
            end,
        };
        let packed = match records {
            None => None,
            Some(records) => match analyses.results.pack(records).await {
                Ok(packed) => Some(packed),
                Err(error) => return Ok(Err(error)),
            },
        };
        for _ in 0..CONDEMNED_MAX {
            if let Some(packed) = &packed {
                match analyses.results.put(self.analysis.id, packed).await {
                    Ok(part) => step.part = Some(part),
                    Err(error) => return Ok(Err(error)),
                }
            }
            let catalog = &analyses.ingest.catalog;
            let recorded = catalog.record_analysis(self.lease, &step, Timestamp::now());
            match recorded.await {
                Ok(Recorded::Recorded) => {
                    self.recorded(&step);
                    return Ok(Ok(()));
                }
                Ok(Recorded::Condemned) => {}
                Ok(Recorded::Lost) => {
                    if let Some(part) = step.part {
                        self.forget(part.segment);
                    }
                    return Err(Lost);
                }
                Err(error) => return Ok(Err(error.into())),
            }
        }
        Ok(Err(Error::StorageUnavailable(Arc::new(Condemned))))
    }

    fn recorded(&mut self, step: &Step) {
        if let Some(part) = &step.part {
            self.analysis.stored(part);
        }
        match (&step.part, &step.end) {
            (_, Some(End::Full { .. })) => self.analyses.rest.begin(),
            (Some(_), _) | (_, Some(End::Succeeded)) => self.analyses.rest.end(),
            _ => {}
        }
        if let Some(end) = &step.end {
            self.analyses.ingest.tail.ring();
            self.analyses.metrics.ended(end);
        }
        self.analyses.board.changed(self.analysis.id);
    }

    /// What an attempt that failed has come to.
    fn come_to(&self, unanalyzed: Unanalyzed) -> End {
        let retry_after = self.analyses.settings.retry_after;
        retry::come_to(unanalyzed, self.analysis.failures, retry_after)
    }

    /// In a task of its own: an end does not wait for the store.
    fn forget(&self, segment: SegmentId) {
        let ingest = Arc::clone(&self.analyses.ingest);
        let tasks = ingest.tasks.clone();
        tasks.spawn(async move { ingest.delete_object(&segment.object_key()).await });
    }
}

#[derive(Debug, thiserror::Error)]
#[error("results were condemned as often as they were written")]
struct Condemned;
