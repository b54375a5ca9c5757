//! Beacons: one host that calls another at regular intervals, as malware does that asks
//! for its orders, and as much harmless software does too. So it is worth knowing, no more.
//!
//! Seen are calls that are flows of their own; what a connection that stays open says
//! regularly is not.

use std::net::IpAddr;

use super::{Evidence, Subject, Table, scan::is_one_host};
use crate::{decode::Tcp, flow::Outline, record::Severity};

/// Calls whose intervals are looked at, the latest ones: ten intervals. By chance so many
/// are as regular as that in far less than one of a billion cases.
pub(super) const CALLS: usize = 11;

/// Shortest mean interval, in milliseconds. What comes more often is a loop that works.
pub(super) const INTERVAL_MS_MIN: i128 = 5_000;

/// Standard deviation of the intervals over their mean, at most: 1/5. A jitter of 50 percent
/// of the interval, as frameworks for beacons offer it, has 0.19; people have above 1.
pub(super) const VARIATION_DIVISOR: i128 = 5;

/// Pairs of hosts, by port, that are remembered: with the calls of each, 1.4 MB.
const REMEMBERED_MAX: u32 = 4_096;

/// Whose protocols ask regularly, or are asked on somebody's behalf: DNS, DHCP, NTP, NetBIOS
/// names, DHCPv6, SSDP, multicast DNS, LLMNR.
const REGULAR_PORTS: [u16; 11] = [53, 67, 68, 123, 137, 138, 546, 547, 1_900, 5_353, 5_355];

const TCP: u8 = 6;
const UDP: u8 = 17;

#[derive(Debug)]
pub(super) struct Beacons {
    /// By caller, called host, port and protocol.
    pairs: Table<(IpAddr, IpAddr, u16, u8), Calls>,
}

/// The latest ones, by time.
#[derive(Debug, Default)]
struct Calls {
    calls: Vec<Call>,
    /// Those before are told.
    is_beacon: bool,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    /// Since 1970.
    ms: i64,
    flow_id: u64,
    packet: u64,
}

impl Default for Beacons {
    fn default() -> Self {
        Self {
            pairs: Table::new(REMEMBERED_MAX),
        }
    }
}

impl Beacons {
    pub(super) fn flow(&mut self, flow: &Outline, out: &mut Vec<Evidence>) {
        if !is_call(flow) {
            return;
        }
        let (caller, called) = (flow.flow.client.address, flow.flow.server);
        let key = (caller, called.address, called.port, flow.flow.ip_protocol);
        let calls = self.pairs.entry(key, Calls::default);
        let Some(seconds) = calls.add(flow) else {
            return;
        };
        let (first, count) = match calls.is_beacon {
            false => (0, CALLS),
            true => (calls.calls.len() - 1, 1),
        };
        calls.is_beacon = true;
        let told = &calls.calls[first..];
        out.push(Evidence {
            subject: Subject {
                code: "beaconing",
                source: Some(caller),
                target: Some(called.address),
                about: called.port.to_string(),
            },
            severity: Severity::Info,
            message: format!("calls one port at regular intervals of about {seconds} s").into(),
            source: Some(caller),
            target: Some(called.address),
            target_port: called.port,
            count: count as u64,
            first_packet: told.iter().map(|call| call.packet).min().unwrap_or(0),
            flow_ids: told.iter().map(|call| call.flow_id).collect(),
        });
    }
}

/// Begins a conversation with one host.
fn is_call(flow: &Outline) -> bool {
    let begins = match flow.flow.ip_protocol {
        TCP => !flow.totals.midstream && flow.totals.client_flags & Tcp::SYN != 0,
        UDP => is_one_host(flow.flow.server.address),
        _ => false,
    };
    begins && !REGULAR_PORTS.contains(&flow.flow.server.port)
}

impl Calls {
    /// One more call. Answers the mean interval in seconds, when the latest ones are regular.
    fn add(&mut self, flow: &Outline) -> Option<i128> {
        let call = Call {
            ms: i64::try_from(flow.totals.start.0 / 1_000_000).unwrap_or_default(),
            flow_id: flow.flow.flow_id,
            packet: flow.totals.first_packet,
        };
        // Flows end in nearly the order in which they began.
        let at = self.calls.partition_point(|before| before.ms <= call.ms);
        if self.calls.len() < CALLS {
            self.calls.insert(at, call);
        } else if at > 0 {
            self.calls.remove(0);
            self.calls.insert(at - 1, call);
        }
        if self.calls.len() < CALLS {
            return None;
        }
        let intervals = self.calls.windows(2);
        let intervals = intervals.map(|pair| i128::from(pair[1].ms) - i128::from(pair[0].ms));
        let (mut n, mut sum, mut squares) = (0_i128, 0_i128, 0_i128);
        for interval in intervals {
            n += 1;
            sum += interval;
            // Below 2^50 each: a time has years 1 to 9999.
            squares += interval * interval;
        }
        // Variance over the square of the mean, without a division.
        let deviation = n * squares - sum * sum;
        let is_regular = VARIATION_DIVISOR * VARIATION_DIVISOR * deviation <= sum * sum;
        (is_regular && sum >= n * INTERVAL_MS_MIN).then(|| (sum / n + 500) / 1_000)
    }
}
