//! Which captures calls are using, so that a deletion ends those calls at once
//! and a change is seen by those that watch.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{id::Uid, tail::Tail};

/// The captures in use in this process. Calls of another instance learn of a
/// deletion from the catalog, at their next commit or read.
#[derive(Debug, Default)]
pub struct Live {
    used: Mutex<HashMap<Uid, Use>>,
    any_change: Notify,
    events: Arc<Tail>,
}

#[derive(Debug)]
struct Use {
    deleted: CancellationToken,
    changes: watch::Sender<()>,
    calls: usize,
}

/// A call's use of a capture.
#[derive(Debug)]
pub struct InUse {
    live: Arc<Live>,
    uid: Uid,
    deleted: CancellationToken,
    changes: watch::Receiver<()>,
}

impl Live {
    /// Each change rings for the events that it may have written.
    #[must_use]
    pub fn new(events: Arc<Tail>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }

    /// Begins to use a capture. Look it up once more after this: a deletion
    /// before it is not told.
    #[must_use]
    pub fn use_capture(self: &Arc<Self>, uid: Uid) -> InUse {
        let mut used = self.lock();
        let entry = used.entry(uid).or_insert_with(|| Use {
            deleted: CancellationToken::new(),
            changes: watch::Sender::new(()),
            calls: 0,
        });
        entry.calls += 1;
        InUse {
            live: Arc::clone(self),
            uid,
            deleted: entry.deleted.clone(),
            changes: entry.changes.subscribe(),
        }
    }

    /// Tells the calls that use this capture that it is gone.
    pub fn deleted(&self, uid: Uid) {
        self.events.ring();
        if let Some(used) = self.lock().get(&uid) {
            used.deleted.cancel();
        }
    }

    /// Tells those that watch this capture that it may have changed.
    pub fn changed(&self, uid: Uid) {
        self.any_change.notify_one();
        self.events.ring();
        if let Some(used) = self.lock().get(&uid) {
            used.changes.send_replace(());
        }
    }

    /// Returns when this process has changed some capture since it returned the
    /// last time. For one task.
    pub async fn any_change(&self) {
        self.any_change.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, Use>> {
        // No code that can panic runs under the lock.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InUse {
    /// Returns when the capture has been deleted.
    pub async fn deleted(&self) {
        self.deleted.cancelled().await;
    }

    /// Cancelled when the capture has been deleted.
    #[must_use]
    pub fn deletion(&self) -> CancellationToken {
        self.deleted.clone()
    }

    #[must_use]
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// Forgets the changes so far.
    pub fn mark_unchanged(&mut self) {
        self.changes.mark_unchanged();
    }

    /// Returns when this process has changed the capture.
    ///
    /// Cancel safety: no change is lost.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // Not while this use keeps the entry.
            std::future::pending().await
        }
    }

    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted.is_cancelled()
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut used = self.live.lock();
        if let Some(entry) = used.get_mut(&self.uid) {
            entry.calls -= 1;
            if entry.calls == 0 {
                used.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_is_told_to_the_calls_of_that_capture_only() {
        let live = Arc::new(Live::default());
        let [one, other] = [Uid::generate(), Uid::generate()];
        let (first, second) = (live.use_capture(one), live.use_capture(one));
        let unrelated = live.use_capture(other);
        live.deleted(one);
        assert!(first.is_deleted() && second.is_deleted());
        assert!(!unrelated.is_deleted());
        drop((first, second, unrelated));
        assert!(live.lock().is_empty());
    }
}
