//! Where the flows that live are kept.

use std::time::Duration;

use super::{Entry, FlowIndex};
use crate::record::Time;

/// Entries allocated at once, some 400 KiB: none is ever moved to make room for more.
const CHUNK: usize = 1_024;

/// Entries at places that they keep.
#[derive(Debug, Default)]
pub(super) struct Places {
    chunks: Vec<Vec<Option<Entry>>>,
    /// For each entry a time not after its latest packet's, as of some sweep before: so
    /// that a sweep needs to look at few entries.
    seen: Vec<Time>,
    /// Of each entry's key.
    hashes: Vec<u64>,
    free: Vec<FlowIndex>,
}

impl Places {
    pub(super) fn get(&self, index: FlowIndex) -> Option<&Entry> {
        let (chunk, at) = place(index);
        self.chunks.get(chunk)?.get(at)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: FlowIndex) -> Option<&mut Entry> {
        self.place_mut(index)?.as_mut()
    }

    /// Of the key of the entry that is or was there.
    pub(super) fn hash(&self, index: FlowIndex) -> u64 {
        self.hashes.get(index as usize).copied().unwrap_or_default()
    }

    /// Holds at most `FLOWS_MAX` entries at once.
    pub(super) fn insert(&mut self, entry: Entry, hash: u64) -> FlowIndex {
        let time = entry.latest_time;
        if let Some(index) = self.free.pop() {
            let (chunk, at) = place(index);
            self.chunks[chunk][at] = Some(entry);
            self.seen[index as usize] = time;
            self.hashes[index as usize] = hash;
            return index;
        }
        let n_places = self.seen.len();
        self.seen.push(time);
        self.hashes.push(hash);
        if n_places.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[n_places / CHUNK].push(Some(entry));
        FlowIndex::try_from(n_places).unwrap_or(FlowIndex::MAX)
    }

    /// Takes an entry out, if there is one.
    pub(super) fn take(&mut self, index: FlowIndex) -> Option<Entry> {
        let entry = self.place_mut(index)?.take()?;
        self.set_free(index);
        Some(entry)
    }

    /// Drops an entry where it lies, if there is one.
    pub(super) fn remove(&mut self, index: FlowIndex) {
        if let Some(place @ Some(_)) = self.place_mut(index) {
            *place = None;
            self.set_free(index);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (FlowIndex, &Entry)> {
        let all = (0..).zip(self.chunks.iter().flatten());
        all.filter_map(|(index, entry)| Some((index, entry.as_ref()?)))
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
        let (seen, chunks) = ((0..).zip(&mut self.seen), &self.chunks);
        by_flow_id(seen.filter_map(|(index, seen)| {
            if !is_idle(*seen) {
                return None;
            }
            let (chunk, at) = place(index);
            let entry = chunks[chunk][at].as_ref()?;
            *seen = entry.latest_time;
            is_idle(*seen).then_some((entry.flow_id, index))
        }))
    }

    fn place_mut(&mut self, index: FlowIndex) -> Option<&mut Option<Entry>> {
        let (chunk, at) = place(index);
        self.chunks.get_mut(chunk)?.get_mut(at)
    }

    fn set_free(&mut self, index: FlowIndex) {
        self.seen[index as usize] = Time::MAX;
        self.free.push(index);
    }
}

/// The chunk, and the place in it.
fn place(index: FlowIndex) -> (usize, usize) {
    let index = index as usize;
    (index / CHUNK, index % CHUNK)
}

fn by_flow_id(flows: impl Iterator<Item = (u64, FlowIndex)>) -> Vec<FlowIndex> {
    let mut found: Vec<(u64, FlowIndex)> = flows.collect();
    found.sort_unstable_by_key(|(flow_id, _)| *flow_id);
    found.into_iter().map(|(_, index)| index).collect()
}
