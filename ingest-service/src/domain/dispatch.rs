//! Events go to handlers: at least once, in order for each capture, again after
//! a failure, and to the dead letters in the end.
//!
//! One task does it for all handlers. Each of its turns is one transaction of
//! the catalog ([`EventLog::turn`](crate::catalog::EventLog::turn)): what
//! deliveries came to goes in, and the next ones come out. So a handler costs no
//! transaction of its own, and an upload is never kept waiting for one.

mod attempt;
pub mod handler;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};
use weir_shared::chain::Chain;

use super::{event::Position, ingest::Ingest, time::Timestamp};
use crate::catalog::{Delivery, Finished, Outcome, Subscriber, Turn};
use handler::{Handler, Registry};

/// Between two turns at least: what comes meanwhile shares a transaction.
const TURN_INTERVAL_MIN: Duration = Duration::from_millis(20);

/// Between two turns at most: another instance may have gone, and something may
/// be due that it had failed with.
const TURN_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// How long the end waits for what is being handled; the rest is released.
/// Below the grace time of the service.
const DRAIN_MAX: Duration = Duration::from_secs(5);

struct Dispatcher {
    ingest: Arc<Ingest>,
    handlers: Registry,
    subscribers: Vec<Subscriber>,
    running: JoinSet<Finished>,
    /// What this instance holds of the catalog: it runs, or is finished.
    held: HashSet<(&'static str, Position)>,
    /// Of those, what is not yet told to the catalog.
    finished: Vec<Finished>,
    /// Handlers that could do nothing: they are given nothing until then, and then one event
    /// until they could do something about one. What does not fit may be too many at once.
    rests: HashMap<&'static str, Timestamp>,
}

impl Ingest {
    /// Delivers events to these handlers, until shutdown.
    pub async fn dispatch(self: Arc<Self>, handlers: Registry) {
        if handlers.is_empty() {
            return;
        }
        let dispatcher = Dispatcher {
            subscribers: subscribers(&handlers),
            ingest: self,
            handlers,
            running: JoinSet::new(),
            held: HashSet::new(),
            finished: Vec::new(),
            rests: HashMap::new(),
        };
        dispatcher.run().await;
    }
}

fn subscribers(handlers: &Registry) -> Vec<Subscriber> {
    let subscribers = handlers.iter().map(|handler| Subscriber {
        handler: handler.name(),
        families: families(&**handler),
        held: Vec::new(),
        room: 0,
    });
    subscribers.collect()
}

fn families(handler: &dyn Handler) -> Vec<&'static str> {
    let mut families: Vec<_> = handler
        .kinds()
        .iter()
        .map(|kind| super::event::kind::family(kind))
        .collect();
    families.sort_unstable();
    families.dedup();
    families
}

impl Dispatcher {
    async fn run(mut self) {
        let ingest = Arc::clone(&self.ingest);
        let mut news = ingest.tail.last();
        loop {
            let lease = tokio::select! {
                biased;
                () = ingest.shutdown.cancelled() => return,
                lease = ingest.instance.lease() => lease,
            };
            // At the end the others wait until we have said what became of it.
            let _working = ingest.instance.working();
            while !lease.is_cancelled() {
                let begun = Instant::now();
                news.mark_unchanged();
                let is_behind = self.turn().await;
                let least = match is_behind {
                    true => Duration::ZERO,
                    false => TURN_INTERVAL_MIN,
                };
                tokio::select! {
                    biased;
                    () = ingest.shutdown.cancelled() => return self.drain().await,
                    () = lease.cancelled() => break,
                    () = tokio::time::sleep_until(begun + least) => {}
                }
                if is_behind {
                    continue;
                }
                tokio::select! {
                    biased;
                    () = ingest.shutdown.cancelled() => return self.drain().await,
                    () = lease.cancelled() => break,
                    Some(done) = self.running.join_next() => self.take(done),
                    // None once the service ends.
                    _ = news.changed() => {}
                    () = tokio::time::sleep_until(begun + TURN_INTERVAL_MAX) => {}
                }
                while let Some(done) = self.running.try_join_next() {
                    self.take(done);
                }
            }
            self.lapsed().await;
        }
    }

