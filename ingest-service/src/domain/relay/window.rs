//! Which events may be on their way at once.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use crate::domain::{
    event::{Event, Position},
    id::Uid,
    tail::SharedEvent,
};

/// Events that are taken from the log and not confirmed: a slow broker needs some
/// thousands on their way to be busy, and what is on its way at a failure is sent twice.
const EVENTS_MAX: usize = 1_024;
/// Their payloads, bytes.
const BYTES_MAX: usize = 4 << 20;

/// Events after a position, until the broker has confirmed them.
///
/// Of one capture there is one on its way at a time: a broker that refuses it and
/// takes the next would turn them round. Those of other captures pass by.
#[derive(Debug)]
pub(super) struct Window {
    /// The broker has this event and all before it.
    confirmed: Position,
    /// The last one that was taken from the log.
    taken: Position,
    /// After `confirmed`, and whether the broker has them.
    open: BTreeMap<Position, (bool, usize)>,
    bytes: usize,
    /// Those of each capture that the broker has not; the first may be on its way.
    captures: HashMap<Uid, VecDeque<Arc<SharedEvent>>>,
    /// May be sent.
    ready: VecDeque<Arc<SharedEvent>>,
}

impl Window {
    pub(super) fn after(position: Position) -> Self {
        Self {
            confirmed: position,
            taken: position,
            open: BTreeMap::new(),
            bytes: 0,
            captures: HashMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// How many more events it takes.
    pub(super) fn room(&self) -> usize {
        match self.bytes < BYTES_MAX {
            true => EVENTS_MAX.saturating_sub(self.open.len()),
            false => 0,
        }
    }

    /// The position after which it is to be filled.
    pub(super) fn taken(&self) -> Position {
        self.taken
    }

    pub(super) fn confirmed(&self) -> Position {
        self.confirmed
    }

    /// Takes events that follow those that it has taken.
    pub(super) fn take(&mut self, events: impl IntoIterator<Item = Arc<SharedEvent>>) {
        for event in events {
            self.taken = event.position;
            let bytes = event.data.len();
            self.bytes += bytes;
            self.open.insert(event.position, (false, bytes));
            let of_capture = self.captures.entry(event.capture).or_default();
            if of_capture.is_empty() {
                self.ready.push_back(Arc::clone(&event));
            }
            of_capture.push_back(event);
        }
    }

    /// One that is to be sent now.
    pub(super) fn next(&mut self) -> Option<Arc<SharedEvent>> {
        self.ready.pop_front()
    }

    /// The broker has this one.
    pub(super) fn confirm(&mut self, event: &Event) {
        if let Some((is_confirmed, _)) = self.open.get_mut(&event.position) {
            *is_confirmed = true;
        }
        if let Some(of_capture) = self.captures.get_mut(&event.capture) {
            of_capture.pop_front();
            match of_capture.front() {
                Some(next) => self.ready.push_back(Arc::clone(next)),
                None => drop(self.captures.remove(&event.capture)),
            }
        }
        while let Some(first) = self.open.first_entry() {
            let (true, bytes) = *first.get() else { break };
            self.confirmed = *first.key();
            self.bytes -= bytes;
            first.remove();
        }
    }
}
