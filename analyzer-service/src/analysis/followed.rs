//! The flows that the dissectors follow, at the places that the flow table gave them.

use crate::{dissect::AppSlot, flow::FlowIndex, record::FlowRef};

/// Flows allocated at once, some 200 KiB: none is ever moved to make room for more.
const CHUNK: usize = 1_024;

/// A flow that is not over.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) flow: FlowRef,
    pub(super) app: AppSlot,
}

/// As many as the flow table has, by their places.
#[derive(Debug, Default)]
pub(super) struct FollowedFlows {
    chunks: Vec<Vec<Option<Followed>>>,
}

impl FollowedFlows {
    #[inline]
    pub(super) fn get_mut(&mut self, index: FlowIndex) -> Option<&mut Followed> {
        self.place(index)?.as_mut()
    }

    /// A flow begins; the one that was there is over.
    pub(super) fn begin(&mut self, index: FlowIndex, flow: FlowRef) {
        let (chunk, at) = parts(index);
        // Places are given in their order.
        while self.chunks.len() <= chunk {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = &mut self.chunks[chunk];
        while chunk.len() <= at {
            chunk.push(None);
        }
        chunk[at] = Some(Followed {
            flow,
            app: AppSlot::default(),
        });
    }

    /// Drops a flow where it is.
    pub(super) fn end(&mut self, index: FlowIndex) {
        if let Some(place) = self.place(index) {
            *place = None;
        }
    }

    fn place(&mut self, index: FlowIndex) -> Option<&mut Option<Followed>> {
        let (chunk, at) = parts(index);
        self.chunks.get_mut(chunk)?.get_mut(at)
    }
}

/// The chunk, and the place in it.
fn parts(index: FlowIndex) -> (usize, usize) {
    let index = index as usize;
    (index / CHUNK, index % CHUNK)
}
