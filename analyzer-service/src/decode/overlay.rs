//! Tunnels in UDP, known by the port that they are sent to and believed by their headers: any
//! port may be a client's own, with answers sent to it.

use etherparse::{EtherType, ether_type};

use super::{
    Encapsulation, Layer, Ports, Walk,
    tunnel::{self, Carries},
};
use crate::record::TunnelKind;

/// RFC 7348, and the port that Linux took before there was one.
const VXLAN: u16 = 4789;
const VXLAN_LINUX: u16 = 8472;
/// draft-ietf-nvo3-vxlan-gpe.
const VXLAN_GPE: u16 = 4790;
/// RFC 8926.
const GENEVE: u16 = 6081;
/// RFC 4380.
const TEREDO: u16 = 3544;
/// 3GPP TS 29.281.
const GTP_U: u16 = 2152;
/// RFC 7510.
const MPLS_IN_UDP: u16 = 6635;

/// VXLAN: "the VNI is valid"; of its extension "the next protocol is named" and others
/// (version, broadcast, operations); of draft-smith-vxlan-group-policy "a group's policy
/// follows", with two flags of that. What is reserved is sent as zero.
const VNI_VALID: u8 = 0x08;
const NEXT_PROTOCOL: u8 = 0x04;
const GPE_FLAGS: u8 = 0x3f;
const GROUP_POLICY: u8 = 0x80;
const GROUP_POLICY_FLAGS: u8 = 0x48;

/// Geneve: in its second byte, sent as zero.
const GENEVE_RESERVED: u8 = 0x3f;
/// EtherTypes begin there.
const ETHER_TYPE_MIN: u16 = 0x0600;

/// In Geneve: an Ethernet frame (RFC 8926, 3.4).
const TRANSPARENT_ETHERNET: EtherType = EtherType(0x6558);

/// GTP-U: version 1, protocol type GTP; "extension, sequence or N-PDU number"; a packet of a user.
const GTP_VERSION: u8 = 0xf0;
const GTP_VERSION_1: u8 = 0x30;
const GTP_OPTIONAL: u8 = 0x07;
const GTP_EXTENSION: u8 = 0x04;
const GTP_G_PDU: u8 = 255;

/// Teredo: what may stand in front of the IPv6 packet (RFC 4380, 5.1.1).
const TEREDO_ORIGIN: [u8; 2] = [0, 0];
const TEREDO_ORIGIN_BYTES: usize = 8;
const TEREDO_AUTHENTICATION: [u8; 2] = [0, 1];
const IPV6_HEADER_BYTES: usize = 40;

/// Servers' ports (RFC 6335).
const WELL_KNOWN_PORT_MAX: u16 = 1_023;

/// What the headers of an overlay say.
struct Overlay<'a> {
    layer: Layer,
    encapsulation: Encapsulation,
    carries: Carries,
    data: &'a [u8],
}

impl<'a> Walk<'_, 'a> {
    /// What a UDP datagram carries, when it is a tunnel.
    pub(super) fn overlay(&mut self, ports: Ports, data: &'a [u8], wire_bytes: u64) {
        let overlay = by_port(ports.target, data, wire_bytes);
        // Only Teredo's servers and relays answer from their port.
        let overlay = overlay.or_else(|| match ports.source {
            TEREDO => teredo(data, wire_bytes),
            _ => None,
        });
        if let Some(overlay) = overlay {
            let n_header = data.len() - overlay.data.len();
            self.push(overlay.layer);
            self.leave(
                Some(overlay.encapsulation),
                overlay.carries,
                overlay.data,
                wire_bytes.saturating_sub(n_header as u64),
            );
        } else if ports.target == MPLS_IN_UDP && ports.source > WELL_KNOWN_PORT_MAX {
            // Senders choose the port by what is inside (RFC 7510, 3).
            self.leave(None, Carries::EtherType(tunnel::MPLS), data, wire_bytes);
        }
    }
}

/// Whether a datagram between these ports may be a tunnel.
pub(super) fn may_carry(ports: Ports) -> bool {
    let is_ours = |port: u16| {
        matches!(
            port,
            VXLAN | VXLAN_LINUX | VXLAN_GPE | GENEVE | TEREDO | GTP_U | MPLS_IN_UDP
        )
    };
    is_ours(ports.target) || ports.source == TEREDO
}

fn by_port(port: u16, data: &[u8], wire_bytes: u64) -> Option<Overlay<'_>> {
    match port {
        VXLAN | VXLAN_LINUX => vxlan(data),
        VXLAN_GPE => vxlan_gpe(data),
        GENEVE => geneve(data),
        TEREDO => teredo(data, wire_bytes),
        GTP_U => gtp_u(data),
        _ => None,
    }
}

fn vxlan(data: &[u8]) -> Option<Overlay<'_>> {
    let is_right = match data.first_chunk::<8>()? {
        [VNI_VALID, 0, 0, 0, _, _, _, 0] => true,
        [flags, policy, _, _, _, _, _, 0] => {
            *flags == VNI_VALID | GROUP_POLICY && policy & !GROUP_POLICY_FLAGS == 0
        }
        _ => false,
    };
    is_right.then_some(vxlan_of(Carries::Ethernet, data))?
}

