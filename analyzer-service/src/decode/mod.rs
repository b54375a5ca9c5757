//! Packet headers, from the link layer to the transport layer. Total: whatever the
//! bytes, there is a [`Frame`]; what breaks its format is named in it.

mod checksum;
mod extensions;
mod gre;
mod host;
mod ip;
mod link;
mod overlay;
mod path;
mod ppp;
mod transport;
mod tunnel;
mod usual;
mod walk;
mod wlan;

use std::net::{IpAddr, Ipv4Addr};

use self::walk::Walk;
pub use self::{
    path::{Layer, Path, SERVICES_MAX},
    tunnel::{Encapsulation, Inner, LINKS_MAX, TUNNELS_MAX},
};
use crate::{capture::Packet, record::IcmpKind};

/// VLAN tags that are followed; beyond two (QinQ) they are rare.
pub const VLANS_MAX: usize = 8;

/// IEEE 802.1Q, 9.6: the null VLAN id. The tag says a priority, and no VLAN.
const PRIORITY_TAG: u16 = 0;

/// What the headers of one packet say, up to its first IP packet; what that one carries
/// in a tunnel has a frame of its own ([`inner`]).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame<'a> {
    /// From the outermost header of the packet on, those around this frame included.
    pub path: Path,
    pub link: Link,
    /// In front of the IP header, outermost first: the tunnel this frame lay in, MPLS
    /// labels, a PPPoE session.
    pub encapsulations: Vec<Encapsulation>,
    pub ip: Option<Ip<'a>>,
    /// Of a frame without an IP packet.
    pub arp: Option<Arp>,
    /// What the IP packet carries, when that is a tunnel.
    pub inner: Option<Inner<'a>>,
    /// Encapsulations around the IP packet, those around the frame included.
    n_tunnels: usize,
    /// The first thing that breaks a format.
    pub malformed: Option<Malformed>,
}

/// What the link layer says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
    /// Absent where there is none, or only one of them.
    pub source_mac: Option<[u8; 6]>,
    pub target_mac: Option<[u8; 6]>,
    pub vlans: Vlans,
}

/// What the headers of a usual packet say: a [`Frame`] of which all else is a default. Few
/// numbers, which need not go through memory.
#[derive(Debug)]
pub struct Usual<'a> {
    pub path: Path,
    pub link: Link,
    pub ip: Ip<'a>,
}

impl<'a> From<Usual<'a>> for Frame<'a> {
    fn from(Usual { path, link, ip }: Usual<'a>) -> Self {
        Self {
            path,
            link,
            ip: Some(ip),
            ..Self::default()
        }
    }
}

/// VLAN ids, outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vlans {
    ids: [u16; VLANS_MAX],
    len: u8,
}

impl Vlans {
    #[must_use]
    pub fn ids(&self) -> &[u16] {
        &self.ids[..usize::from(self.len)]
    }

    /// False when there are too many. A priority tag is none.
    fn push(&mut self, id: u16) -> bool {
        if id == PRIORITY_TAG {
            return true;
        }
        let Some(place) = self.ids.get_mut(usize::from(self.len)) else {
            return false;
        };
        *place = id;
        self.len += 1;
        true
    }
}

/// A header that breaks its format. Not one that was cut off by the snap length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Of the finding: "malformed-ipv4".
    pub code: &'static str,
    pub message: &'static str,
}

/// An ARP packet for IPv4 over Ethernet (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    pub operation: u16,
    pub sender_mac: [u8; 6],
    pub sender: Ipv4Addr,
    /// Who is asked for, or answered.
    pub target: Ipv4Addr,
}

impl Arp {
    pub const REQUEST: u16 = 1;
    pub const REPLY: u16 = 2;
}

/// An IP packet.
#[derive(Clone, Debug, PartialEq)]
pub struct Ip<'a> {
    pub source: IpAddr,
    pub target: IpAddr,
    /// IANA protocol number of what follows the extension headers.
    pub protocol: u8,
    /// As `Counters.ip_bytes` says.
    pub bytes: u64,
    pub fragment: Option<Fragment<'a>>,
    pub transport: Transport<'a>,
    /// As `Counters.payload_bytes` says.
    pub payload_bytes: u64,
    pub checksum_errors: ChecksumErrors,
}

