//! Like things counted together, in bounded memory.

use std::{cmp::Reverse, collections::HashMap, hash::Hash};

/// Most different groups of one table. A capture of random names has no end of
/// them; 4,096 of about 2 KiB are 8 MiB.
const GROUPS_MAX: usize = 4_096;

/// Groups by key; the first of a group is kept as its example.
#[derive(Debug)]
pub(crate) struct Groups<K, T> {
    by_key: HashMap<K, Group<T>>,
    seen: u64,
    /// Not in any group, because there were too many of those.
    ungrouped: u64,
}

#[derive(Debug)]
pub(crate) struct Group<T> {
    pub(crate) count: u64,
    pub(crate) example: T,
    position: u64,
}

impl<K: Eq + Hash, T> Groups<K, T> {
    pub(crate) fn new() -> Self {
        Self {
            by_key: HashMap::new(),
            seen: 0,
            ungrouped: 0,
        }
    }

    /// Counts one in the group of its key; `merge` brings what it adds.
    pub(crate) fn add(&mut self, key: K, one: T, merge: impl FnOnce(&mut T, T)) {
        self.seen += 1;
        if let Some(group) = self.by_key.get_mut(&key) {
            group.count += 1;
            merge(&mut group.example, one);
        } else if self.by_key.len() < GROUPS_MAX {
            let group = Group {
                count: 1,
                example: one,
                position: self.seen,
            };
            self.by_key.insert(key, group);
        } else {
            self.ungrouped += 1;
        }
    }

    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn ungrouped(&self) -> u64 {
        self.ungrouped
    }

    /// The largest first, then in order of appearance.
    pub(crate) fn into_sorted(self) -> Vec<Group<T>> {
        let mut groups: Vec<_> = self.by_key.into_values().collect();
        groups.sort_by_key(|group| (Reverse(group.count), group.position));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_things_are_counted_and_the_first_is_the_example() {
        let mut groups = Groups::new();
        for (key, value) in [("b", 1), ("a", 2), ("a", 3), ("c", 4)] {
            groups.add(key, value, |sum, value| *sum += value);
        }
        assert_eq!(groups.seen(), 4);
        let sorted: Vec<_> = groups
            .into_sorted()
            .iter()
            .map(|g| (g.count, g.example))
            .collect();
        assert_eq!(sorted, [(2, 5), (1, 1), (1, 4)]);
    }

    #[test]
    fn the_number_of_groups_is_bounded_and_the_rest_is_counted() {
        let mut groups = Groups::new();
        for key in 0..GROUPS_MAX + 7 {
            groups.add(key, (), |(), ()| {});
        }
        assert_eq!((groups.len(), groups.ungrouped()), (GROUPS_MAX, 7));
    }
}
