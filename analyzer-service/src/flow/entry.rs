//! One flow while it lives.

mod outline;

use std::time::Duration;

pub use self::outline::{Outline, Totals};

use super::{
    key::FlowKey,
    roles::Roles,
    tcp::{Connection, Header},
};
use crate::{
    decode::{Ip, Link, Tcp},
    dissect::Direction,
    record::{Counters, EndReason, Flow, IcmpKind, Services, Time, Tunnel},
};

/// IANA protocol number.
const TCP: u8 = 6;

/// Where in time and in the capture a packet is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub time: Time,
    /// From 1.
    pub number: u64,
}

/// A flow in the table: four cache lines, as it is cold when it ends.
#[derive(Debug)]
#[repr(align(64))]
pub struct Entry {
    pub(super) key: FlowKey,
    /// The client is the key's lower end.
    pub(super) client_is_lower: bool,
    pub flow_id: u64,
    /// Outermost first, as of the first packet, if any.
    #[allow(clippy::box_collection, reason = "a word, as most flows are in none")]
    tunnels: Option<Box<Vec<Tunnel>>>,
    /// Of the whole flow: latest by time, and by place in the capture.
    pub(super) latest_time: Time,
    pub(super) latest_number: u64,
    part: Part,
    /// When somebody wants any.
    last_update: Option<Box<Time>>,
    midstream: bool,
    /// Of a tunnel.
    pub is_carrier: bool,
    icmp: Option<IcmpKind>,
    client_mac: Option<[u8; 6]>,
    server_mac: Option<[u8; 6]>,
    closing: Closing,
    /// Of a TCP flow.
    tcp: Option<Box<Connection>>,
}

const _: () = assert!(size_of::<Entry>() <= 256);

/// The piece of a flow since the last active cut.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// From 1.
    number: u32,
    first_packet: u64,
    start: Time,
    end: Time,
    to_server: Counters,
    to_client: Counters,
    client_flags: u16,
    server_flags: u16,
    checksum_errors: u64,
}

impl Part {
    fn new(number: u32, stamp: Stamp) -> Self {
        Self {
            number,
            first_packet: stamp.number,
            start: stamp.time,
            end: stamp.time,
            to_server: Counters::default(),
            to_client: Counters::default(),
            client_flags: 0,
            server_flags: 0,
            checksum_errors: 0,
        }
    }
}

/// How far a TCP connection has closed.
#[derive(Clone, Copy, Debug, Default)]
struct Closing {
    client_fin: bool,
    server_fin: bool,
    closed: Option<EndReason>,
}

impl Entry {
    pub(super) fn new(
        key: FlowKey,
        flow_id: u64,
        roles: &Roles,
        icmp: Option<IcmpKind>,
        stamp: Stamp,
    ) -> Self {
        Self {
            tcp: (key.protocol == TCP).then(Box::default),
            key,
            client_is_lower: roles.client_is_lower,
            flow_id,
            tunnels: None,
            latest_time: stamp.time,
            latest_number: stamp.number,
            part: Part::new(1, stamp),
            last_update: None,
            midstream: roles.midstream,
            is_carrier: false,
            icmp,
            client_mac: None,
            server_mac: None,
            closing: Closing::default(),
        }
    }

    /// Its packets lie in these.
    pub(super) fn lie_in(&mut self, tunnels: &[Tunnel]) {
        self.tunnels = (!tunnels.is_empty()).then(|| Box::new(tunnels.to_vec()));
    }

    /// Counts a packet of this flow.
    #[inline]
    pub fn count(&mut self, link: &Link, ip: &Ip<'_>, direction: Direction, stamp: Stamp) {
        self.latest_time = self.latest_time.max(stamp.time);
        self.latest_number = stamp.number;
        let part = &mut self.part;
        part.start = part.start.min(stamp.time);
        part.end = part.end.max(stamp.time);
        let (counters, from, to) = match direction {
            Direction::ToServer => (
                &mut part.to_server,
                &mut self.client_mac,
                &mut self.server_mac,
            ),
            Direction::ToClient => (
                &mut part.to_client,
                &mut self.server_mac,
                &mut self.client_mac,
            ),
        };
        if (part.number, part.first_packet) == (1, stamp.number) {
            *from = link.source_mac;
            *to = link.target_mac;
        }
        counters.packets += 1;
        counters.ip_bytes = counters.ip_bytes.saturating_add(ip.bytes);
        counters.payload_bytes = counters.payload_bytes.saturating_add(ip.payload_bytes);
        part.checksum_errors += u64::from(ip.checksum_errors.any());
    }

