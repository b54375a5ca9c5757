//! What the working half of an analysis sees of a packet, and who takes it there.

use std::ops::Range;

use super::steps::Steps;
use crate::{
    capture::Packet,
    decode::{Frame, Ip, Path, Tcp, Transport},
    dissect::{Direction, Segment, TcpFlags},
    flow::{FlowIndex, Stamp},
    record::CaptureInfo,
};

/// Takes what the reading half gives, in order.
pub(super) trait Taker {
    /// Flows that are over at once, but for those that made room for others.
    const OVER_MAX: usize;

    /// What comes next was read when so much of a compressed file was.
    fn begin(&mut self, stored_bytes: Option<u64>);

    /// Where it is said what became of flows, in front of what that is of.
    fn steps(&mut self) -> &mut Steps;

    /// Wants it at once; else it is kept.
    fn wants_info(&self) -> bool {
        false
    }

    fn info(&mut self, _info: CaptureInfo) {}

    /// An item that is no packet.
    fn other(&mut self, place: &Place);

    /// A packet whose bytes are at `data` in the buffer. Of a simple one with what is shown of it.
    fn packet(
        &mut self,
        place: &Place,
        packet: &Packet<'_>,
        data: Range<usize>,
        simple: Option<Simple<'_>>,
    );

    /// Flows are over that the steps name. Answers whether it takes more of them now.
    fn over(&mut self, place: &Place, ending: Ending) -> bool;

    /// Takes no more now.
    fn is_done(&self) -> bool {
        false
    }
}

/// Where an item is.
pub(super) struct Place {
    pub(super) stamp: Stamp,
    pub(super) next_offset: u64,
}

/// Flows that are over at once.
pub(super) struct Ending {
    /// With the capture; else by the time of the packet before.
    pub(super) is_capture_end: bool,
    /// No more of them come.
    pub(super) is_all: bool,
}

/// An item for whoever works on the block.
pub(super) struct Item<'b> {
    pub(super) next_offset: u64,
    /// Bytes of the file that were done with.
    pub(super) stored_bytes: u64,
    pub(super) found: Found<'b>,
}

/// What an item is.
pub(super) enum Found<'b> {
    Other,
    Packet(Seen<'b>),
    Sweep,
    End,
}

/// A packet.
pub(super) struct Seen<'b> {
    pub(super) stamp: Stamp,
    pub(super) has_time: bool,
    pub(super) bad_time: bool,
    pub(super) wire_bytes: u32,
    pub(super) layers: Layers<'b>,
}

/// What is known of its layers.
pub(super) enum Layers<'b> {
    /// To be walked through again.
    Odd(Packet<'b>),
    Simple(Simple<'b>),
}

/// A packet of at most one IP packet, in no tunnel, whole, with nothing wrong about it.
pub(super) struct Simple<'b> {
    pub(super) path: Path,
    /// Its flow has more to say than that the packet was counted.
    pub(super) has_steps: bool,
    pub(super) shown: Option<Shown<'b>>,
}

/// What is shown to the dissectors of a flow.
pub(super) struct Shown<'b> {
    pub(super) flow: FlowIndex,
    pub(super) direction: Direction,
    pub(super) application: Application<'b>,
}

/// What an IP packet carries for an application.
pub(super) enum Application<'b> {
    Datagram { payload: &'b [u8], is_whole: bool },
    Segment(Segment<'b>),
}

impl<'b> Application<'b> {
    pub(super) fn of(ip: &Ip<'b>) -> Option<Self> {
        match &ip.transport {
            Transport::Udp(udp) => Some(Self::Datagram {
                payload: udp.payload,
                is_whole: ip.fragment.is_none() && (udp.payload.len() as u64) >= ip.payload_bytes,
            }),
            Transport::Tcp(tcp) => Some(Self::Segment(Segment {
                seq: tcp.seq,
                flags: TcpFlags {
                    syn: tcp.has(Tcp::SYN),
                    // Of a fragment that is cut off it comes behind bytes that are missing.
                    fin: tcp.has(Tcp::FIN) && ip.fragment.is_none(),
                    rst: tcp.has(Tcp::RST),
                },
                payload: tcp.payload,
                missing: missing(ip, tcp.payload),
            })),
            _ => None,
        }
    }
}

/// Payload bytes that the snap length cut off.
fn missing(ip: &Ip<'_>, payload: &[u8]) -> u32 {
    let missing = ip.payload_bytes.saturating_sub(payload.len() as u64);
    u32::try_from(missing).unwrap_or(u32::MAX)
}

/// Nothing has to be looked at again of this frame but its payload.
pub(super) fn is_simple(frame: &Frame<'_>) -> bool {
    !frame.is_nested()
        && frame.malformed.is_none()
        && frame.arp.is_none()
        && frame.encapsulations.is_empty()
}
