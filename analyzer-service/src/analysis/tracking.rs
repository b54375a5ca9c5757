//! The flows of an analysis while it reads: each IP packet is counted in its own, and what
//! becomes of flows is said in steps for whoever works on the block.

mod walked;

use std::vec;

use self::walked::Tracking;
use super::{
    Options,
    nested::walk,
    seen::{Application, Shown, Simple, is_simple},
    steps::{Over, Piece, Placed, Step, Steps},
};
use crate::{
    capture::Packet,
    decode::{Frame, Ip, Link, Path, Transport, Usual, decode},
    dissect::Direction,
    flow::{Ended, Entry, FlowIndex, FlowTable, Located, Nesting, Stamp},
    record::{Dropped, EndReason, Kind},
    summary::Traffic,
};

/// The state between two packets.
pub(super) struct Tracker {
    options: Options,
    flows: FlowTable,
    /// The current packet; packets without a time have that of the one before.
    stamp: Stamp,
    /// That are analyzed.
    n_packets: u64,
    ended: Vec<Ended>,
}

/// Flows that are over at once.
pub(super) struct Endings {
    indexes: vec::IntoIter<FlowIndex>,
    reason: EndReason,
}

impl Endings {
    /// No packet comes behind it.
    pub(super) fn is_capture_end(&self) -> bool {
        self.reason == EndReason::CaptureEnd
    }
}

