//! A filter as a tree, held against packets. What is evaluated first is what libpcap's
//! program would run first, since a packet that is too short for it does not pass.

use super::{
    arithmetic::Relation,
    view::{ARP, Answer, IP, IP6, RARP, View},
};

const TCP: u32 = 6;
const UDP: u32 = 17;
const SCTP: u32 = 132;
const FRAGMENT_HEADER: u32 = 44;
const IPV6_HEADER_BYTES: usize = 40;

#[derive(Clone, Debug)]
pub(super) enum Node {
    /// An empty filter.
    All,
    Not(Box<Node>),
    /// From left to right: `and` and `or` bind alike.
    Chain(Box<Node>, Vec<(Join, Node)>),
    /// Behind so many VLAN tags.
    Test(usize, Test),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    And,
    Or,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Direction {
    Source,
    Target,
    /// The default, and "src or dst".
    #[default]
    Either,
    Both,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    /// EtherType.
    Type(u32),
    /// An IPv4 address or network, in the headers of these.
    Ipv4(Vec<Layer>, Direction, u32, u32),
    Ipv6(Direction, [u32; 4], [u32; 4]),
    Mac(Direction, [u8; 6]),
    /// Of the protocols named, or of TCP, UDP and SCTP.
    Ports(Option<u32>, Direction, u32, u32),
    /// By IANA number, over IPv4 and IPv6 as said.
    Protocol(bool, bool, u32),
    Vlan(Option<u32>),
    EtherBroadcast,
    EtherMulticast,
    IpMulticast,
    Ip6Multicast,
    Relation(Box<Relation>),
}

/// Where an IPv4 address may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Ip,
    Arp,
    Rarp,
}

impl Node {
    pub(super) fn eval(&self, view: &View<'_>) -> Answer {
        match self {
            Self::All => Ok(true),
            Self::Not(node) => Ok(!node.eval(view)?),
            Self::Chain(first, rest) => {
                let mut so_far = first.eval(view)?;
                for (join, node) in rest {
                    if so_far == (*join == Join::And) {
                        so_far = node.eval(view)?;
                    }
                }
                Ok(so_far)
            }
            Self::Test(n_vlans, test) => test.eval(view, *n_vlans),
        }
    }
}

impl Direction {
    fn eval(self, source: impl Fn() -> Answer, target: impl Fn() -> Answer) -> Answer {
        match self {
            Self::Source => source(),
            Self::Target => target(),
            Self::Either => Ok(source()? || target()?),
            Self::Both => Ok(source()? && target()?),
        }
    }
}

impl Test {
    fn eval(&self, view: &View<'_>, n_vlans: usize) -> Answer {
        match self {
            Self::Type(wanted) => view.is_type(n_vlans, *wanted),
            Self::Ipv4(layers, direction, value, mask) => {
                for layer in layers {
                    if ipv4(view, n_vlans, *layer, *direction, (*value, *mask))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Ipv6(direction, value, mask) => {
                let at = |offset| ipv6(view, n_vlans, offset, value, mask);
                direction.eval(|| at(8), || at(24))
            }
            Self::Mac(direction, mac) => {
                if !view.is_ethernet() {
                    return Ok(false);
                }
                direction.eval(|| is_mac(view, 6, *mac), || is_mac(view, 0, *mac))
            }
            Self::Ports(protocol, direction, low, high) => {
                ports(view, n_vlans, *protocol, *direction, (*low, *high))
            }
            Self::Protocol(over_ip, over_ip6, wanted) => Ok((*over_ip
                && view.is_type(n_vlans, IP)?
                && view.payload(n_vlans, 9, 1)? == *wanted)
                || (*over_ip6 && ipv6_carries(view, n_vlans, *wanted)?)),
            Self::Vlan(id) => view.is_vlan(n_vlans, *id),
            Self::EtherBroadcast => Ok(view.is_ethernet() && is_mac(view, 0, [0xff; 6])?),
            Self::EtherMulticast => Ok(view.is_ethernet() && view.load(0, 1)? & 1 != 0),
            Self::IpMulticast => {
                Ok(view.is_type(n_vlans, IP)? && view.payload(n_vlans, 16, 1)? >= 224)
            }
            Self::Ip6Multicast => {
                Ok(view.is_type(n_vlans, IP6)? && view.payload(n_vlans, 24, 1)? == 255)
            }
            Self::Relation(relation) => relation.eval(view, n_vlans),
        }
    }
}

fn ipv4(
    view: &View<'_>,
    n_vlans: usize,
    layer: Layer,
    direction: Direction,
    (value, mask): (u32, u32),
) -> Answer {
    let (ether_type, source, target) = match layer {
        Layer::Ip => (IP, 12, 16),
        Layer::Arp => (ARP, 14, 24),
        Layer::Rarp => (RARP, 14, 24),
    };
    if !view.is_type(n_vlans, ether_type)? {
        return Ok(false);
    }
    let at = |offset| -> Answer {
        // What is masked away altogether is not read.
        Ok(mask == 0 || view.payload(n_vlans, offset, 4)? & mask == value)
    };
    direction.eval(|| at(source), || at(target))
}

fn ipv6(
    view: &View<'_>,
    n_vlans: usize,
    offset: usize,
    value: &[u32; 4],
    mask: &[u32; 4],
) -> Answer {
    if !view.is_type(n_vlans, IP6)? {
        return Ok(false);
    }
    for (n, (value, mask)) in value.iter().zip(mask).enumerate() {
        if *mask != 0 && view.payload(n_vlans, offset + 4 * n, 4)? & mask != *value {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_mac(view: &View<'_>, at: usize, mac: [u8; 6]) -> Answer {
    let [a, b, low @ ..] = mac;
    let low = u32::from_be_bytes(low);
    // The last four bytes first, as libpcap does.
    Ok(view.load(at + 2, 4)? == low && view.load(at, 2)? == u32::from(u16::from_be_bytes([a, b])))
}

/// In the header, or behind a fragment header that follows it.
fn ipv6_carries(view: &View<'_>, n_vlans: usize, wanted: u32) -> Answer {
    if !view.is_type(n_vlans, IP6)? {
        return Ok(false);
    }
    let next = view.payload(n_vlans, 6, 1)?;
    Ok(next == wanted
        || next == FRAGMENT_HEADER && view.payload(n_vlans, IPV6_HEADER_BYTES, 1)? == wanted)
}

fn ports(
    view: &View<'_>,
    n_vlans: usize,
    protocol: Option<u32>,
    direction: Direction,
    (low, high): (u32, u32),
) -> Answer {
    let has_ports = |said: u32| match protocol {
        Some(wanted) => said == wanted,
        None => [TCP, UDP, SCTP].contains(&said),
    };
    let header = if view.is_type(n_vlans, IP6)? {
        if !has_ports(view.payload(n_vlans, 6, 1)?) {
            return Ok(false);
        }
        view.payload_at(n_vlans) + IPV6_HEADER_BYTES
    } else if view.is_type(n_vlans, IP)? {
        if !has_ports(view.payload(n_vlans, 9, 1)?) || !view.is_first_fragment(n_vlans)? {
            return Ok(false);
        }
        view.ipv4_payload_at(n_vlans)?
    } else {
        return Ok(false);
    };
    let at = |offset| -> Answer { Ok((low..=high).contains(&view.load(header + offset, 2)?)) };
    direction.eval(|| at(0), || at(2))
}
