//! Events as they happen, for one watcher: pulled by it, so that a slow one
//! costs nothing and misses nothing that is still kept.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    error::Error,
    event::{Event, Position, kind},
    event_pages::{PAGE, Read},
    id::CaptureId,
    ingest::Ingest,
    tail::SharedEvent,
};

/// A watcher whose filter lets nothing pass is told this often where it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Which events.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Types with their version, or without it for all versions; none: all.
    pub kinds: Vec<String>,
    pub capture: Option<CaptureId>,
    /// All of these.
    pub labels: BTreeMap<String, String>,
    /// Only what has happened when the watch begins.
    pub once: bool,
}

impl EventFilter {
    fn passes(&self, event: &Event) -> bool {
        let is_kind =
            |wanted: &String| *wanted == event.kind || wanted == kind::family(&event.kind);
        let kind = self.kinds.is_empty() || self.kinds.iter().any(is_kind);
        let capture = self
            .capture
            .as_ref()
            .is_none_or(|id| *id == event.capture_id);
        kind && capture && (self.labels.is_empty() || self.has_labels(event))
    }

    /// What can't be read has none.
    fn has_labels(&self, event: &Event) -> bool {
        let Ok(fact) = event.fact() else {
            return false;
        };
        let labels = fact.labels();
        self.labels
            .iter()
            .all(|(name, value)| labels.get(name) == Some(value))
    }
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest that is kept.
    Oldest,
    /// With the next that happens.
    Now,
    After(Position),
}

/// What a watcher is told.
#[derive(Clone, Debug)]
pub enum Told {
    Event(Arc<SharedEvent>),
    /// Nothing up to here passed the filter.
    Nothing(Position),
    /// There is no more to be told.
    End,
}

/// One watcher of events.
#[derive(Debug)]
pub struct EventWatch {
    ingest: Arc<Ingest>,
    filter: EventFilter,
    ended: CancellationToken,
    last: watch::Receiver<Position>,
    /// Read, and not told.
    read: VecDeque<Arc<SharedEvent>>,
    /// All up to here are read.
    at: Position,
    told_at: Instant,
    /// The last that is to be told.
    until: Option<Position>,
    /// Where the watcher was told that it is.
    told: Option<Position>,
    /// Nobody else knows where "now" is.
    is_now: bool,
}

impl Ingest {
    /// Begins to watch, until `ended` is cancelled.
    ///
    /// # Errors
    /// [`Error::Field`] for a place that is not there yet, [`Error::EventsGone`]
    /// for one that is not there any more.
    pub async fn watch_events(
        self: &Arc<Self>,
        start: Start,
        filter: EventFilter,
        ended: CancellationToken,
    ) -> Result<EventWatch, Error> {
        let last = self.tail.last();
        let page = self.catalog.events(Position::END, 1).await?;
        let at = match start {
            Start::Oldest => Position(page.oldest.0.saturating_sub(1)),
            Start::Now => page.last,
            Start::After(position) if position > page.last => {
                return Err(Error::Field {
                    field: "cursor",
                    why: "is behind the newest event".to_owned(),
                });
            }
            Start::After(position) => position,
        };
        Ok(EventWatch {
            ingest: Arc::clone(self),
            until: filter.once.then_some(page.last),
            told: None,
            is_now: start == Start::Now && !filter.once,
            filter,
            ended,
            last,
            read: VecDeque::new(),
            at,
            told_at: Instant::now(),
        })
    }
}

impl EventWatch {
    /// The next event that passes.
    ///
    /// Cancel safety: a dropped call has told nothing.
    ///
    /// # Errors
    /// [`Error::EventsGone`] when the next ones are not kept any more,
    /// [`Error::Ended`] when the call is over.
    pub async fn next(&mut self) -> Result<Told, Error> {
        let ended = self.ended.clone();
        let told = tokio::select! {
            biased;
            () = ended.cancelled() => Err(Error::Ended),
            told = self.look() => told,
        };
        if let Ok(told) = &told {
            self.told_at = Instant::now();
            self.told = match told {
                Told::Event(event) => Some(event.position),
                Told::Nothing(position) => Some(*position),
                Told::End => self.told,
            };
        }
        told
    }

    async fn look(&mut self) -> Result<Told, Error> {
        if std::mem::take(&mut self.is_now) {
            return Ok(Told::Nothing(self.at));
        }
        loop {
            while let Some(event) = self.read.pop_front() {
                if self.until.is_some_and(|until| event.position > until) {
                    break;
                }
                if self.filter.passes(&event) {
                    self.ingest.metrics.watched(&event);
                    return Ok(Told::Event(event));
                }
            }
            if self.until.is_some_and(|until| self.at >= until) {
                return Ok(match self.told == Some(self.at) {
                    true => Told::End,
                    false => Told::Nothing(self.at),
                });
            }
            if self.told_at.elapsed() >= PROGRESS_INTERVAL {
                return Ok(Told::Nothing(self.at));
            }
            self.last.mark_unchanged();
            if self.read_on().await? {
                continue;
            }
            tokio::select! {
                // The sender lives as long as the service.
                _ = self.last.changed() => {}
                () = tokio::time::sleep_until(self.told_at + PROGRESS_INTERVAL) => {}
            }
        }
    }

    /// False: there are no more.
    async fn read_on(&mut self) -> Result<bool, Error> {
        if let Some(events) = self.ingest.tail.after(self.at, PAGE as usize) {
            self.took(events.into());
            return Ok(!self.read.is_empty());
        }
        if *self.last.borrow() <= self.at {
            return Ok(false);
        }
        let ingest = Arc::clone(&self.ingest);
        let mut pages = ingest.event_pages.lock().await;
        match pages.after(&*ingest.catalog, self.at).await? {
            Read::Events(events) => self.took(events),
            Read::Gone(oldest) => {
                return Err(Error::EventsGone {
                    oldest: Position(oldest.0 - 1),
                });
            }
        }
        Ok(!self.read.is_empty())
    }

    fn took(&mut self, events: VecDeque<Arc<SharedEvent>>) {
        if let Some(last) = events.back() {
            self.at = last.position;
        }
        self.read = events;
    }
}
