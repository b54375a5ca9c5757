//! Packets that are more than one: tunnels are opened, datagrams put together. Each half of an
//! analysis walks through them, and does its own work on the way.

use std::sync::Arc;

use crate::{
    decode::{self, ChecksumErrors, Encapsulation, Frame, Inner, Ip, Malformed, Path},
    dissect::Direction,
    flow::{Carrier, FlowIndex, Nesting, Reassembly, Whole},
};

/// What is done on the way.
pub(super) trait Visitor {
    /// These encapsulations are around the next IP packet, and this packet around them.
    fn enter(
        &mut self,
        _nesting: &mut Nesting,
        _encapsulations: &[Encapsulation],
        _carrier: Option<&Carrier>,
    ) {
    }

    /// An IP packet. None when it has no flow, which ends the walk.
    fn ip(&mut self, frame: &Frame<'_>, ip: &Ip<'_>, nesting: &Nesting) -> Option<Carried>;

    /// A datagram whose fragments are in the flow that they have in common. Answers its service.
    fn whole(&mut self, frame: &Frame<'_>, ip: &Ip<'_>, carried: &Carried) -> Option<&'static str>;

    /// Of an IP packet that is inside of another, or of a datagram.
    fn checksums(&mut self, _errors: ChecksumErrors) {}

    /// A frame without an IP packet.
    fn arp(&mut self, _frame: &Frame<'_>) {}

    fn finding(&mut self, _malformed: Malformed, _ip: Option<&Ip<'_>>, _flow_id: Option<u64>) {}
}

/// What an IP packet is to its flow.
pub(super) struct Carried {
    pub(super) flow_id: u64,
    pub(super) service: Option<&'static str>,
    pub(super) flow: FlowIndex,
    pub(super) direction: Direction,
    /// What a fragment brought about, if anything.
    pub(super) reassembly: Option<Arc<Reassembly>>,
}

/// What a packet is that may have others inside.
#[derive(Default)]
pub(super) struct Nested {
    /// Of its outermost IP packet.
    pub(super) flow_id: Option<u64>,
    /// Of its innermost layers.
    pub(super) path: Path,
    pub(super) service: Option<&'static str>,
}

/// Reads all IP packets that are in this frame, outermost first. Ends: each one below
/// lies in one encapsulation more, and there are [`decode::TUNNELS_MAX`] at most.
pub(super) fn walk(visitor: &mut impl Visitor, frame: &Frame<'_>, ip: &Ip<'_>) -> Nested {
    let mut nesting = Nesting::NONE;
    enter(visitor, &mut nesting, &frame.encapsulations, None);
    let Some(carried) = visitor.ip(frame, ip, &nesting) else {
        return Nested {
            path: frame.path,
            ..Nested::default()
        };
    };
    let flow_id = Some(carried.flow_id);
    let (path, service) = contents(visitor, frame, ip, &carried, nesting);
    Nested {
        flow_id,
        path,
        service,
    }
}

fn enter(
    visitor: &mut impl Visitor,
    nesting: &mut Nesting,
    encapsulations: &[Encapsulation],
    carrier: Option<&Carrier>,
) {
    if !encapsulations.is_empty() {
        visitor.enter(nesting, encapsulations, carrier);
    }
}

/// What is in an IP packet whose flow has counted it: a tunnel, a datagram that it is the
/// last piece of, or both.
fn contents(
    visitor: &mut impl Visitor,
    frame: &Frame<'_>,
    ip: &Ip<'_>,
    carried: &Carried,
    nesting: Nesting,
) -> (Path, Option<&'static str>) {
    let reassembly = carried.reassembly.as_deref();
    for oddity in reassembly.iter().flat_map(|what| &what.oddities) {
        visitor.finding(*oddity, Some(ip), Some(carried.flow_id));
    }
    let whole = reassembly.and_then(|what| what.whole.as_ref());
    match (whole, &frame.inner) {
        (Some(datagram), _) => whole_datagram(visitor, frame, ip, datagram, carried, nesting),
        (None, Some(inside)) => inner(
            visitor,
            frame,
            inside,
            &carrier(frame, ip, carried),
            nesting,
        ),
        (None, None) => (frame.path, carried.service),
    }
}

/// The frame inside of a tunnel.
fn inner(
    visitor: &mut impl Visitor,
    around: &Frame<'_>,
    inside: &Inner<'_>,
    carrier: &Carrier,
    mut nesting: Nesting,
) -> (Path, Option<&'static str>) {
    let frame = decode::inner(around, inside);
    let Some(ip) = &frame.ip else {
        if frame.arp.is_some() {
            visitor.arp(&frame);
        }
        if let Some(malformed) = frame.malformed {
            visitor.finding(malformed, None, Some(carrier.flow_id));
        }
        return (frame.path, None);
    };
    enter(visitor, &mut nesting, &frame.encapsulations, Some(carrier));
    let carried = visitor.ip(&frame, ip, &nesting);
    visitor.checksums(ip.checksum_errors);
    if let Some(malformed) = frame.malformed {
        let flow_id = carried.as_ref().map(|carried| carried.flow_id);
        visitor.finding(malformed, Some(ip), flow_id);
    }
    match carried {
        Some(carried) => contents(visitor, &frame, ip, &carried, nesting),
        None => (frame.path, None),
    }
}

/// A datagram that the fragment in `last` completed. Its fragments were counted singly.
fn whole_datagram(
    visitor: &mut impl Visitor,
    last: &Frame<'_>,
    fragment: &Ip<'_>,
    datagram: &Whole,
    carried: &Carried,
    nesting: Nesting,
) -> (Path, Option<&'static str>) {
    let frame = decode::whole(last, fragment, datagram.next_header, &datagram.data);
    if let Some(malformed) = frame.malformed {
        visitor.finding(malformed, Some(fragment), Some(carried.flow_id));
    }
    let Some(ip) = &frame.ip else {
        return (frame.path, None);
    };
    visitor.checksums(ip.checksum_errors);
    let service = visitor.whole(&frame, ip, carried);
    match &frame.inner {
        Some(inside) => inner(
            visitor,
            &frame,
            inside,
            &carrier(&frame, ip, carried),
            nesting,
        ),
        None => (frame.path, service),
    }
}

fn carrier(frame: &Frame<'_>, ip: &Ip<'_>, carried: &Carried) -> Carrier {
    Carrier {
        flow_id: carried.flow_id,
        source: ip.source,
        target: ip.target,
        vlans: frame.link.vlans,
    }
}
