//! Questions that were answered, as long as the answer may go on.

use arrayvec::ArrayVec;

use super::{Question, Waiting, queue::Arrived};
use crate::{dissect::Output, record::Endpoint};

/// Remembered of a flow, for an answer that comes in several messages (zone transfers) or twice.
const ANSWERED_MAX: usize = 4;

/// The latest last. They lie where they waited: a question is not moved.
#[derive(Debug, Default)]
pub(super) struct Answered(ArrayVec<Box<Arrived>, ANSWERED_MAX>);

impl Answered {
    /// The latest with this id of this asker, and with this question if there is one.
    pub(super) fn of(
        &self,
        id: u16,
        asker: Endpoint,
        question: Option<&Question>,
    ) -> Option<Box<Arrived>> {
        let mut known = self.0.iter();
        known
            .rfind(|known| known.waiting.is_of(id, asker, question))
            .cloned()
    }

    /// As far as there is room.
    pub(super) fn remember(&mut self, query: Box<Arrived>, out: &mut Output) {
        let Waiting { origin, id, .. } = query.waiting;
        let is_it = |known: &Waiting| known.origin == origin && known.id == id;
        if let Some(known) = self.0.iter().position(|known| is_it(&known.waiting)) {
            self.forget(known, out);
        }
        if self.0.is_full() {
            self.forget(0, out);
        }
        out.answered.take(query.waiting.cost());
        self.0.push(query);
        while !self.has_room(out) {
            self.forget(0, out);
        }
    }

    fn forget(&mut self, at: usize, out: &mut Output) {
        if let Some(known) = self.0.pop_at(at) {
            out.answered.give_back(known.waiting.cost());
        }
    }

    /// Forgets all.
    pub(super) fn end(&mut self, out: &mut Output) {
        for known in self.0.drain(..) {
            out.answered.give_back(known.waiting.cost());
        }
    }

    fn has_room(&self, out: &Output) -> bool {
        let bytes = self.0.iter().map(|known| known.waiting.cost());
        self.0.is_empty() || out.answered.is_fair(self.0.len(), bytes.sum())
    }
}
