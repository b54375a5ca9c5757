//! A capture as it grows: one state after another, never a queue of them.
//!
//! States are looked up when they are asked for, so that a slow client gets
//! the latest and costs nothing meanwhile.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    capture::{Capture, State},
    error::Error,
    id::CaptureId,
    ingest::Ingest,
    live::InUse,
    range::Missing,
};

/// Between two states at least: often enough for a progress bar.
const STATES_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What looking costs a watcher's catalog: one part in so many of the time. A
/// look at what a large capture lacks takes as long as its list of chunks.
const LOOK_SHARE: u32 = 10;

/// Between two looks without a word of this process: another instance may have
/// committed.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// Watchers that look at the catalog at once: uploads have its other
/// connections for themselves.
const LOOKS_MAX: usize = 1;

/// Bounds what all watchers ask of the catalog.
#[derive(Debug)]
pub struct Looks(Semaphore);

impl Default for Looks {
    fn default() -> Self {
        Self(Semaphore::new(LOOKS_MAX))
    }
}

/// One watcher of one capture.
#[derive(Debug)]
pub struct Watch {
    ingest: Arc<Ingest>,
    id: CaptureId,
    used: InUse,
    ended: CancellationToken,
    told: Option<Capture>,
    /// When the next state may be told.
    not_before: Instant,
    ranges_max: usize,
}

impl Ingest {
    /// Begins to watch, until `ended` is cancelled. States say at most so many
    /// missing ranges.
    ///
    /// # Errors
    /// [`Error::Unknown`]
    pub async fn watch(
        self: &Arc<Self>,
        id: &CaptureId,
        ranges_max: usize,
        ended: CancellationToken,
    ) -> Result<Watch, Error> {
        let capture = self.get(id).await?;
        let used = match self.use_capture(&capture).await {
            // Between the two looks: it is as if it had never been there.
            Err(Error::Deleted(id)) => return Err(Error::Unknown(id)),
            used => used?,
        };
        Ok(Watch {
            ingest: Arc::clone(self),
            id: capture.id,
            used,
            ended,
            told: None,
            not_before: Instant::now(),
            ranges_max,
        })
    }
}

impl Watch {
    /// The next state: first as it is now, then whenever it has changed. `None`
    /// after the sealed one.
    ///
    /// Cancel safety: a dropped call has told nothing.
    ///
    /// # Errors
    /// [`Error::Deleted`] when the capture is gone, [`Error::Ended`] when the
    /// call is.
    pub async fn next(&mut self) -> Result<Option<(Capture, Missing)>, Error> {
        if self.told.as_ref().is_some_and(|c| c.state == State::Sealed) {
            return Ok(None);
        }
        let (ended, deleted) = (self.ended.clone(), self.used.deletion());
        tokio::select! {
            biased;
            () = ended.cancelled() => Err(Error::Ended),
            () = deleted.cancelled() => Err(self.deleted()),
            state = self.changed() => state.map(Some),
        }
    }

    async fn changed(&mut self) -> Result<(Capture, Missing), Error> {
        sleep_until(self.not_before).await;
        loop {
            // What changes from here on wakes us again.
            self.used.mark_unchanged();
            if let Some(state) = self.look().await? {
                return Ok(state);
            }
            tokio::select! {
                () = self.used.changed() => {}
                () = sleep(LOOK_INTERVAL_MAX) => {}
            }
        }
    }

    fn deleted(&self) -> Error {
        Error::Deleted(self.id.clone())
    }

    /// What is to be told now, if anything is.
    async fn look(&mut self) -> Result<Option<(Capture, Missing)>, Error> {
        let looks = self.ingest.looks.0.acquire().await;
        let _look = looks.map_err(|closed| Error::Internal(Arc::new(closed)))?;
        let begun = Instant::now();
        let now = self.ingest.catalog.by_uid(self.used.uid()).await?;
        let now = now.ok_or_else(|| self.deleted())?;
        if self.told.as_ref() == Some(&now) {
            return Ok(None);
        }
        let (capture, missing) = self.ingest.missing(now, self.ranges_max).await?;
        let pause = STATES_INTERVAL_MIN.max(begun.elapsed() * LOOK_SHARE);
        self.not_before = Instant::now() + pause;
        self.told = Some(capture.clone());
        Ok(Some((capture, missing)))
    }
}

#[cfg(test)]
mod tests;
