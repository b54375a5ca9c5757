//! The flow table: which packets belong together, and when a flow is over.
//!
//! Everything is decided by capture time and packet numbers, so that the same capture
//! gives the same flows on any machine.

mod community_id;
mod entry;
mod fragments;
mod key;
mod roles;

use std::time::Duration;

use ahash::RandomState;
use hashbrown::HashTable;

pub use self::entry::{Entry, Stamp};
use self::{
    fragments::{DATAGRAMS_MAX, Fragments, Head},
    key::FlowKey,
    roles::{Roles, roles, tuple},
};
use crate::{
    decode::{Frame, Ip, Tcp, Transport},
    dissect::Direction,
    record::{EndReason, IcmpKind, Time},
};

/// Of a full table this part is evicted at once, so that each new flow costs
/// a bounded time.
const EVICTED_PART: usize = 16;

/// Of the idle timeout: the clock moves this much between two sweeps, at least.
const SWEEPS_PER_TIMEOUT: u32 = 8;

/// A place in the table. Good until its flow is removed.
pub type FlowIndex = usize;

/// Where a packet belongs.
#[derive(Debug)]
pub struct Located {
    pub index: FlowIndex,
    pub direction: Direction,
    /// Place in the stream of a TCP datagram's later fragment.
    pub fragment_seq: Option<u32>,
}

/// A flow that is over.
#[derive(Debug)]
pub struct Ended {
    pub entry: Entry,
    pub reason: EndReason,
}

/// The flows that live.
#[derive(Debug)]
pub struct FlowTable {
    hasher: RandomState,
    indexes: HashTable<FlowIndex>,
    entries: Vec<Option<Entry>>,
    free: Vec<FlowIndex>,
    fragments: Fragments,
    idle_timeout: Option<Duration>,
    n_max: usize,
    n_flows: u64,
    n_evicted: u64,
    last_sweep: Option<Time>,
}

