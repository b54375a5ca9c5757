//! What a format finds in a file, and packets out of the pcapng blocks that carry them.

use std::ops::Range;

use super::{
    clock::Stamp,
    interfaces::{Interfaces, Known, Listed},
};
use crate::record::{Time, Verdict};

/// What a format found in front of the window.
pub(super) enum Step {
    /// With the place of its data and the length of its record.
    Packet(Meta, Range<usize>, usize),
    Header(usize),
    Other(usize),
    End(Verdict),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Meta {
    pub(super) time: Time,
    /// Without it there is no time.
    pub(super) timed: bool,
    pub(super) bad_time: bool,
    pub(super) link_type: u16,
    pub(super) listed: Option<Listed>,
    pub(super) wire_bytes: u32,
}

/// Before the data of an Enhanced and of an obsolete Packet Block.
pub(super) const PACKET_HEADER_BYTES: usize = 28;
/// Before the data of a Simple Packet Block.
const SIMPLE_HEADER_BYTES: usize = 12;

/// Why a block ends the reading.
pub(super) enum Refused {
    Corrupt(&'static str),
    TooManyInterfaces,
}

pub(super) const NO_INTERFACE: Refused =
    Refused::Corrupt("a packet block names an interface that is not described");
pub(super) const OPTIONS: Refused = Refused::Corrupt("an option is longer than its block");
pub(super) const LENGTHS: Refused = Refused::Corrupt("the lengths inside a block exceed it");

/// A Simple Packet Block: of the first interface, without a time.
pub(super) fn simple(
    wire_bytes: u32,
    n_data: usize,
    interfaces: &Interfaces,
    n_block: usize,
) -> Result<Step, Refused> {
    let interface = interfaces.get(0).ok_or(NO_INTERFACE)?;
    // The block does not say how much was captured: the least of three limits.
    let mut n_captured = n_data.min(usize::try_from(wire_bytes).unwrap_or(usize::MAX));
    if interface.snap_length != 0 {
        n_captured = n_captured.min(usize::try_from(interface.snap_length).unwrap_or(usize::MAX));
    }
    let meta = meta(interface, None, wire_bytes);
    let data = SIMPLE_HEADER_BYTES..SIMPLE_HEADER_BYTES + n_captured;
    Ok(Step::Packet(meta, data, n_block))
}

/// An Enhanced or an obsolete Packet Block.
pub(super) fn packet(
    interface: &Known,
    units: Option<u64>,
    wire_bytes: u32,
    n_captured: usize,
    n_block: usize,
) -> Result<Step, Refused> {
    let meta = meta(interface, units, wire_bytes);
    let data = PACKET_HEADER_BYTES..PACKET_HEADER_BYTES + n_captured;
    Ok(Step::Packet(meta, data, n_block))
}

fn meta(interface: &Known, units: Option<u64>, wire_bytes: u32) -> Meta {
    let stamp = units.map(|units| interface.clock.stamp(units));
    Meta {
        time: stamp.map_or_else(Time::default, |Stamp { time, .. }| time),
        timed: stamp.is_some(),
        bad_time: stamp.is_some_and(|Stamp { bad, .. }| bad),
        link_type: interface.link_type,
        listed: interface.listed,
        wire_bytes,
    }
}
