//! The flow table: which packets belong together, and when a flow is over.
//!
//! Everything is decided by capture time and packet numbers, so that the same capture
//! gives the same flows on any machine.

mod chunks;
mod community_id;
mod entry;
mod fragments;
mod key;
mod nesting;
mod oddities;
mod pieces;
mod places;
mod removal;
mod roles;
mod tcp;

use std::time::Duration;

use ahash::RandomState;
use hashbrown::HashTable;

pub use self::{
    chunks::Chunks,
    entry::{Entry, Outline, Stamp, Totals},
    fragments::{Reassembly, Whole},
    nesting::{Carrier, Nesting},
};
use self::{
    fragments::{DATAGRAMS_MAX, Fragments, Head},
    key::FlowKey,
    places::Places,
    roles::{Roles, roles, tuple},
};
use crate::{
    decode::{Encapsulation, Ip, Tcp, Transport, Vlans},
    dissect::Direction,
    record::{EndReason, FlowRef, IcmpKind, Time},
};

/// Of the idle timeout: the clock moves this much between two sweeps, at least.
const SWEEPS_PER_TIMEOUT: u32 = 8;

/// A place in the table. Good until its flow is removed.
pub type FlowIndex = u32;

/// What a [`FlowIndex`] tells apart.
const FLOWS_MAX: usize = 1 << 31;

/// Where a packet belongs.
#[derive(Debug)]
pub struct Located {
    pub index: FlowIndex,
    pub direction: Direction,
    /// What a fragment brought about, if anything.
    pub reassembly: Option<Box<Reassembly>>,
}

/// A flow that is over.
#[derive(Debug)]
pub struct Ended {
    /// Where it was.
    pub index: FlowIndex,
    pub entry: Entry,
    pub reason: EndReason,
}

/// The flows that live.
#[derive(Debug)]
pub struct FlowTable {
    hasher: RandomState,
    indexes: HashTable<FlowIndex>,
    /// Of packets before, by [`FlowKey::slot`]: mostly the next one's is among them, and looked at
    /// without a keyed hash.
    recent: [FlowIndex; FlowKey::SLOTS],
    places: Places,
    fragments: Fragments,
    idle_timeout: Option<Duration>,
    /// The same, for each packet's look.
    idle_nanos: i128,
    n_max: usize,
    n_flows: u64,
    /// The last one that began.
    begun: Option<FlowRef>,
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
            recent: [0; FlowKey::SLOTS],
            places: Places::default(),
            fragments: Fragments::new(DATAGRAMS_MAX),
            idle_timeout,
            idle_nanos: idle_timeout.map_or(i128::MAX, |time| time.as_nanos().cast_signed()),
            n_max: n_max.clamp(1, FLOWS_MAX),
            n_flows: 0,
            begun: None,
            n_evicted: 0,
            last_sweep: None,
        }
    }

    /// Finds or makes the flow of a packet. What is over because of it goes to `ended`:
    /// the flow before it with the same key, or those evicted.
    #[inline]
    pub fn locate(
        &mut self,
        vlans: Vlans,
        ip: &Ip<'_>,
        nesting: &Nesting,
        stamp: Stamp,
        ended: &mut Vec<Ended>,
    ) -> Located {
        let (head, protocol, reassembly) = match &ip.fragment {
            None => (Head::of(ip), ip.protocol, None),
            Some(fragment) => {
                let place = (vlans, nesting);
                self.fragments.add(ip, fragment, place, stamp.time)
            }
        };
        let (tuple, icmp) = tuple(ip, head, protocol);
        let (key, from_lower) = tuple.key(vlans, nesting.context());
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
                    ended.extend(self.take(index, reason));
                }
                if self.len() >= self.n_max {
                    self.evict(ended);
                }
                let roles = roles(&tuple, from_lower, syn);
                self.insert(key, &roles, icmp, nesting, stamp)
            }
        };
        self.recent[key.slot()] = index;
        let entry = self.places.get(index);
        let client_is_lower = entry.is_some_and(|entry| entry.client_is_lower);
        let direction = if from_lower == client_is_lower {
            Direction::ToServer
        } else {
            Direction::ToClient
        };
        Located {
            index,
            direction,
            reassembly,
        }
    }

    pub fn get_mut(&mut self, index: FlowIndex) -> Option<&mut Entry> {
        self.places.get_mut(index)
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
        self.places.idle(now, timeout)
    }

    /// All flows, by flow id.
    #[must_use]
    pub fn all(&self) -> Vec<FlowIndex> {
        self.places.all()
    }

    /// Flows that there were so far.
    #[must_use]
    pub fn n_flows(&self) -> u64 {
        self.n_flows
    }

    /// The flow that the latest packet began, once; none when that was there before.
    #[inline]
    pub fn begun(&mut self) -> Option<FlowRef> {
        self.begun.take()
    }

    #[must_use]
    pub fn n_evicted(&self) -> u64 {
        self.n_evicted
    }

    /// A packet lies in these encapsulations too, which an IP packet carries or, where
    /// there is none, the link itself.
    pub fn nest(
        &self,
        nesting: &mut Nesting,
        encapsulations: &[Encapsulation],
        carrier: Option<&Carrier>,
    ) {
        nesting.enter(&self.hasher, encapsulations, carrier);
    }

    /// Datagrams that were not put together for want of room.
    #[must_use]
    pub fn n_fragments_dropped(&self) -> u64 {
        self.fragments.dropped()
    }

    fn len(&self) -> usize {
        self.indexes.len()
    }

    fn find(&self, key: &FlowKey) -> Option<FlowIndex> {
        let places = &self.places;
        let is_key = |at: &FlowIndex| places.get(*at).is_some_and(|entry| entry.key == *key);
        let recent = self.recent[key.slot()];
        if is_key(&recent) {
            return Some(recent);
        }
        self.indexes
            .find(self.hasher.hash_one(key), is_key)
            .copied()
    }

    /// Why the flow at `index` does not take this packet.
    fn is_over(&self, index: FlowIndex, now: Time, syn: (bool, bool)) -> Option<EndReason> {
        let entry = self.places.get(index)?;
        if now.0 - entry.latest_time.0 > self.idle_nanos {
            return Some(EndReason::IdleTimeout);
        }
        // The reason is the closed flow's own.
        (entry.is_closed() && syn == (true, false)).then_some(EndReason::Fin)
    }

    #[inline(never)]
    fn insert(
        &mut self,
        key: FlowKey,
        roles: &Roles,
        icmp: Option<IcmpKind>,
        nesting: &Nesting,
        stamp: Stamp,
    ) -> FlowIndex {
        self.n_flows += 1;
        self.begun = Some(FlowRef {
            flow_id: self.n_flows,
            client: roles.client,
            server: roles.server,
            ip_protocol: key.protocol,
            community_id: community_id::community_id(&key),
        });
        let mut entry = Entry::new(key, self.n_flows, roles, icmp, stamp);
        entry.lie_in(nesting.tunnels());
        let hash = self.hasher.hash_one(key);
        let index = self.places.insert(entry, hash);
        let places = &self.places;
        self.indexes
            .insert_unique(hash, index, |at| places.hash(*at));
        index
    }
}

#[cfg(test)]
mod tests;
