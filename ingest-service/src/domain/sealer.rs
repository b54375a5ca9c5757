//! Checks of a whole digest that need a read. Each runs in a task that
//! outlives the call that began it; whoever asks for the same joins it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest as _, Sha256 as Hasher};
use tokio::sync::watch;
use tracing::Instrument as _;
use weir_shared::{limits::SEGMENT_BYTES_MAX, traceparent};

use super::{
    capture::{Capture, DigestOnTheWay, Refusal, State},
    error::Error,
    extent::Extents,
    id::{Sha256, Uid},
    ingest::Ingest,
    write::HASH_INLINE_BYTES_MAX,
};

use crate::catalog::{CatalogError, Times};

type Outcome = Result<Capture, Error>;
pub(super) type Running = watch::Receiver<Option<Outcome>>;

/// The checks that run in this process.
#[derive(Debug, Default)]
pub struct Sealer {
    running: Mutex<HashMap<Uid, Running>>,
}

impl Sealer {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, Running>> {
        // No code that can panic runs under the lock.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ingest {
    /// Waits for the digest of a whole capture.
    ///
    /// Cancel safety: the check goes on.
    ///
    /// # Errors
    /// [`Refusal::DigestDiffers`], or why it could not be read:
    /// the capture is receiving again.
    pub(super) async fn settled_digest(mut running: Running) -> Outcome {
        match running.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            // The task was dropped without a word: only a panic does that.
            Ok(None) | Err(_) => Err(Error::Internal(Arc::new(CheckLost))),
        }
    }

    /// Begins a check, or joins the one that runs.
    pub(super) fn check_digest(self: &Arc<Self>, capture: &Capture) -> Running {
        let mut running = self.sealer.lock();
        if let Some(check) = running.get(&capture.uid)
            && check.has_changed().is_ok()
        {
            return check.clone();
        }
        let (told, outcome) = watch::channel(None);
        running.insert(capture.uid, outcome.clone());
        let (ingest, capture) = (Arc::clone(self), Arc::new(capture.clone()));
        let span = tracing::info_span!(parent: None, "check digest", capture.id = %capture.id);
        let checking = async move {
            let outcome = ingest.read_and_settle(&capture).await;
            ingest.live.changed(capture.uid);
            told.send_replace(Some(outcome));
        };
        self.tasks
            .spawn(checking.instrument(traceparent::continued(span)));
        outcome
    }

    async fn read_and_settle(&self, capture: &Arc<Capture>) -> Outcome {
        let read = self.read_digest(capture).await;
        // Before the catalog says what came of it: who seals again after that
        // must begin a check of its own, not join this one.
        self.sealer.lock().remove(&capture.uid);
        let at = self.times();
        match read {
            Ok(sha256) => self.settle(capture, sha256, at).await,
            // Shutting down: the state stays, and the next start goes on.
            Err(Error::Ended) => Err(Error::Ended),
            Err(error) => {
                tracing::warn!(capture.id = %capture.id, %error, "digest not checked");
                self.catalog.abandon_seal(capture.uid, at.expires).await?;
                Err(error)
            }
        }
    }

    async fn settle(&self, capture: &Capture, sha256: Sha256, at: Times) -> Outcome {
        let uid = capture.uid;
        let computed = DigestOnTheWay {
            chunks: capture.progress.chunks,
            sha256,
        };
        let settled = match self.catalog.settle_digest(uid, computed, at).await {
            // A faster check could not read it, or wanted another digest. This
            // one has read what it wanted.
            Err(CatalogError::Refused(Refusal::DigestDiffers))
                if capture.sealing.sha256 == Some(sha256) =>
            {
                let known = Some(computed);
                let sealed = self.catalog.seal(uid, &capture.sealing, known, at);
                sealed.await?.map(|(capture, _)| capture)
            }
            settled => settled?,
        };
        settled.ok_or_else(|| Error::Deleted(capture.id.clone()))
    }

    async fn read_digest(&self, capture: &Arc<Capture>) -> Result<Sha256, Error> {
        let contents = Arc::clone(&self.contents);
        let mut extents = Extents::new(contents, Arc::clone(capture), SEGMENT_BYTES_MAX);
        let mut hasher = Hasher::new();
        while let Some(extent) = extents.next().await? {
            if self.shutdown.is_cancelled() {
                return Err(Error::Ended);
            }
            let bytes = self.fetch(capture, &extent).await?;
            if bytes.len() <= HASH_INLINE_BYTES_MAX {
                hasher.update(&bytes);
                continue;
            }
            let hashing = self
                .tasks
                .spawn_blocking(move || hasher.chain_update(&bytes));
            hasher = hashing.await.map_err(|e| Error::Internal(Arc::new(e)))?;
        }
        Ok(Sha256(hasher.finalize().into()))
    }

    /// Goes on with the checks that a restart cut, or whose outcome could not
    /// be written.
    ///
    /// # Errors
    /// When the catalog is away.
    pub async fn resume_checks(self: &Arc<Self>) -> Result<(), Error> {
        for uid in self.catalog.sealing().await? {
            if self.sealer.lock().contains_key(&uid) {
                continue;
            }
            if let Some(capture) = self.catalog.by_uid(uid).await?
                && capture.state == State::Sealing
            {
                tracing::info!(capture.id = %capture.id, "goes on with the check of its digest");
                self.check_digest(&capture);
            }
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the check of a digest was lost")]
struct CheckLost;

#[cfg(test)]
mod tests;
