//! The usual packet, read without a walk through the layers: TCP or UDP in IPv4 without
//! options, or in IPv6 without extensions, in Ethernet. Whatever is odd about one is left to
//! the walk. Both say the same of what both read; a test holds them to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    ChecksumErrors, Ip, Layer, Link, Path, Ports, Tcp, Transport, Udp, Usual, Vlans, checksum,
    link::ETHERNET,
    overlay,
    transport::{TCP, UDP},
};
use crate::capture::Packet;

const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: usize = 20;
const IPV6_BYTES: usize = 40;
const TCP_BYTES: usize = 20;
const UDP_BYTES: usize = 8;

/// Version 4 and five words of header.
const IPV4_WITHOUT_OPTIONS: u8 = 0x45;

/// "More fragments" and the offset.
const FRAGMENT_BITS: u16 = 0x3fff;

/// A usual packet's layers.
struct Layers<'a> {
    ethernet: &'a [u8; ETHERNET_BYTES],
    datagram: Datagram<'a>,
    transport: Transport<'a>,
    payload_bytes: usize,
}

/// An IP packet without options, all of which is at hand.
struct Datagram<'a> {
    source: IpAddr,
    target: IpAddr,
    layer: Layer,
    protocol: u8,
    header: &'a [u8],
    payload: &'a [u8],
}

/// None for a packet that is not one of these.
#[inline]
pub(super) fn read<'a>(packet: &Packet<'a>) -> Option<Usual<'a>> {
    if packet.link_type != ETHERNET {
        return None;
    }
    let Layers {
        ethernet,
        datagram,
        transport,
        payload_bytes,
    } = layers(packet.data)?;
    let checksum_errors = ChecksumErrors {
        ip: datagram.layer == Layer::Ip && !checksum::is_right(datagram.header),
        tcp: matches!(transport, Transport::Tcp(_)) && !datagram.has_right_checksum(),
        // Zero says that there is none.
        udp: matches!(transport, Transport::Udp(_))
            && datagram.payload.get(6..8) != Some(&[0, 0])
            && !datagram.has_right_checksum(),
    };
    let path = match (datagram.layer, &transport) {
        (Layer::Ip, Transport::Tcp(_)) => const { Path::of([Layer::Eth, Layer::Ip, Layer::Tcp]) },
        (Layer::Ip, _) => const { Path::of([Layer::Eth, Layer::Ip, Layer::Udp]) },
        (_, Transport::Tcp(_)) => const { Path::of([Layer::Eth, Layer::Ipv6, Layer::Tcp]) },
        _ => const { Path::of([Layer::Eth, Layer::Ipv6, Layer::Udp]) },
    };
    let link = Link {
        target_mac: ethernet[..6].first_chunk().copied(),
        source_mac: ethernet[6..].first_chunk().copied(),
        vlans: Vlans::default(),
    };
    let ip = Ip {
        source: datagram.source,
        target: datagram.target,
        protocol: datagram.protocol,
        bytes: (datagram.header.len() + datagram.payload.len()) as u64,
        fragment: None,
        transport,
        payload_bytes: payload_bytes as u64,
        checksum_errors,
    };
    Some(Usual { path, link, ip })
}

#[inline]
fn layers(data: &[u8]) -> Option<Layers<'_>> {
    let (ethernet, ip) = data.split_first_chunk::<ETHERNET_BYTES>()?;
    let datagram = match [ethernet[12], ethernet[13]] {
        [0x08, 0x00] => ipv4(ip)?,
        [0x86, 0xdd] => ipv6(ip)?,
        _ => return None,
    };
    let (transport, payload_bytes) = match datagram.protocol {
        TCP => tcp(datagram.payload)?,
        UDP => udp(datagram.payload)?,
        _ => return None,
    };
    Some(Layers {
        ethernet,
        datagram,
        transport,
        payload_bytes,
    })
}

#[inline]
fn ipv4(data: &[u8]) -> Option<Datagram<'_>> {
    let header = data.first_chunk::<IPV4_BYTES>()?;
    let total = usize::from(u16_at(header, 2));
    let is_usual = header[0] == IPV4_WITHOUT_OPTIONS && u16_at(header, 6) & FRAGMENT_BITS == 0;
    if !is_usual {
        return None;
    }
    let address = |at: usize| {
        let [a, b, c, d] = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        Ipv4Addr::new(a, b, c, d)
    };
    Some(Datagram {
        source: address(12).into(),
        target: address(16).into(),
        layer: Layer::Ip,
        protocol: header[9],
        header,
        // None when the total is less than the header, too.
        payload: data.get(IPV4_BYTES..total)?,
    })
}

#[inline]
fn ipv6(data: &[u8]) -> Option<Datagram<'_>> {
    let (header, behind) = data.split_first_chunk::<IPV6_BYTES>()?;
    let length = usize::from(u16_at(header, 4));
    // Zero stands for "too long to say".
    if header[0] >> 4 != 6 || length == 0 {
        return None;
    }
    let address = |at: usize| Some(Ipv6Addr::from(*header[at..].first_chunk::<16>()?));
    Some(Datagram {
        source: address(8)?.into(),
        target: address(24)?.into(),
        layer: Layer::Ipv6,
        protocol: header[6],
        header,
        payload: behind.get(..length)?,
    })
}

/// With the bytes of its payload.
#[inline]
fn tcp(segment: &[u8]) -> Option<(Transport<'_>, usize)> {
    let header = segment.first_chunk::<TCP_BYTES>()?;
    let header_bytes = header[12] >> 4 << 2;
    let n_header = usize::from(header_bytes);
    if n_header < TCP_BYTES {
        return None;
    }
    let payload = segment.get(n_header..)?;
    let transport = Transport::Tcp(Tcp {
        ports: ports(header),
        seq: u32_at(header, 4),
        ack: u32_at(header, 8),
        window: u16_at(header, 14),
        header_bytes,
        flags: u16_at(header, 12) & 0x0fff,
        payload,
    });
    Some((transport, payload.len()))
}

/// With the bytes of its payload.
#[inline]
fn udp(segment: &[u8]) -> Option<(Transport<'_>, usize)> {
    let (header, payload) = segment.split_first_chunk::<UDP_BYTES>()?;
    let ports = ports(header);
    if usize::from(u16_at(header, 4)) != segment.len() || overlay::may_carry(ports) {
        return None;
    }
    Some((Transport::Udp(Udp { ports, payload }), payload.len()))
}

impl Datagram<'_> {
    fn has_right_checksum(&self) -> bool {
        checksum::is_right_with_addresses(self.source, self.target, self.protocol, self.payload)
    }
}

fn ports(header: &[u8]) -> Ports {
    Ports {
        source: u16_at(header, 0),
        target: u16_at(header, 2),
    }
}

#[inline]
fn u16_at(header: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([header[at], header[at + 1]])
}

#[inline]
fn u32_at(header: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

#[cfg(test)]
mod tests;
