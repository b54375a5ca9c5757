//! The newest events, read once for all who wait for them.

use std::{
    collections::VecDeque,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use tokio::sync::{Notify, watch};
use weir_shared::chain::Chain;

use super::{
    event::{Event, Position},
    ingest::Ingest,
};
use crate::catalog::CatalogError;

/// Events that are kept in memory: a burst that watchers have not read yet. Who
/// is further behind reads the catalog.
const EVENTS_MAX: usize = 1_024;
/// Their payloads, bytes; as they are told they are as much again.
const BYTES_MAX: usize = 4 << 20;
/// Events in one question to the catalog.
const PAGE: u32 = 256;

/// Between two looks at least: the first change is told at once, and those of a burst
/// together.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// Longer for each who waits, all of whom are woken by each look: so many watchers cost
/// their machine a part of its time, and are told a little later.
const PAUSE_EACH: Duration = Duration::from_micros(200);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Between two looks without a word of this process: another instance may have
/// written something.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// An event for all who wait for it.
#[derive(Debug)]
pub struct SharedEvent {
    event: Event,
    told: OnceLock<Bytes>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Tail {
    newest: Mutex<VecDeque<Arc<SharedEvent>>>,
    last: watch::Sender<Position>,
    rung: Notify,
}

impl SharedEvent {
    #[must_use]
    pub fn new(event: Event) -> Self {
        let told = OnceLock::new();
        Self { event, told }
    }

    /// As it is told: made once, always in the same way.
    pub fn told(&self, make: impl FnOnce(&Event) -> Bytes) -> Bytes {
        self.told.get_or_init(|| make(&self.event)).clone()
    }
}

impl Deref for SharedEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

impl Tail {
    /// Something may have been written.
    pub fn ring(&self) {
        self.rung.notify_one();
    }

    /// The position of the newest event, as it changes.
    #[must_use]
    pub fn last(&self) -> watch::Receiver<Position> {
        self.last.subscribe()
    }

    /// Up to `limit` events after this position. `None`: not all that come after
    /// it are kept here.
    #[must_use]
    pub fn after(&self, position: Position, limit: usize) -> Option<Vec<Arc<SharedEvent>>> {
        let newest = self.lock();
        let first = newest.front()?.position;
        if position.0 + 1 < first.0 {
            return None;
        }
        let begin = newest.partition_point(|event| event.position <= position);
        Some(newest.iter().skip(begin).take(limit).cloned().collect())
    }

    fn pause(&self) -> Duration {
        let waiting = u32::try_from(self.last.receiver_count()).unwrap_or(u32::MAX);
        (PAUSE_MIN + PAUSE_EACH.saturating_mul(waiting)).min(PAUSE_MAX)
    }

    fn push(&self, events: Vec<Event>, last: Position) {
        let mut newest = self.lock();
        newest.extend(events.into_iter().map(SharedEvent::new).map(Arc::new));
        let mut bytes: usize = newest.iter().map(|event| event.data.len()).sum();
        while newest.len() > EVENTS_MAX || bytes > BYTES_MAX {
            let Some(oldest) = newest.pop_front() else {
                break;
            };
            bytes -= oldest.data.len();
        }
        drop(newest);
        self.last.send_if_modified(|known| {
            let is_new = *known < last;
            *known = (*known).max(last);
            is_new
        });
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<SharedEvent>>> {
        // No code that can panic runs under the lock.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ingest {
    /// Follows the log of events, until shutdown.
    pub async fn follow_events(self: Arc<Self>) {
        let mut at = None;
        loop {
            let looked = match at {
                None => self.newest_position().await,
                Some(position) => self.read_tail(position).await,
            };
            match looked {
                Ok(position) => at = Some(position),
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "the log of events can't be read")
                }
            }
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(self.tail.pause()) => {}
            }
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                () = self.tail.rung.notified() => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    /// What was there before this start is read by who asks for it.
    async fn newest_position(&self) -> Result<Position, CatalogError> {
        let last = self.catalog.events(Position::END, 1).await?.last;
        self.tail.push(Vec::new(), last);
        Ok(last)
    }

    async fn read_tail(&self, mut at: Position) -> Result<Position, CatalogError> {
        loop {
            let page = self.catalog.events(at, PAGE).await?;
            let Some(newest) = page.events.last().map(|event| event.position) else {
                return Ok(at);
            };
            at = newest;
            let is_last = page.events.len() < PAGE as usize;
            self.tail.push(page.events, at);
            if is_last {
                return Ok(at);
            }
        }
    }
}
