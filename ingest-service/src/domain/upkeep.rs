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
        while self.sleep(interval).await {
            if let Err(error) = self.expire_once(Timestamp::now()).await {
                tracing::warn!(%error, "expiry failed");
            }
            // What a check came to is not written while the catalog is away.
            if let Err(error) = self.resume_checks().await {
                tracing::warn!(%error, "checks of digests not resumed");
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
mod tests {
    use super::*;
    use crate::domain::{
        capture::Declared,
        ingest::Settings,
        testing::{Rig, SETTINGS, chunk, open, upload},
        time::Keeping,
    };

    const GRACE: Duration = Duration::from_secs(3600);

    fn later(periods: u32) -> Timestamp {
        Timestamp::now().plus(GRACE * periods)
    }

    #[tokio::test]
    async fn only_old_objects_that_nothing_refers_to_are_swept() {
        let rig = Rig::new().await;
        let kept = vec![open("kept", Declared::default()), chunk(0, "a")];
        upload(&rig, kept).await.unwrap();
        let live = rig.store.keys();
        let orphan = SegmentId::generate().object_key();
        let foreign: ObjectKey = "seg/notes.txt".parse().unwrap();
        let manifest: ObjectKey = "manifest/1".parse().unwrap();
        for key in [&orphan, &foreign, &manifest] {
            rig.ingest.store.put(key, vec!["x".into()]).await.unwrap();
        }

        rig.ingest
            .sweep_once(GRACE, Timestamp::now())
            .await
            .unwrap();
        assert_eq!(rig.store.keys().len(), 4);
        rig.ingest.sweep_once(GRACE, later(2)).await.unwrap();
        let mut left = live.clone();
        left.push(foreign.clone());
        left.sort();
        assert_eq!(rig.store.keys(), left);

        // What a deleted capture held goes without a grace time.
        rig.ingest.delete(&"kept".parse().unwrap()).await.unwrap();
        rig.ingest
            .sweep_once(GRACE, Timestamp::now())
            .await
            .unwrap();
        assert_eq!(rig.store.keys(), [foreign]);
    }

    #[tokio::test]
    async fn one_fault_of_the_store_does_not_keep_the_rest() {
        for prefix in ["seg", MANIFEST_PREFIX] {
            let rig = Rig::new().await;
            let mut keys = Vec::new();
            for _ in 0..3 {
                let id = SegmentId::generate().object_key();
                let key = id.as_ref().replacen("seg", prefix, 1);
                keys.push(ObjectKey::try_from(key).unwrap());
            }
            for key in &keys {
                rig.ingest.store.put(key, vec!["x".into()]).await.unwrap();
            }
            keys.sort();
            rig.store.keep(&keys[0]);
            rig.ingest.sweep_once(GRACE, later(2)).await.unwrap();
            assert_eq!(rig.store.keys(), keys[..1], "{prefix}");
            rig.store.heal();
            rig.ingest.sweep_once(GRACE, later(2)).await.unwrap();
            assert_eq!(rig.store.keys(), [], "{prefix}");
        }
    }

    #[tokio::test]
    async fn sealed_captures_are_removed_when_their_time_is_over() {
        let settings = Settings {
            keeping: Keeping {
                sealed_ttl: Some(GRACE),
                ..SETTINGS.keeping
            },
            ..SETTINGS
        };
        let rig = Rig::with(settings).await;
        let declared = Declared {
            chunk_count: Some(1),
            ..Declared::default()
        };
        let sealed = vec![open("sealed", declared), chunk(0, "a")];
        let capture = upload(&rig, sealed).await.unwrap().capture;
        let expected = capture.sealed.unwrap().plus(GRACE);
        assert_eq!(capture.expire_time(), Some(expected));
        let used = rig.ingest.use_capture(&capture).await.unwrap();
        rig.ingest.expire_once(expected).await.unwrap();
        assert!(!used.is_deleted());
        rig.ingest.expire_once(later(2)).await.unwrap();
        assert!(used.is_deleted());
        rig.ingest
            .sweep_once(GRACE, Timestamp::now())
            .await
            .unwrap();
        assert_eq!(rig.store.keys(), []);
    }

    #[tokio::test]
    async fn expiry_ends_the_calls_that_use_the_capture() {
        let rig = Rig::new().await;
        let idle = vec![open("idle", Declared::default()), chunk(0, "a")];
        let capture = upload(&rig, idle).await.unwrap().capture;
        let used = rig.ingest.use_capture(&capture).await.unwrap();
        rig.ingest.expire_once(Timestamp::now()).await.unwrap();
        assert!(!used.is_deleted());
        rig.ingest.expire_once(later(24)).await.unwrap();
        assert!(used.is_deleted());
        let gone = rig.ingest.get(&"idle".parse().unwrap()).await;
        assert!(matches!(gone, Err(Error::Unknown(_))));
    }
}
