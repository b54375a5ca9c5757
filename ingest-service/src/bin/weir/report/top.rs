//! The few largest of very many, in bounded memory.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

/// Keeps the `limit` entries of the highest rank; of equal rank the earliest.
#[derive(Debug)]
pub(crate) struct Top<R, T> {
    limit: usize,
    seen: u64,
    /// The lowest that is kept on top.
    kept: BinaryHeap<Reverse<Entry<R, T>>>,
}

#[derive(Debug)]
struct Entry<R, T> {
    rank: R,
    position: u64,
    value: T,
}

impl<R: Ord, T> Top<R, T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: 0,
            kept: BinaryHeap::new(),
        }
    }

    pub(crate) fn push(&mut self, rank: R, value: T) {
        let entry = Entry {
            rank,
            position: self.seen,
            value,
        };
        self.seen += 1;
        if self.kept.len() < self.limit {
            self.kept.push(Reverse(entry));
        } else if let Some(mut lowest) = self.kept.peek_mut()
            && entry > lowest.0
        {
            *lowest = Reverse(entry);
        }
    }

    /// How many there were.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// The highest rank first.
    pub(crate) fn into_sorted(self) -> Vec<T> {
        let entries = self.kept.into_sorted_vec();
        entries
            .into_iter()
            .map(|Reverse(entry)| entry.value)
            .collect()
    }
}

impl<R: Ord, T> Ord for Entry<R, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_rank = self.rank.cmp(&other.rank);
        by_rank.then(other.position.cmp(&self.position))
    }
}

impl<R: Ord, T> PartialOrd for Entry<R, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R: Ord, T> PartialEq for Entry<R, T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<R: Ord, T> Eq for Entry<R, T> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limit: usize, ranks: &[u32], want: &[(u32, usize)]) {
        let mut top = Top::new(limit);
        for (position, &rank) in ranks.iter().enumerate() {
            top.push(rank, (rank, position));
        }
        assert_eq!(top.seen(), ranks.len() as u64);
        assert_eq!(top.into_sorted(), want);
    }

    #[test]
    fn the_largest_stay_and_the_earliest_of_equals() {
        check(3, &[5, 1, 9, 5, 5, 2], &[(9, 2), (5, 0), (5, 3)]);
    }

    #[test]
    fn fewer_than_the_limit_all_stay() {
        check(5, &[1, 2], &[(2, 1), (1, 0)]);
        check(5, &[], &[]);
    }
}
