//! Operations that change a capture. What belongs to a change is done with it,
//! also when the call is dropped in between.

use std::{future::Future, sync::Arc};

use tracing::Instrument as _;

use super::{
    capture::{Capture, DigestOnTheWay, Refusal, SealParams, SealStep, Spec, State},
    error::Error,
    id::{CaptureId, Uid},
    ingest::Ingest,
    sealer::Running,
    time::Timestamp,
};

/// Ranges in a refused seal: they travel in headers.
const SEAL_MISSING_RANGES_MAX: usize = 64;

/// What a seal has come to at once.
enum Begun {
    Sealed(Box<Capture>),
    Check(Running),
}

impl Ingest {
    /// Starts a capture or goes on with it.
    ///
    /// Cancel safety: a dropped call may still do it.
    ///
    /// # Errors
    /// [`Error::Refused`] when what is set differs from what was declared, or
    /// too many captures are unsealed.
    pub async fn create(self: &Arc<Self>, spec: &Spec) -> Result<Capture, Error> {
        if spec.declared.size_bytes > Some(self.settings.capture_bytes_max) {
            return Err(Error::CaptureTooLarge {
                bytes_max: self.settings.capture_bytes_max,
            });
        }
        let (ingest, wanted) = (Arc::clone(self), spec.clone());
        let created = self.undivided(async move {
            if let Some(sha256) = wanted.declared.sha256 {
                // One that has just been sealed can be shared as well.
                ingest.fold_those_of(sha256).await;
            }
            let (at, open_max) = (ingest.times(), ingest.settings.open_captures_max);
            let capture = ingest.catalog.create(&wanted, at, open_max).await?;
            ingest.live.changed(capture.uid);
            if capture.state == State::Sealing {
                ingest.check_digest(&capture);
            }
            Ok(capture)
        });
        let capture = created.await?;
        let unknown = capture.state == State::Sealed && capture.sha256.is_none();
        match spec.declared.sha256 {
            // Sealed before anybody asked for a digest: it is read now.
            Some(wanted) if unknown => {
                let capture = Self::settled_digest(self.check_digest(&capture)).await?;
                if capture.sha256 != Some(wanted) {
                    return Err(Refusal::ParamsDiffer { field: "sha256" }.into());
                }
                Ok(capture)
            }
            _ => Ok(capture),
        }
    }

    /// Seals, and waits for the check of a digest.
    ///
    /// Cancel safety: the check goes on when the call is dropped.
    ///
    /// # Errors
    /// What stands against it; nothing has changed then.
    pub async fn seal(
        self: &Arc<Self>,
        capture: &Capture,
        params: &SealParams,
        known: Option<DigestOnTheWay>,
    ) -> Result<Capture, Error> {
        let (ingest, uid, wanted) = (Arc::clone(self), capture.uid, params.clone());
        let sealed = self.undivided(async move {
            let at = ingest.times();
            let sealed = ingest.catalog.seal(uid, &wanted, known, at).await?;
            ingest.live.changed(uid);
            Ok(sealed.map(|(capture, step)| match step {
                SealStep::NeedsDigest => Begun::Check(ingest.check_digest(&capture)),
                SealStep::Sealed | SealStep::Replayed => Begun::Sealed(Box::new(capture)),
            }))
        });
        let check = match sealed.await {
            Ok(Some(Begun::Sealed(sealed))) => return Ok(*sealed),
            Ok(Some(Begun::Check(check))) => check,
            Ok(None) => return Err(Error::Deleted(capture.id.clone())),
            Err(error) => return Err(self.with_missing(uid, error).await),
        };
        let capture = Self::settled_digest(check).await?;
        match params.sha256 {
            Some(wanted) if capture.sha256 != Some(wanted) => Err(Refusal::DigestDiffers.into()),
            _ => Ok(capture),
        }
    }

    async fn with_missing(&self, uid: Uid, error: Error) -> Error {
        let Error::Refused(Refusal::Incomplete { count }) = error else {
            return error;
        };
        let missing = self
            .catalog
            .missing(uid, Some(count), SEAL_MISSING_RANGES_MAX);
        match missing.await {
            Ok(Some((_, missing))) => Error::Missing(missing),
            Ok(None) => error,
            Err(error) => error.into(),
        }
    }

    /// Removes a capture and ends the calls that use it. False: there was none.
    ///
    /// Cancel safety: a dropped call may still do it.
    ///
    /// # Errors
    /// When the catalog is away.
    pub async fn delete(self: &Arc<Self>, id: &CaptureId) -> Result<bool, Error> {
        let (ingest, id) = (Arc::clone(self), id.clone());
        let deleted = self.undivided(async move {
            let deleted = ingest.catalog.delete(&id, Timestamp::now()).await?;
            if let Some(uid) = deleted {
                ingest.live.deleted(uid);
                ingest.deleted.notify_one();
            }
            Ok(deleted.is_some())
        });
        deleted.await
    }

    /// Runs in a task of its own what a dropped call must not cut in two.
    pub(super) async fn undivided<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let done = self.tasks.spawn(work.in_current_span()).await;
        done.map_err(|panicked| Error::Internal(Arc::new(panicked)))?
    }
}
