//! What the headers of an ordinary packet say, without its bytes.

use std::{net::IpAddr, ops::Range};

use super::{ChecksumErrors, Frame, Ip, Path, Ports, Tcp, Transport, Udp, Vlans};
use crate::record::IcmpKind;

/// A [`Frame`] of a whole TCP, UDP or ICMP packet in nothing but VLANs, which is nearly each.
/// Unlike the frame it may be kept, and sent to another thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Plain {
    path: Path,
    source_mac: Option<[u8; 6]>,
    target_mac: Option<[u8; 6]>,
    vlans: Vlans,
    source: IpAddr,
    target: IpAddr,
    protocol: u8,
    bytes: u64,
    payload_bytes: u64,
    checksum_errors: ChecksumErrors,
    transport: Header,
}

/// With the place of the payload in the packet.
#[derive(Clone, Debug, PartialEq)]
enum Header {
    Tcp {
        ports: Ports,
        seq: u32,
        ack: u32,
        window: u16,
        header_bytes: u8,
        flags: u16,
        payload: Range<u32>,
    },
    Udp {
        ports: Ports,
        payload: Range<u32>,
    },
    Icmp(IcmpKind),
}

impl Plain {
    /// Of what was read of `data`; none for other packets.
    #[must_use]
    pub fn of(frame: &Frame<'_>, data: &[u8]) -> Option<Self> {
        let ip = frame.ip.as_ref()?;
        let is_odd = frame.is_nested()
            || frame.malformed.is_some()
            || frame.arp.is_some()
            || !frame.encapsulations.is_empty();
        if is_odd {
            return None;
        }
        let transport = match &ip.transport {
            Transport::Tcp(tcp) => Header::Tcp {
                ports: tcp.ports,
                seq: tcp.seq,
                ack: tcp.ack,
                window: tcp.window,
                header_bytes: tcp.header_bytes,
                flags: tcp.flags,
                payload: place(tcp.payload, data)?,
            },
            Transport::Udp(udp) => Header::Udp {
                ports: udp.ports,
                payload: place(udp.payload, data)?,
            },
            Transport::Icmp(kind) => Header::Icmp(*kind),
            _ => return None,
        };
        Some(Self {
            path: frame.path,
            source_mac: frame.source_mac,
            target_mac: frame.target_mac,
            vlans: frame.vlans,
            source: ip.source,
            target: ip.target,
            protocol: ip.protocol,
            bytes: ip.bytes,
            payload_bytes: ip.payload_bytes,
            checksum_errors: ip.checksum_errors,
            transport,
        })
    }

    /// The sender's address, and the receiver's.
    #[must_use]
    pub fn ends(&self) -> (IpAddr, IpAddr) {
        (self.source, self.target)
    }

    /// Writes the frame that it is of, whose packet has `data`, into one that is a default.
    pub fn restore<'a>(&self, data: &'a [u8], frame: &mut Frame<'a>) {
        frame.path = self.path;
        frame.source_mac = self.source_mac;
        frame.target_mac = self.target_mac;
        frame.vlans = self.vlans;
        frame.ip = Some(Ip {
            source: self.source,
            target: self.target,
            protocol: self.protocol,
            bytes: self.bytes,
            fragment: None,
            transport: self.transport.restore(data),
            payload_bytes: self.payload_bytes,
            checksum_errors: self.checksum_errors,
        });
    }
}

impl Header {
    #[inline]
    fn restore<'a>(&self, data: &'a [u8]) -> Transport<'a> {
        match self {
            Self::Tcp {
                ports,
                seq,
                ack,
                window,
                header_bytes,
                flags,
                payload,
            } => Transport::Tcp(Tcp {
                ports: *ports,
                seq: *seq,
                ack: *ack,
                window: *window,
                header_bytes: *header_bytes,
                flags: *flags,
                payload: at(payload, data),
            }),
            Self::Udp { ports, payload } => Transport::Udp(Udp {
                ports: *ports,
                payload: at(payload, data),
            }),
            Self::Icmp(kind) => Transport::Icmp(*kind),
        }
    }
}

/// Where a part of `data` is in it.
fn place(part: &[u8], data: &[u8]) -> Option<Range<u32>> {
    // An empty one may be anywhere.
    if part.is_empty() {
        return Some(0..0);
    }
    let start = part.as_ptr().addr().checked_sub(data.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    data.get(start..end)?;
    range(start, end)
}

/// An empty one is always the same.
#[inline]
fn range(start: usize, end: usize) -> Option<Range<u32>> {
    if start == end {
        return Some(0..0);
    }
    Some(u32::try_from(start).ok()?..u32::try_from(end).ok()?)
}

#[inline]
fn at<'a>(place: &Range<u32>, data: &'a [u8]) -> &'a [u8] {
    let index = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    data.get(index(place.start)..index(place.end))
        .unwrap_or_default()
}
