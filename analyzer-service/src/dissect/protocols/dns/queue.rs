//! Questions that wait, found by what an answer says of them: what an answer costs
//! does not grow with how many wait.

use std::collections::VecDeque;

use ahash::RandomState;

use super::{Question, Waiting};
use crate::{dissect::budget, record::Endpoint};

/// What answers are matched by.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Match {
    /// Id, asker and question (RFC 1035, 7.3); errors may come without the question.
    Asker,
    /// Name and type alone (RFC 6762, 6).
    Name,
}

/// As long as no more wait they are looked through, which costs less than keys: most flows
/// ask once.
const UNINDEXED_MAX: usize = 4;

/// Oldest first.
#[derive(Debug)]
pub(super) struct Queue {
    matched_by: Match,
    waiting: VecDeque<Box<Arrived>>,
    /// Once there were more than a few.
    index: Option<Box<Index>>,
    arrivals: Arrival,
    bytes: usize,
}

/// Those that wait by what an answer says of them.
#[derive(Debug)]
struct Index {
    matched_by: Match,
    /// Keyed: names come from attackers.
    hasher: RandomState,
    /// Hash and arrival of each question by each of its keys, in this order. Equal hashes
    /// may be of different keys.
    entries: Vec<(u64, Arrival)>,
}

/// Grows from question to question.
type Arrival = u64;

#[derive(Clone, Debug)]
pub(super) struct Arrived {
    arrival: Arrival,
    pub(super) waiting: Waiting,
}

impl Queue {
    pub(super) fn new(matched_by: Match) -> Self {
        Self {
            matched_by,
            waiting: VecDeque::new(),
            index: None,
            arrivals: 0,
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// What all of them hold.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, waiting: Waiting, budget: &mut budget::Waiting) {
        budget.take(waiting.cost());
        self.bytes += waiting.cost();
        let arrival = self.arrivals;
        self.arrivals += 1;
        let arrived = Box::new(Arrived { arrival, waiting });
        if let Some(index) = &mut self.index {
            index.add(&arrived);
        }
        // Most flows have one.
        if self.waiting.is_empty() {
            self.waiting.reserve_exact(1);
        }
        self.waiting.push_back(arrived);
        if self.index.is_none() && self.waiting.len() > UNINDEXED_MAX {
            let mut index = Box::new(Index::new(self.matched_by));
            for arrived in &self.waiting {
                index.add(arrived);
            }
            self.index = Some(index);
        }
    }

    pub(super) fn pop_oldest_if(
        &mut self,
        wanted: impl Fn(&Waiting) -> bool,
        budget: &mut budget::Waiting,
    ) -> Option<Waiting> {
        let oldest = self.waiting.front()?;
        let arrival = wanted(&oldest.waiting).then_some(oldest.arrival)?;
        Some(self.remove(arrival, budget)?.waiting)
    }

    /// Takes one out.
    pub(super) fn remove(
        &mut self,
        arrival: Arrival,
        budget: &mut budget::Waiting,
    ) -> Option<Box<Arrived>> {
        let at = self.place(arrival)?;
        let arrived = self.waiting.remove(at)?;
        if let Some(index) = &mut self.index {
            index.remove(&arrived);
        }
        let cost = arrived.waiting.cost();
        budget.give_back(cost);
        self.bytes -= cost;
        Some(arrived)
    }

    /// The oldest with this id of this asker, and with this question if there is one. For
    /// [`Match::Asker`].
    pub(super) fn of_asker(
        &self,
        id: u16,
        asker: Endpoint,
        question: Option<&Question>,
    ) -> Option<Arrival> {
        let key = |index: &Index| index.asker_key(id, asker, question);
        let mut found = self.find(key, move |waiting| waiting.is_of(id, asker, question));
        found.next()
    }

    /// Those that ask for exactly this name and type, oldest first. For [`Match::Name`].
    pub(super) fn of_name(&self, name: &str, record_type: u16) -> impl Iterator<Item = Arrival> {
        let key = move |index: &Index| index.name_key(name, record_type);
        self.find(key, move |waiting| waiting.asks(name, record_type))
    }

    fn find(
        &self,
        key: impl Fn(&Index) -> u64,
        wanted: impl Fn(&Waiting) -> bool,
    ) -> impl Iterator<Item = Arrival> {
        let (few, many) = match &self.index {
            None => (Some(self.waiting.iter()), None),
            Some(index) => (None, Some(index.find(key(index)))),
        };
        let few = few.into_iter().flatten();
        let many = many.into_iter().flatten();
        let many = many.filter_map(|arrival| self.waiting.get(self.place(arrival)?));
        let found = few.chain(many);
        let found = found.filter(move |arrived| wanted(&arrived.waiting));
        found.map(|arrived| arrived.arrival)
    }

    fn place(&self, arrival: Arrival) -> Option<usize> {
        let found = self
            .waiting
            .binary_search_by_key(&arrival, |arrived| arrived.arrival);
        found.ok()
    }
}

impl Index {
    fn new(matched_by: Match) -> Self {
        Self {
            matched_by,
            hasher: RandomState::new(),
            entries: Vec::new(),
        }
    }

    fn add(&mut self, Arrived { arrival, waiting }: &Arrived) {
        for key in self.keys(waiting).into_iter().flatten() {
            let entry = (key, *arrival);
            let at = self.entries.partition_point(|other| *other < entry);
            self.entries.insert(at, entry);
        }
    }

    fn remove(&mut self, Arrived { arrival, waiting }: &Arrived) {
        for key in self.keys(waiting).into_iter().flatten() {
            if let Ok(at) = self.entries.binary_search(&(key, *arrival)) {
                self.entries.remove(at);
            }
        }
    }

    /// Those with this key, oldest first.
    fn find(&self, key: u64) -> impl Iterator<Item = Arrival> {
        let first = self.entries.partition_point(|(other, _)| *other < key);
        let found = self.entries[first..].iter();
        let found = found.take_while(move |(other, _)| *other == key);
        found.map(|(_, arrival)| *arrival)
    }

    fn keys(&self, waiting: &Waiting) -> [Option<u64>; 2] {
        let question = &waiting.question;
        match self.matched_by {
            Match::Asker => [None, Some(question)]
                .map(|question| Some(self.asker_key(waiting.id, waiting.asker, question))),
            Match::Name => [
                Some(self.name_key(&question.name, question.record_type)),
                None,
            ],
        }
    }

    fn asker_key(&self, id: u16, asker: Endpoint, question: Option<&Question>) -> u64 {
        let question = question.map(|asked| (asked.name.to_ascii_lowercase(), asked.record_type));
        self.hasher.hash_one((id, asker, question))
    }

    fn name_key(&self, name: &str, record_type: u16) -> u64 {
        self.hasher
            .hash_one((name.to_ascii_lowercase(), record_type))
    }
}
