//! From a flow to its record, and what a flow that is over still has to say.

use crate::{
    dissect::{Context, Direction, Dissectors, Output},
    flow::Entry,
    record::{Body, EndReason, Record},
};

/// Ends flows.
pub(super) struct Closing<'a> {
    pub(super) dissectors: &'a mut Dissectors,
    pub(super) out: &'a mut Output,
    pub(super) completed: &'a mut Vec<Record>,
    pub(super) wants_flows: bool,
}

impl Closing<'_> {
    /// What a flow that is over still has to say.
    pub(super) fn flow(self, entry: &mut Entry, reason: EndReason) {
        let latest = entry.latest();
        let context = Context {
            time: latest.time,
            packet_number: latest.number,
            flow: &entry.flow,
            direction: Direction::ToServer,
        };
        self.dissectors.end(&mut entry.app, &context, self.out);
        if self.wants_flows {
            let services = self.dissectors.services(&entry.app);
            self.completed.push(record(entry, Some(reason), services));
        }
        self.completed.append(&mut self.out.records);
        // What breaks a protocol was said when its bytes came.
        self.out.malformed.clear();
    }
}

/// The record of a flow's current piece; without a reason an update.
pub(super) fn record(
    entry: &Entry,
    reason: Option<EndReason>,
    services: Vec<&'static str>,
) -> Record {
    let latest = entry.latest();
    Record {
        time: latest.time,
        packet_number: latest.number,
        flow: Some(entry.flow),
        body: Body::Flow(Box::new(entry.record(reason, services))),
    }
}
