//! What the service does by itself: captures expire, and objects that
//! no row refers to are removed.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use weir_shared::{chain::Chain, store::ObjectKey};

use super::{error::Error, id::SegmentId, ingest::Ingest, time::Timestamp};

/// Segments in one transaction of the upkeep, so that it never
/// keeps an upload's commit waiting for long.
const BATCH: u32 = 200;

/// Between two looks for expired captures: an expiry is late by this at most,
/// or by the time that captures are kept where that is shorter.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(30);
/// One look costs two questions: not to be felt once a second.
const EXPIRY_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// After this a catalog that was away is asked again for the checks that were
/// cut: their captures stay SEALING until then.
const RESUME_RETRY: Duration = Duration::from_secs(1);

/// How long a swept segment's id stays dead. No process holds a segment this
/// long between write and commit.
const DEAD_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Where the lists of extents that analyses read are below the store's root.
pub const MANIFEST_PREFIX: &str = "manifest";

/// When the sweeper goes, and what it spares.
#[derive(Clone, Copy, Debug)]
pub struct SweepSettings {
    pub interval: Duration,
    /// Objects younger than this are spared: a commit may be on its way.
    pub grace: Duration,
}

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

    /// Sweeps now and then, until shutdown.
    pub async fn sweep_orphans(self: Arc<Self>, settings: SweepSettings) {
        loop {
            if let Err(error) = self.sweep_once(settings.grace, Timestamp::now()).await {
                tracing::warn!(error = %Chain(&error), "sweep failed");
            }
            if !self.sleep(settings.interval).await {
                return;
            }
        }
    }

    /// False at shutdown.
    pub(super) async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => false,
            () = tokio::time::sleep(time) => true,
        }
    }

    async fn sweep_once(&self, grace: Duration, now: Timestamp) -> Result<(), Error> {
        let condemned = self.condemn_orphans(now.minus(grace), now).await;
        self.delete_manifests(now.minus(grace)).await;
        self.remove_unfinished(now.minus(grace)).await;
        self.delete_condemned().await?;
        self.catalog.forget_swept(now.minus(DEAD_KEPT)).await?;
        condemned
    }

    /// The object's id is condemned before the object goes: a commit that comes
    /// late finds it taken.
    async fn condemn_orphans(&self, older_than: Timestamp, now: Timestamp) -> Result<(), Error> {
        let mut batch = Vec::new();
        let mut old = pin!(self.objects_before(SegmentId::PREFIX, older_than));
        while let Some(key) = old.next().await {
            batch.extend(SegmentId::of_object(&key));
            if batch.len() >= BATCH as usize {
                self.catalog.condemn_orphans(&batch, now).await?;
                batch.clear();
            }
        }
        Ok(self.catalog.condemn_orphans(&batch, now).await?)
    }

    /// Each was written for one analysis, which read it at once and then
    /// deleted it if it could.
    async fn delete_manifests(&self, older_than: Timestamp) {
        let mut old = pin!(self.objects_before(MANIFEST_PREFIX, older_than));
        while let Some(key) = old.next().await {
            self.delete_object(&key).await;
        }
    }

    /// What puts left that a process did not live to finish.
    async fn remove_unfinished(&self, older_than: Timestamp) {
        for prefix in [SegmentId::PREFIX, MANIFEST_PREFIX] {
            let prefix = prefix_key(prefix);
            let removed = self.store.remove_unfinished(&prefix, older_than.into());
            if let Err(error) = removed.await {
                tracing::warn!(error = %Chain(&error), %prefix, "unfinished writes are left");
            }
        }
    }

    /// False when it is still there: the next sweep tries again.
    async fn delete_object(&self, key: &ObjectKey) -> bool {
        match self.store.delete(key).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), %key, "left to the next sweep");
                false
            }
        }
    }

    /// What can't be listed is left to the next sweep.
    fn objects_before(&self, prefix: &str, time: Timestamp) -> impl Stream<Item = ObjectKey> {
        let objects = self.store.list(Some(&prefix_key(prefix)));
        objects.filter_map(move |object| async move {
            match object {
                Ok(object) if Timestamp::from(object.modified) < time => Some(object.key),
                Ok(_) => None,
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "not listed");
                    None
                }
            }
        })
    }

    async fn delete_condemned(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let condemned = self.catalog.condemned(after, BATCH).await?;
            if condemned.is_empty() || self.shutdown.is_cancelled() {
                return Ok(());
            }
            after = condemned.last().copied();
            let mut swept = Vec::with_capacity(condemned.len());
            for segment in condemned {
                if self.delete_object(&segment.object_key()).await {
                    swept.push(segment);
                }
            }
            self.catalog.swept(&swept).await?;
            tracing::info!(segments = swept.len(), "swept");
        }
    }
}

fn prefix_key(prefix: &str) -> ObjectKey {
    prefix.parse().expect("our prefixes are keys")
}

#[cfg(test)]
mod tests;