impl Tracker {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            flows: FlowTable::new(options.idle_timeout, options.flows_max),
            stamp: Stamp::default(),
            n_packets: 0,
            ended: Vec::new(),
            options: options.clone(),
        }
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    pub(super) fn n_packets(&self) -> u64 {
        self.n_packets
    }

    pub(super) fn n_flows(&self) -> u64 {
        self.flows.n_flows()
    }

    pub(super) fn dropped(&self) -> Dropped {
        Dropped {
            evicted_flows: self.flows.n_evicted(),
            fragments: self.flows.n_fragments_dropped(),
            ..Dropped::default()
        }
    }

    /// The next packet, with its number in the capture, when it is a usual one. Answers what
    /// is shown of it.
    #[inline]
    pub(super) fn usual<'b>(
        &mut self,
        packet: &Packet<'_>,
        Usual { path, link, ip }: &Usual<'b>,
        number: u64,
        traffic: &mut Traffic,
        steps: &mut Steps,
    ) -> Option<Simple<'b>> {
        self.begin(packet, number);
        traffic.packet(packet, Some((ip.source, ip.target)));
        traffic.checksums(ip.checksum_errors);
        self.simple(*path, link, ip, steps)
    }

    /// The next packet. Answers what is shown of it, when its layers need not be walked through
    /// again.
    #[inline(never)]
    pub(super) fn packet<'b>(
        &mut self,
        packet: &Packet<'b>,
        number: u64,
        traffic: &mut Traffic,
        steps: &mut Steps,
    ) -> Option<Simple<'b>> {
        self.begin(packet, number);
        let mut frame = Frame::default();
        decode(packet, &mut frame);
        let Some(ip) = &frame.ip else {
            traffic.packet(packet, None);
            return is_simple(&frame).then_some(Simple {
                path: frame.path,
                has_steps: false,
                shown: None,
            });
        };
        traffic.packet(packet, Some((ip.source, ip.target)));
        traffic.checksums(ip.checksum_errors);
        if is_simple(&frame) {
            return self.simple(frame.path, &frame.link, ip, steps);
        }
        let tracker = self;
        let mut tracking = Tracking {
            tracker,
            traffic,
            steps,
        };
        walk(&mut tracking, &frame, ip);
        None
    }

    #[inline]
    fn begin(&mut self, packet: &Packet<'_>, number: u64) {
        self.n_packets += 1;
        self.stamp = Stamp {
            time: packet.time.unwrap_or(self.stamp.time),
            number,
        };
    }

    /// An IP packet that is no fragment and no tunnel.
    #[inline]
    fn simple<'b>(
        &mut self,
        path: Path,
        link: &Link,
        ip: &Ip<'b>,
        steps: &mut Steps,
    ) -> Option<Simple<'b>> {
        let n_steps = steps.len();
        let placed = self.ip(link, ip, false, &Nesting::NONE, steps)?;
        let (flow, direction) = (placed.index, placed.direction);
        let has_steps = steps.len() > n_steps || placed.update.is_some();
        if has_steps {
            steps.push(Step::Packet(placed));
        }
        let shown = Application::of(ip).map(|application| Shown {
            flow,
            direction,
            application,
        });
        Some(Simple {
            path,
            has_steps,
            shown,
        })
    }

    /// At fixed packet numbers: those that capture time has ended.
    pub(super) fn sweep(&mut self) -> Endings {
        Endings {
            indexes: self.flows.sweep(self.stamp.time).into_iter(),
            reason: EndReason::IdleTimeout,
        }
    }

    /// All that are left: the capture is over.
    pub(super) fn end(&mut self) -> Endings {
        Endings {
            indexes: self.flows.all().into_iter(),
            reason: EndReason::CaptureEnd,
        }
    }

    /// Ends flows by their id, until the steps have `over_max`. Answers whether those are all.
    pub(super) fn go_on(
        &mut self,
        endings: &mut Endings,
        over_max: usize,
        steps: &mut Steps,
    ) -> bool {
        while steps.n_over() < over_max {
            let Some(index) = endings.indexes.next() else {
                steps.push(Step::Swept);
                return true;
            };
            if let Some(entry) = self.flows.get_mut(index) {
                let over = over(&self.options, index, entry, endings.reason);
                steps.push(Step::Over(over));
                self.flows.remove(index);
            }
        }
        false
    }

    /// Counts an IP packet in its flow.
    #[inline]
    fn ip(
        &mut self,
        link: &Link,
        ip: &Ip<'_>,
        is_tunnel: bool,
        nesting: &Nesting,
        steps: &mut Steps,
    ) -> Option<Placed> {
        let (stamp, options) = (self.stamp, &self.options);
        let located = self
            .flows
            .locate(link.vlans, ip, nesting, stamp, &mut self.ended);
        for Ended {
            index,
            entry,
            reason,
        } in self.ended.drain(..)
        {
            steps.push(Step::Over(over(options, index, &entry, reason)));
        }
        let Located {
            index,
            direction,
            reassembly,
        } = located;
        if let Some(flow) = self.flows.begun() {
            steps.push(Step::Begins(index, flow));
        }
        let entry = self.flows.get_mut(index)?;
        let wants_flows = options.kinds.contains(Kind::Flow);
        if entry.is_cut_due(stamp.time, options.active_timeout) {
            if wants_flows {
                let cut = piece(index, entry, Some(EndReason::ActiveTimeout));
                steps.push(Step::Piece(cut));
            }
            entry.cut(stamp);
        }
        entry.count(link, ip, direction, stamp);
        entry.is_carrier |= is_tunnel;
        // Fragments are read when all of them are there; a tunnel is read as what is inside.
        if !is_waiting(ip) && !is_tunnel {
            segment(entry, ip, direction, stamp);
        }
        let is_due = wants_flows && entry.is_update_due(stamp.time, options.interim_interval);
        Some(Placed {
            index,
            direction,
            reassembly: reassembly.map(From::from),
            update: is_due.then(|| piece(index, entry, None)),
        })
    }
}

/// A fragment that waits for the others.
pub(super) fn is_waiting(ip: &Ip<'_>) -> bool {
    ip.fragment.is_some_and(|fragment| fragment.is_whole())
}

#[inline]
fn segment(entry: &mut Entry, ip: &Ip<'_>, direction: Direction, stamp: Stamp) {
    if let Transport::Tcp(tcp) = &ip.transport {
        entry.count_segment(ip, tcp, direction, stamp.time);
    }
}

fn piece(index: FlowIndex, entry: &Entry, reason: Option<EndReason>) -> Box<Piece> {
    Box::new(Piece {
        index,
        latest: entry.latest(),
        flow: Box::new(entry.record(reason)),
    })
}

fn over(options: &Options, index: FlowIndex, entry: &Entry, reason: EndReason) -> Over {
    let wants = |kind| options.kinds.contains(kind);
    Over {
        index,
        latest: entry.latest(),
        flow: wants(Kind::Flow).then(|| Box::new(entry.record(Some(reason)))),
        totals: entry.totals().filter(|_| wants(Kind::Finding)),
    }
}
