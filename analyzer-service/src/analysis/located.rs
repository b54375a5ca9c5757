//! IP packets in their flows.

use super::{
    closing::{Closing, record},
    dissection::Dissection,
    packets::Packets,
};
use crate::{
    decode::{Frame, Ip, Transport},
    dissect::{Direction, Dissectors, Output},
    flow::{Ended, Entry, Located, Nesting, Stamp},
    record::{EndReason, Kind},
};

/// What an IP packet says by itself.
#[derive(Default)]
pub(super) struct Carried {
    pub(super) flow_id: Option<u64>,
    pub(super) service: Option<&'static str>,
    pub(super) located: Option<Located>,
}

impl Packets {
    /// An IP packet in its flow.
    #[inline]
    pub(super) fn ip(&mut self, frame: &Frame<'_>, ip: &Ip<'_>, nesting: &Nesting) -> Carried {
        let stamp = self.stamp;
        let ended = &mut self.ended;
        let located = self.flows.locate(frame, ip, nesting, stamp, ended);
        if !self.ended.is_empty() {
            self.end_earlier();
        }
        let wants_flows = self.options.kinds.contains(Kind::Flow);
        let Some(entry) = self.flows.get_mut(located.index) else {
            return Carried::default();
        };
        if entry.is_cut_due(self.stamp.time, self.options.active_timeout) {
            if wants_flows {
                let services = self.dissectors.services(&entry.app);
                let cut = Some(EndReason::ActiveTimeout);
                self.completed.push(record(entry, cut, services));
            }
            entry.cut(self.stamp);
        }
        entry.count(frame, ip, located.direction, self.stamp);
        // Fragments are read when all of them are there; a tunnel is read as what is inside.
        let waits = ip.fragment.is_some_and(|fragment| fragment.is_whole());
        let service = if waits || frame.inner.is_some() {
            None
        } else {
            let (out, dissectors) = (&mut self.out, &mut self.dissectors);
            transport(entry, ip, located.direction, stamp, dissectors, out)
        };
        if wants_flows && entry.is_update_due(self.stamp.time, self.options.interim_interval) {
            let services = self.dissectors.services(&entry.app);
            self.completed.push(record(entry, None, services));
        }
        let flow_id = entry.flow.flow_id;
        self.gather(ip, flow_id);
        Carried {
            flow_id: Some(flow_id),
            service,
            located: Some(located),
        }
    }

    /// What a datagram says whose fragments were counted in the flow that they have in common.
    pub(super) fn transport_of_whole(
        &mut self,
        frame: &Frame<'_>,
        ip: &Ip<'_>,
        located: &Located,
    ) -> Option<&'static str> {
        let entry = self.flows.get_mut(located.index)?;
        entry.count_whole(ip);
        if frame.inner.is_some() {
            return None;
        }
        let (out, dissectors) = (&mut self.out, &mut self.dissectors);
        let service = transport(entry, ip, located.direction, self.stamp, dissectors, out);
        let flow_id = entry.flow.flow_id;
        self.gather(ip, flow_id);
        service
    }

    pub(super) fn flow_id(&mut self, located: &Located) -> Option<u64> {
        let entry = self.flows.get_mut(located.index)?;
        Some(entry.flow.flow_id)
    }

    /// What the dissectors said of the current packet.
    #[inline]
    fn gather(&mut self, ip: &Ip<'_>, flow_id: u64) {
        if !self.out.records.is_empty() || !self.out.exposed.is_empty() {
            self.take_said();
        }
        if !self.out.malformed.is_empty() {
            self.malformed(ip, flow_id);
        }
    }

    /// What the current packet's flow followed or pushed out.
    fn end_earlier(&mut self) {
        for Ended { mut entry, reason } in self.ended.drain(..) {
            let closing = Closing {
                dissectors: &mut self.dissectors,
                out: &mut self.out,
                detectors: self.detectors.as_mut(),
                completed: &mut self.completed,
                kinds: self.options.kinds,
            };
            closing.flow(&mut entry, reason);
        }
    }
}

/// Shows a packet's transport layer to its flow and the dissectors. Answers the service.
#[inline]
fn transport(
    entry: &mut Entry,
    ip: &Ip<'_>,
    direction: Direction,
    stamp: Stamp,
    dissectors: &mut Dissectors,
    out: &mut Output,
) -> Option<&'static str> {
    if let Transport::Tcp(tcp) = &ip.transport {
        entry.count_segment(ip, tcp, direction, stamp.time);
    }
    let dissection = Dissection {
        dissectors,
        out,
        stamp,
    };
    dissection.run(entry, ip, direction)
}
