//! How many bytes are held between receipt and commit: one budget for the
//! process, so that it and not the number of uploads bounds memory.
//!
//! A message's bytes are reserved before it is read: what waits for its turn
//! waits in the windows of its connection, not in memory of its own.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{oneshot, watch},
    time::{Instant, sleep},
};

use super::connection::ConnectionId;
use queue::{Queue, TicketId};

mod queue;

/// What a staged chunk costs beside its bytes: its entries in the segment, the
/// hashes and the catalog's statement, bytes.
const CHUNK_OVERHEAD: usize = 512;

/// After so long without an arrival or a commit, while all of the budget is
/// held by messages that have begun to arrive, one more message is let in: what
/// those wait for may be stuck behind it, in the window of their connection, or
/// their clients may be silent. Long beside the pauses of clients that send, all
/// of them together, on a busy machine; short enough that ten messages of others
/// get through in a second.
const STUCK_AFTER: Duration = Duration::from_millis(100);

/// The budget.
#[derive(Debug)]
pub struct Staging {
    state: Mutex<State>,
    shortages: watch::Sender<u64>,
    /// Held by the one of those who wait that looks whether all are stuck.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    bytes_max: usize,
    reserved: usize,
    /// The part of it that messages hold which are not whole yet.
    arriving: usize,
    queue: Queue<oneshot::Sender<Reserved>>,
    /// When something came or went.
    moved: Instant,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub struct Reserved {
    staging: Arc<Staging>,
    bytes: usize,
    arriving: bool,
}

impl Staging {
    #[must_use]
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                bytes_max,
                reserved: 0,
                arriving: 0,
                queue: Queue::default(),
                moved: Instant::now(),
            }),
            shortages: watch::Sender::new(0),
            looking: tokio::sync::Mutex::default(),
        })
    }

    /// Room for a message of so many bytes, if there is some now and nobody waits.
    #[must_use]
    pub fn try_reserve(self: &Arc<Self>, bytes: usize) -> Option<Reserved> {
        let cost = bytes + CHUNK_OVERHEAD;
        let is_room = self.lock().take_without_waiting(cost);
        is_room.then(|| self.reserved(cost))
    }

    /// Room for a message of so many bytes that is about to arrive. Connections
    /// take turns, each with its calls in order of asking: many uploads on one
    /// do not keep the one on another waiting. Tells everybody when the budget
    /// is short.
    ///
    /// Cancel safety: a dropped call has taken nothing.
    pub async fn reserve(self: Arc<Self>, connection: ConnectionId, bytes: usize) -> Reserved {
        let (granted, mut grant) = oneshot::channel();
        let ticket = {
            let mut state = self.lock();
            let cost = bytes + CHUNK_OVERHEAD;
            let id = state.queue.push(connection, cost, granted);
            Ticket {
                staging: &self,
                connection,
                id,
            }
        };
        self.serve();
        if let Ok(reserved) = grant.try_recv() {
            return reserved;
        }
        self.shortages.send_modify(|n| *n += 1);
        let reserved = tokio::select! {
            biased;
            Ok(reserved) = &mut grant => reserved,
            never = self.relieve_stuck() => match never {},
        };
        drop(ticket);
        reserved
    }

    /// One of those who wait does it for all.
    async fn relieve_stuck(self: &Arc<Self>) -> Infallible {
        let _looking = self.looking.lock().await;
        loop {
            sleep(STUCK_AFTER).await;
            self.relieve();
        }
    }

    /// A part of a message came whose room is reserved.
    pub fn arrived(&self) {
        self.lock().moved = Instant::now();
    }

    /// Changes whenever the budget is short: open segments are to be closed.
    #[must_use]
    pub fn shortages(&self) -> watch::Receiver<u64> {
        self.shortages.subscribe()
    }

    /// Grants what there is room for, in turn.
    fn serve(self: &Arc<Self>) {
        loop {
            let Some((granted, cost)) = self.lock().next_within_budget() else {
                return;
            };
            self.grant(granted, cost);
        }
    }

    /// See [`STUCK_AFTER`].
    fn relieve(self: &Arc<Self>) {
        let Some((granted, cost)) = self.lock().next_when_stuck() else {
            return;
        };
        tracing::debug!("all that is staged is still arriving: one more message is let in");
        self.grant(granted, cost);
    }

    /// Its cost is counted already.
    fn grant(self: &Arc<Self>, granted: oneshot::Sender<Reserved>, cost: usize) {
        // Whoever has gone meanwhile gives it back by dropping it.
        granted.send(self.reserved(cost)).ok();
    }

    fn reserved(self: &Arc<Self>, cost: usize) -> Reserved {
        Reserved {
            staging: Arc::clone(self),
            bytes: cost,
            arriving: true,
        }
    }

    /// Whether somebody waits.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.lock().queue.next_cost().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_without_waiting(&mut self, cost: usize) -> bool {
        let is_room = self.queue.next_cost().is_none() && self.has_room(cost);
        if is_room {
            self.count(cost);
        }
        is_room
    }

    /// A message above the whole budget goes alone.
    fn has_room(&self, cost: usize) -> bool {
        self.reserved + cost <= self.bytes_max || self.reserved == 0
    }

    fn count(&mut self, cost: usize) {
        self.reserved += cost;
        self.arriving += cost;
        self.moved = Instant::now();
    }

    fn next_within_budget(&mut self) -> Option<(oneshot::Sender<Reserved>, usize)> {
        let cost = self.queue.next_cost()?;
        self.has_room(cost).then(|| self.take_next()).flatten()
    }

    fn next_when_stuck(&mut self) -> Option<(oneshot::Sender<Reserved>, usize)> {
        let is_stuck = self.reserved == self.arriving && self.moved.elapsed() >= STUCK_AFTER;
        is_stuck.then(|| self.take_next()).flatten()
    }

    fn take_next(&mut self) -> Option<(oneshot::Sender<Reserved>, usize)> {
        let (granted, cost) = self.queue.pop()?;
        self.count(cost);
        Some((granted, cost))
    }
}

impl Reserved {
    /// The message has this length, at most that which was reserved for.
    pub fn shrink_to(&mut self, bytes: usize) {
        let left = (bytes + CHUNK_OVERHEAD).min(self.bytes);
        self.give_back(self.bytes - left);
        self.bytes = left;
    }

    /// The message is whole: what it holds comes back by its commit.
    pub fn is_whole(&mut self) {
        if std::mem::replace(&mut self.arriving, false) {
            self.staging.lock().arriving -= self.bytes;
        }
    }

    /// Joins two parts of whole messages, to be given back together.
    pub fn merge(&mut self, mut other: Self) {
        self.is_whole();
        other.is_whole();
        self.bytes += std::mem::take(&mut other.bytes);
    }

    fn give_back(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        {
            let mut state = self.staging.lock();
            state.reserved -= bytes;
            if self.arriving {
                state.arriving -= bytes;
            }
            state.moved = Instant::now();
        }
        self.staging.serve();
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

/// A place in the queue, given up when dropped.
struct Ticket<'a> {
    staging: &'a Arc<Staging>,
    connection: ConnectionId,
    id: TicketId,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let left = self.staging.lock().queue.remove(self.connection, self.id);
        if left {
            // A smaller one may have stood behind it.
            self.staging.serve();
        }
    }
}

#[cfg(test)]
mod tests;
