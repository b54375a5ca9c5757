//! Flows that leave the table.

use super::{Ended, FlowIndex, FlowTable};
use crate::record::EndReason;

/// Of a full table this part is evicted at once, so that each new flow costs
/// a bounded time.
const EVICTED_PART: usize = 16;

impl FlowTable {
    /// Drops a flow where it lies, if there is one.
    pub fn remove(&mut self, index: FlowIndex) {
        self.unlink(index);
        self.places.remove(index);
    }

    /// Makes room by ending those whose latest packet is longest ago in the capture.
    #[cold]
    pub(super) fn evict(&mut self, ended: &mut Vec<Ended>) {
        let live = self.places.iter();
        let live = live.map(|(index, entry)| (entry.latest_number, index));
        let mut live: Vec<(u64, FlowIndex)> = live.collect();
        let n_evicted = (self.n_max / EVICTED_PART).max(1).min(live.len());
        if n_evicted < live.len() {
            live.select_nth_unstable(n_evicted);
        }
        for (_, index) in &live[..n_evicted] {
            ended.extend(self.take(*index, EndReason::Evicted));
            self.n_evicted += 1;
        }
    }

    /// Takes a flow out, if there is one.
    pub(super) fn take(&mut self, index: FlowIndex, reason: EndReason) -> Option<Ended> {
        self.unlink(index);
        let entry = self.places.take(index)?;
        Some(Ended {
            index,
            entry,
            reason,
        })
    }

    /// No packet finds it any more.
    fn unlink(&mut self, index: FlowIndex) {
        let hash = self.places.hash(index);
        if let Ok(occupied) = self.indexes.find_entry(hash, |at| *at == index) {
            occupied.remove();
        }
    }
}
