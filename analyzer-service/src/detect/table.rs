//! What detectors remember, bounded.

use std::hash::Hash;

use ahash::RandomState;
use hashbrown::HashTable;

/// Entries passed over for one that makes room, so that each new one costs a bounded time.
const TURNS_MAX: usize = 8;

/// At most so many entries by key. A new one takes the place of one that was not asked for
/// lately (the CLOCK algorithm); which one depends on the order of the calls alone.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    indexes: HashTable<u32>,
    slots: Vec<Slot<K, V>>,
    hand: usize,
    n_max: u32,
    /// Keyed: what is remembered comes from attackers.
    hasher: RandomState,
}

#[derive(Debug)]
struct Slot<K, V> {
    hash: u64,
    key: K,
    value: V,
    /// Since the hand was here.
    asked: bool,
}

impl<K: Hash + Eq, V> Table<K, V> {
    /// Allocates nothing until something is remembered. `n_max` is at least one.
    pub(super) fn new(n_max: u32) -> Self {
        Self {
            indexes: HashTable::new(),
            slots: Vec::new(),
            hand: 0,
            n_max: n_max.max(1),
            hasher: RandomState::new(),
        }
    }

    /// The value of `key`; when nothing is remembered of it, a new one.
    pub(super) fn entry(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        let hash = self.hasher.hash_one(&key);
        let slots = &self.slots;
        let is_key = |at: &u32| slots.get(*at as usize).is_some_and(|slot| slot.key == key);
        let found = self.indexes.find(hash, is_key).copied();
        let at = match found {
            Some(at) => {
                let at = at as usize;
                self.slots[at].asked = true;
                at
            }
            None => self.insert(Slot {
                hash,
                key,
                value: new(),
                asked: false,
            }),
        };
        &mut self.slots[at].value
    }

    fn insert(&mut self, slot: Slot<K, V>) -> usize {
        let hash = slot.hash;
        let n_slots = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let at = if n_slots < self.n_max {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let at = self.oldest();
            let before = std::mem::replace(&mut self.slots[at], slot);
            let is_it = |index: &u32| *index as usize == at;
            if let Ok(occupied) = self.indexes.find_entry(before.hash, is_it) {
                occupied.remove();
            }
            at
        };
        let slots = &self.slots;
        let rehash = |at: &u32| slots.get(*at as usize).map_or(0, |slot| slot.hash);
        let index = u32::try_from(at).unwrap_or(u32::MAX);
        self.indexes.insert_unique(hash, index, rehash);
        at
    }

    /// The place of one that was not asked for since the hand was there.
    fn oldest(&mut self) -> usize {
        for _ in 0..TURNS_MAX {
            let at = self.turn();
            if !std::mem::take(&mut self.slots[at].asked) {
                return at;
            }
        }
        self.turn()
    }

    fn turn(&mut self) -> usize {
        let at = self.hand;
        self.hand = (at + 1) % self.slots.len();
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays() {
        let mut table = Table::new(4);
        *table.entry("kept", || 0) = 7;
        for n in 0..100 {
            let name = format!("other {n}");
            table.entry(Box::leak(name.into_boxed_str()) as &str, || n);
            assert_eq!(*table.entry("kept", || 0), 7, "after {n}");
            assert!(table.slots.len() <= 4 && table.indexes.len() <= 4);
        }
    }

    #[test]
    fn a_full_table_forgets_the_oldest_even_when_all_were_asked_for() {
        let mut table = Table::new(16);
        for n in 0..16 {
            table.entry(n, || n);
            table.entry(n, || n);
        }
        table.entry(16, || 16);
        assert_eq!(table.slots.len(), 16);
        assert_eq!(*table.entry(16, || 0), 16);
    }
}
