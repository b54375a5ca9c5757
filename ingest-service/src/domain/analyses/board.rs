//! Which analyses this instance runs and watches, so that a cancelled one stops
//! at once and a change is seen by those that watch.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::looks::Looks;
use crate::domain::analysis::AnalysisId;

/// See the module. What another instance does is learned from the catalog.
#[derive(Debug, Default)]
pub(super) struct Board {
    lists: Mutex<Lists>,
    queued: Notify,
}

#[derive(Debug, Default)]
struct Lists {
    running: HashMap<AnalysisId, (u32, Tokens)>,
    /// How many cancellations of it are not decided.
    held: HashMap<AnalysisId, usize>,
    watched: HashMap<AnalysisId, Watched>,
}

#[derive(Clone, Debug, Default)]
struct Tokens {
    stop: CancellationToken,
    stopped: CancellationToken,
}

#[derive(Debug)]
struct Watched {
    /// How often this process has changed it.
    changes: watch::Sender<u64>,
    watchers: usize,
    looks: Arc<Looks>,
}

/// An attempt that this instance runs. When it is dropped, it has stopped.
#[derive(Debug)]
pub(super) struct Running {
    board: Arc<Board>,
    id: AnalysisId,
    attempt: u32,
    tokens: Tokens,
    place: Option<OwnedSemaphorePermit>,
}

/// An analysis that this instance does not begin again as its own, until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    board: Arc<Board>,
    id: AnalysisId,
}

/// One watcher.
#[derive(Debug)]
pub(super) struct Watching {
    board: Arc<Board>,
    id: AnalysisId,
    changes: watch::Receiver<u64>,
    looks: Arc<Looks>,
}

impl Board {
    /// Something waits for its turn.
    pub(super) fn queued(&self) {
        self.queued.notify_one();
    }

    /// Returns when something was queued, or may be begun, since it returned the
    /// last time. For one task.
    pub(super) async fn anything_queued(&self) {
        self.queued.notified().await;
    }

    /// An attempt begins, in a place of the pool.
    pub(super) fn run(
        self: &Arc<Self>,
        id: AnalysisId,
        attempt: u32,
        place: OwnedSemaphorePermit,
    ) -> Running {
        let tokens = Tokens::default();
        self.lock().running.insert(id, (attempt, tokens.clone()));
        Running {
            board: Arc::clone(self),
            id,
            attempt,
            tokens,
            place: Some(place),
        }
    }

    /// What this instance runs, or holds.
    pub(super) fn running(&self) -> Vec<AnalysisId> {
        let lists = self.lock();
        let held = lists.held.keys();
        let held = held.filter(|id| !lists.running.contains_key(id));
        lists.running.keys().chain(held).copied().collect()
    }

    /// Keeps an analysis from being taken up as one that this instance has lost.
    pub(super) fn hold(self: &Arc<Self>, id: AnalysisId) -> Held {
        *self.lock().held.entry(id).or_default() += 1;
        Held {
            board: Arc::clone(self),
            id,
        }
    }

    /// Stops an attempt of this instance, and waits until it has stopped.
    pub(super) async fn stop(&self, id: AnalysisId) {
        let tokens = self.lock().running.get(&id).cloned();
        if let Some((_, tokens)) = tokens {
            tokens.stop.cancel();
            tokens.stopped.cancelled().await;
        }
    }

    pub(super) fn watch(self: &Arc<Self>, id: AnalysisId) -> Watching {
        let mut lists = self.lock();
        let watched = lists.watched.entry(id).or_insert_with(|| Watched {
            changes: watch::Sender::default(),
            watchers: 0,
            looks: Arc::default(),
        });
        watched.watchers += 1;
        Watching {
            board: Arc::clone(self),
            id,
            changes: watched.changes.subscribe(),
            looks: Arc::clone(&watched.looks),
        }
    }

    /// Tells those that watch it that it may have changed.
    pub(super) fn changed(&self, id: AnalysisId) {
        if let Some(watched) = self.lock().watched.get(&id) {
            watched.changes.send_modify(|changes| *changes += 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        // No code that can panic runs under the lock.
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Cancelled when it is to stop.
    pub(super) fn stop_token(&self) -> CancellationToken {
        self.tokens.stop.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut lists = self.board.lock();
        // A later attempt may have taken its entry.
        if lists.running.get(&self.id).map(|(attempt, _)| *attempt) == Some(self.attempt) {
            lists.running.remove(&self.id);
        }
        drop(lists);
        self.tokens.stopped.cancel();
        drop(self.place.take());
        self.board.queued();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut lists = self.board.lock();
        if let Entry::Occupied(mut held) = lists.held.entry(self.id) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
        drop(lists);
        self.board.queued();
    }
}

impl Watching {
    /// Forgets the changes so far.
    pub(super) fn mark_unchanged(&mut self) {
        self.changes.mark_unchanged();
    }

    /// How often this process has changed it.
    pub(super) fn changes(&self) -> &watch::Receiver<u64> {
        &self.changes
    }

    /// What all who watch it look up.
    pub(super) fn looks(&self) -> &Looks {
        &self.looks
    }

    /// Returns when this process has changed the analysis.
    ///
    /// Cancel safety: no change is lost.
    pub(super) async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // Not while this one keeps the entry.
            std::future::pending().await
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut lists = self.board.lock();
        if let Some(watched) = lists.watched.get_mut(&self.id) {
            watched.watchers -= 1;
            if watched.watchers == 0 {
                lists.watched.remove(&self.id);
            }
        }
    }
}
