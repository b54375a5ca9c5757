//! The usual packet, read without a walk through the layers: TCP or UDP in IPv4 without
//! options, or in IPv6 without extensions, in Ethernet. Whatever is odd about one is left to
//! the walk. Both say the same of what both read; a test holds them to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    ChecksumErrors, Layer, Path, Plain, Ports, Vlans, checksum,
    link::ETHERNET,
    overlay,
    plain::{Header, range},
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

/// An IP packet without options, all of which is at hand.
struct Datagram<'a> {
    source: IpAddr,
    target: IpAddr,
    layer: Layer,
    protocol: u8,
    header_bytes: usize,
    bad_checksum: bool,
    payload: &'a [u8],
}

/// What the headers say; none for a packet that is not one of these.
#[inline]
pub(super) fn read(packet: &Packet<'_>) -> Option<Plain> {
    if packet.link_type != ETHERNET {
        return None;
    }
    let (header, ip) = packet.data.split_first_chunk::<ETHERNET_BYTES>()?;
    let datagram = match [header[12], header[13]] {
        [0x08, 0x00] => ipv4(ip)?,
        [0x86, 0xdd] => ipv6(ip)?,
        _ => return None,
    };
    let payload_at = ETHERNET_BYTES + datagram.header_bytes;
    let (transport, n_payload, checksum_errors) = match datagram.protocol {
        TCP => tcp(&datagram, payload_at)?,
        UDP => udp(&datagram, payload_at)?,
        _ => return None,
    };
    let mut path = Path::default();
    path.push(Layer::Eth);
    path.push(datagram.layer);
    path.push(match datagram.protocol {
        TCP => Layer::Tcp,
        _ => Layer::Udp,
    });
    Some(Plain {
        path,
        target_mac: header[..6].first_chunk().copied(),
        source_mac: header[6..].first_chunk().copied(),
        vlans: Vlans::default(),
        source: datagram.source,
        target: datagram.target,
        protocol: datagram.protocol,
        bytes: (datagram.header_bytes + datagram.payload.len()) as u64,
        payload_bytes: n_payload as u64,
        checksum_errors: ChecksumErrors {
            ip: datagram.bad_checksum,
            ..checksum_errors
        },
        transport,
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
        header_bytes: IPV4_BYTES,
        bad_checksum: !checksum::is_right(header),
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
        header_bytes: IPV6_BYTES,
        bad_checksum: false,
        payload: behind.get(..length)?,
    })
}

#[inline]
fn tcp(datagram: &Datagram<'_>, at: usize) -> Option<(Header, usize, ChecksumErrors)> {
    let segment = datagram.payload;
    let header = segment.first_chunk::<TCP_BYTES>()?;
    let header_bytes = header[12] >> 4 << 2;
    let n_header = usize::from(header_bytes);
    if n_header < TCP_BYTES || n_header > segment.len() {
        return None;
    }
    let header = Header::Tcp {
        ports: ports(header),
        seq: u32_at(header, 4),
        ack: u32_at(header, 8),
        window: u16_at(header, 14),
        header_bytes,
        flags: u16_at(header, 12) & 0x0fff,
        payload: range(at + n_header, at + segment.len())?,
    };
    let errors = ChecksumErrors {
        tcp: !datagram.has_right_checksum(),
        ..ChecksumErrors::default()
    };
    Some((header, segment.len() - n_header, errors))
}

#[inline]
fn udp(datagram: &Datagram<'_>, at: usize) -> Option<(Header, usize, ChecksumErrors)> {
    let segment = datagram.payload;
    let header = segment.first_chunk::<UDP_BYTES>()?;
    let ports = ports(header);
    if usize::from(u16_at(header, 4)) != segment.len() || overlay::may_carry(ports) {
        return None;
    }
    let header = Header::Udp {
        ports,
        payload: range(at + UDP_BYTES, at + segment.len())?,
    };
    let errors = ChecksumErrors {
        // Zero says that there is none.
        udp: segment[6..8] != [0, 0] && !datagram.has_right_checksum(),
        ..ChecksumErrors::default()
    };
    Some((header, segment.len() - UDP_BYTES, errors))
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
mod tests {
    use proptest::prelude::*;
    use weir_capture_builder::{frame, link_type};

    use super::{super::Frame, *};
    use crate::decode::decode;

    const A: [u8; 4] = [10, 0, 0, 1];
    const B: [u8; 4] = [10, 0, 0, 2];
    const SIX: [[u8; 16]; 2] = [[0x20; 16], [0x21; 16]];

    fn frames() -> [Vec<u8>; 5] {
        let mut padded = frame::ethernet(&frame::tcp(A, B, (1, 2), (3, frame::ACK), b""));
        padded.extend([0; 6]);
        [
            padded,
            frame::ethernet(&frame::tcp(A, B, (40_000, 80), (7, frame::PSH), b"GET /")),
            frame::ethernet(&frame::udp(A, B, (4_000, 53), b"a question")),
            frame::ethernet(&frame::udp(SIX[0], SIX[1], (4_000, 53), b"another")),
            frame::ethernet(&frame::tcp(
                SIX[0],
                SIX[1],
                (4_000, 22),
                (9, frame::SYN),
                b"",
            )),
        ]
    }

    fn packet(data: &[u8]) -> Packet<'_> {
        Packet {
            time: None,
            bad_time: false,
            link_type: link_type::ETHERNET,
            wire_bytes: u32::try_from(data.len()).expect("a short packet"),
            data,
        }
    }

    /// What the walk through the layers says.
    fn walked(packet: &Packet<'_>) -> Option<Plain> {
        let mut frame = Frame::default();
        decode(packet, &mut frame);
        Plain::of(&frame, packet.data)
    }

    #[test]
    fn usual_packets_are_read_as_the_walk_reads_them() {
        for data in frames() {
            let packet = packet(&data);
            let plain = read(&packet).expect("a usual packet");
            assert_eq!(Some(&plain), walked(&packet).as_ref());
            let mut frame = Frame::default();
            plain.restore(&data, &mut frame);
            assert_eq!(Some(plain), Plain::of(&frame, &data));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn damaged_ones_are_read_as_the_walk_reads_them_or_left_to_it(
            which in 0..5_usize,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut data = frames()[which].clone();
            for (at, byte) in changes {
                let at = at.index(data.len());
                data[at] = byte;
            }
            let cut = cut.index(2 * data.len());
            data.truncate(cut.max(1));
            let packet = packet(&data);
            if let Some(plain) = read(&packet) {
                prop_assert_eq!(Some(plain), walked(&packet));
            }
        }
    }
}
