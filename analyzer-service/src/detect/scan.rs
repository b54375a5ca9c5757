//! Port scans (vertical) and address scans (horizontal).
//!
//! Counted are probes: connections whose client never acknowledged anything, and datagrams
//! that nobody answered. That is what a scan is made of, whether the port was closed,
//! filtered or, in a half-open scan, open; and what ordinary clients do to many ports or
//! hosts only when those are gone. Connect scans of open ports are not counted: they look
//! like use.

use std::{net::IpAddr, time::Duration};

use super::{Evidence, Run, Subject, Table};
use crate::{decode::Tcp, flow::Outline, record::Severity};

/// Capture time in which probes count together: Zeek's `Scan::port_scan_interval` and
/// `addr_scan_interval` (policy/misc/scan.zeek).
const WINDOW: Duration = Duration::from_secs(5 * 60);

/// Ports of one host: Zeek's `Scan::port_scan_threshold`.
pub(super) const PORTS_MIN: usize = 15;

/// Hosts on one port: Zeek's `Scan::addr_scan_threshold`.
pub(super) const HOSTS_MIN: usize = 25;

/// Pairs of hosts, and scanners by port, that are remembered: with all ports, hosts and
/// flow ids that each may have, 1.2 MB and 3.3 MB.
const REMEMBERED_MAX: u32 = 4_096;

/// Datagrams of one flow that are still a probe: a scanner repeats itself once or twice.
const DATAGRAMS_MAX: u64 = 3;

/// Where traceroute sends its datagrams: each one to the next port, and none is answered.
const TRACEROUTE_PORTS: std::ops::RangeInclusive<u16> = 33_434..=33_689;

/// Resolvers ask many name servers, some of which are silent.
const DNS_PORT: u16 = 53;

const TCP: u8 = 6;
const UDP: u8 = 17;

#[derive(Debug)]
pub(super) struct Scans {
    /// By scanner, host and protocol.
    ports: Table<(IpAddr, IpAddr, u8), Probes<u16>>,
    /// By scanner, port and protocol.
    hosts: Table<(IpAddr, u16, u8), Probes<IpAddr>>,
}

#[derive(Debug)]
struct Probes<T> {
    run: Run,
    /// Until there are enough.
    distinct: Vec<T>,
    is_scan: bool,
}

impl Default for Scans {
    fn default() -> Self {
        Self {
            ports: Table::new(REMEMBERED_MAX),
            hosts: Table::new(REMEMBERED_MAX),
        }
    }
}

impl Scans {
    pub(super) fn flow(&mut self, flow: &Outline, out: &mut Vec<Evidence>) {
        if !is_probe(flow) {
            return;
        }
        let scanner = flow.flow.client.address;
        let (host, port) = (flow.flow.server.address, flow.flow.server.port);
        let protocol = flow.flow.ip_protocol;
        let probes = self
            .ports
            .entry((scanner, host, protocol), || Probes::new(flow));
        if let Some(run) = probes.add(port, flow, PORTS_MIN) {
            out.push(Evidence {
                target: Some(host),
                ..evidence(PORT_SCAN, scanner, Some(host), run)
            });
        }
        if protocol == UDP && port == DNS_PORT {
            return;
        }
        let probes = self
            .hosts
            .entry((scanner, port, protocol), || Probes::new(flow));
        if let Some(run) = probes.add(host, flow, HOSTS_MIN) {
            out.push(Evidence {
                target_port: port,
                ..evidence(ADDRESS_SCAN, scanner, None, run)
            });
        }
    }
}

const PORT_SCAN: (&str, &str) = ("port-scan", "probes of many ports of one host");
const ADDRESS_SCAN: (&str, &str) = ("address-scan", "probes of one port of many hosts");

fn evidence(
    (code, message): (&'static str, &'static str),
    scanner: IpAddr,
    host: Option<IpAddr>,
    run: Run,
) -> Evidence {
    Evidence {
        subject: Subject {
            code,
            source: Some(scanner),
            target: host,
            about: String::new(),
        },
        severity: Severity::Warning,
        message: message.into(),
        source: Some(scanner),
        target: None,
        target_port: 0,
        count: run.count,
        first_packet: run.first_packet,
        flow_ids: run.flow_ids,
    }
}

/// Asks without wanting a conversation.
fn is_probe(flow: &Outline) -> bool {
    if flow.totals.client.packets == 0 {
        return false;
    }
    match flow.flow.ip_protocol {
        // SYN scans, and those with FIN alone or with other flags. A RST alone answers
        // somebody else's packet.
        TCP => {
            let begins = flow.totals.client_flags & (Tcp::SYN | Tcp::FIN) != 0;
            begins
                && flow.totals.client_flags & Tcp::ACK == 0
                && flow.totals.client.payload_bytes == 0
        }
        UDP => {
            let is_silent =
                flow.totals.server.packets == 0 && flow.totals.client.packets <= DATAGRAMS_MAX;
            is_silent
                && is_one_host(flow.flow.server.address)
                && !TRACEROUTE_PORTS.contains(&flow.flow.server.port)
        }
        _ => false,
    }
}

/// Not a group of hosts.
pub(super) fn is_one_host(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !address.is_multicast() && !is_broadcast
}

impl<T: PartialEq> Probes<T> {
    fn new(flow: &Outline) -> Self {
        Self {
            run: Run::new(flow.totals.start),
            distinct: Vec::new(),
            is_scan: false,
        }
    }

    /// Counts one more probe. Gives what was counted, when that is a scan.
    fn add(&mut self, value: T, flow: &Outline, n_min: usize) -> Option<Run> {
        if self.run.is_over(flow.totals.start, WINDOW) {
            *self = Self::new(flow);
        }
        self.run.add(flow.flow.flow_id, flow.totals.first_packet);
        if !self.is_scan {
            if !self.distinct.contains(&value) {
                self.distinct.push(value);
            }
            if self.distinct.len() < n_min {
                return None;
            }
            self.is_scan = true;
            self.distinct = Vec::new();
        }
        Some(self.run.take())
    }
}
