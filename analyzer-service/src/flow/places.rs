//! Where the flows that live are kept.

use std::time::Duration;

use super::{Entry, FlowIndex, chunks::Chunks};
use crate::record::Time;

/// Entries at places that they keep.
#[derive(Debug, Default)]
pub(super) struct Places {
    entries: Chunks<Entry>,
    /// For each entry a time not after its latest packet's, as of some sweep before: so
    /// that a sweep needs to look at few entries.
    seen: Vec<Time>,
    /// Of each entry's key.
    hashes: Vec<u64>,
    free: Vec<FlowIndex>,
}

impl Places {
    pub(super) fn get(&self, index: FlowIndex) -> Option<&Entry> {
        self.entries.get(index)
    }

    pub(super) fn get_mut(&mut self, index: FlowIndex) -> Option<&mut Entry> {
        self.entries.get_mut(index)
    }

    /// Of the key of the entry that is or was there.
    pub(super) fn hash(&self, index: FlowIndex) -> u64 {
        self.hashes.get(index as usize).copied().unwrap_or_default()
    }

    /// Holds at most `FLOWS_MAX` entries at once.
    pub(super) fn insert(&mut self, entry: Entry, hash: u64) -> FlowIndex {
        let time = entry.latest_time;
        if let Some(index) = self.free.pop() {
            self.entries.put(index, entry);
            self.seen[index as usize] = time;
            self.hashes[index as usize] = hash;
            return index;
        }
        let n_places = self.seen.len();
        self.seen.push(time);
        self.hashes.push(hash);
        let index = FlowIndex::try_from(n_places).unwrap_or(FlowIndex::MAX);
        self.entries.put(index, entry);
        index
    }

    /// Takes an entry out, if there is one.
    pub(super) fn take(&mut self, index: FlowIndex) -> Option<Entry> {
        let entry = self.entries.take(index)?;
        self.set_free(index);
        Some(entry)
    }

    /// Drops an entry where it lies, if there is one.
    pub(super) fn remove(&mut self, index: FlowIndex) {
        if self.entries.remove(index) {
            self.set_free(index);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (FlowIndex, &Entry)> {
        self.entries.iter()
    }

    /// All flows, by flow id.
    pub(super) fn all(&self) -> Vec<FlowIndex> {
        let all = self.iter();
        by_flow_id(all.map(|(index, entry)| (entry.flow_id, index)))
    }

    /// Those whose latest packet is more than `timeout` before `now`, by flow id.
    pub(super) fn idle(&mut self, now: Time, timeout: Duration) -> Vec<FlowIndex> {
        let timeout = i128::try_from(timeout.as_nanos()).unwrap_or(i128::MAX);
        let is_idle = |time: Time| now.0 - time.0 > timeout;
        let (seen, entries) = ((0..).zip(&mut self.seen), &self.entries);
        by_flow_id(seen.filter_map(|(index, seen)| {
            if !is_idle(*seen) {
                return None;
            }
            let entry = entries.get(index)?;
            *seen = entry.latest_time;
            is_idle(*seen).then_some((entry.flow_id, index))
        }))
    }

    fn set_free(&mut self, index: FlowIndex) {
        self.seen[index as usize] = Time::MAX;
        self.free.push(index);
    }
}

fn by_flow_id(flows: impl Iterator<Item = (u64, FlowIndex)>) -> Vec<FlowIndex> {
    let mut found: Vec<(u64, FlowIndex)> = flows.collect();
    found.sort_unstable_by_key(|(flow_id, _)| *flow_id);
    found.into_iter().map(|(_, index)| index).collect()
}
