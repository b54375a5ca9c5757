//! Frames: each function wraps the bytes of the layer above it. Lengths and checksums are
//! right; a test that wants them wrong changes the bytes.

use std::net::IpAddr;

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ICMP: u8 = 1;
pub const ICMPV6: u8 = 58;
pub const SCTP: u8 = 132;

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;

pub const SOURCE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub const TARGET_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// An Ethernet frame around an IP packet of either version.
#[must_use]
pub fn ethernet(packet: &[u8]) -> Vec<u8> {
    let ether_type = match packet.first() {
        Some(byte) if byte >> 4 == 6 => 0x86dd,
        _ => 0x0800,
    };
    ethernet_of(ether_type, packet)
}

#[must_use]
pub fn ethernet_of(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [
        TARGET_MAC.as_slice(),
        &SOURCE_MAC,
        &ether_type.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// What follows an EtherType of 0x8100 or 0x88a8: the tag, and the EtherType behind it.
#[must_use]
pub fn vlan(id: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes(), &ether_type.to_be_bytes(), payload].concat()
}

/// An ARP request for IPv4.
#[must_use]
pub fn arp(sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    arp_of(1, SOURCE_MAC, sender, target)
}

/// An ARP packet for IPv4: its operation (1 asks, 2 answers) and who sent it.
#[must_use]
pub fn arp_of(operation: u8, mac: [u8; 6], sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let start = [0, 1, 8, 0, 6, 4, 0, operation];
    [&start, mac.as_slice(), &sender, &[0; 6], &target].concat()
}

/// An IP packet between two addresses of one version.
///
/// # Panics
/// For addresses of two versions.
#[must_use]
pub fn ip(
    source: impl Into<IpAddr>,
    target: impl Into<IpAddr>,
    protocol: u8,
    payload: &[u8],
) -> Vec<u8> {
    match (source.into(), target.into()) {
        (IpAddr::V4(source), IpAddr::V4(target)) => ipv4_fragment(
            source.octets(),
            target.octets(),
            protocol,
            (0, 0, false),
            payload,
        ),
        (IpAddr::V6(source), IpAddr::V6(target)) => {
            ipv6(source.octets(), target.octets(), protocol, payload)
        }
        _ => panic!("two versions of IP"),
    }
}

/// A fragment: identification, offset in bytes, and whether more follow.
#[must_use]
pub fn ipv4_fragment(
    source: [u8; 4],
    target: [u8; 4],
    protocol: u8,
    (identification, offset, more): (u16, u16, bool),
    payload: &[u8],
) -> Vec<u8> {
    let fragment = (offset / 8) | (u16::from(more) << 13);
    let mut packet = vec![0x45, 0];
    packet.extend(length(payload, 20).to_be_bytes());
    packet.extend(identification.to_be_bytes());
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(source);
    packet.extend(target);
    put_checksum(&mut packet, 10, 0);
    packet.extend(payload);
    packet
}

/// `next_header` is the transport's, or that of the first extension header.
#[must_use]
pub fn ipv6(source: [u8; 16], target: [u8; 16], next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(length(payload, 0).to_be_bytes());
    packet.extend([next_header, 64]);
    packet.extend(source);
    packet.extend(target);
    packet.extend(payload);
    packet
}

/// Hop-by-hop or destination options without any, in front of `payload`.
#[must_use]
pub fn ipv6_options(next_header: u8, payload: &[u8]) -> Vec<u8> {
    [&[next_header, 0, 1, 4, 0, 0, 0, 0], payload].concat()
}

/// A fragment header: identification, offset in bytes, and whether more follow.
#[must_use]
pub fn ipv6_fragment(
    next_header: u8,
    (identification, offset, more): (u32, u16, bool),
    payload: &[u8],
) -> Vec<u8> {
    let offset = (offset & !7 | u16::from(more)).to_be_bytes();
    let identification = identification.to_be_bytes();
    [
        &[next_header, 0],
        offset.as_slice(),
        &identification,
        payload,
    ]
    .concat()
}

/// An IP packet with a UDP datagram.
#[must_use]
pub fn udp(
    source: impl Into<IpAddr>,
    target: impl Into<IpAddr>,
    (source_port, target_port): (u16, u16),
    payload: &[u8],
) -> Vec<u8> {
    let (source, target) = (source.into(), target.into());
    let mut datagram = Vec::new();
    datagram.extend(source_port.to_be_bytes());
    datagram.extend(target_port.to_be_bytes());
    datagram.extend(length(payload, 8).to_be_bytes());
    datagram.extend([0; 2]);
    datagram.extend(payload);
    let pseudo = pseudo_sum(source, target, UDP, &datagram);
    put_checksum(&mut datagram, 6, pseudo);
    ip(source, target, UDP, &datagram)
}

/// An IP packet with a TCP segment: its sequence number, flags and payload.
#[must_use]
pub fn tcp(
    source: impl Into<IpAddr>,
    target: impl Into<IpAddr>,
    ports: (u16, u16),
    (seq, flags): (u32, u8),
    payload: &[u8],
) -> Vec<u8> {
    tcp_segment(source, target, ports, (seq, 0, flags, 0x2000), payload)
}

/// An IP packet with a TCP segment: its sequence number, what it acknowledges, its
/// flags, window and payload.
#[must_use]
pub fn tcp_segment(
    source: impl Into<IpAddr>,
    target: impl Into<IpAddr>,
    (source_port, target_port): (u16, u16),
    (seq, ack, flags, window): (u32, u32, u8, u16),
    payload: &[u8],
) -> Vec<u8> {
    let (source, target) = (source.into(), target.into());
    let mut segment = Vec::new();
    segment.extend(source_port.to_be_bytes());
    segment.extend(target_port.to_be_bytes());
    segment.extend(seq.to_be_bytes());
    segment.extend(ack.to_be_bytes());
    segment.extend([0x50, flags]);
    segment.extend(window.to_be_bytes());
    segment.extend([0; 4]);
    segment.extend(payload);
    let pseudo = pseudo_sum(source, target, TCP, &segment);
    put_checksum(&mut segment, 16, pseudo);
    ip(source, target, TCP, &segment)
}

/// An IP packet with an SCTP packet without chunks.
#[must_use]
pub fn sctp(
    source: impl Into<IpAddr>,
    target: impl Into<IpAddr>,
    (source_port, target_port): (u16, u16),
) -> Vec<u8> {
    let ports = [source_port.to_be_bytes(), target_port.to_be_bytes()].concat();
    ip(source, target, SCTP, &[ports, vec![0; 8]].concat())
}

/// An IP packet with an ICMP or, between IPv6 addresses, an ICMPv6 message.
#[must_use]
pub fn icmp(
    source: impl Into<IpAddr>,
    target: impl Into<IpAddr>,
    (icmp_type, code): (u8, u8),
    payload: &[u8],
) -> Vec<u8> {
    let (source, target) = (source.into(), target.into());
    let mut message = vec![icmp_type, code, 0, 0, 0, 1, 0, 1];
    message.extend(payload);
    let (protocol, pseudo) = match source {
        IpAddr::V4(_) => (ICMP, 0),
        IpAddr::V6(_) => (ICMPV6, pseudo_sum(source, target, ICMPV6, &message)),
    };
    put_checksum(&mut message, 2, pseudo);
    ip(source, target, protocol, &message)
}

#[allow(clippy::cast_possible_truncation, reason = "checked")]
fn length(payload: &[u8], header: usize) -> u16 {
    let length = payload.len() + header;
    assert!(length <= usize::from(u16::MAX), "too long for IP");
    length as u16
}

/// Adds what is in `bytes`, `at` its checksum field, to `sum`.
#[allow(clippy::cast_possible_truncation, reason = "folded to 16 bits")]
fn put_checksum(bytes: &mut [u8], at: usize, sum: u32) {
    let mut sum = sum + words(bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    bytes[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

fn pseudo_sum(source: IpAddr, target: IpAddr, protocol: u8, segment: &[u8]) -> u32 {
    let octets = |address| match address {
        IpAddr::V4(address) => words(&address.octets()),
        IpAddr::V6(address) => words(&address.octets()),
    };
    octets(source) + octets(target) + u32::from(protocol) + u32::from(length(segment, 0))
}

fn words(bytes: &[u8]) -> u32 {
    let word =
        |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or_default());
    bytes.chunks(2).map(word).sum()
}
