//! Link layers: LINKTYPE_ values of the IETF opsawg registry.

use std::net::Ipv4Addr;

use etherparse::{ArpPacketSlice, EtherType, Ethernet2Slice, SingleVlanSlice, ether_type};

use super::{Arp, Layer, Path, Walk, tunnel};

const NULL: u16 = 0;
pub(super) const ETHERNET: u16 = 1;
const PPP: u16 = 9;
/// What DLT_RAW is on some systems, in files that old libpcaps wrote.
const RAW_BSD: u16 = 12;
const RAW_OPENBSD: u16 = 14;
const PPP_HDLC: u16 = 50;
const PPP_ETHER: u16 = 51;
const RAW: u16 = 101;
const CISCO_HDLC: u16 = 104;
const IEEE802_11: u16 = 105;
const LOOP: u16 = 108;
const LINUX_SLL: u16 = 113;
const IEEE802_11_PRISM: u16 = 119;
const IEEE802_11_RADIOTAP: u16 = 127;
const IEEE802_11_AVS: u16 = 163;
const PPI: u16 = 192;
const IPV4: u16 = 228;
const IPV6: u16 = 229;
const NFLOG: u16 = 239;
const PKTAP: u16 = 258;
const LINUX_SLL2: u16 = 276;

/// Address families of NULL and LOOP: IPv6 has a number for each family of systems
/// (Linux, NetBSD and OpenBSD, FreeBSD, macOS).
const FAMILY_IPV4: u32 = 2;
const FAMILY_IPV6: [u32; 4] = [10, 24, 28, 30];

const MPLS_MULTICAST: EtherType = EtherType(0x8848);
const PPPOE_SESSION: EtherType = EtherType(0x8864);

/// Lengths in the place of an EtherType (IEEE 802.3).
const LENGTH_MAX: u16 = 1_500;
const MAC_BYTES: u16 = 6;

/// IEEE 802.2 service access points.
const LLC_SNAP: u8 = 0xaa;
const LLC_SPANNING_TREE: u8 = 0x42;

/// None when the addresses are of other kinds.
fn arp_of_ipv4(arp: &ArpPacketSlice<'_>) -> Option<Arp> {
    let is_ipv4 = arp.proto_addr_type() == ether_type::IPV4;
    Some(Arp {
        operation: arp.operation().0,
        sender_mac: arp.sender_hw_addr().try_into().ok()?,
        sender: ipv4(arp.sender_protocol_addr()).filter(|_| is_ipv4)?,
        target: ipv4(arp.target_protocol_addr())?,
    })
}

fn ipv4(address: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(address).ok().map(Ipv4Addr::from)
}

