//! What is said of the capture as a whole, gathered while it is read.

mod activity;
mod hierarchy;
mod talkers;

use std::collections::BTreeMap;

use self::{activity::Activity, hierarchy::Hierarchy, talkers::Talkers};
use crate::{
    capture::Packet,
    decode::{ChecksumErrors, Frame, Path},
    record::{Dropped, Interface, Kind, Summary, Time, Verdict},
};

/// Gathers the summary, packet by packet.
#[derive(Debug)]
pub struct Gatherer {
    packets: u64,
    captured_bytes: u64,
    wire_bytes: u64,
    truncated_packets: u64,
    times: Option<Times>,
    hierarchy: Hierarchy,
    talkers: Talkers,
    activity: Activity,
    /// The run of packets of one link type that is not in `link_types` yet.
    link_run: (u16, u64),
    link_types: BTreeMap<u32, u64>,
    ip_checksum_errors: u64,
    tcp_checksum_errors: u64,
    udp_checksum_errors: u64,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    earliest: Time,
    latest: Time,
    /// Of the packet before.
    previous: Time,
    ordered: bool,
}

/// What the rest of the analysis adds in the end.
#[derive(Debug)]
pub struct Ending {
    pub verdict: Verdict,
    pub flows: u64,
    pub records_by_kind: BTreeMap<Kind, u64>,
    /// `paths` is filled in here.
    pub dropped: Dropped,
    pub interfaces: Vec<Interface>,
    pub blocks_by_type: BTreeMap<String, u64>,
}

impl Default for Gatherer {
    fn default() -> Self {
        Self {
            packets: 0,
            captured_bytes: 0,
            wire_bytes: 0,
            truncated_packets: 0,
            times: None,
            hierarchy: Hierarchy::new(),
            talkers: Talkers::new(),
            activity: Activity::default(),
            link_run: (0, 0),
            link_types: BTreeMap::new(),
            ip_checksum_errors: 0,
            tcp_checksum_errors: 0,
            udp_checksum_errors: 0,
        }
    }
}

impl Gatherer {
    /// Counts one packet with its outermost frame, all its layers' path and the service that
    /// its application data is of.
    pub fn packet(
        &mut self,
        packet: &Packet<'_>,
        frame: &Frame<'_>,
        path: Path,
        service: Option<&'static str>,
    ) {
        let captured = packet.data.len() as u64;
        self.packets += 1;
        self.captured_bytes = self.captured_bytes.saturating_add(captured);
        self.wire_bytes = self.wire_bytes.saturating_add(u64::from(packet.wire_bytes));
        self.truncated_packets += u64::from(captured < u64::from(packet.wire_bytes));
        if let Some(time) = packet.time {
            self.time(time);
        }
        // A packet without a time counts at that of the one before it.
        let time = packet.time.or(self.times.map(|times| times.previous));
        self.activity.count(time, packet.wire_bytes);
        self.hierarchy.count(path, service, packet.wire_bytes);
        if packet.link_type != self.link_run.0 {
            self.end_link_run();
            self.link_run.0 = packet.link_type;
        }
        self.link_run.1 += 1;
        if let Some(ip) = &frame.ip {
            self.talkers.count(ip.source, ip.target, packet.wire_bytes);
            self.checksums(ip.checksum_errors);
        }
    }

    /// Counts the wrong checksums of one more IP packet in the packet, or of a datagram that
    /// it completed.
    pub fn checksums(&mut self, errors: ChecksumErrors) {
        let ChecksumErrors { ip, tcp, udp } = errors;
        self.ip_checksum_errors += u64::from(ip);
        self.tcp_checksum_errors += u64::from(tcp);
        self.udp_checksum_errors += u64::from(udp);
    }

    /// Packets so far.
    #[must_use]
    pub fn n_packets(&self) -> u64 {
        self.packets
    }

    #[must_use]
    pub fn finish(mut self, ending: Ending) -> Summary {
        self.end_link_run();
        let Ending {
            verdict,
            flows,
            records_by_kind,
            dropped,
            interfaces,
            blocks_by_type,
        } = ending;
        Summary {
            verdict,
            packets: self.packets,
            captured_bytes: self.captured_bytes,
            wire_bytes: self.wire_bytes,
            truncated_packets: self.truncated_packets,
            first_packet_time: self.times.map(|times| times.earliest),
            last_packet_time: self.times.map(|times| times.latest),
            time_ordered: self.times.is_none_or(|times| times.ordered),
            flows,
            records_by_kind,
            protocol_hierarchy: self.hierarchy.finish(),
            top_talkers: self.talkers.finish(),
            activity: self.activity.finish(),
            dropped: Dropped {
                paths: self.hierarchy.n_dropped(),
                ..dropped
            },
            interfaces,
            blocks_by_type,
            packets_by_link_type: self.link_types,
            ip_checksum_errors: self.ip_checksum_errors,
            tcp_checksum_errors: self.tcp_checksum_errors,
            udp_checksum_errors: self.udp_checksum_errors,
        }
    }

    fn end_link_run(&mut self) {
        let (link_type, n_packets) = std::mem::take(&mut self.link_run);
        if n_packets > 0 {
            *self.link_types.entry(link_type.into()).or_default() += n_packets;
        }
    }

    fn time(&mut self, time: Time) {
        let times = self.times.get_or_insert(Times {
            earliest: time,
            latest: time,
            previous: time,
            ordered: true,
        });
        times.ordered &= times.previous <= time;
        times.previous = time;
        times.earliest = times.earliest.min(time);
        times.latest = times.latest.max(time);
    }
}
