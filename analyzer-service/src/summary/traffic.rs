//! What is counted of each packet by its own bytes, whatever its flow.

use std::{collections::BTreeMap, net::IpAddr};

use super::{activity::Activity, talkers::Talkers};
use crate::{
    capture::Packet,
    decode::ChecksumErrors,
    record::{Talker, Time, TimeSeries},
};

/// Counts packets. Apart from the rest of an analysis, so that it can be done ahead of it.
#[derive(Debug)]
pub struct Traffic {
    pub(super) packets: u64,
    pub(super) captured_bytes: u64,
    pub(super) wire_bytes: u64,
    pub(super) truncated_packets: u64,
    pub(super) ip_checksum_errors: u64,
    pub(super) tcp_checksum_errors: u64,
    pub(super) udp_checksum_errors: u64,
    pub(super) times: Option<Times>,
    talkers: Talkers,
    activity: Activity,
    /// The run of packets of one link type that is not in `link_types` yet.
    link_run: (u16, u64),
    link_types: BTreeMap<u32, u64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) earliest: Time,
    pub(super) latest: Time,
    /// Of the packet before.
    previous: Time,
    pub(super) ordered: bool,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            packets: 0,
            captured_bytes: 0,
            wire_bytes: 0,
            truncated_packets: 0,
            ip_checksum_errors: 0,
            tcp_checksum_errors: 0,
            udp_checksum_errors: 0,
            times: None,
            talkers: Talkers::new(),
            activity: Activity::default(),
            link_run: (0, 0),
            link_types: BTreeMap::new(),
        }
    }
}

impl Traffic {
    /// Counts one packet, with the ends of its outermost IP packet.
    pub fn packet(&mut self, packet: &Packet<'_>, ends: Option<(IpAddr, IpAddr)>) {
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
        if packet.link_type != self.link_run.0 {
            self.end_link_run();
            self.link_run.0 = packet.link_type;
        }
        self.link_run.1 += 1;
        if let Some((source, target)) = ends {
            self.talkers.count(source, target, packet.wire_bytes);
        }
    }

    /// Counts the wrong checksums of an IP packet in the packet, or of a datagram that it
    /// completed.
    pub fn checksums(&mut self, errors: ChecksumErrors) {
        if !errors.any() {
            return;
        }
        let ChecksumErrors { ip, tcp, udp } = errors;
        self.ip_checksum_errors += u64::from(ip);
        self.tcp_checksum_errors += u64::from(tcp);
        self.udp_checksum_errors += u64::from(udp);
    }

    pub(super) fn link_types(&mut self) -> BTreeMap<u32, u64> {
        self.end_link_run();
        std::mem::take(&mut self.link_types)
    }

    pub(super) fn talkers(&self) -> Vec<Talker> {
        self.talkers.finish()
    }

    pub(super) fn activity(&self) -> Option<TimeSeries> {
        self.activity.finish()
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