/// A piece of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    pub identification: u32,
    /// IPv4: of the header, for it identifies the datagram too (RFC 791, 3.2). Zero for
    /// IPv6, whose later fragments may say what they like (RFC 8200, 4.5).
    pub protocol: u8,
    /// In bytes.
    pub offset: u32,
    /// In bytes, by the IP headers.
    pub length: u64,
    pub more: bool,
    /// What the datagram begins with, if this is its first fragment: a transport protocol or
    /// an extension header.
    pub next_header: u8,
    /// The pseudo header of what is inside has other addresses than the IP header.
    pub routed: bool,
    /// What was captured of it.
    pub data: &'a [u8],
}

impl Fragment<'_> {
    /// All of it is in the capture.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.data.len() as u64 == self.length
    }
}

/// Wrong checksums of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChecksumErrors {
    pub ip: bool,
    pub tcp: bool,
    pub udp: bool,
}

impl ChecksumErrors {
    #[must_use]
    pub fn any(self) -> bool {
        self.ip || self.tcp || self.udp
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Transport<'a> {
    Tcp(Tcp<'a>),
    Udp(Udp<'a>),
    Sctp(Ports),
    Icmp(IcmpKind),
    /// The header is broken or cut off, but its ports are there.
    Ports(Ports),
    /// Without ports, or with nothing left of them.
    Bare,
    /// The rest of a datagram, without its transport header.
    LaterFragment,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    pub source: u16,
    pub target: u16,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tcp<'a> {
    pub ports: Ports,
    pub seq: u32,
    /// Of no meaning without the flag ACK.
    pub ack: u32,
    /// As in the header, not scaled.
    pub window: u16,
    pub header_bytes: u8,
    /// The twelve bits of the header: CWR to FIN, and those reserved above.
    pub flags: u16,
    pub payload: &'a [u8],
}

impl Tcp<'_> {
    pub const FIN: u16 = 1;
    pub const SYN: u16 = 2;
    pub const RST: u16 = 4;
    pub const ACK: u16 = 16;

    #[must_use]
    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Udp<'a> {
    pub ports: Ports,
    pub payload: &'a [u8],
}

/// Reads the headers of a usual packet, at half of what [`decode`] costs. None for another one.
#[must_use]
#[inline]
pub fn usual<'a>(packet: &Packet<'a>) -> Option<Usual<'a>> {
    usual::read(packet)
}

/// Reads the headers of `packet`, up to its first IP packet, into a frame that is a default:
/// too large to be moved for nothing.
pub fn decode<'a>(packet: &Packet<'a>, frame: &mut Frame<'a>) {
    Walk::new(packet, frame).link(packet.link_type, packet.data);
}

/// Reads what `inner` of the frame `around` it carries, up to the next IP packet.
#[must_use]
pub fn inner<'a>(around: &Frame<'_>, inner: &Inner<'a>) -> Frame<'a> {
    let mut frame = Frame {
        path: around.path,
        n_tunnels: around.n_tunnels,
        ..Frame::default()
    };
    Walk::inside(inner, &mut frame).carried(inner);
    frame
}

/// Reads what the fragments of a datagram say together. `last` and its IP packet are those of
/// the fragment that completed it, `next_header` and the data the datagram's own.
#[must_use]
pub fn whole<'a>(last: &Frame<'_>, ip: &Ip<'_>, next_header: u8, data: &'a [u8]) -> Frame<'a> {
    let mut frame = Frame {
        path: last.path,
        link: Link {
            vlans: last.link.vlans,
            ..Link::default()
        },
        n_tunnels: last.n_tunnels,
        ..Frame::default()
    };
    Walk::whole(&mut frame).whole_datagram(ip, next_header, data);
    frame
}
