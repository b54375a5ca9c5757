//! Which packets are one flow.

use std::{
    hash::{Hash, Hasher},
    net::IpAddr,
};

use crate::{
    decode::{Ports, Vlans},
    record::{Endpoint, IcmpKind},
};

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// Highest of the well-known ports (RFC 6335).
const WELL_KNOWN_PORT_MAX: u16 = 1_023;

/// Tunnels, VLAN ids and the tuple of the Community ID, the lower end first, so that both
/// directions have the same key. Addresses are numbers: compared and hashed for each packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlowKey {
    lower: u128,
    upper: u128,
    lower_port: u16,
    upper_port: u16,
    pub(super) protocol: u8,
    is_ipv6: bool,
    vlans: Vlans,
    /// As `Nesting` says; zero for no tunnel.
    context: u64,
}

impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.is_ipv6 {
            state.write_u128(self.lower);
            state.write_u128(self.upper);
        } else {
            state.write_u128(self.lower << 32 | self.upper);
        }
        let ports = u64::from(self.lower_port) << 16 | u64::from(self.upper_port);
        state.write_u64(ports << 8 | u64::from(self.protocol));
        if !self.vlans.ids().is_empty() {
            self.vlans.hash(state);
        }
        if self.context != 0 {
            state.write_u64(self.context);
        }
    }
}

/// A packet as the flow table sees it: who sent it, in the Community ID's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tuple {
    pub(super) source: Endpoint,
    pub(super) target: Endpoint,
    pub(super) protocol: u8,
    /// ICMP without an answer: the ports are type and code, and the direction counts.
    one_way: bool,
}

impl Tuple {
    pub(super) fn with_ports(source: IpAddr, target: IpAddr, protocol: u8, ports: Ports) -> Self {
        Self {
            source: Endpoint {
                address: source,
                port: ports.source,
            },
            target: Endpoint {
                address: target,
                port: ports.target,
            },
            protocol,
            one_way: false,
        }
    }

    /// ICMP: a type and its answer's are like a pair of ports.
    pub(super) fn icmp(source: IpAddr, target: IpAddr, protocol: u8, kind: IcmpKind) -> Self {
        let answer = answer(protocol, kind.icmp_type);
        let ports = Ports {
            source: u16::from(kind.icmp_type),
            target: u16::from(answer.unwrap_or(kind.code)),
        };
        Self {
            one_way: answer.is_none(),
            ..Self::with_ports(source, target, protocol, ports)
        }
    }

    /// The key, and whether the sender is its lower end.
    pub(super) fn key(&self, vlans: Vlans, context: u64) -> (FlowKey, bool) {
        let source = (number(self.source.address), self.source.port);
        let target = (number(self.target.address), self.target.port);
        let from_lower = self.one_way || source <= target;
        let ((lower, lower_port), (upper, upper_port)) = if from_lower {
            (source, target)
        } else {
            (target, source)
        };
        let key = FlowKey {
            lower,
            upper,
            lower_port,
            upper_port,
            protocol: self.protocol,
            is_ipv6: self.source.address.is_ipv6(),
            vlans,
            context,
        };
        (key, from_lower)
    }

    /// Exactly one end has a well-known port, and it is the sender's.
    pub(super) fn is_from_server(&self) -> bool {
        let well_known = |end: Endpoint| (1..=WELL_KNOWN_PORT_MAX).contains(&end.port);
        matches!(self.protocol, TCP | UDP | SCTP)
            && well_known(self.source)
            && !well_known(self.target)
    }

    pub(super) fn is_tcp(&self) -> bool {
        self.protocol == TCP
    }

    /// For people: ICMP has no ports.
    pub(super) fn ends(&self) -> (Endpoint, Endpoint) {
        let port = |end: Endpoint| match self.protocol {
            ICMP | ICMPV6 => Endpoint { port: 0, ..end },
            _ => end,
        };
        (port(self.source), port(self.target))
    }
}

impl FlowKey {
    /// Numbers that [`Self::slot`] gives.
    pub(super) const SLOTS: usize = 256;

    /// A number for a small table: different for most flows of a moment, unless somebody wants
    /// them alike.
    #[inline]
    pub(super) fn slot(&self) -> usize {
        let low = |number: u128| u64::try_from(number & u128::from(u64::MAX)).unwrap_or(0);
        let ports = u64::from(self.lower_port) << 16 | u64::from(self.upper_port);
        let mixed = low(self.lower) ^ low(self.upper).rotate_left(32) ^ ports.rotate_left(16);
        // Fibonacci hashing (Knuth): the upper bits depend on all.
        let [slot, ..] = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        usize::from(slot)
    }

    pub(super) fn vlans(&self) -> &Vlans {
        &self.vlans
    }

    /// The addresses, the lower end's first, as they are on the wire.
    pub(super) fn write_addresses(&self, mut write: impl FnMut(&[u8])) {
        for address in [self.lower, self.upper] {
            let bytes = address.to_be_bytes();
            write(if self.is_ipv6 { &bytes } else { &bytes[12..] });
        }
    }

    /// The lower end's first.
    pub(super) fn ports(&self) -> [u16; 2] {
        [self.lower_port, self.upper_port]
    }
}

/// In the order of the bytes on the wire.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The type that answers this one, or that this one answers (as in the Community ID's
/// specification).
fn answer(protocol: u8, icmp_type: u8) -> Option<u8> {
    const PAIRS: [(u8, u8); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];
    const PAIRS_V6: [(u8, u8); 6] = [
        (128, 129),
        (133, 134),
        (135, 136),
        (130, 131),
        (139, 140),
        (144, 145),
    ];
    let pairs: &[(u8, u8)] = if protocol == ICMPV6 {
        &PAIRS_V6
    } else {
        &PAIRS
    };
    pairs.iter().find_map(|&(asked, answered)| match icmp_type {
        t if t == asked => Some(answered),
        t if t == answered => Some(asked),
        _ => None,
    })
}
