//! Which addresses have the most bytes, in bounded memory.

use std::{cmp::Reverse, net::IpAddr};

use ahash::RandomState;
use hashbrown::HashTable;

use crate::record::Talker;

/// Talkers in a summary.
const LISTED_MAX: usize = 50;

/// Addresses counted at once, about 1 MiB of them. A capture with fewer is counted
/// exactly; with more, a count is too high by at most a 4,096th of all bytes counted.
const COUNTED_MAX: usize = 8_192;

#[derive(Clone, Copy, Debug)]
struct Count {
    address: IpAddr,
    packets_sent: u64,
    packets_received: u64,
    bytes_sent: u64,
    bytes_received: u64,
    error: u64,
}

impl Count {
    /// What it may have had before goes to the bytes sent: it is not known where to.
    fn new(address: IpAddr, floor: u64) -> Self {
        Self {
            address,
            packets_sent: 0,
            packets_received: 0,
            bytes_sent: floor,
            bytes_received: 0,
            error: floor,
        }
    }

    fn bytes(&self) -> u64 {
        self.bytes_sent.saturating_add(self.bytes_received)
    }
}

/// Space-saving counts (Metwally, Agrawal, El Abbadi 2005), making room for many
/// addresses at a time as in Misra-Gries: whoever is dropped had at most `floor` bytes, and
/// whoever comes new may have been dropped before, so starts there.
#[derive(Debug)]
pub(super) struct Talkers {
    hasher: RandomState,
    /// Positions in `counts`.
    index: HashTable<usize>,
    counts: Vec<Count>,
    /// Where packets before counted, by [`slot`]: mostly the next one's place too.
    recent: [usize; SLOTS],
    n_max: usize,
    floor: u64,
}

impl Talkers {
    pub(super) fn new() -> Self {
        Self::with_room(COUNTED_MAX)
    }

    fn with_room(n_max: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            index: HashTable::new(),
            counts: Vec::new(),
            recent: [0; SLOTS],
            n_max,
            floor: 0,
        }
    }

    pub(super) fn count(&mut self, source: IpAddr, target: IpAddr, bytes: u32) {
        let bytes = u64::from(bytes);
        let count = self.entry(source);
        count.packets_sent += 1;
        count.bytes_sent = count.bytes_sent.saturating_add(bytes);
        let count = self.entry(target);
        count.packets_received += 1;
        count.bytes_received = count.bytes_received.saturating_add(bytes);
    }

    /// Most bytes first.
    pub(super) fn finish(&self) -> Vec<Talker> {
        let rank = |count: &Count| (Reverse(count.bytes()), count.address);
        let mut all = self.counts.clone();
        if all.len() > LISTED_MAX {
            all.select_nth_unstable_by_key(LISTED_MAX, rank);
            all.truncate(LISTED_MAX);
        }
        all.sort_unstable_by_key(rank);
        let talkers = all.into_iter().map(|count| Talker {
            address: count.address,
            packets_sent: count.packets_sent,
            packets_received: count.packets_received,
            bytes_sent: count.bytes_sent,
            bytes_received: count.bytes_received,
            bytes_error: count.error,
        });
        talkers.collect()
    }

    fn entry(&mut self, address: IpAddr) -> &mut Count {
        let slot = slot(address);
        let mut at = self.recent[slot];
        if self
            .counts
            .get(at)
            .is_none_or(|count| count.address != address)
        {
            at = self.position(address);
            self.recent[slot] = at;
        }
        &mut self.counts[at]
    }

    fn position(&mut self, address: IpAddr) -> usize {
        let hash = hash(&self.hasher, address);
        let counts = &self.counts;
        if let Some(at) = self.index.find(hash, |at| counts[*at].address == address) {
            return *at;
        }
        if self.counts.len() >= self.n_max {
            self.make_room();
        }
        self.counts.push(Count::new(address, self.floor));
        let at = self.counts.len() - 1;
        self.insert(hash, at);
        at
    }

    fn insert(&mut self, hash_of_it: u64, at: usize) {
        let (hasher, counts) = (&self.hasher, &self.counts);
        let rehash = |at: &usize| hash(hasher, counts[*at].address);
        self.index.insert_unique(hash_of_it, at, rehash);
    }

    /// Drops the lower half.
    fn make_room(&mut self) {
        let mut bytes: Vec<u64> = self.counts.iter().map(Count::bytes).collect();
        let middle = bytes.len() / 2;
        let (_, median, _) = bytes.select_nth_unstable(middle);
        self.floor = self.floor.max(*median);
        let floor = self.floor;
        self.counts.retain(|count| count.bytes() > floor);
        self.index.clear();
        for at in 0..self.counts.len() {
            self.insert(hash(&self.hasher, self.counts[at].address), at);
        }
    }
}

/// Numbers that [`slot`] gives.
const SLOTS: usize = 256;

/// A number for a small table: different for most addresses of a moment.
fn slot(address: IpAddr) -> usize {
    let bits = match address {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => {
            let [high, low] = [0, 8].map(|at| address.octets()[at..].first_chunk().copied());
            let half = |bytes: Option<[u8; 8]>| u64::from_be_bytes(bytes.unwrap_or_default());
            half(high) ^ half(low)
        }
    };
    let [slot, ..] = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    usize::from(slot)
}

fn hash(hasher: &RandomState, address: IpAddr) -> u64 {
    hasher.hash_one(match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    fn address(n: u32) -> IpAddr {
        Ipv4Addr::from(n).into()
    }

    #[test]
    fn few_addresses_are_counted_exactly() {
        let mut talkers = Talkers::new();
        talkers.count(address(1), address(2), 100);
        talkers.count(address(2), address(1), 40);
        let all = talkers.finish();
        let of = |n| all.iter().find(|talker| talker.address == address(n));
        let first = of(1).expect("the first address");
        assert_eq!((first.bytes_sent, first.bytes_received), (100, 40));
        assert_eq!((first.packets_sent, first.packets_received), (1, 1));
        assert_eq!(first.bytes_error, 0);
    }

    proptest! {
        #[test]
        fn a_count_is_too_high_by_at_most_its_error(
            packets in prop::collection::vec((0..200_u32, 200..400_u32, 1..1_500_u32), 0..2_000),
        ) {
            let mut talkers = Talkers::with_room(32);
            let mut exact = HashMap::<IpAddr, u64>::new();
            for (source, target, bytes) in packets {
                talkers.count(address(source), address(target), bytes);
                *exact.entry(address(source)).or_default() += u64::from(bytes);
                *exact.entry(address(target)).or_default() += u64::from(bytes);
            }
            prop_assert!(talkers.counts.len() <= 32);
            let total: u64 = exact.values().sum();
            for talker in talkers.finish() {
                let counted = talker.bytes_sent + talker.bytes_received;
                let exact = exact[&talker.address];
                prop_assert!(counted >= exact && counted - talker.bytes_error <= exact);
                prop_assert!(talker.bytes_error <= total / 16);
            }
        }
    }
}
