//! The one task that writes commits: all segments that wait, of all calls, go
//! into one transaction, so that its sync is paid once for all of them.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::{
    error::Error,
    time::{Keeping, Timestamp},
};
use crate::catalog::{Catalog, CatalogError, CommitRules, Committed, SegmentCommit};

/// Segments in one transaction: 64 of 4 MiB are more than the staging budget
/// holds, and small ones of 64 calls share a sync.
const GROUP_SEGMENTS_MAX: usize = 64;

/// Hands segments to the committing task.
#[derive(Clone, Debug)]
pub struct Committer {
    jobs: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Job {
    segment: SegmentCommit,
    done: oneshot::Sender<Result<Committed, Error>>,
}

/// What each commit is told.
#[derive(Clone, Copy, Debug)]
pub struct CommitSettings {
    pub keeping: Keeping,
    pub capture_bytes_max: u64,
}

impl Committer {
    /// Starts the task. It ends when all its handles are dropped and all jobs done.
    ///
    /// It is none of the tasks that a shutdown waits for: those that want a
    /// commit are, until they have it, and a connection that never ends may
    /// keep a handle for ever.
    #[must_use]
    pub fn start(catalog: Arc<dyn Catalog>, settings: CommitSettings) -> Self {
        let (jobs, mut queue) = mpsc::channel(GROUP_SEGMENTS_MAX);
        TaskTracker::new().spawn(async move {
            let mut group = Vec::new();
            while queue.recv_many(&mut group, GROUP_SEGMENTS_MAX).await > 0 {
                commit_group(&*catalog, std::mem::take(&mut group), settings).await;
            }
        });
        Self { jobs }
    }

    /// Commits one segment; see [`Catalog::commit`].
    ///
    /// Cancel safety: a dropped call may still be committed.
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`] or [`Error::StorageFull`]: nothing may be
    /// acknowledged, and whether it is committed is unknown.
    pub async fn commit(&self, segment: SegmentCommit) -> Result<Committed, Error> {
        let (done, outcome) = oneshot::channel();
        let sent = self.jobs.send(Job { segment, done }).await;
        let gone = |_| Error::Internal(Arc::new(CommitterGone));
        sent.map_err(|_job| Error::Internal(Arc::new(CommitterGone)))?;
        outcome.await.map_err(gone)?
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the committing task is gone")]
struct CommitterGone;

async fn commit_group(catalog: &dyn Catalog, group: Vec<Job>, settings: CommitSettings) {
    let rules = CommitRules {
        at: settings.keeping.times(Timestamp::now()),
        capture_bytes_max: settings.capture_bytes_max,
    };
    let (segments, waiting): (Vec<_>, Vec<_>) =
        group.into_iter().map(|job| (job.segment, job.done)).unzip();
    let answers = match catalog.commit(&segments, rules).await {
        Ok(committed) => committed.into_iter().map(Ok).collect(),
        // One capture's fault: the others of the group must not suffer from it.
        Err(CatalogError::Inconsistent(_)) => commit_each(catalog, &segments, rules).await,
        Err(error) => vec![Err(error.into()); segments.len()],
    };
    for (done, answer) in waiting.into_iter().zip(answers) {
        // The call may be gone; what is committed stays.
        done.send(answer).ok();
    }
}

async fn commit_each(
    catalog: &dyn Catalog,
    segments: &[SegmentCommit],
    rules: CommitRules,
) -> Vec<Result<Committed, Error>> {
    let mut answers = Vec::with_capacity(segments.len());
    for segment in segments {
        let committed = catalog.commit(std::slice::from_ref(segment), rules).await;
        answers.push(committed.map_err(Error::from).and_then(|mut one| {
            let nothing = CatalogError::Inconsistent("a commit without an answer");
            one.pop().ok_or_else(|| nothing.into())
        }));
    }
    answers
}
