//! What the working half keeps of the flows that are not over.

use crate::{dissect::AppSlot, flow::Chunks, record::FlowRef};

/// A flow that is not over.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) flow: FlowRef,
    pub(super) app: AppSlot,
}

/// As many as the flow table has, at their places there.
pub(super) type FollowedFlows = Chunks<Followed>;

impl Followed {
    /// A flow begins.
    pub(super) fn new(flow: FlowRef) -> Self {
        Self {
            flow,
            app: AppSlot::default(),
        }
    }
}