    /// Counts the checksums of a datagram whose fragments were counted singly.
    pub fn count_whole(&mut self, ip: &Ip<'_>) {
        self.part.checksum_errors += u64::from(ip.checksum_errors.any());
    }

    /// Follows a TCP segment of this flow.
    pub fn count_segment(&mut self, ip: &Ip<'_>, tcp: &Tcp<'_>, direction: Direction, time: Time) {
        if let Some(connection) = &mut self.tcp {
            let header = Header {
                seq: tcp.seq,
                ack: tcp.ack,
                window: tcp.window,
                // The FIN of a first fragment lies behind the later ones.
                flags: tcp.flags & !if ip.fragment.is_some() { Tcp::FIN } else { 0 },
                payload_bytes: wire_bytes(ip),
                has_bad_checksum: ip.checksum_errors.tcp,
            };
            connection.segment(header, direction, time);
        }
        let (seen, fin) = match direction {
            Direction::ToServer => (&mut self.part.client_flags, &mut self.closing.client_fin),
            Direction::ToClient => (&mut self.part.server_flags, &mut self.closing.server_fin),
        };
        *seen |= tcp.flags;
        *fin |= tcp.has(Tcp::FIN);
        let closing = &mut self.closing;
        if closing.closed.is_none() {
            if tcp.has(Tcp::RST) {
                closing.closed = Some(EndReason::Rst);
            } else if closing.client_fin && closing.server_fin {
                closing.closed = Some(EndReason::Fin);
            }
        }
    }

    /// Closed by both ends' FIN or by a RST; it lingers for what still comes.
    pub(super) fn is_closed(&self) -> bool {
        self.closing.closed.is_some()
    }

    /// The piece is longer than `timeout` at `now`, which is its next packet's time.
    #[must_use]
    pub fn is_cut_due(&self, now: Time, timeout: Option<Duration>) -> bool {
        timeout.is_some_and(|timeout| now.since(self.part.start) > timeout)
    }

    /// Begins the next piece with the packet at `stamp`.
    pub fn cut(&mut self, stamp: Stamp) {
        self.part = Part::new(self.part.number.saturating_add(1), stamp);
        if let Some(connection) = &mut self.tcp {
            connection.cut();
        }
        if let Some(last) = &mut self.last_update {
            **last = stamp.time;
        }
    }

    /// Says once an `interval` of capture time that an update is due. Asked at each packet, from
    /// the first one on.
    pub fn is_update_due(&mut self, now: Time, interval: Option<Duration>) -> bool {
        let Some(interval) = interval else {
            return false;
        };
        let last = self.last_update.get_or_insert_with(|| Box::new(now));
        let due = now.since(**last) >= interval;
        if due {
            **last = now;
        }
        due
    }

    /// The latest packet.
    #[must_use]
    pub fn latest(&self) -> Stamp {
        Stamp {
            time: self.latest_time,
            number: self.latest_number,
        }
    }

    /// The record of the current piece; without a reason an update of a flow that goes on.
    /// A closed flow ended by closing, whatever made room of it later. Its services are the
    /// dissectors' to tell.
    #[must_use]
    pub fn record(&self, reason: Option<EndReason>) -> Flow {
        let Part {
            to_server,
            to_client,
            client_flags,
            server_flags,
            ..
        } = self.part;
        let ended = reason.map(|reason| match (reason, self.closing.closed) {
            (EndReason::ActiveTimeout, _) | (_, None) => reason,
            (_, Some(closed)) => closed,
        });
        Flow {
            services: Services::default(),
            start_time: self.part.start,
            end_time: self.part.end,
            client_to_server: to_server,
            server_to_client: to_client,
            end_reason: ended,
            tcp: self
                .tcp
                .as_ref()
                .map(|connection| connection.stats(client_flags, server_flags)),
            vlan_ids: self.key.vlans().ids().to_vec(),
            tunnels: self.tunnels.as_deref().cloned().unwrap_or_default(),
            part: self.part.number,
            first_packet_number: self.part.first_packet,
            client_mac: self.client_mac,
            server_mac: self.server_mac,
            midstream: self.midstream,
            icmp: self.icmp,
            checksum_errors: self.part.checksum_errors,
            interim: reason.is_none(),
        }
    }
}

/// Transport payload, as far as sequence numbers tell it.
fn wire_bytes(ip: &Ip<'_>) -> u32 {
    u32::try_from(ip.payload_bytes).unwrap_or(u32::MAX)
}
