//! How many bytes are held between receipt and commit: one budget for the
//! process, so that it and not the number of uploads bounds memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// What a staged chunk costs beside its bytes: its entries in the segment, the
/// hashes and the catalog's statement, bytes.
const CHUNK_OVERHEAD: u32 = 512;

/// The budget.
#[derive(Debug)]
pub struct Staging {
    free: Arc<Semaphore>,
    shortages: watch::Sender<u64>,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub struct Reserved(OwnedSemaphorePermit);

impl Staging {
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(bytes)),
            shortages: watch::Sender::new(0),
        }
    }

    /// Room for one chunk, if there is some now.
    #[must_use]
    pub fn try_reserve(&self, bytes: u32) -> Option<Reserved> {
        let cost = bytes.saturating_add(CHUNK_OVERHEAD);
        let permit = Arc::clone(&self.free).try_acquire_many_owned(cost).ok()?;
        Some(Reserved(permit))
    }

    /// Room for one chunk, in order of asking. Tells everybody that the budget
    /// is short. Who waits here holds no open segment, so the budget comes back.
    ///
    /// Cancel safety: a dropped call has taken nothing.
    pub async fn reserve(&self, bytes: u32) -> Reserved {
        self.shortages.send_modify(|n| *n += 1);
        let cost = bytes.saturating_add(CHUNK_OVERHEAD);
        let permit = Arc::clone(&self.free).acquire_many_owned(cost).await;
        Reserved(permit.expect("the budget is never closed"))
    }

    /// Changes whenever the budget is short: open segments are to be closed.
    #[must_use]
    pub fn shortages(&self) -> watch::Receiver<u64> {
        self.shortages.subscribe()
    }
}

impl Reserved {
    /// Joins two parts, to be given back together.
    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_reserved_comes_back_and_shortage_is_told() {
        let staging = Staging::new(2000);
        let mut shortages = staging.shortages();
        let first = staging.try_reserve(1000).unwrap();
        assert!(staging.try_reserve(1000).is_none());
        assert!(!shortages.has_changed().unwrap());
        {
            let mut waiting = Box::pin(staging.reserve(1000));
            assert!(waiting.as_mut().now_or_never().is_none());
            assert!(shortages.changed().now_or_never().is_some());
            drop(first);
            waiting.await;
        }
        assert!(staging.try_reserve(1000).is_some());
    }
}
