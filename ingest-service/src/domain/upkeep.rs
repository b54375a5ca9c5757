//! What the service does by itself: unsealed captures expire, and objects that
//! no row refers to are removed.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;

use super::{error::Error, id::SegmentId, ingest::Ingest, time::Timestamp};

/// Captures or segments in one transaction of the upkeep, so that it never
/// keeps an upload's commit waiting for long.
const BATCH: u32 = 200;

/// Between two looks for expired captures: an expiry is late by this at most.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(30);

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
    /// Removes captures that expired, until shutdown.
    pub async fn expire_captures(self: Arc<Self>) {
        while self.sleep(EXPIRY_INTERVAL).await {
            if let Err(error) = self.expire_once(Timestamp::now()).await {
                tracing::warn!(%error, "expiry failed");
            }
        }
    }

    async fn expire_once(&self, now: Timestamp) -> Result<(), Error> {
        loop {
            let expired = self.catalog.expire(now, BATCH).await?;
            if expired.is_empty() {
                return Ok(());
            }
            tracing::info!(captures = expired.len(), "unsealed captures expired");
            for uid in expired {
                self.live.deleted(uid);
            }
        }
    }

    /// Sweeps now and then, until shutdown.
    pub async fn sweep_orphans(self: Arc<Self>, settings: SweepSettings) {
        loop {
            if let Err(error) = self.sweep_once(settings.grace, Timestamp::now()).await {
                tracing::warn!(%error, "sweep failed");
            }
            if !self.sleep(settings.interval).await {
                return;
            }
        }
    }

    /// False at shutdown.
    async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => false,
            () = tokio::time::sleep(time) => true,
        }
    }

    async fn sweep_once(&self, grace: Duration, now: Timestamp) -> Result<(), Error> {
        self.condemn_orphans(now.minus(grace), now).await?;
        self.delete_condemned().await?;
        Ok(self.catalog.forget_swept(now.minus(DEAD_KEPT)).await?)
    }

    /// The object's id is condemned before the object goes: a commit that comes
    /// late finds it taken.
    async fn condemn_orphans(&self, older_than: Timestamp, now: Timestamp) -> Result<(), Error> {
        let mut batch = Vec::new();
        let mut objects = self.store.list(None);
        while let Some(object) = objects.next().await {
            let object = object.map_err(Error::of_write)?;
            if self.shutdown.is_cancelled() {
                return Ok(());
            }
            if Timestamp::from(object.modified) >= older_than {
                continue;
            }
            if let Some(segment) = SegmentId::of_object(&object.key) {
                batch.push(segment);
            } else if is_manifest(object.key.as_ref()) {
                // Written for one analysis, which read it at once.
                self.store
                    .delete(&object.key)
                    .await
                    .map_err(Error::of_write)?;
            }
            if batch.len() >= BATCH as usize {
                self.catalog.condemn_orphans(&batch, now).await?;
                batch.clear();
            }
        }
        Ok(self.catalog.condemn_orphans(&batch, now).await?)
    }

    async fn delete_condemned(&self) -> Result<(), Error> {
        loop {
            let condemned = self.catalog.condemned(BATCH).await?;
            if condemned.is_empty() || self.shutdown.is_cancelled() {
                return Ok(());
            }
            for segment in &condemned {
                let key = segment.object_key();
                self.store.delete(&key).await.map_err(Error::of_write)?;
            }
            self.catalog.swept(&condemned).await?;
            tracing::info!(segments = condemned.len(), "swept");
        }
    }
}

fn is_manifest(key: &str) -> bool {
    key.strip_prefix(MANIFEST_PREFIX)
        .is_some_and(|rest| rest.starts_with('/'))
}
