//! IP packets in their flows, shown to the dissectors.

use super::{
    followed::Followed,
    nested::{Carried, Visitor},
    packets::Packets,
    seen::{Application, Shown},
    steps::{Placed, Step, StepsLeft},
    tracking::is_waiting,
};
use crate::{
    decode::{Frame, Ip, Malformed},
    dissect::{Context, Direction},
    flow::Nesting,
};

impl Packets {
    /// A simple packet of a flow. Answers the service that it carries.
    #[inline]
    pub(super) fn shown(&mut self, shown: &Shown<'_>) -> Option<&'static str> {
        let Shown {
            flow,
            direction,
            ref application,
        } = *shown;
        let Followed { flow: of, app } = self.followed.get_mut(flow)?;
        let context = Context {
            time: self.stamp.time,
            packet_number: self.stamp.number,
            flow: of,
            direction,
        };
        let (dissectors, out) = (&mut self.dissectors, &mut self.out);
        let service = match application {
            Application::Datagram { payload, is_whole } => {
                let service = dissectors.datagram(app, &context, payload, out);
                if !*is_whole {
                    // Its end is missing here, not on the wire.
                    out.malformed.clear();
                }
                service
            }
            Application::Segment(segment) => dissectors.segment(app, &context, segment, out),
        };
        let is_malformed = !out.malformed.is_empty();
        let malformed = is_malformed.then_some((*of, direction));
        if !self.out.records.is_empty() || !self.out.exposed.is_empty() {
            self.take_said();
        }
        if let Some((of, direction)) = malformed {
            self.malformed(&of, direction);
        }
        service
    }

    /// Goes by the steps up to the next packet's.
    #[cold]
    pub(super) fn up_to_packet(&mut self, steps: &mut StepsLeft<'_>) -> Option<Placed> {
        loop {
            match steps.next()? {
                Step::Begins(index, flow) => self.followed.put(index, Followed::new(flow)),
                Step::Over(over) => self.close(over),
                Step::Piece(piece) => self.piece(*piece),
                Step::Packet(placed) => return Some(placed),
                Step::Swept => {}
            }
        }
    }
}

/// Shows what is in a packet that is more than one.
pub(super) struct Showing<'p, 'b> {
    pub(super) packets: &'p mut Packets,
    pub(super) steps: &'p mut StepsLeft<'b>,
}

impl Showing<'_, '_> {
    fn show(&mut self, ip: &Ip<'_>, flow: u32, direction: Direction) -> Option<&'static str> {
        let application = Application::of(ip)?;
        self.packets.shown(&Shown {
            flow,
            direction,
            application,
        })
    }
}

impl Visitor for Showing<'_, '_> {
    fn ip(&mut self, frame: &Frame<'_>, ip: &Ip<'_>, _: &Nesting) -> Option<Carried> {
        let Placed {
            index,
            direction,
            reassembly,
            update,
        } = self.packets.up_to_packet(self.steps)?;
        let waits = is_waiting(ip) || frame.inner.is_some();
        let service = match waits {
            true => None,
            false => self.show(ip, index, direction),
        };
        if let Some(update) = update {
            self.packets.piece(*update);
        }
        let flow_id = self.packets.followed.get_mut(index)?.flow.flow_id;
        Some(Carried {
            flow_id,
            service,
            flow: index,
            direction,
            reassembly,
        })
    }

    fn whole(&mut self, frame: &Frame<'_>, ip: &Ip<'_>, carried: &Carried) -> Option<&'static str> {
        match frame.inner {
            Some(_) => None,
            None => self.show(ip, carried.flow, carried.direction),
        }
    }

    fn arp(&mut self, frame: &Frame<'_>) {
        self.packets.arp(frame);
    }

    fn finding(&mut self, malformed: Malformed, ip: Option<&Ip<'_>>, flow_id: Option<u64>) {
        let ends = ip.map(|ip| (ip.source, ip.target));
        self.packets.finding(malformed, ends, flow_id);
    }
}
