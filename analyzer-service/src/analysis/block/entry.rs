//! One item of a block.

use std::ops::Range;

use crate::{
    analysis::seen::{Application, Found, Layers, Seen, Shown, Simple},
    capture::Packet,
    decode::Path,
    dissect::{Direction, Segment, TcpFlags},
    flow::{FlowIndex, Stamp},
    record::Time,
};

/// An item of the capture. One for each packet goes from thread to thread: no larger than a
/// cache line.
#[derive(Debug)]
pub(super) struct Entry {
    /// Of the packet, or of the one before when it has none.
    pub(super) time: Time,
    /// Of the packet in the capture.
    pub(super) number: u64,
    /// Where the next one begins, in the decompressed capture.
    pub(super) next_offset: u64,
    pub(super) wire_bytes: u32,
    /// Where the packet, or a simple one's payload, is in the block's bytes, which are 32 MiB
    /// at most.
    pub(super) data: Range<u32>,
    /// Of a payload that a dissector may read.
    pub(super) flow: FlowIndex,
    pub(super) what: What,
    /// Of a simple packet: among the block's.
    pub(super) path: u16,
    pub(super) marks: Marks,
}

const _: () = assert!(size_of::<Entry>() == 64);

/// What is to be known of any packet, in a byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks(u8);

impl Marks {
    const TIME: u8 = 1;
    const BAD_TIME: u8 = 2;
    const STEPS: u8 = 4;

    pub(super) fn of(packet: &Packet<'_>, has_steps: bool) -> Self {
        let mark = |mark, is| if is { mark } else { 0 };
        Self(
            mark(Self::TIME, packet.time.is_some())
                | mark(Self::BAD_TIME, packet.bad_time)
                | mark(Self::STEPS, has_steps),
        )
    }

    fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }
}

/// [`TcpFlags`] in a byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags(u8);

impl Flags {
    fn of(flags: TcpFlags) -> Self {
        let TcpFlags { syn, fin, rst } = flags;
        Self(u8::from(fin) | u8::from(syn) << 1 | u8::from(rst) << 2)
    }

    fn flags(self) -> TcpFlags {
        TcpFlags {
            fin: self.0 & 1 != 0,
            syn: self.0 & 2 != 0,
            rst: self.0 & 4 != 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// It is no packet.
    Other,
    /// A packet whose layers have to be walked through again.
    Odd { link_type: u16 },
    /// A packet without anything for dissectors.
    Bare,
    Datagram {
        direction: Direction,
        is_whole: bool,
    },
    Segment {
        direction: Direction,
        flags: Flags,
        seq: u32,
        missing: u32,
    },
    /// Not of the capture: flows that are over by the time of the packet before.
    Sweep,
    /// Not of the capture: its end, with all flows that are left.
    End,
}

impl Entry {
    #[inline]
    pub(super) fn found<'b>(&self, bytes: &'b [u8], paths: &[Path]) -> Found<'b> {
        let at = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let data = at(self.data.start)..at(self.data.end);
        let data = bytes.get(data).unwrap_or_default();
        let shown = |direction, application| {
            Some(Shown {
                flow: self.flow,
                direction,
                application,
            })
        };
        let shown = match self.what {
            What::Other => return Found::Other,
            What::Sweep => return Found::Sweep,
            What::End => return Found::End,
            What::Odd { link_type } => {
                return Found::Packet(self.seen(Layers::Odd(Packet {
                    time: self.marks.has(Marks::TIME).then_some(self.time),
                    bad_time: self.marks.has(Marks::BAD_TIME),
                    link_type,
                    wire_bytes: self.wire_bytes,
                    data,
                })));
            }
            What::Bare => None,
            What::Datagram {
                direction,
                is_whole,
            } => shown(
                direction,
                Application::Datagram {
                    payload: data,
                    is_whole,
                },
            ),
            What::Segment {
                direction,
                flags,
                seq,
                missing,
            } => shown(
                direction,
                Application::Segment(Segment {
                    seq,
                    flags: flags.flags(),
                    payload: data,
                    missing,
                }),
            ),
        };
        Found::Packet(
            self.seen(Layers::Simple(Simple {
                path: paths
                    .get(usize::from(self.path))
                    .copied()
                    .unwrap_or_default(),
                has_steps: self.marks.has(Marks::STEPS),
                shown,
            })),
        )
    }

    #[inline]
    fn seen<'b>(&self, layers: Layers<'b>) -> Seen<'b> {
        Seen {
            stamp: Stamp {
                time: self.time,
                number: self.number,
            },
            has_time: self.marks.has(Marks::TIME),
            bad_time: self.marks.has(Marks::BAD_TIME),
            wire_bytes: self.wire_bytes,
            layers,
        }
    }
}

#[inline]
pub(super) fn what(shown: Option<Shown<'_>>) -> (What, FlowIndex, &[u8]) {
    let Some(Shown {
        flow,
        direction,
        application,
    }) = shown
    else {
        return (What::Bare, 0, &[]);
    };
    match application {
        Application::Datagram { payload, is_whole } => {
            let what = What::Datagram {
                direction,
                is_whole,
            };
            (what, flow, payload)
        }
        Application::Segment(Segment {
            seq,
            flags,
            payload,
            missing,
        }) => {
            let what = What::Segment {
                direction,
                flags: Flags::of(flags),
                seq,
                missing,
            };
            (what, flow, payload)
        }
    }
}

/// Where `part` of `data`, which is at `start`, is. An empty one may be anywhere.
#[inline]
pub(super) fn within(start: usize, data: &[u8], part: &[u8]) -> Range<usize> {
    let before = part.as_ptr().addr().wrapping_sub(data.as_ptr().addr());
    match data.get(before..before.wrapping_add(part.len())) {
        Some(_) if !part.is_empty() => start + before..start + before + part.len(),
        _ => 0..0,
    }
}
