//! Objects that nothing refers to are removed.
//!
//! A sweeper lists the store first and asks the catalog then: what a capture
//! writes, it writes after its row is there, so that an object whose owner is
//! gone is nobody's. What is left of the contents of a capture is told by its
//! rows while it has some, and by its manifest when it is folded.

mod window;

use std::{collections::HashSet, pin::pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use tokio::time::Instant;
use weir_shared::{
    chain::Chain,
    store::{ObjectKey, ObjectMeta},
};

use super::{
    capture::Capture,
    contents::object_of,
    error::Error,
    id::{SegmentId, Uid},
    ingest::Ingest,
    time::Timestamp,
};
use crate::catalog::Content;
use window::{Listed, Window};

/// Segments in one transaction of the sweeper, and owners in one question, so
/// that it never keeps an upload's commit waiting for long.
const BATCH: u32 = 200;

/// How long a swept segment's id stays dead, and contents that are gone are
/// remembered. No process holds a segment this long between write and commit.
const DEAD_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// After a deletion: whoever deletes may need the room.
const SWEEP_SOON: Duration = match cfg!(test) {
    true => Duration::from_millis(10),
    false => Duration::from_secs(5),
};

/// A sweep reads what the whole store has: after a deletion the next one waits so many times as
/// long as the last one took.
const REST_PER_SWEEP: u32 = 10;

/// Where the lists of extents that analyses read are below the store's root.
pub const MANIFEST_PREFIX: &str = "manifest";

/// When the sweeper goes, and what it spares.
#[derive(Clone, Copy, Debug)]
pub struct SweepSettings {
    /// Between two sweeps, unless a capture is deleted.
    pub interval: Duration,
    /// Objects younger than this are spared: a commit may be on its way.
    pub grace: Duration,
}

impl Ingest {
    /// Sweeps now and then, and soon after a deletion, until shutdown.
    pub async fn sweep_orphans(self: Arc<Self>, settings: SweepSettings) {
        loop {
            let begun = Instant::now();
            if let Err(error) = self.sweep_once(settings.grace, Timestamp::now()).await {
                tracing::warn!(error = %Chain(&error), "sweep failed");
            }
            let least = (begun.elapsed() * REST_PER_SWEEP).max(SWEEP_SOON);
            let least = least.min(settings.interval);
            if !self.sleep(least).await {
                return;
            }
            tokio::select! {
                biased;
                () = self.deleted.notified() => {}
                is_on = self.sleep(settings.interval - least) => if !is_on {
                    return;
                }
            }
        }
    }

    pub(super) async fn sweep_once(&self, grace: Duration, now: Timestamp) -> Result<(), Error> {
        let swept = self.sweep_segments(now.minus(grace), now).await;
        self.delete_manifests(now.minus(grace)).await;
        self.remove_unfinished(now.minus(grace)).await;
        self.delete_condemned().await?;
        self.catalog.forget_swept(now.minus(DEAD_KEPT)).await?;
        swept
    }

    async fn sweep_segments(&self, older_than: Timestamp, now: Timestamp) -> Result<(), Error> {
        let mut window = Window::default();
        let mut objects = pin!(self.objects(SegmentId::PREFIX));
        while let Some(object) = objects.next().await {
            let Some(segment) = SegmentId::of_object(&object.key) else {
                continue;
            };
            let is_old = Timestamp::from(object.modified) < older_than;
            if window.push(Listed { segment, is_old }) {
                self.sweep_window(window.take(), now).await?;
            }
        }
        self.sweep_window(window.take(), now).await
    }

    async fn sweep_window(&self, mut window: Vec<Listed>, now: Timestamp) -> Result<(), Error> {
        window.sort_unstable_by_key(|listed| (listed.segment.owner(), listed.segment));
        let groups: Vec<&[Listed]> = window
            .chunk_by(|a, b| a.segment.owner() == b.segment.owner())
            .collect();
        let mut orphans = Vec::new();
        for groups in groups.chunks(BATCH as usize) {
            if self.shutdown.is_cancelled() {
                return Ok(());
            }
            let owners: Vec<Uid> = groups.iter().map(|g| g[0].segment.owner()).collect();
            let mut contents = self.catalog.contents(&owners).await?;
            for (group, owner) in groups.iter().zip(owners) {
                let place = contents.iter().position(|(uid, _)| *uid == owner);
                let old = group.iter().filter(|listed| listed.is_old);
                match place.map(|place| contents.swap_remove(place).1) {
                    // Without a grace time: it was deleted, by somebody who asked for it.
                    Some(Content::Gone) => self.delete_segments(group.iter()).await,
                    Some(Content::Folded { capture, objects }) => {
                        if group.len() != objects as usize {
                            self.delete_unlisted(&capture, old).await?;
                        }
                    }
                    // Nobody's, as far as this catalog knows. It waits for its age,
                    // as it may be the wrong catalog that knows nothing.
                    Some(Content::Rows) | None => {
                        orphans.extend(old.map(|listed| listed.segment));
                    }
                }
            }
            for orphans in orphans.chunks(BATCH as usize) {
                self.catalog.condemn_orphans(orphans, now).await?;
            }
            orphans.clear();
        }
        Ok(())
    }

    /// What lies beside a manifest and is not listed in it: no commit can enter
    /// it any more.
    async fn delete_unlisted<'a>(
        &self,
        capture: &Capture,
        old: impl Iterator<Item = &'a Listed>,
    ) -> Result<(), Error> {
        let manifest = match self.contents.manifest(capture).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) | Err(Error::Deleted(_)) => return Ok(()),
            // What can't be told is kept.
            Err(error) => {
                tracing::warn!(capture.id = %capture.id, error = %Chain(&error), "not swept");
                return Ok(());
            }
        };
        let own = capture.manifest.as_ref().and_then(object_of);
        let listed = manifest.segments().iter().chain(&own);
        let needed: HashSet<SegmentId> = listed.map(|segment| segment.segment).collect();
        let unlisted = old.filter(|listed| !needed.contains(&listed.segment));
        self.delete_segments(unlisted).await;
        Ok(())
    }

    async fn delete_segments<'a>(&self, segments: impl Iterator<Item = &'a Listed>) {
        for listed in segments {
            self.delete_object(&listed.segment.object_key()).await;
        }
    }

    /// Each was written for one analysis, which read it at once and then
    /// deleted it if it could.
    async fn delete_manifests(&self, older_than: Timestamp) {
        let mut objects = pin!(self.objects(MANIFEST_PREFIX));
        while let Some(object) = objects.next().await {
            if Timestamp::from(object.modified) < older_than {
                self.delete_object(&object.key).await;
            }
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
    pub(super) async fn delete_object(&self, key: &ObjectKey) -> bool {
        match self.store.delete(key).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), %key, "left to the next sweep");
                false
            }
        }
    }

    /// What can't be listed is left to the next sweep.
    fn objects(&self, prefix: &str) -> impl Stream<Item = ObjectMeta> {
        let objects = self.store.list(Some(&prefix_key(prefix)));
        objects.filter_map(async |object| match object {
            Ok(object) => Some(object),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "not listed");
                None
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
