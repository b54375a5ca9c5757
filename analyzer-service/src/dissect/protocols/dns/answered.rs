//! Questions that were answered, as long as the answer may go on.

use std::collections::VecDeque;

use super::{Question, Waiting, queue::Arrived};
use crate::{dissect::Output, record::Endpoint};

/// Remembered of a flow, for an answer that comes in several messages (zone transfers) or twice.
const ANSWERED_MAX: usize = 4;

/// The latest last. They lie where they waited: a question is not moved.
#[derive(Debug, Default)]
pub(super) struct Answered(VecDeque<Box<Arrived>>);

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
        let known = self.0.iter().position(|known| is_it(&known.waiting));
        out.answered.take(query.waiting.cost());
        // Most flows ask once.
        self.0.reserve_exact(1);
        self.0.push_back(query);
        if let Some(known) = known.and_then(|at| self.0.remove(at)) {
            out.answered.give_back(known.waiting.cost());
        }
        while !self.has_room(out)
            && let Some(oldest) = self.0.pop_front()
        {
            out.answered.give_back(oldest.waiting.cost());
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
        self.0.len() <= ANSWERED_MAX && out.answered.is_fair(self.0.len(), bytes.sum())
    }
}
