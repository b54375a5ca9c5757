//! Writes that come at once share one transaction: while one is written, those that come
//! gather, and the first of them writes all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::{self, error::TryRecvError};

use super::error::Error;

/// See the module. It holds what those who wait have brought: their number bounds it.
#[derive(Debug)]
pub(super) struct Grouped<T> {
    waiting: Mutex<Vec<Waiting<T>>>,
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Waiting<T> {
    item: T,
    written: oneshot::Sender<Result<(), Error>>,
}

impl<T> Default for Grouped<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        }
    }
}

impl<T> Grouped<T> {
    /// Returns when this is written, by this call or another's `write`.
    ///
    /// Cancel safety: a dropped call may still have it written; one that was writing for
    /// others ends theirs.
    ///
    /// # Errors
    /// Those of the write that it was in; [`Error::Ended`] when that was dropped.
    pub(super) async fn write(
        &self,
        item: T,
        write: impl AsyncFnOnce(Vec<T>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (written, mut done) = oneshot::channel();
        self.lock().push(Waiting { item, written });
        let _writing = self.writing.lock().await;
        match done.try_recv() {
            Ok(done) => return done,
            Err(TryRecvError::Closed) => return Err(Error::Ended),
            Err(TryRecvError::Empty) => {}
        }
        let all = std::mem::take(&mut *self.lock());
        let (items, waiting): (Vec<_>, Vec<_>) =
            all.into_iter().map(|one| (one.item, one.written)).unzip();
        let done = write(items).await;
        for written in waiting {
            // It may not wait any more.
            written.send(done.clone()).ok();
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting<T>>> {
        // No code that can panic runs under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn those_that_come_while_one_is_written_are_written_together() {
        let grouped = Grouped::default();
        let writes = Mutex::new(Vec::new());
        let write = async |item: u32| {
            let write = async |items: Vec<u32>| {
                // The others come.
                tokio::task::yield_now().await;
                let fails = items.contains(&3);
                writes.lock().unwrap().push(items);
                if fails {
                    Err(Error::Overloaded)
                } else {
                    Ok(())
                }
            };
            grouped.write(item, write).await.is_ok()
        };
        let done = join_all((0..5).map(&write)).await;
        assert_eq!(done, [true, false, false, false, false]);
        assert!(write(5).await);
        let wanted = [vec![0], vec![1, 2, 3, 4], vec![5]];
        assert_eq!(*writes.lock().unwrap(), wanted);
    }

    #[tokio::test]
    async fn a_write_that_is_dropped_ends_those_in_it_and_no_others() {
        let grouped = Grouped::default();
        let hang = async |_: Vec<u32>| std::future::pending().await;
        let ok = async |_: Vec<u32>| Ok(());
        let mut first = Box::pin(grouped.write(1, hang));
        assert!(futures::poll!(&mut first).is_pending());
        // These come later, and the first of them takes both.
        let (second, third) = (grouped.write(2, hang), grouped.write(3, ok));
        let (mut second, mut third) = (Box::pin(second), Box::pin(third));
        assert!(futures::poll!(&mut second).is_pending());
        assert!(futures::poll!(&mut third).is_pending());
        drop(first);
        assert!(futures::poll!(&mut second).is_pending());
        assert!(futures::poll!(&mut third).is_pending());
        drop(second);
        assert!(matches!(third.await, Err(Error::Ended)));
        grouped.write(4, ok).await.unwrap();
    }
}
