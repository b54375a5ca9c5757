//! This run of the service, as the others on its catalog see it: alive, or not.
//!
//! What it does under a lease (deliveries, background analyses) is its own while
//! it is alive by the catalog's clock. When it can't say so in time it stops
//! that work itself, before the others take it over.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use weir_shared::chain::Chain;

use super::ingest::Ingest;
use crate::catalog::{CatalogError, InstanceId};

/// Of the time that it is taken for alive: between two words.
const BEATS: u32 = 3;
/// The same after one that failed.
const RETRIES: u32 = 15;

/// See the module.
#[derive(Debug)]
pub struct Instance {
    pub id: InstanceId,
    /// Cancelled when the lease has lapsed; `None` until there is one.
    lease: Mutex<Option<CancellationToken>>,
    /// Wakes those that wait for one in the order in which they came, so that a simulated
    /// day goes the same way again; a `watch` wakes them in any.
    begun: Notify,
    work: TaskTracker,
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            id: InstanceId::generate(),
            lease: Mutex::default(),
            begun: Notify::new(),
            work: TaskTracker::new(),
        }
    }
}

impl Instance {
    /// Waits until this instance is alive. The token is cancelled when it is
    /// not any more.
    ///
    /// Cancel safety: nothing is lost.
    pub async fn lease(&self) -> CancellationToken {
        loop {
            let mut begun = pin!(self.begun.notified());
            // What begins from here on wakes us.
            begun.as_mut().enable();
            if let Some(held) = self.held().clone() {
                return held;
            }
            begun.await;
        }
    }

    /// Work under the lease: at shutdown the instance stays alive until it is done.
    pub fn working(&self) -> TaskTrackerToken {
        self.work.token()
    }

    fn holds(&self) -> bool {
        self.held().is_some()
    }

    fn begin(&self) {
        if !self.holds() {
            *self.held() = Some(CancellationToken::new());
            self.begun.notify_waiters();
        }
    }

    fn lapse(&self) {
        let lease = self.held().take();
        if let Some(lease) = lease {
            lease.cancel();
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<CancellationToken>> {
        // No code that can panic runs under the lock.
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ingest {
    /// Says again and again that this instance is alive, until shutdown and
    /// until its work is done.
    pub async fn keep_alive(self: Arc<Self>) {
        let (instance, alive) = (&self.instance, self.settings.lease);
        let over = async {
            self.shutdown.cancelled().await;
            instance.work.close();
            instance.work.wait().await;
        };
        let beat = || self.catalog.beat(instance.id, alive);
        instance.beat_until(over, alive, beat).await;
        if let Err(error) = self.catalog.leave(instance.id).await {
            tracing::warn!(error = %Chain(&error), "others learn late that this instance is gone");
        }
    }
}

impl Instance {
    async fn beat_until<'a>(
        &self,
        over: impl Future<Output = ()>,
        alive: Duration,
        beat: impl Fn() -> BoxFuture<'a, Result<(), CatalogError>>,
    ) {
        tokio::pin!(over);
        // When the last word was given that came through.
        let mut said = Instant::now();
        loop {
            let begun = Instant::now();
            let mut beaten = beat();
            let beaten = tokio::select! {
                beaten = &mut beaten => beaten,
                () = self.lapses(said, alive) => {
                    self.lapse();
                    beaten.await
                }
            };
            let next = match beaten {
                // By our own clock it began before the catalog took it.
                Ok(()) => {
                    said = begun;
                    self.begin();
                    begun + alive / BEATS
                }
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "the catalog does not know that this instance is alive");
                    Instant::now() + alive / RETRIES
                }
            };
            loop {
                tokio::select! {
                    biased;
                    () = &mut over => return self.lapse(),
                    () = self.lapses(said, alive) => self.lapse(),
                    () = sleep_until(next) => break,
                }
            }
        }
    }

    /// Two thirds of the time after the last word: the rest is for the work to
    /// stop in.
    async fn lapses(&self, said: Instant, alive: Duration) {
        match self.holds() {
            true => sleep_until(said + alive * (BEATS - 1) / BEATS).await,
            false => pending().await,
        }
    }
}

#[cfg(test)]
mod tests;