impl<'a> Walk<'_, 'a> {
    pub(super) fn link(&mut self, link_type: u16, data: &'a [u8]) {
        match link_type {
            ETHERNET => self.ethernet(data),
            other => self.other_link(other, data),
        }
    }

    /// Behind a host's own header.
    pub(super) fn inner_link(&mut self, link_type: u16, data: &'a [u8]) {
        if matches!(link_type, IEEE802_11) {
            self.push(Layer::WlanRadio);
        }
        self.link(link_type, data);
    }

    fn other_link(&mut self, link_type: u16, data: &'a [u8]) {
        match link_type {
            PPP => self.ppp(data),
            PPP_HDLC => self.ppp_or_cisco_hdlc(data),
            PPP_ETHER => self.pppoe(data),
            CISCO_HDLC => self.cisco_hdlc(data),
            IEEE802_11 => self.wlan(data),
            IEEE802_11_PRISM => self.prism(data),
            IEEE802_11_RADIOTAP => self.radiotap(data),
            IEEE802_11_AVS => self.avs(data),
            PPI => self.ppi(data),
            NFLOG => self.nflog(data),
            PKTAP => self.pktap(data),
            RAW | RAW_BSD | RAW_OPENBSD => {
                self.push(Layer::Raw);
                self.ip(data);
            }
            IPV4 => self.ipv4(data),
            IPV6 => self.ipv6(data),
            NULL | LOOP => self.null(data),
            LINUX_SLL => self.sll(data),
            LINUX_SLL2 => self.sll2(data),
            // Behind another header there is no number in its path.
            other if self.frame.path == Path::default() => {
                self.frame.path = Path::other_link(other);
            }
            _ => {}
        }
    }

    pub(super) fn ethernet(&mut self, data: &'a [u8]) {
        if !self.enter_link() {
            return;
        }
        self.push(Layer::Eth);
        let Ok(ethernet) = Ethernet2Slice::from_slice_without_fcs(data) else {
            return self.short("malformed-ethernet", "shorter than an Ethernet header");
        };
        self.frame.link.source_mac = Some(ethernet.source());
        self.frame.link.target_mac = Some(ethernet.destination());
        self.passed(ethernet.header_len());
        self.ether_type(ethernet.ether_type(), ethernet.payload_slice());
    }

    /// Four bytes of address family, in the byte order of whoever wrote them.
    fn null(&mut self, data: &'a [u8]) {
        self.push(Layer::Null);
        let Some((family, rest)) = data.split_first_chunk::<4>() else {
            return self.short("malformed-null", "shorter than its header");
        };
        self.passed(family.len());
        let family = u32::from_be_bytes(*family);
        let family = if family > 0xffff {
            family.swap_bytes()
        } else {
            family
        };
        match family {
            FAMILY_IPV4 => self.ipv4(rest),
            _ if FAMILY_IPV6.contains(&family) => self.ipv6(rest),
            _ => {}
        }
    }

    fn sll(&mut self, data: &'a [u8]) {
        self.push(Layer::Sll);
        let Some((header, rest)) = data.split_first_chunk::<16>() else {
            return self.short("malformed-sll", "shorter than its header");
        };
        self.passed(header.len());
        if u16::from_be_bytes([header[4], header[5]]) == MAC_BYTES {
            self.frame.link.source_mac = header[6..].first_chunk().copied();
        }
        self.ether_type(
            EtherType(u16::from_be_bytes([header[14], header[15]])),
            rest,
        );
    }

    fn sll2(&mut self, data: &'a [u8]) {
        self.push(Layer::Sll);
        let Some((header, rest)) = data.split_first_chunk::<20>() else {
            return self.short("malformed-sll", "shorter than its header");
        };
        self.passed(header.len());
        if u16::from(header[11]) == MAC_BYTES {
            self.frame.link.source_mac = header[12..].first_chunk().copied();
        }
        self.ether_type(EtherType(u16::from_be_bytes([header[0], header[1]])), rest);
    }

    pub(super) fn ether_type(&mut self, mut ether_type: EtherType, mut data: &'a [u8]) {
        // Ends: every round takes a tag off the data, or stops.
        loop {
            let layer = match ether_type {
                ether_type::IPV4 => return self.ipv4(data),
                ether_type::IPV6 => return self.ipv6(data),
                ether_type::ARP => return self.arp(data),
                ether_type::VLAN_TAGGED_FRAME | ether_type::VLAN_DOUBLE_TAGGED_FRAME => Layer::Vlan,
                ether_type::PROVIDER_BRIDGING => Layer::ProviderVlan,
                tunnel::MPLS | MPLS_MULTICAST => return self.mpls(data),
                PPPOE_SESSION => return self.pppoe(data),
                EtherType(length) if length <= LENGTH_MAX => return self.llc(data),
                other => return self.unread(other),
            };
            self.push(layer);
            let Ok(vlan) = SingleVlanSlice::from_slice(data) else {
                return self.short("malformed-vlan", "the VLAN tag is cut off");
            };
            if !self.frame.link.vlans.push(vlan.vlan_identifier().value()) {
                return self.malformed("malformed-vlan", "too many VLAN tags");
            }
            self.passed(vlan.header_len());
            (ether_type, data) = (vlan.ether_type(), vlan.payload_slice());
        }
    }

    /// IEEE 802.2; SNAP (RFC 1042) leads back to EtherTypes.
    pub(super) fn llc(&mut self, data: &'a [u8]) {
        if !self.enter_link() {
            return;
        }
        self.push(Layer::Llc);
        match data {
            [LLC_SNAP, LLC_SNAP, 3, 0, 0, 0, high, low, rest @ ..] => {
                self.passed(8);
                self.ether_type(EtherType(u16::from_be_bytes([*high, *low])), rest);
            }
            [LLC_SPANNING_TREE, LLC_SPANNING_TREE, ..]
            // Cisco's, for each VLAN.
            | [LLC_SNAP, LLC_SNAP, 3, 0, 0, 0x0c, 1, 0x0b, ..] => {
                self.push(Layer::Stp);
            }
            _ => {}
        }
    }

    fn arp(&mut self, data: &'a [u8]) {
        self.push(Layer::Arp);
        match ArpPacketSlice::from_slice(data) {
            Ok(arp) => self.frame.arp = arp_of_ipv4(&arp),
            Err(_) => self.short("malformed-arp", "shorter than its addresses"),
        }
    }

    /// Known by name, and left at that.
    fn unread(&mut self, ether_type: EtherType) {
        self.push(match ether_type.0 {
            0x8035 => Layer::Arp,
            0x8809 => Layer::SlowProtocols,
            0x8863 => Layer::PppoeDiscovery,
            0x888e => Layer::Eapol,
            0x88cc => Layer::Lldp,
            0x88e5 => Layer::Macsec,
            0x88f7 => Layer::Ptp,
            0x9000 => Layer::Loopback,
            _ => return,
        });
    }
}
