//! Packets that are more than one: tunnels are opened, datagrams put together.

use super::{located::Carried, packets::Packets};
use crate::{
    decode::{self, Encapsulation, Frame, Inner, Ip, Path},
    flow::{Carrier, Located, Nesting, Reassembly, Whole},
};

/// What a packet is that has others inside.
pub(super) struct Nested {
    /// Of its outermost IP packet.
    pub(super) flow_id: Option<u64>,
    /// Of its innermost layers.
    pub(super) path: Path,
    pub(super) service: Option<&'static str>,
}

impl Packets {
    /// Reads all IP packets that are in this frame, outermost first. Ends: each one below
    /// lies in one encapsulation more, and there are [`decode::TUNNELS_MAX`] at most.
    #[cold]
    pub(super) fn nested(&mut self, frame: &Frame<'_>, ip: &Ip<'_>) -> Nested {
        let mut nesting = Nesting::NONE;
        self.enter(&mut nesting, &frame.encapsulations, None);
        let carried = self.ip(frame, ip, &nesting);
        let flow_id = carried.flow_id;
        let (path, service) = self.contents(frame, ip, carried, nesting);
        Nested {
            flow_id,
            path,
            service,
        }
    }

    fn enter(
        &self,
        nesting: &mut Nesting,
        encapsulations: &[Encapsulation],
        carrier: Option<&Carrier>,
    ) {
        if !encapsulations.is_empty() {
            self.flows.nest(nesting, encapsulations, carrier);
        }
    }

    /// What is in an IP packet whose flow has counted it: a tunnel, a datagram that it is the
    /// last piece of, or both.
    fn contents(
        &mut self,
        frame: &Frame<'_>,
        ip: &Ip<'_>,
        carried: Carried,
        nesting: Nesting,
    ) -> (Path, Option<&'static str>) {
        let Carried {
            flow_id,
            service,
            located,
        } = carried;
        let Some(mut located) = located else {
            return (frame.path, service);
        };
        let Reassembly { whole, oddities } = match located.reassembly.take() {
            Some(reassembly) => *reassembly,
            None => Reassembly::default(),
        };
        for oddity in oddities {
            self.finding(oddity, Some(ip), flow_id);
        }
        match (whole, &frame.inner) {
            (Some(whole), _) => self.whole(frame, ip, &whole, &located, nesting),
            (None, Some(inner)) => self.inner(frame, inner, &carrier(frame, ip, flow_id), nesting),
            (None, None) => (frame.path, service),
        }
    }

    /// The frame inside of a tunnel.
    fn inner(
        &mut self,
        around: &Frame<'_>,
        inner: &Inner<'_>,
        carrier: &Carrier,
        mut nesting: Nesting,
    ) -> (Path, Option<&'static str>) {
        let frame = decode::inner(around, inner);
        let Some(ip) = &frame.ip else {
            if frame.arp.is_some() {
                self.arp(&frame);
            }
            if let Some(malformed) = frame.malformed {
                self.finding(malformed, None, Some(carrier.flow_id));
            }
            return (frame.path, None);
        };
        self.enter(&mut nesting, &frame.encapsulations, Some(carrier));
        let carried = self.ip(&frame, ip, &nesting);
        self.gatherer.checksums(ip.checksum_errors);
        if let Some(malformed) = frame.malformed {
            self.finding(malformed, Some(ip), carried.flow_id);
        }
        self.contents(&frame, ip, carried, nesting)
    }

    /// A datagram that the fragment in `last` completed. Its fragments were counted singly.
    fn whole(
        &mut self,
        last: &Frame<'_>,
        fragment: &Ip<'_>,
        whole: &Whole,
        located: &Located,
        nesting: Nesting,
    ) -> (Path, Option<&'static str>) {
        let frame = decode::whole(last, fragment, whole.next_header, &whole.data);
        let flow_id = self.flow_id(located);
        if let Some(malformed) = frame.malformed {
            self.finding(malformed, Some(fragment), flow_id);
        }
        let Some(ip) = &frame.ip else {
            return (frame.path, None);
        };
        self.gatherer.checksums(ip.checksum_errors);
        let service = self.transport_of_whole(&frame, ip, located);
        let Some(inner) = &frame.inner else {
            return (frame.path, service);
        };
        self.inner(&frame, inner, &carrier(&frame, ip, flow_id), nesting)
    }
}

fn carrier(frame: &Frame<'_>, ip: &Ip<'_>, flow_id: Option<u64>) -> Carrier {
    Carrier {
        flow_id: flow_id.unwrap_or(0),
        source: ip.source,
        target: ip.target,
        vlans: frame.vlans,
    }
}
