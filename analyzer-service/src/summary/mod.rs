//! What is said of the capture as a whole, gathered while it is read.

mod activity;
mod hierarchy;
mod talkers;
mod traffic;

use std::collections::BTreeMap;

use self::hierarchy::Hierarchy;
pub use self::traffic::Traffic;
use crate::{
    decode::Path,
    record::{Dropped, Interface, Kind, Summary, Verdict},
};

/// Counts packets by their layers.
#[derive(Debug)]
pub struct Gatherer {
    hierarchy: Hierarchy,
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
        }
    }
}

impl Gatherer {
    /// Counts one packet with all its layers' path and the service that its application data
    /// is of.
    pub fn packet(&mut self, wire_bytes: u32, path: Path, service: Option<&'static str>) {
        self.hierarchy.count(path, service, wire_bytes);
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
            ip_checksum_errors: traffic.ip_checksum_errors,
            tcp_checksum_errors: traffic.tcp_checksum_errors,
            udp_checksum_errors: traffic.udp_checksum_errors,
        }
    }
}
