//! What the service does by itself: captures expire, and checks that were cut
//! go on.

use std::{sync::Arc, time::Duration};

use super::{error::Error, ingest::Ingest, time::Timestamp};

/// Between two looks for expired captures: an expiry is late by this at most,
/// or by the time that captures are kept where that is shorter.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(30);
/// One look costs two questions: not to be felt once a second.
const EXPIRY_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// After this a catalog that was away is asked again for the checks that were
/// cut: their captures stay SEALING until then.
const RESUME_RETRY: Duration = Duration::from_secs(1);

impl Ingest {
    /// Removes captures that expired, and goes on with checks that were cut,
    /// until shutdown.
    pub async fn expire_captures(self: Arc<Self>) {
        let shortest = self.settings.keeping.shortest();
        let interval = EXPIRY_INTERVAL.min(shortest).max(EXPIRY_INTERVAL_MIN);
        loop {
            let mut pause = interval;
            // What a check came to is not written while the catalog is away, and
            // at the start nobody knows of those that the last end has cut.
            if let Err(error) = self.resume_checks().await {
                tracing::warn!(%error, "checks of digests not resumed");
                pause = pause.min(RESUME_RETRY);
            }
            if !self.sleep(pause).await {
                return;
            }
            if let Err(error) = self.expire_once(Timestamp::now()).await {
                tracing::warn!(%error, "expiry failed");
            }
        }
    }

    async fn expire_once(&self, now: Timestamp) -> Result<(), Error> {
        let mut captures = 0_u64;
        while let Some(uid) = self.catalog.expire(now).await? {
            self.live.deleted(uid);
            captures += 1;
        }
        if captures > 0 {
            tracing::info!(captures, "captures expired");
        }
        Ok(())
    }

    /// False at shutdown.
    pub(super) async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => false,
            () = tokio::time::sleep(time) => true,
        }
    }
}

#[cfg(test)]
mod tests;
