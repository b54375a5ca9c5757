//! Who waits for the budget: connections take turns, each with its calls in
//! order of asking.

use std::collections::{HashMap, VecDeque};

use crate::domain::connection::ConnectionId;

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TicketId(u64);

/// Those who wait, with what each asks for.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// Each connection that waits, once; the first is next.
    turns: VecDeque<ConnectionId>,
    waiting: HashMap<ConnectionId, VecDeque<Waiting<T>>>,
    next_id: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    id: TicketId,
    cost: usize,
    who: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            turns: VecDeque::new(),
            waiting: HashMap::new(),
            next_id: 0,
        }
    }
}

impl<T> Queue<T> {
    pub(super) fn push(&mut self, connection: ConnectionId, cost: usize, who: T) -> TicketId {
        let id = TicketId(self.next_id);
        self.next_id += 1;
        let calls = self.waiting.entry(connection).or_default();
        if calls.is_empty() {
            self.turns.push_back(connection);
        }
        calls.push_back(Waiting { id, cost, who });
        id
    }

    /// What the next one asks for.
    pub(super) fn next_cost(&self) -> Option<usize> {
        let calls = self.waiting.get(self.turns.front()?)?;
        calls.front().map(|next| next.cost)
    }

    /// The next one. Its connection's next call comes after one of each other
    /// connection.
    pub(super) fn pop(&mut self) -> Option<(T, usize)> {
        let connection = self.turns.pop_front()?;
        let calls = self.waiting.get_mut(&connection)?;
        let next = calls.pop_front()?;
        if calls.is_empty() {
            self.waiting.remove(&connection);
        } else {
            self.turns.push_back(connection);
        }
        Some((next.who, next.cost))
    }

    /// Gives up a place. False when it was served before.
    pub(super) fn remove(&mut self, connection: ConnectionId, id: TicketId) -> bool {
        let Some(calls) = self.waiting.get_mut(&connection) else {
            return false;
        };
        let before = calls.len();
        calls.retain(|waiting| waiting.id != id);
        let removed = calls.len() < before;
        if calls.is_empty() {
            self.waiting.remove(&connection);
            self.turns.retain(|turn| *turn != connection);
        }
        removed
    }
}
