//! What is done with each packet, and with what is over because of it.

use std::{collections::BTreeMap, ops::ControlFlow};

use super::{
    Event, Options, POLL_PACKETS, Sink,
    batch::Batch,
    detection::{read, take},
    ending::Sweep,
    findings::Findings,
    followed::FollowedFlows,
    located::Showing,
    nested::{Nested, walk},
    seen::{Layers, Seen, Simple},
    steps::StepsLeft,
};
use crate::{
    capture::Packet,
    decode::{self, Frame, Malformed},
    detect::Detectors,
    dissect::{Dissectors, Output},
    flow::Stamp,
    record::{Dropped, Kind, Progress, Record, Summary, Time},
    summary::{Ending, Gatherer, Traffic},
};

/// The state of an analysis between two packets.
pub(super) struct Packets {
    pub(super) options: Options,
    pub(super) followed: FollowedFlows,
    pub(super) dissectors: Dissectors,
    pub(super) out: Output,
    /// When somebody asked for findings.
    pub(super) detectors: Option<Detectors>,
    pub(super) findings: Findings,
    pub(super) gatherer: Gatherer,
    /// The current packet; packets without a time have that of the one before.
    pub(super) stamp: Stamp,
    /// That were analyzed.
    pub(super) n_packets: u64,
    timed: bool,
    /// Records that the current packet completed.
    pub(super) completed: Vec<Record>,
    /// Flows are ending whose rest comes with the next block.
    pub(super) sweep: Option<Sweep>,
    batch: Batch,
    /// As told last.
    pub(super) progress: Progress,
}

impl Packets {
    pub(super) fn new(options: Options) -> Self {
        Self {
            followed: FollowedFlows::default(),
            dissectors: Dissectors::new(read(options.kinds)),
            out: Output::default(),
            detectors: options
                .kinds
                .contains(Kind::Finding)
                .then(Detectors::default),
            findings: Findings::new(),
            gatherer: Gatherer::default(),
            stamp: Stamp::default(),
            n_packets: 0,
            timed: false,
            completed: Vec::new(),
            sweep: None,
            batch: Batch::default(),
            progress: Progress::default(),
            options,
        }
    }

    pub(super) fn capture_time(&self) -> Option<Time> {
        self.timed.then_some(self.stamp.time)
    }

    pub(super) fn records_by_kind(&self) -> BTreeMap<Kind, u64> {
        self.batch.by_kind()
    }

    /// What this half dropped, beside the other one.
    pub(super) fn dropped(&self, other: Dropped) -> Dropped {
        Dropped {
            reassembly_bytes: self.out.dropped_bytes,
            findings: self.findings.n_dropped(),
            pending_transactions: self.out.dropped_transactions,
            ..other
        }
    }

    pub(super) fn into_summary(self, traffic: Traffic, ending: Ending) -> Summary {
        self.gatherer.finish(traffic, ending)
    }

    /// The next packet that is analyzed.
    // In both of its callers, whatever the profile makes of its size: two threads take 2 % fewer
    // instructions so.
    #[inline(always)]
    pub(super) fn packet(
        &mut self,
        seen: &Seen<'_>,
        steps: &mut StepsLeft<'_>,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        self.n_packets += 1;
        self.timed |= seen.has_time;
        self.stamp = seen.stamp;
        if seen.bad_time {
            self.finding(BAD_TIMESTAMP, None, None);
        }
        let (path, service) = match &seen.layers {
            Layers::Simple(simple) => (simple.path, self.simple(simple, steps)),
            Layers::Odd(packet) => self.odd(packet, steps),
        };
        self.gatherer.packet(seen.wire_bytes, path, service);
        self.conclude();
        if self.completed.is_empty() || self.is_sweep_due() {
            return ControlFlow::Continue(());
        }
        self.flush(sink)
    }

    /// A sweep comes next, which hands out all that this packet completed.
    pub(super) fn is_sweep_due(&self) -> bool {
        self.n_packets.is_multiple_of(POLL_PACKETS)
    }

    #[inline]
    fn simple(&mut self, simple: &Simple<'_>, steps: &mut StepsLeft<'_>) -> Option<&'static str> {
        let mut update = None;
        if simple.has_steps {
            update = self.up_to_packet(steps).and_then(|placed| placed.update);
        }
        let service = simple.shown.as_ref().and_then(|shown| self.shown(shown));
        if let Some(update) = update {
            self.piece(*update);
        }
        service
    }

    /// A packet whose layers are walked through again.
    #[cold]
    fn odd(
        &mut self,
        packet: &Packet<'_>,
        steps: &mut StepsLeft<'_>,
    ) -> (decode::Path, Option<&'static str>) {
        let mut frame = Frame::default();
        decode::decode(packet, &mut frame);
        let nested = match &frame.ip {
            Some(ip) => {
                let packets = &mut *self;
                walk(&mut Showing { packets, steps }, &frame, ip)
            }
            None => {
                self.arp(&frame);
                Nested {
                    path: frame.path,
                    ..Nested::default()
                }
            }
        };
        if let Some(malformed) = frame.malformed {
            let ends = frame.ip.as_ref().map(|ip| (ip.source, ip.target));
            self.finding(malformed, ends, nested.flow_id);
        }
        (nested.path, nested.service)
    }

    /// Gives the sink what is ready, be it little.
    pub(super) fn hand_out(&mut self, sink: &mut dyn Sink) -> ControlFlow<()> {
        match self.batch.take() {
            Some(records) => sink.event(Event::Records(records)),
            None => ControlFlow::Continue(()),
        }
    }

    /// What the dissectors said since the last time.
    pub(super) fn take_said(&mut self) {
        let detectors = self.detectors.as_mut();
        let (out, completed) = (&mut self.out, &mut self.completed);
        take(out, detectors, self.options.kinds, completed);
    }

    pub(super) fn complete(&mut self, records: Vec<Record>) {
        self.completed.extend(records);
    }

    /// Hands out what the current packet completed, in order.
    pub(super) fn flush(&mut self, sink: &mut dyn Sink) -> ControlFlow<()> {
        self.completed.sort_by_key(order);
        for mut record in self.completed.drain(..) {
            record.packet_number = self.stamp.number;
            if let Some(batch) = self.batch.push(record) {
                sink.event(Event::Records(batch))?;
            }
        }
        ControlFlow::Continue(())
    }
}

const BAD_TIMESTAMP: Malformed = Malformed {
    code: "bad-timestamp",
    message: "a time outside the years 1 to 9999, or with invalid sub-seconds",
};

/// Of the records that one packet completed.
pub(super) fn order(record: &Record) -> (u64, Kind) {
    let flow_id = record.flow.map_or(0, |flow| flow.flow_id);
    (flow_id, record.body.kind())
}
