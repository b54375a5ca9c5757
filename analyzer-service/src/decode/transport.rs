//! TCP, UDP, SCTP and ICMP headers.

use etherparse::{TcpSlice, UdpSlice};

use super::{
    Encapsulation, Layer, Ports, Tcp, Transport, Udp, Walk, checksum,
    ip::{Behind, Datagram},
    tunnel::{self, Carries},
};
use crate::record::{IcmpKind, TunnelKind};

const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// IANA protocol numbers of packets inside of packets.
const IPV4: u8 = 4;
const IPV6: u8 = 41;
const GRE: u8 = 47;
const MPLS: u8 = 137;

const UDP_HEADER_BYTES: u64 = 8;
const ICMP_HEADER_BYTES: u64 = 8;
const SCTP_HEADER_BYTES: u64 = 12;

impl<'a> Walk<'_, 'a> {
    pub(super) fn transport(
        &mut self,
        datagram: &Datagram<'a>,
        behind: &mut Behind,
    ) -> Transport<'a> {
        match datagram.protocol {
            TCP => self.tcp(datagram, behind),
            UDP => self.udp(datagram, behind),
            SCTP => {
                self.push(Layer::Sctp);
                behind.payload_bytes = behind.payload_bytes.saturating_sub(SCTP_HEADER_BYTES);
                if datagram.payload.len() < 12 {
                    self.short("malformed-sctp", "shorter than its header");
                }
                ports(datagram.payload).map_or(Transport::Bare, Transport::Sctp)
            }
            ICMP => self.icmp(datagram, behind, Layer::Icmp, "malformed-icmp"),
            ICMPV6 => self.icmp(datagram, behind, Layer::Icmpv6, "malformed-icmpv6"),
            other => {
                self.rest(other, datagram);
                Transport::Bare
            }
        }
    }

    /// Protocols without ports: tunnels, and what is known by name only.
    fn rest(&mut self, protocol: u8, datagram: &Datagram<'a>) {
        match protocol {
            IPV4 => self.ip_in_ip(datagram, Carries::Ipv4),
            IPV6 => self.ip_in_ip(datagram, Carries::Ipv6),
            GRE => self.gre(datagram.payload, datagram.payload_bytes),
            MPLS => {
                let carries = Carries::EtherType(tunnel::MPLS);
                self.leave(None, carries, datagram.payload, datagram.payload_bytes);
            }
            other => self.name(other),
        }
    }

    /// RFC 2003, RFC 4213 and RFC 2473.
    fn ip_in_ip(&mut self, datagram: &Datagram<'a>, carries: Carries) {
        let kind = match (datagram.source.is_ipv4(), carries == Carries::Ipv4) {
            (true, true) => TunnelKind::IpIp,
            (true, false) => TunnelKind::SixInFour,
            (false, true) => TunnelKind::FourInSix,
            (false, false) => TunnelKind::SixInSix,
        };
        let encapsulation = Encapsulation { kind, id: 0 };
        let (data, wire_bytes) = (datagram.payload, datagram.payload_bytes);
        self.leave(Some(encapsulation), carries, data, wire_bytes);
    }

    fn tcp(&mut self, datagram: &Datagram<'a>, behind: &mut Behind) -> Transport<'a> {
        self.push(Layer::Tcp);
        let tcp = match TcpSlice::from_slice(datagram.payload) {
            Ok(tcp) => tcp,
            Err(etherparse::err::tcp::HeaderSliceError::Len(_)) => {
                self.short("malformed-tcp", "shorter than its header");
                return broken(datagram, behind);
            }
            Err(etherparse::err::tcp::HeaderSliceError::Content(_)) => {
                self.malformed("malformed-tcp", "a data offset below the header's length");
                return broken(datagram, behind);
            }
        };
        let header = tcp.header_slice();
        behind.payload_bytes = behind.payload_bytes.saturating_sub(header.len() as u64);
        behind.checksum_errors.tcp = is_whole(datagram) && !has_right_checksum(datagram);
        Transport::Tcp(Tcp {
            ports: Ports {
                source: tcp.source_port(),
                target: tcp.destination_port(),
            },
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            window: tcp.window_size(),
            header_bytes: tcp.data_offset() * 4,
            flags: u16::from_be_bytes([header[12] & 0x0f, header[13]]),
            payload: tcp.payload(),
        })
    }

    fn udp(&mut self, datagram: &Datagram<'a>, behind: &mut Behind) -> Transport<'a> {
        self.push(Layer::Udp);
        let Ok(udp) = UdpSlice::from_slice_lax(datagram.payload) else {
            self.short("malformed-udp", "shorter than its header");
            return broken(datagram, behind);
        };
        let length = u64::from(udp.length());
        let room = datagram.payload_bytes;
        // Zero stands for "too long to say" (RFC 2675, and offloading cards).
        let said = if length == 0 { room } else { length };
        if said < UDP_HEADER_BYTES || (said > room && datagram.fragment.is_none()) {
            self.malformed("malformed-udp", "the length does not fit its datagram");
        }
        behind.payload_bytes = if datagram.fragment.is_some() || said < UDP_HEADER_BYTES {
            room.saturating_sub(UDP_HEADER_BYTES)
        } else {
            said.min(room).saturating_sub(UDP_HEADER_BYTES)
        };
        // Zero says that there is none; over IPv6 only some tunnels may (RFC 6935).
        behind.checksum_errors.udp = udp.checksum() != 0
            && is_whole(datagram)
            && length == udp.slice().len() as u64
            && !checksum::is_right_with_addresses(
                datagram.source,
                datagram.target,
                UDP,
                udp.slice(),
            );
        let ports = Ports {
            source: udp.source_port(),
            target: udp.destination_port(),
        };
        self.overlay(ports, udp.payload(), behind.payload_bytes);
        Transport::Udp(Udp {
            ports,
            payload: udp.payload(),
        })
    }

    fn icmp(
        &mut self,
        datagram: &Datagram<'a>,
        behind: &mut Behind,
        layer: Layer,
        code: &'static str,
    ) -> Transport<'a> {
        self.push(layer);
        behind.payload_bytes = behind.payload_bytes.saturating_sub(ICMP_HEADER_BYTES);
        if (datagram.payload.len() as u64) < ICMP_HEADER_BYTES {
            self.short(code, "shorter than its header");
        }
        match datagram.payload {
            [icmp_type, code, ..] => Transport::Icmp(IcmpKind {
                icmp_type: *icmp_type,
                code: *code,
            }),
            _ => Transport::Bare,
        }
    }

    /// IANA protocol numbers known by name, and left at that.
    fn name(&mut self, protocol: u8) {
        self.push(match protocol {
            2 => Layer::Igmp,
            33 => Layer::Dccp,
            46 => Layer::Rsvp,
            50 => Layer::Esp,
            88 => Layer::Eigrp,
            89 => Layer::Ospf,
            103 => Layer::Pim,
            108 => Layer::IpComp,
            112 => Layer::Vrrp,
            115 => Layer::L2tp,
            136 => Layer::UdpLite,
            _ => return,
        });
    }
}

/// Only what is left of the ports can be told.
fn broken<'a>(datagram: &Datagram<'a>, behind: &mut Behind) -> Transport<'a> {
    behind.payload_bytes = 0;
    ports(datagram.payload).map_or(Transport::Bare, Transport::Ports)
}

fn ports(header: &[u8]) -> Option<Ports> {
    let [a, b, c, d] = *header.first_chunk()?;
    Some(Ports {
        source: u16::from_be_bytes([a, b]),
        target: u16::from_be_bytes([c, d]),
    })
}

/// All of it is in the capture, in one piece.
fn is_whole(datagram: &Datagram<'_>) -> bool {
    datagram.fragment.is_none()
        && !datagram.routed
        && datagram.payload.len() as u64 == datagram.payload_bytes
}

fn has_right_checksum(datagram: &Datagram<'_>) -> bool {
    let Datagram {
        source,
        target,
        protocol,
        payload,
        ..
    } = *datagram;
    checksum::is_right_with_addresses(source, target, protocol, payload)
}
