//! From a flow to its record, and what a flow that is over still has to say.

use super::detection::take;
use crate::{
    detect::Detectors,
    dissect::{Context, Direction, Dissectors, Output},
    flow::Entry,
    record::{Body, EndReason, Kind, KindSet, Record, Services},
};

/// Ends flows.
pub(super) struct Closing<'a> {
    pub(super) dissectors: &'a mut Dissectors,
    pub(super) out: &'a mut Output,
    pub(super) detectors: Option<&'a mut Detectors>,
    pub(super) completed: &'a mut Vec<Record>,
    pub(super) kinds: KindSet,
}

impl Closing<'_> {
    /// What a flow that is over still has to say.
    pub(super) fn flow(mut self, entry: &mut Entry, reason: EndReason) {
        let latest = entry.latest();
        let context = Context {
            time: latest.time,
            packet_number: latest.number,
            flow: &entry.flow,
            direction: Direction::ToServer,
        };
        self.dissectors.end(&mut entry.app, &context, self.out);
        if self.kinds.contains(Kind::Flow) {
            let services = self.dissectors.services(&entry.app);
            self.completed.push(record(entry, Some(reason), services));
        }
        let detectors = self.detectors.as_deref_mut();
        take(self.out, detectors, self.kinds, self.completed);
        if let (Some(detectors), Some(outline)) = (self.detectors, entry.outline()) {
            detectors.flow(&outline);
        }
        // What breaks a protocol was said when its bytes came.
        self.out.malformed.clear();
    }
}

/// The record of a flow's current piece; without a reason an update.
pub(super) fn record(entry: &Entry, reason: Option<EndReason>, services: Services) -> Record {
    let latest = entry.latest();
    Record {
        time: latest.time,
        packet_number: latest.number,
        flow: Some(entry.flow),
        body: Body::Flow(Box::new(entry.record(reason, services))),
    }
}
