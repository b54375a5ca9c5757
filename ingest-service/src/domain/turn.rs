//! How the segments of one call follow each other.

use tokio::sync::oneshot;

use super::{capture::DigestOnTheWay, digest::RunningDigest};

/// One segment's place: digests and commits go in order, writes overlap.
#[derive(Debug)]
pub struct Turn {
    pub digest_before: oneshot::Receiver<Option<RunningDigest>>,
    pub digest_after: oneshot::Sender<Option<RunningDigest>>,
    /// True when all before it took or already had their slots.
    pub committed_before: oneshot::Receiver<bool>,
    pub committed_after: oneshot::Sender<bool>,
}

/// Where the next segment of a call begins.
#[derive(Debug)]
pub struct NextTurn {
    digest: oneshot::Receiver<Option<RunningDigest>>,
    committed: oneshot::Receiver<bool>,
}

impl NextTurn {
    /// At the beginning of a call; with a digest to go on with, if one is wanted.
    #[must_use]
    pub fn first(running: Option<RunningDigest>) -> Self {
        let (digest_sender, digest) = oneshot::channel();
        let (committed_sender, committed) = oneshot::channel();
        digest_sender.send(running).ok();
        committed_sender.send(true).ok();
        Self { digest, committed }
    }

    /// The next segment's turn.
    #[must_use]
    pub fn begin(&mut self) -> Turn {
        let (digest_after, digest) = oneshot::channel();
        let (committed_after, committed) = oneshot::channel();
        let before = std::mem::replace(self, Self { digest, committed });
        Turn {
            digest_before: before.digest,
            digest_after,
            committed_before: before.committed,
            committed_after,
        }
    }

    /// The digest of all, if every chunk came in order and was taken.
    pub async fn finish(self) -> Option<DigestOnTheWay> {
        let intact = self.committed.await.unwrap_or(false);
        let digest = self.digest.await.ok().flatten()?;
        intact.then(|| digest.so_far())
    }
}
