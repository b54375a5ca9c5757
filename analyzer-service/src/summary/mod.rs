//! What is said of the capture as a whole, gathered while it is read.

mod activity;
mod hierarchy;
mod talkers;
mod traffic;

use std::collections::BTreeMap;

use self::hierarchy::Hierarchy;
pub use self::traffic::Traffic;
use crate::{
    decode::{ChecksumErrors, Frame, Path},
    record::{Dropped, Interface, Kind, Summary, Verdict},
};

/// Gathers what the summary says of layers, packet by packet.
#[derive(Debug)]
pub struct Gatherer {
    hierarchy: Hierarchy,
    ip_checksum_errors: u64,
    tcp_checksum_errors: u64,
    udp_checksum_errors: u64,
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
            hierarchy: Hierarchy::new(),
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
        wire_bytes: u32,
        frame: &Frame<'_>,
        path: Path,
        service: Option<&'static str>,
    ) {
        self.hierarchy.count(path, service, wire_bytes);
        if let Some(ip) = &frame.ip {
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

    /// The summary, with what was counted of the same packets apart.
    #[must_use]
    pub fn finish(self, mut traffic: Traffic, ending: Ending) -> Summary {
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
            packets: traffic.packets,
            captured_bytes: traffic.captured_bytes,
            wire_bytes: traffic.wire_bytes,
            truncated_packets: traffic.truncated_packets,
            first_packet_time: traffic.times.map(|times| times.earliest),
            last_packet_time: traffic.times.map(|times| times.latest),
            time_ordered: traffic.times.is_none_or(|times| times.ordered),
            flows,
            records_by_kind,
            protocol_hierarchy: self.hierarchy.finish(),
            top_talkers: traffic.talkers(),
            activity: traffic.activity(),
            dropped: Dropped {
                paths: self.hierarchy.n_dropped(),
                ..dropped
            },
            interfaces,
            blocks_by_type,
            packets_by_link_type: traffic.link_types(),
            ip_checksum_errors: self.ip_checksum_errors,
            tcp_checksum_errors: self.tcp_checksum_errors,
            udp_checksum_errors: self.udp_checksum_errors,
        }
    }
}
