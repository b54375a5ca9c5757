//! Events that are read from the catalog, once for all watchers that are behind about as
//! far: one reads at a time, so that uploads have its other connections for themselves.

use std::{collections::VecDeque, sync::Arc};

use super::{event::Position, tail::SharedEvent};
use crate::catalog::{Catalog, CatalogError};

/// Events in one look: with the largest labels some 6 MiB.
pub(super) const PAGE: u32 = 64;

/// Pages that are kept: as many events as in memory of the newest.
const PAGES_MAX: usize = 16;
/// Payloads of all that are kept, bytes; as they are told they are as much again.
const BYTES_MAX: usize = 4 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct EventPages {
    /// Read last at the back.
    kept: VecDeque<Page>,
}

#[derive(Debug)]
struct Page {
    /// It has all events that are behind this one, up to its last.
    after: Position,
    events: Vec<Arc<SharedEvent>>,
    bytes: usize,
}

/// What was read.
#[derive(Debug)]
pub(super) enum Read {
    Events(VecDeque<Arc<SharedEvent>>),
    /// The next ones are forgotten; the oldest that is kept.
    Gone(Position),
}

impl EventPages {
    /// Up to [`PAGE`] events behind this one.
    ///
    /// # Errors
    /// When the catalog is away.
    pub(super) async fn after(
        &mut self,
        catalog: &dyn Catalog,
        at: Position,
    ) -> Result<Read, CatalogError> {
        if let Some(page) = self.kept.iter().find(|page| page.has_next(at)) {
            let begin = page.events.partition_point(|event| event.position <= at);
            return Ok(Read::Events(page.events[begin..].iter().cloned().collect()));
        }
        let page = catalog.events(at, PAGE).await?;
        if page.oldest.0 > at.0 + 1 {
            return Ok(Read::Gone(page.oldest));
        }
        let events = page.events.into_iter().map(SharedEvent::new).map(Arc::new);
        let events: Vec<_> = events.collect();
        let read = events.iter().cloned().collect();
        // One that is not full soon has more behind it.
        if events.len() == PAGE as usize {
            self.keep(at, events);
        }
        Ok(Read::Events(read))
    }

    fn keep(&mut self, after: Position, events: Vec<Arc<SharedEvent>>) {
        let bytes = events.iter().map(|event| event.data.len()).sum();
        self.kept.push_back(Page {
            after,
            events,
            bytes,
        });
        let mut bytes: usize = self.kept.iter().map(|page| page.bytes).sum();
        while (bytes > BYTES_MAX || self.kept.len() > PAGES_MAX)
            && let Some(oldest) = self.kept.pop_front()
        {
            bytes -= oldest.bytes;
        }
    }
}

impl Page {
    fn has_next(&self, at: Position) -> bool {
        let last = self.events.last().map(|event| event.position);
        self.after <= at && last.is_some_and(|last| at < last)
    }
}

#[cfg(test)]
mod tests;
