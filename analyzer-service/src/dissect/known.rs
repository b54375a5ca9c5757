//! What many flows show alike, read once.

use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashTable;

/// Of the bytes remembered. A server's chain has some 4 KiB.
const BYTES_MAX: usize = 4 << 20;

/// What an entry takes beside its bytes and its value, about: its place in the table, two
/// allocations, short texts.
const ENTRY_BYTES: usize = 128;

/// Remembers what bytes were read as. Of no influence on what comes out: only on how
/// long it takes.
#[derive(Debug)]
pub(super) struct Known<T> {
    entries: HashTable<(Box<[u8]>, Arc<T>)>,
    /// Keyed: the bytes come from attackers.
    hasher: RandomState,
    held_bytes: usize,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            entries: HashTable::new(),
            hasher: RandomState::new(),
            held_bytes: 0,
        }
    }
}

impl<T> Known<T> {
    /// What `read` makes of `bytes`; it must depend on nothing else.
    pub(super) fn get(&mut self, bytes: &[u8], read: impl FnOnce(&[u8]) -> T) -> Arc<T> {
        let hash = self.hasher.hash_one(bytes);
        let found = self.entries.find(hash, |(known, _)| **known == *bytes);
        if let Some((_, value)) = found {
            return Arc::clone(value);
        }
        let value = Arc::new(read(bytes));
        // Beyond the bound it begins anew: what matters comes again soon.
        let entry_bytes = bytes.len() + size_of::<T>() + ENTRY_BYTES;
        self.held_bytes += entry_bytes;
        if self.held_bytes > BYTES_MAX {
            self.entries.clear();
            self.held_bytes = entry_bytes;
        }
        let entry = (bytes.into(), Arc::clone(&value));
        let hasher = &self.hasher;
        let rehash = |(known, _): &(Box<[u8]>, _)| hasher.hash_one(&**known);
        self.entries.insert_unique(hash, entry, rehash);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_read_once() {
        let mut known = Known::default();
        let mut n_read = 0;
        for bytes in [b"a", b"b", b"a"] {
            let value = known.get(bytes, |bytes| {
                n_read += 1;
                bytes.to_vec()
            });
            assert_eq!(*value, bytes);
        }
        assert_eq!(n_read, 2);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut known = Known::default();
        for n in 0..10u8 {
            known.get(&vec![n; BYTES_MAX / 4], |_| ());
            assert!(known.held_bytes <= BYTES_MAX && known.entries.len() <= 4);
        }
    }

    #[test]
    fn short_ones_count_for_what_they_take() {
        let mut known = Known::default();
        for n in 0..100_000_u32 {
            known.get(&n.to_be_bytes(), |_| ());
            assert!(known.entries.len() <= BYTES_MAX / ENTRY_BYTES);
        }
    }
}