    /// What runs may be another instance's now, and comes again where it is still ours. What
    /// is done is told once the catalog hears us: that knows whose it was.
    async fn lapsed(&mut self) {
        self.abort().await;
        let done = self.finished.iter();
        self.held = done.map(|f| (f.handler, f.position)).collect();
    }

    /// Ends what runs, and takes what has just come to its end.
    async fn abort(&mut self) {
        self.running.abort_all();
        while let Some(done) = self.running.join_next().await {
            self.finished.extend(done.ok());
        }
    }

    /// True when there are events that not every handler was given.
    async fn turn(&mut self) -> bool {
        let now = Timestamp::now();
        for subscriber in &mut self.subscribers {
            let limits = self.handlers.get(subscriber.handler).map(|h| h.limits());
            let concurrency = limits.map_or(0, |limits| limits.concurrency);
            let held = self.held.iter();
            let held = held.filter(|(handler, _)| *handler == subscriber.handler);
            subscriber.held = held.map(|(_, position)| *position).collect();
            let told = self
                .finished
                .iter()
                .filter(|f| f.handler == subscriber.handler);
            // What is told in this turn makes room in it.
            let running = subscriber.held.len().saturating_sub(told.count());
            let room_max = match self.rests.get(subscriber.handler) {
                Some(until) if *until > now => 0,
                Some(_) => concurrency.min(1),
                None => concurrency,
            };
            subscriber.room = room_max.saturating_sub(u32::try_from(running).unwrap_or(u32::MAX));
        }
        let turn = Turn {
            instance: self.ingest.instance.id,
            now,
            finished: self.finished.clone(),
            subscribers: self.subscribers.clone(),
        };
        match self.ingest.catalog.turn(&turn).await {
            Ok(turned) => {
                for finished in self.finished.drain(..) {
                    self.ingest.metrics.delivered(&finished);
                    self.held.remove(&(finished.handler, finished.position));
                }
                for delivery in turned.deliveries {
                    self.start(delivery);
                }
                turned.is_behind
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "no events are delivered");
                false
            }
        }
    }

    fn start(&mut self, delivery: Delivery) {
        let Some(handler) = self.handlers.get(&delivery.handler) else {
            return;
        };
        let (name, position) = (handler.name(), delivery.event.position);
        self.held.insert((name, position));
        let (handler, ingest) = (Arc::clone(handler), Arc::clone(&self.ingest));
        let attempt = async move {
            let tasks = ingest.tasks.clone();
            let attempt = attempt::attempt(handler, delivery, tasks, &ingest.shutdown);
            Finished {
                handler: name,
                position,
                outcome: attempt.await,
            }
        };
        self.running.spawn(attempt);
    }

    fn take(&mut self, done: Result<Finished, tokio::task::JoinError>) {
        match done {
            Ok(finished) => {
                match finished.outcome {
                    Outcome::Released { at } => self.rests.insert(finished.handler, at),
                    _ => self.rests.remove(finished.handler),
                };
                self.finished.push(finished);
            }
            // The handler has a task of its own: this one has nothing that panics.
            Err(error) => {
                tracing::error!(%error, "a delivery is held up until this service restarts")
            }
        }
    }

    /// The end: what runs may finish, and the rest is for the next start.
    async fn drain(mut self) {
        let drained = async {
            while let Some(done) = self.running.join_next().await {
                self.take(done);
            }
        };
        if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
            self.abort().await;
        }
        let told: HashSet<_> = self
            .finished
            .iter()
            .map(|f| (f.handler, f.position))
            .collect();
        let now = Timestamp::now();
        let released = self
            .held
            .difference(&told)
            .map(|&(handler, position)| Finished {
                handler,
                position,
                outcome: Outcome::Released { at: now },
            });
        self.finished.extend(released);
        if self.finished.is_empty() {
            return;
        }
        let last = Turn {
            instance: self.ingest.instance.id,
            now,
            finished: self.finished,
            subscribers: Vec::new(),
        };
        // Else they come again, when this instance is taken for gone.
        if let Err(error) = self.ingest.catalog.turn(&last).await {
            tracing::warn!(error = %Chain(&error), "deliveries that were made will be made again");
        }
    }
}

#[cfg(test)]
mod tests;
