//! Names with their qualifiers: addresses, networks, ports and protocols.

use std::net::Ipv6Addr;

use super::{
    FilterError,
    evaluate::{Direction, Layer, Test},
    grammar::Parser,
    names::{self, Protocol},
    token::What,
    view,
};

/// What stands in front of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Qualifier {
    pub(super) protocol: Option<Protocol>,
    pub(super) direction: Option<Direction>,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only a direction was said: an address.
    Any,
    Host,
    Net,
    Port,
    PortRange,
    Protocol,
}

impl Kind {
    pub(super) fn of(what: Option<&What<'_>>) -> Option<Self> {
        let Some(What::Word(word)) = what else {
            return None;
        };
        Some(match *word {
            "host" => Self::Host,
            "net" => Self::Net,
            "port" => Self::Port,
            "portrange" => Self::PortRange,
            "proto" => Self::Protocol,
            _ => return None,
        })
    }
}

impl Protocol {
    /// What its name alone asks for.
    pub(super) fn alone(self) -> Option<Test> {
        Some(match self {
            Self::Ether => return None,
            Self::Ip => Test::Type(view::IP),
            Self::Ip6 => Test::Type(view::IP6),
            Self::Arp => Test::Type(view::ARP),
            Self::Rarp => Test::Type(view::RARP),
            Self::Link(ether_type) => Test::Type(ether_type),
            Self::Any(number) => Test::Protocol(true, true, number),
            Self::V4(number) => Test::Protocol(true, false, number),
            Self::V6(number) => Test::Protocol(false, true, number),
        })
    }
}

impl Parser<'_> {
    /// A name that is there, with its qualifier.
    pub(super) fn named(&mut self, qualifier: Qualifier) -> Result<Test, FilterError> {
        let Qualifier { protocol, kind, .. } = qualifier;
        let direction = qualifier.direction.unwrap_or_default();
        let at = self.at();
        let wrong = |reason: String| Err(FilterError::new(at, reason));
        let Some(what) = self.peek().cloned() else {
            return Err(self.unexpected("a name"));
        };
        if matches!(what, What::Word(word) if names::is_keyword(word) && kind != Kind::Protocol) {
            return Err(self.unexpected("a name"));
        }
        self.advance();
        match (kind, what) {
            (Kind::Any | Kind::Host | Kind::Net, What::Number(value)) => {
                let (value, mask) = number_as_address(value, kind);
                ipv4(protocol, direction, value, mask).or_else(wrong)
            }
            (Kind::Any | Kind::Host | Kind::Net, What::Dotted(value, n_bits)) => {
                let mask = self.mask(kind, value, mask_of(n_bits))?;
                ipv4(protocol, direction, value, mask).or_else(wrong)
            }
            (Kind::Any | Kind::Host | Kind::Net, What::Ipv6(address)) => {
                let mask = self.mask6(kind, address)?;
                ipv6(protocol, direction, address, mask).or_else(wrong)
            }
            (Kind::Any | Kind::Host, What::Mac(mac)) if protocol == Some(Protocol::Ether) => {
                Ok(Test::Mac(direction, mac))
            }
            (_, What::Mac(_)) => wrong("an Ethernet address goes with \"ether host\"".into()),
            (Kind::Port, What::Number(port)) => ports(qualifier, port, port).or_else(wrong),
            (Kind::PortRange, What::Number(port)) => ports(qualifier, port, port).or_else(wrong),
            (Kind::Port, What::Word(name) | What::Escaped(name)) => match names::service(name) {
                Some(port) => ports(qualifier, port.into(), port.into()).or_else(wrong),
                None => wrong(format!("no service of this name is known here: {name:?}")),
            },
            (Kind::PortRange, What::Word(range)) => match range_of(range) {
                Some((low, high)) => ports(qualifier, low, high).or_else(wrong),
                None => wrong(format!("no range of ports: {range:?}")),
            },
            (Kind::Protocol, what) => carried(qualifier, &what).or_else(wrong),
            (_, What::Word(name) | What::Escaped(name)) => wrong(format!(
                "names are not looked up, write the address: {name:?}"
            )),
            (Kind::Port | Kind::PortRange, _) => wrong("expected a port".into()),
            (_, What::Not | What::And | What::Or | What::Sign(_)) => {
                wrong("expected a name".into())
            }
        }
    }

    /// The mask behind an IPv4 network, if one is given.
    fn mask(&mut self, kind: Kind, value: u32, default: u32) -> Result<u32, FilterError> {
        let at = self.at();
        let mask = if self.take(&What::Sign("/")) {
            match self.peek() {
                Some(What::Number(n_bits @ 0..=32)) => mask_of(*n_bits),
                _ => return Err(self.unexpected("a prefix length of at most 32 bits")),
            }
        } else if self.take_word("mask") {
            match self.peek() {
                Some(What::Dotted(mask, _)) => *mask,
                _ => return Err(self.unexpected("a network mask")),
            }
        } else {
            return Ok(default);
        };
        self.advance();
        if kind != Kind::Net {
            return Err(FilterError::new(at, "a mask is for networks only"));
        }
        if value & !mask != 0 {
            return Err(FilterError::new(at, "bits are set outside of the mask"));
        }
        Ok(mask)
    }

    fn mask6(&mut self, kind: Kind, address: Ipv6Addr) -> Result<u128, FilterError> {
        let at = self.at();
        if !self.take(&What::Sign("/")) {
            return Ok(u128::MAX);
        }
        let n_bits = match self.peek() {
            Some(What::Number(n_bits @ 0..=128)) => *n_bits,
            _ => return Err(self.unexpected("a prefix length of at most 128 bits")),
        };
        self.advance();
        if kind != Kind::Net && n_bits != 128 {
            return Err(FilterError::new(at, "a mask is for networks only"));
        }
        let mask = u128::MAX.checked_shl(128 - n_bits).unwrap_or(0);
        if u128::from(address) & !mask != 0 {
            return Err(FilterError::new(at, "bits are set outside of the mask"));
        }
        Ok(mask)
    }
}