impl FlowTable {
    /// With room for `n_max` flows at once. Without `idle_timeout` flows never time out.
    #[must_use]
    pub fn new(idle_timeout: Option<Duration>, n_max: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            indexes: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            fragments: Fragments::new(DATAGRAMS_MAX),
            idle_timeout,
            n_max: n_max.max(1),
            n_flows: 0,
            n_evicted: 0,
            last_sweep: None,
        }
    }

    /// Finds or makes the flow of a packet. What is over because of it goes to `ended`:
    /// the flow before it with the same key, or those evicted.
    pub fn locate(
        &mut self,
        frame: &Frame<'_>,
        ip: &Ip<'_>,
        stamp: Stamp,
        ended: &mut Vec<Ended>,
    ) -> Located {
        let (head, protocol) = self.fragments.head(ip, frame.vlans, stamp.time);
        let (tuple, icmp) = tuple(ip, head, protocol);
        let (key, from_lower) = tuple.key(frame.vlans);
        let syn = match &ip.transport {
            Transport::Tcp(tcp) => (tcp.has(Tcp::SYN), tcp.has(Tcp::ACK)),
            _ => (false, false),
        };
        let found = self.find(&key);
        let over = found.and_then(|index| self.is_over(index, stamp.time, syn));
        let index = match (found, over) {
            (Some(index), None) => index,
            (found, over) => {
                if let (Some(index), Some(reason)) = (found, over) {
                    ended.extend(self.remove(index, reason));
                }
                if self.len() >= self.n_max {
                    self.evict(ended);
                }
                let roles = roles(&tuple, from_lower, syn);
                self.insert(key, &roles, icmp, stamp)
            }
        };
        let client_is_lower = self.entries[index]
            .as_ref()
            .is_some_and(|e| e.client_is_lower);
        let direction = if from_lower == client_is_lower {
            Direction::ToServer
        } else {
            Direction::ToClient
        };
        let fragment_seq = match (head, ip.fragment) {
            (Head::Tcp { origin, .. }, Some(fragment)) if fragment.offset > 0 => {
                Some(origin.wrapping_add(fragment.offset))
            }
            _ => None,
        };
        Located {
            index,
            direction,
            fragment_seq,
        }
    }

    pub fn get_mut(&mut self, index: FlowIndex) -> Option<&mut Entry> {
        self.entries.get_mut(index)?.as_mut()
    }

    /// At `now`, the current packet's time: which flows have been idle for too long, by
    /// flow id. Called at fixed packet numbers; most calls find that the clock has
    /// hardly moved and look at nothing.
    pub fn sweep(&mut self, now: Time) -> Vec<FlowIndex> {
        self.fragments.expire(now);
        let Some(timeout) = self.idle_timeout else {
            return Vec::new();
        };
        let moved = self
            .last_sweep
            .map(|last| now.since(last).max(last.since(now)));
        if moved.is_some_and(|moved| moved < timeout / SWEEPS_PER_TIMEOUT) {
            return Vec::new();
        }
        self.last_sweep = Some(now);
        self.select(|entry| now.since(entry.latest_time) > timeout)
    }

    /// All flows, by flow id.
    #[must_use]
    pub fn all(&self) -> Vec<FlowIndex> {
        self.select(|_| true)
    }

    /// Takes a flow out; none if there is none at `index`.
    pub fn remove(&mut self, index: FlowIndex, reason: EndReason) -> Option<Ended> {
        let entry = self.entries.get_mut(index)?.take()?;
        let hash = self.hasher.hash_one(entry.key);
        if let Ok(occupied) = self.indexes.find_entry(hash, |at| *at == index) {
            occupied.remove();
        }
        self.free.push(index);
        Some(Ended { entry, reason })
    }

    /// Flows that there were so far.
    #[must_use]
    pub fn n_flows(&self) -> u64 {
        self.n_flows
    }

    #[must_use]
    pub fn n_evicted(&self) -> u64 {
        self.n_evicted
    }

    /// Datagrams whose later fragments find no flow for want of room.
    #[must_use]
    pub fn n_fragments_dropped(&self) -> u64 {
        self.fragments.dropped()
    }

    fn len(&self) -> usize {
        self.indexes.len()
    }

    fn find(&self, key: &FlowKey) -> Option<FlowIndex> {
        let entries = &self.entries;
        let is_key = |at: &FlowIndex| entries[*at].as_ref().is_some_and(|e| e.key == *key);
        self.indexes
            .find(self.hasher.hash_one(key), is_key)
            .copied()
    }

    /// Why the flow at `index` does not take this packet.
    fn is_over(&self, index: FlowIndex, now: Time, syn: (bool, bool)) -> Option<EndReason> {
        let entry = self.entries[index].as_ref()?;
        let idle = now.since(entry.latest_time);
        if self.idle_timeout.is_some_and(|timeout| idle > timeout) {
            return Some(EndReason::IdleTimeout);
        }
        // The reason is the closed flow's own.
        (entry.is_closed() && syn == (true, false)).then_some(EndReason::Fin)
    }

    fn insert(
        &mut self,
        key: FlowKey,
        roles: &Roles,
        icmp: Option<IcmpKind>,
        stamp: Stamp,
    ) -> FlowIndex {
        self.n_flows += 1;
        let community_id = community_id::community_id(&key);
        let entry = Entry::new(key, self.n_flows, community_id, roles, icmp, stamp);
        let index = match self.free.pop() {
            Some(index) => {
                self.entries[index] = Some(entry);
                index
            }
            None => {
                self.entries.push(Some(entry));
                self.entries.len() - 1
            }
        };
        let (hasher, entries) = (&self.hasher, &self.entries);
        let hash = |at: &FlowIndex| entries[*at].as_ref().map_or(0, |e| hasher.hash_one(e.key));
        self.indexes
            .insert_unique(hasher.hash_one(key), index, hash);
        index
    }

    /// Makes room by ending those whose latest packet is longest ago in the capture.
    fn evict(&mut self, ended: &mut Vec<Ended>) {
        let live = self.entries.iter().enumerate();
        let live = live.filter_map(|(index, entry)| Some((entry.as_ref()?.latest_number, index)));
        let mut live: Vec<(u64, FlowIndex)> = live.collect();
        let n_evicted = (self.n_max / EVICTED_PART).max(1).min(live.len());
        if n_evicted < live.len() {
            live.select_nth_unstable(n_evicted);
        }
        for (_, index) in &live[..n_evicted] {
            ended.extend(self.remove(*index, EndReason::Evicted));
            self.n_evicted += 1;
        }
    }

    fn select(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<FlowIndex> {
        let live = self.entries.iter().enumerate();
        let live = live.filter_map(|(index, entry)| Some((entry.as_ref()?, index)));
        let wanted = live.filter(|(entry, _)| wanted(entry));
        let mut found: Vec<(u64, FlowIndex)> = wanted
            .map(|(entry, index)| (entry.flow.flow_id, index))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, index)| index).collect()
    }
}

#[cfg(test)]
mod tests;
