//! What the working half keeps of the flows that are not over.

use crate::{dissect::AppSlot, flow::Chunks, record::FlowRef};

/// A flow that is not over: two cache lines.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Followed {
    pub(super) flow: FlowRef,
    pub(super) app: AppSlot,
}

const _: () = assert!(size_of::<Followed>() <= 128);

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