fn vxlan_gpe(data: &[u8]) -> Option<Overlay<'_>> {
    let [flags, 0, 0, next, _, _, _, 0] = data.first_chunk::<8>()? else {
        return None;
    };
    let carries = match (flags & NEXT_PROTOCOL != 0, next) {
        (false, 0) | (true, 3) => Carries::Ethernet,
        (true, 1) => Carries::Ipv4,
        (true, 2) => Carries::Ipv6,
        (true, 5) => Carries::EtherType(tunnel::MPLS),
        _ => return None,
    };
    let is_right = flags & VNI_VALID != 0 && flags & !GPE_FLAGS == 0;
    is_right.then_some(vxlan_of(carries, data))?
}

fn vxlan_of(carries: Carries, data: &[u8]) -> Option<Overlay<'_>> {
    let ([_, _, _, _, a, b, c, _], rest) = data.split_first_chunk::<8>()?;
    Some(Overlay {
        layer: Layer::Vxlan,
        encapsulation: vni(TunnelKind::Vxlan, [*a, *b, *c]),
        carries,
        data: rest,
    })
}

fn geneve(data: &[u8]) -> Option<Overlay<'_>> {
    let ([first, second, high, low, a, b, c, last], rest) = data.split_first_chunk::<8>()?;
    let ether_type = EtherType(u16::from_be_bytes([*high, *low]));
    // Two bits of version, six of options in words.
    let is_right = first >> 6 == 0 && second & GENEVE_RESERVED == 0 && *last == 0;
    if !is_right || ether_type.0 < ETHER_TYPE_MIN {
        return None;
    }
    Some(Overlay {
        layer: Layer::Geneve,
        encapsulation: vni(TunnelKind::Geneve, [*a, *b, *c]),
        carries: match ether_type {
            TRANSPARENT_ETHERNET => Carries::Ethernet,
            ether_type::IPV4 => Carries::Ipv4,
            ether_type::IPV6 => Carries::Ipv6,
            other => Carries::EtherType(other),
        },
        data: rest.get(usize::from(first & 0x3f) * 4..)?,
    })
}

fn vni(kind: TunnelKind, [a, b, c]: [u8; 3]) -> Encapsulation {
    let id = u64::from(u32::from_be_bytes([0, a, b, c]));
    Encapsulation { kind, id }
}

/// Only where an IPv6 packet follows that is all of the datagram; or fits it and has an end with an
/// address as tunnels have it: trailers may come behind ([MS-TERE]).
fn teredo(mut data: &[u8], wire_bytes: u64) -> Option<Overlay<'_>> {
    let n_data = data.len();
    if data.starts_with(&TEREDO_AUTHENTICATION) {
        let ids = usize::from(*data.get(2)?) + usize::from(*data.get(3)?);
        // A nonce and a byte of confirmation behind the ids.
        data = data.get(4 + ids + 9..)?;
    }
    if data.starts_with(&TEREDO_ORIGIN) {
        data = data.get(TEREDO_ORIGIN_BYTES..)?;
    }
    let header = data.first_chunk::<IPV6_HEADER_BYTES>()?;
    let [first, _, _, _, high, low, ..] = *header;
    let length = u64::from(u16::from_be_bytes([high, low])) + IPV6_HEADER_BYTES as u64;
    let n_before = (n_data - data.len()) as u64;
    let has_address = header[8..].chunks_exact(16).any(is_teredo_address);
    let fits = match has_address {
        true => length <= wire_bytes,
        false => n_before + length == wire_bytes,
    };
    (first >> 4 == 6 && fits).then_some(Overlay {
        layer: Layer::Teredo,
        encapsulation: Encapsulation {
            kind: TunnelKind::Teredo,
            id: 0,
        },
        carries: Carries::Ipv6,
        data,
    })
}

/// 2001::/32, or one of this link only (RFC 4380, 2.6 and 5.2.1).
fn is_teredo_address(address: &[u8]) -> bool {
    address.starts_with(&[0x20, 0x01, 0, 0]) || address.starts_with(&[0xfe, 0x80])
}

/// Only packets of users: the rest is the gateways' own talk.
fn gtp_u(data: &[u8]) -> Option<Overlay<'_>> {
    let ([flags, message, _, _, a, b, c, d], mut rest) = data.split_first_chunk::<8>()?;
    if flags & GTP_VERSION != GTP_VERSION_1 || *message != GTP_G_PDU {
        return None;
    }
    if flags & GTP_OPTIONAL != 0 {
        let ([_, _, _, next], behind) = rest.split_first_chunk::<4>()?;
        rest = behind;
        let mut next = if flags & GTP_EXTENSION != 0 { *next } else { 0 };
        // Ends: every round takes at least four bytes off the rest.
        while next != 0 {
            let n_bytes = usize::from(*rest.first()?) * 4;
            next = *rest.get(n_bytes.checked_sub(1)?)?;
            rest = rest.get(n_bytes..)?;
        }
    }
    let is_ip = matches!(rest.first()? >> 4, 4 | 6);
    is_ip.then_some(Overlay {
        layer: Layer::Gtp,
        encapsulation: Encapsulation {
            kind: TunnelKind::GtpU,
            id: u64::from(u32::from_be_bytes([*a, *b, *c, *d])),
        },
        carries: Carries::Ip,
        data: rest,
    })
}