fn mask_of(n_bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - n_bits).unwrap_or(0)
}

/// `net 10` is 10.0.0.0/8; a host is its number.
fn number_as_address(value: u32, kind: Kind) -> (u32, u32) {
    let n_bytes_free = value.leading_zeros() / 8;
    match kind {
        Kind::Net if value != 0 => (value << (8 * n_bytes_free), u32::MAX << (8 * n_bytes_free)),
        _ => (value, u32::MAX),
    }
}

fn ipv4(
    protocol: Option<Protocol>,
    direction: Direction,
    value: u32,
    mask: u32,
) -> Result<Test, String> {
    let layers = match protocol {
        None => vec![Layer::Ip, Layer::Arp, Layer::Rarp],
        Some(Protocol::Ip) => vec![Layer::Ip],
        Some(Protocol::Arp) => vec![Layer::Arp],
        Some(Protocol::Rarp) => vec![Layer::Rarp],
        Some(_) => return Err("this protocol has no IPv4 addresses of its own".into()),
    };
    Ok(Test::Ipv4(layers, direction, value, mask))
}

fn ipv6(
    protocol: Option<Protocol>,
    direction: Direction,
    address: Ipv6Addr,
    mask: u128,
) -> Result<Test, String> {
    if !matches!(protocol, None | Some(Protocol::Ip6)) {
        return Err("this protocol has no IPv6 addresses of its own".into());
    }
    Ok(Test::Ipv6(direction, words(address.into()), words(mask)))
}

/// The four words that libpcap compares.
fn words(value: u128) -> [u32; 4] {
    let word = |n: usize| u32::try_from(value >> (96 - 32 * n) & 0xffff_ffff).unwrap_or(0);
    [word(0), word(1), word(2), word(3)]
}

fn range_of(text: &str) -> Option<(u32, u32)> {
    let (low, high) = text.split_once('-')?;
    let port = |text: &str| {
        text.parse()
            .ok()
            .or_else(|| names::service(text).map(u32::from))
    };
    let (low, high): (u32, u32) = (port(low)?, port(high)?);
    Some((low.min(high), low.max(high)))
}

fn ports(qualifier: Qualifier, low: u32, high: u32) -> Result<Test, String> {
    let protocol = match qualifier.protocol {
        None => None,
        Some(Protocol::Any(number @ (6 | 17 | 132))) => Some(number),
        Some(_) => return Err("ports are of tcp, udp and sctp".into()),
    };
    if high > u32::from(u16::MAX) {
        return Err(format!("no port: {high}"));
    }
    let direction = qualifier.direction.unwrap_or_default();
    Ok(Test::Ports(protocol, direction, low, high))
}

/// `proto NUMBER` and `proto NAME`.
fn carried(qualifier: Qualifier, what: &What<'_>) -> Result<Test, String> {
    if qualifier.direction.is_some() {
        return Err("a protocol has no direction".into());
    }
    let is_ether = qualifier.protocol == Some(Protocol::Ether);
    let number = match what {
        What::Number(number) => Some(*number),
        What::Word(name) | What::Escaped(name) if is_ether => names::ether_type(name),
        What::Word(name) | What::Escaped(name) => names::ip_protocol(name),
        What::Dotted(..)
        | What::Ipv6(_)
        | What::Mac(_)
        | What::Not
        | What::And
        | What::Or
        | What::Sign(_) => None,
    };
    let number = number.ok_or("no protocol of this name is known here")?;
    match qualifier.protocol {
        None => Ok(Test::Protocol(true, true, number)),
        Some(Protocol::Ip) => Ok(Test::Protocol(true, false, number)),
        Some(Protocol::Ip6) => Ok(Test::Protocol(false, true, number)),
        Some(Protocol::Ether) => Ok(Test::Type(number)),
        Some(_) => Err("this protocol does not say what it carries".into()),
    }
}
