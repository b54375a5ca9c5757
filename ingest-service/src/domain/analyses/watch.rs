//! An analysis as it goes: what is stored of it, then what comes, then its end.
//!
//! All is looked up when it is asked for, so that a slow client costs nothing
//! meanwhile but the part that it is reading.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Analyses, Records, board::Watching};
use crate::domain::{
    analysis::{Analysis, AnalysisId, AnalysisState, Part},
    error::Error,
    id::CaptureId,
    live::InUse,
};

/// Between two looks at least.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(25);

/// Between two looks without a word of this process: another instance may run it.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// Parts in one question to the catalog.
const PARTS_PAGE: u32 = 64;

/// What a watcher is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// First as it is, then whenever its state has changed; last when it is over.
    Analysis(Arc<Analysis>),
    /// The next records; the first of them may come before the sequence asked for.
    Records(Records),
    /// An encoded message.
    Progress(Bytes),
}

/// One watcher of one analysis.
#[derive(Debug)]
pub struct AnalysisWatch {
    analyses: Arc<Analyses>,
    id: AnalysisId,
    capture: CaptureId,
    used: InUse,
    watching: Watching,
    ended: CancellationToken,
    /// The last sequence that was told, or was not asked for.
    after: u64,
    /// Behind it, and not told.
    parts: VecDeque<Part>,
    /// As it was at the last look.
    latest: Arc<Analysis>,
    looked: Instant,
    told: Option<(AnalysisState, u32)>,
    told_progress: Option<Bytes>,
    is_over: bool,
}

impl Analyses {
    /// Begins to watch, until `ended` is cancelled.
    ///
    /// # Errors
    /// [`Error::AnalysisUnknown`]; [`Error::BeyondRecords`] when it is over and has
    /// fewer records.
    pub async fn watch(
        self: &Arc<Self>,
        id: AnalysisId,
        after: u64,
        ended: CancellationToken,
    ) -> Result<AnalysisWatch, Error> {
        let watching = self.board.watch(id);
        let capture = self.get(id).await?.capture;
        let used = self.ingest.live.use_capture(capture);
        // Once more: a deletion before the use is not told.
        let looked = Instant::now();
        let latest = Arc::new(self.get(id).await?);
        if latest.state.is_over() && after > latest.records {
            let records = latest.records;
            return Err(Error::BeyondRecords { records });
        }
        Ok(AnalysisWatch {
            analyses: Arc::clone(self),
            id,
            capture: latest.capture_id.clone(),
            used,
            watching,
            ended,
            after,
            parts: VecDeque::new(),
            latest,
            looked,
            told: None,
            told_progress: None,
            is_over: false,
        })
    }
}

impl AnalysisWatch {
    /// What comes next. `None` after its end.
    ///
    /// Cancel safety: a dropped call has told nothing.
    ///
    /// # Errors
    /// [`Error::Deleted`] when the capture is gone, and the analysis with it;
    /// [`Error::BeyondRecords`] when it ends with fewer records than were passed over;
    /// [`Error::Ended`] when the call is; what was told can be asked for again.
    pub async fn next(&mut self) -> Result<Option<Seen>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let (ended, deleted) = (self.ended.clone(), self.used.deletion());
        tokio::select! {
            biased;
            () = ended.cancelled() => Err(Error::Ended),
            () = deleted.cancelled() => Err(self.deleted()),
            seen = self.see() => seen.map(Some),
        }
    }

    fn deleted(&self) -> Error {
        Error::Deleted(self.capture.clone())
    }

    async fn see(&mut self) -> Result<Seen, Error> {
        if self.told.is_none() {
            return Ok(self.tell_state());
        }
        loop {
            if self.parts.is_empty() && self.after < self.latest.records {
                self.load_parts().await?;
            }
            if let Some(part) = self.parts.front().copied() {
                let records = match self.analyses.records(self.id, &part).await {
                    Err(Error::AnalysisUnknown(_)) => Err(self.deleted()),
                    read => read,
                }?;
                self.after = part.last;
                self.parts.pop_front();
                return Ok(Seen::Records(records));
            }
            let records = self.latest.records;
            if self.latest.state.is_over() && self.after >= records {
                self.is_over = true;
                if self.after > records {
                    return Err(Error::BeyondRecords { records });
                }
                return Ok(self.tell_state());
            }
            if self.told != Some(state_of(&self.latest)) {
                return Ok(self.tell_state());
            }
            if self.told_progress != self.latest.found.progress {
                self.told_progress.clone_from(&self.latest.found.progress);
                if let Some(progress) = self.told_progress.clone() {
                    return Ok(Seen::Progress(progress));
                }
            }
            self.look().await?;
        }
    }

    fn tell_state(&mut self) -> Seen {
        self.told = Some(state_of(&self.latest));
        Seen::Analysis(Arc::clone(&self.latest))
    }

    pub(super) async fn load_parts(&mut self) -> Result<(), Error> {
        let (catalog, id, after) = (&self.analyses.ingest.catalog, self.id, self.after);
        let parts = self.watching.looks().parts(after, async || {
            catalog.analysis_parts(id, after, PARTS_PAGE).await
        });
        let parts = parts.await?;
        if parts.is_empty() {
            // Its row named them: it is gone with its capture.
            return Err(self.deleted());
        }
        self.parts = parts;
        Ok(())
    }

    /// The next state, when there may be one.
    async fn look(&mut self) -> Result<(), Error> {
        sleep_until(self.looked + LOOK_INTERVAL_MIN).await;
        loop {
            // What changes from here on wakes us again.
            self.watching.mark_unchanged();
            let (catalog, id) = (&self.analyses.ingest.catalog, self.id);
            let (looks, changes) = (self.watching.looks(), self.watching.changes());
            let look = looks.latest(self.looked, changes, async || catalog.analysis(id).await);
            let look = look.await?;
            let now = look.found.ok_or_else(|| self.deleted())?;
            self.looked = look.begun;
            if now != self.latest {
                self.latest = now;
                return Ok(());
            }
            tokio::select! {
                () = self.watching.changed() => {}
                () = sleep(LOOK_INTERVAL_MAX) => {}
            }
        }
    }
}

fn state_of(analysis: &Analysis) -> (AnalysisState, u32) {
    (analysis.state, analysis.attempts)
}
