//! From what was seen to findings.

use std::{mem, net::IpAddr};

use super::packets::Packets;
use crate::{
    decode::{Frame, Malformed},
    detect::{Detectors, Evidence, Segment, Subject},
    dissect::{Direction, Output},
    record::{FlowRef, Kind, KindSet, Record, Severity},
};

/// Takes what the dissectors said: shows it to the detectors, if there are any, and keeps
/// the records that somebody asked for.
pub(super) fn take(
    out: &mut Output,
    detectors: Option<&mut Detectors>,
    kinds: KindSet,
    completed: &mut Vec<Record>,
) {
    if let Some(detectors) = detectors {
        for record in &out.records {
            detectors.record(record);
        }
        for exposed in out.exposed.drain(..) {
            detectors.exposed(exposed);
        }
    }
    out.exposed.clear();
    if read(kinds) != kinds {
        out.records
            .retain(|record| kinds.contains(record.body.kind()));
    }
    completed.append(&mut out.records);
}

/// The kinds whose dissectors run: detectors look at what all of them say.
pub(super) fn read(kinds: KindSet) -> KindSet {
    match kinds.contains(Kind::Finding) {
        true => KindSet::all(),
        false => kinds,
    }
}

impl Packets {
    /// An address that is claimed in a frame without an IP packet.
    #[cold]
    pub(super) fn arp(&mut self, frame: &Frame<'_>) {
        if let (Some(arp), Some(detectors)) = (&frame.arp, &mut self.detectors)
            && let Some(segment) = Segment::of(frame)
        {
            detectors.arp(arp, segment, self.stamp);
        }
    }

    /// What breaks a protocol in the current packet, which is one of this flow.
    #[cold]
    pub(super) fn malformed(&mut self, of: &FlowRef, direction: Direction) {
        let (client, server) = (of.client.address, of.server.address);
        let ends = match direction {
            Direction::ToServer => (client, server),
            Direction::ToClient => (server, client),
        };
        for malformed in mem::take(&mut self.out.malformed) {
            let malformed = Malformed {
                code: malformed.code,
                message: malformed.message,
            };
            self.finding(malformed, Some(ends), Some(of.flow_id));
        }
    }

    /// With its sender and receiver.
    pub(super) fn finding(
        &mut self,
        malformed: Malformed,
        ends: Option<(IpAddr, IpAddr)>,
        flow_id: Option<u64>,
    ) {
        if !self.options.kinds.contains(Kind::Finding) {
            return;
        }
        let (source, target) = ends.unzip();
        let evidence = Evidence {
            subject: Subject {
                code: malformed.code,
                source,
                target,
                about: String::new(),
            },
            severity: Severity::Warning,
            message: malformed.message.into(),
            source,
            target,
            target_port: 0,
            count: 1,
            first_packet: self.stamp.number,
            flow_ids: flow_id.into_iter().collect(),
        };
        self.completed
            .extend(self.findings.add(evidence, self.stamp));
    }

    /// Gathers what the detectors found since the last time.
    #[inline]
    pub(super) fn conclude(&mut self) {
        if self.detectors.as_ref().is_some_and(Detectors::has_evidence) {
            self.gather_evidence();
        }
    }

    #[cold]
    fn gather_evidence(&mut self) {
        let Some(detectors) = &mut self.detectors else {
            return;
        };
        for evidence in detectors.take() {
            self.completed
                .extend(self.findings.add(evidence, self.stamp));
        }
    }
}
