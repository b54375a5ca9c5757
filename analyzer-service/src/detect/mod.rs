//! What a person should look at that no single packet shows: scans, floods, forged
//! addresses, tunnels, beacons, secrets in clear, weak TLS. `docs/findings.md` has each
//! code with its threshold and its source.
//!
//! Nothing here looks at packets: detectors are told of flows that are over, of ARP, and of
//! the dissectors' records, all in the order of the capture. So they cost next to nothing
//! for each packet, and stay right when the packets themselves are read by many threads.
//! What they remember is bounded by [`Table`]: under a flood of forged addresses it forgets,
//! so that a detector may miss something, but never says anything else.

mod arp;
mod beacon;
mod credentials;
mod flood;
mod scan;
mod table;
mod tls;
mod tunnel;

use std::{borrow::Cow, mem, net::IpAddr, time::Duration};

use self::{
    arp::Claims, beacon::Beacons, flood::Floods, scan::Scans, table::Table, tunnel::Tunnels,
};
use crate::{
    decode::Arp,
    dissect::Exposed,
    flow::{Outline, Stamp},
    record::{Body, Record, Severity, Time},
};

pub use self::arp::Segment;

/// Flows that a finding names.
pub const FLOW_IDS_MAX: usize = 16;

/// What findings are gathered by: occurrences with the same one in a window of capture
/// time are one finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Stable, lower case.
    pub code: &'static str,
    pub source: Option<IpAddr>,
    pub target: Option<IpAddr>,
    /// What else tells it from others: a domain, a certificate, a user. Mostly empty.
    pub about: String,
}

/// What one look came to: the threshold of a finding was reached, or went on being so.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub subject: Subject,
    pub severity: Severity,
    /// One sentence for people. The first one of a finding is told.
    pub message: Cow<'static, str>,
    /// A finding whose evidence differs in one of these three has none of it.
    pub source: Option<IpAddr>,
    pub target: Option<IpAddr>,
    pub target_port: u16,
    /// Occurrences that it tells of.
    pub count: u64,
    /// From 1.
    pub first_packet: u64,
    /// At most [`FLOW_IDS_MAX`].
    pub flow_ids: Vec<u64>,
}

/// Occurrences in a window of capture time, until there are enough of them.
#[derive(Debug)]
struct Run {
    since: Time,
    count: u64,
    first_packet: u64,
    flow_ids: Vec<u64>,
}

impl Run {
    fn new(since: Time) -> Self {
        Self {
            since,
            count: 0,
            first_packet: u64::MAX,
            flow_ids: Vec::new(),
        }
    }

    /// A window is a window, also when time goes back.
    fn is_over(&self, now: Time, window: Duration) -> bool {
        now.since(self.since) > window || self.since.since(now) > window
    }

    fn add(&mut self, flow_id: u64, packet: u64) {
        self.count += 1;
        self.first_packet = self.first_packet.min(packet);
        if self.flow_ids.len() < FLOW_IDS_MAX && !self.flow_ids.contains(&flow_id) {
            self.flow_ids.push(flow_id);
        }
    }

    /// What was gathered; the next evidence tells only of what comes then.
    fn take(&mut self) -> Self {
        let since = self.since;
        mem::replace(self, Self::new(since))
    }
}

/// All detectors of one analysis.
#[derive(Debug, Default)]
pub struct Detectors {
    scans: Scans,
    floods: Floods,
    claims: Claims,
    tunnels: Tunnels,
    beacons: Beacons,
    evidence: Vec<Evidence>,
}

impl Detectors {
    /// A flow is over.
    pub fn flow(&mut self, flow: &Outline) {
        // What a tunnel carries is told in flows of its own; its ends' ports and times are those of
        // many, and each direction is a flow.
        if flow.totals.is_carrier {
            return;
        }
        self.scans.flow(flow, &mut self.evidence);
        self.floods.flow(flow, &mut self.evidence);
        self.beacons.flow(flow, &mut self.evidence);
    }

    /// The current packet is an ARP packet.
    pub fn arp(&mut self, arp: &Arp, segment: Segment, stamp: Stamp) {
        self.claims.arp(arp, segment, stamp, &mut self.evidence);
    }

    /// A dissector's record is complete.
    pub fn record(&mut self, record: &Record) {
        match &record.body {
            Body::Dns(dns) => self.tunnels.dns(record, dns, &mut self.evidence),
            Body::Tls(tls) => tls::handshake(record, tls, &mut self.evidence),
            Body::Flow(_)
            | Body::Http(_)
            | Body::Quic(_)
            | Body::Ssh(_)
            | Body::Dhcp(_)
            | Body::Finding(_) => {}
        }
    }

    /// Somebody logged in for all to read.
    pub fn exposed(&mut self, exposed: Exposed) {
        self.evidence.push(credentials::evidence(exposed));
    }

    /// What there is to gather, oldest first.
    pub fn take(&mut self) -> Vec<Evidence> {
        mem::take(&mut self.evidence)
    }

    #[must_use]
    pub fn has_evidence(&self) -> bool {
        !self.evidence.is_empty()
    }
}

#[cfg(test)]
mod tests;
