//! What is done with each packet, and with what is over because of it.

use std::{collections::BTreeMap, mem, ops::ControlFlow};

use super::{
    Event, Options, POLL_PACKETS, Sink,
    batch::Batch,
    closing::Closing,
    detection::{read, take},
    findings::Findings,
    nested::Nested,
};
use crate::{
    capture::Packet,
    decode::{Frame, Malformed},
    detect::Detectors,
    dissect::{Dissectors, Output},
    flow::{Ended, FlowIndex, FlowTable, Nesting, Stamp},
    record::{Dropped, EndReason, Kind, Progress, Record, Summary, Time},
    summary::{Ending, Gatherer, Traffic},
};

/// The state of an analysis between two packets.
pub(super) struct Packets {
    pub(super) options: Options,
    pub(super) flows: FlowTable,
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
    pub(super) ended: Vec<Ended>,
    batch: Batch,
    /// As told last.
    pub(super) progress: Progress,
}

/// Flows ended between two looks at the sink: about as long as as many packets take.
const FLOWS_PER_POLL: usize = 1_024;

impl Packets {
    pub(super) fn new(options: Options) -> Self {
        Self {
            flows: FlowTable::new(options.idle_timeout, options.flows_max),
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
            ended: Vec::new(),
            batch: Batch::default(),
            progress: Progress::default(),
            options,
        }
    }

    pub(super) fn n_flows(&self) -> u64 {
        self.flows.n_flows()
    }

    pub(super) fn capture_time(&self) -> Option<Time> {
        self.timed.then_some(self.stamp.time)
    }

    pub(super) fn records_by_kind(&self) -> BTreeMap<Kind, u64> {
        self.batch.by_kind()
    }

    pub(super) fn dropped(&self) -> Dropped {
        Dropped {
            evicted_flows: self.flows.n_evicted(),
            reassembly_bytes: self.out.dropped_bytes,
            findings: self.findings.n_dropped(),
            pending_transactions: self.out.dropped_transactions,
            fragments: self.flows.n_fragments_dropped(),
            paths: 0,
        }
    }

    pub(super) fn into_summary(self, traffic: Traffic, ending: Ending) -> Summary {
        self.gatherer.finish(traffic, ending)
    }

    /// The next packet that is analyzed, with its headers and its number in the capture.
    pub(super) fn packet(
        &mut self,
        packet: &Packet<'_>,
        frame: &Frame<'_>,
        number: u64,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        self.n_packets += 1;
        self.timed |= packet.time.is_some();
        self.stamp = Stamp {
            time: packet.time.unwrap_or(self.stamp.time),
            number,
        };
        let mut path = frame.path;
        let (flow_id, service) = match &frame.ip {
            Some(ip) if frame.is_nested() => {
                let nested: Nested = self.nested(frame, ip);
                path = nested.path;
                (nested.flow_id, nested.service)
            }
            Some(ip) => {
                let carried = self.ip(frame, ip, &Nesting::NONE);
                (carried.flow_id, carried.service)
            }
            None => {
                if frame.arp.is_some() {
                    self.arp(frame);
                }
                (None, None)
            }
        };
        if packet.bad_time {
            self.finding(BAD_TIMESTAMP, None, None);
        }
        if let Some(malformed) = frame.malformed {
            self.finding(malformed, frame.ip.as_ref(), flow_id);
        }
        self.gatherer
            .packet(packet.wire_bytes, frame, path, service);
        self.conclude();
        // Those that are analyzed: so a filter gives what the filtered file would give.
        if self.n_packets.is_multiple_of(POLL_PACKETS) {
            return self.sweep(sink);
        }
        if self.completed.is_empty() {
            return ControlFlow::Continue(());
        }
        self.flush(sink)
    }

    /// The capture is over: so is everything that waits.
    pub(super) fn end(&mut self, sink: &mut dyn Sink) -> ControlFlow<()> {
        self.dissectors.finish(&mut self.out);
        self.take_said();
        self.conclude();
        let all = self.flows.all();
        self.end_flows(all, EndReason::CaptureEnd, sink)?;
        // They rest on the flows that ended just now.
        let findings = self.findings.finish(self.stamp);
        self.complete(findings);
        self.flush(sink)?;
        self.hand_out(sink)
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

    fn complete(&mut self, records: Vec<Record>) {
        self.completed.extend(records);
    }

    /// At fixed packet numbers: what capture time has ended.
    fn sweep(&mut self, sink: &mut dyn Sink) -> ControlFlow<()> {
        let findings = self.findings.close(self.stamp);
        self.complete(findings);
        let idle = self.flows.sweep(self.stamp.time);
        self.end_flows(idle, EndReason::IdleTimeout, sink)
    }

    /// Ends flows, which come by flow id, and hands out all that the current packet
    /// completed, in order, without holding it all at once.
    fn end_flows(
        &mut self,
        indexes: Vec<FlowIndex>,
        reason: EndReason,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        self.completed.sort_by_key(order);
        let mut others = mem::take(&mut self.completed).into_iter().peekable();
        for (n, index) in indexes.into_iter().enumerate() {
            // Ending a full table takes a while: the call may be over meanwhile.
            if n % FLOWS_PER_POLL == 0 {
                sink.poll(&self.progress)?;
            }
            let Some(entry) = self.flows.get_mut(index) else {
                continue;
            };
            let flow_id = entry.flow.flow_id;
            while let Some(record) = others.next_if(|record| order(record).0 <= flow_id) {
                self.completed.push(record);
            }
            let closing = Closing {
                dissectors: &mut self.dissectors,
                out: &mut self.out,
                detectors: self.detectors.as_mut(),
                completed: &mut self.completed,
                kinds: self.options.kinds,
            };
            closing.flow(entry, reason);
            self.flows.remove(index);
            self.conclude();
            self.flush(sink)?;
        }
        self.completed.extend(others);
        self.flush(sink)
    }

    /// Hands out what the current packet completed, in order.
    fn flush(&mut self, sink: &mut dyn Sink) -> ControlFlow<()> {
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
fn order(record: &Record) -> (u64, Kind) {
    let flow_id = record.flow.map_or(0, |flow| flow.flow_id);
    (flow_id, record.body.kind())
}
