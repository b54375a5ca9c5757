//! Packets that are more than one, counted while they are walked through.

use super::{Tracker, segment};
use crate::{
    analysis::{
        nested::{Carried, Visitor},
        steps::{Step, Steps},
    },
    decode::{ChecksumErrors, Encapsulation, Frame, Ip},
    flow::{Carrier, Nesting},
    summary::Traffic,
};

/// Counts what is in a packet that is more than one.
pub(super) struct Tracking<'t> {
    pub(super) tracker: &'t mut Tracker,
    pub(super) traffic: &'t mut Traffic,
    pub(super) steps: &'t mut Steps,
}

impl Visitor for Tracking<'_> {
    fn enter(
        &mut self,
        nesting: &mut Nesting,
        encapsulations: &[Encapsulation],
        carrier: Option<&Carrier>,
    ) {
        self.tracker.flows.nest(nesting, encapsulations, carrier);
    }

    fn ip(&mut self, frame: &Frame<'_>, ip: &Ip<'_>, nesting: &Nesting) -> Option<Carried> {
        let is_tunnel = frame.inner.is_some();
        let placed = self
            .tracker
            .ip(&frame.link, ip, is_tunnel, nesting, self.steps)?;
        let flow_id = self.tracker.flows.get_mut(placed.index)?.flow_id;
        let carried = Carried {
            flow_id,
            service: None,
            flow: placed.index,
            direction: placed.direction,
            reassembly: placed.reassembly.clone(),
        };
        self.steps.push(Step::Packet(placed));
        Some(carried)
    }

    fn whole(&mut self, frame: &Frame<'_>, ip: &Ip<'_>, carried: &Carried) -> Option<&'static str> {
        let stamp = self.tracker.stamp;
        let entry = self.tracker.flows.get_mut(carried.flow)?;
        entry.count_whole(ip);
        entry.is_carrier |= frame.inner.is_some();
        if frame.inner.is_none() {
            segment(entry, ip, carried.direction, stamp);
        }
        None
    }

    fn checksums(&mut self, errors: ChecksumErrors) {
        self.traffic.checksums(errors);
    }
}
