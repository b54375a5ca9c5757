//! Calculations with bytes of the packet: `tcp[tcpflags] & tcp-syn != 0`, `len > 100`.

use super::{
    evaluate::Test,
    names::Protocol,
    view::{Answer, IP, IP6, Short, View},
};

const IPV6_HEADER_BYTES: usize = 40;

/// Two calculations, compared.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) left: Value,
    pub(super) compare: Compare,
    pub(super) right: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

/// In 32 bits without a sign, as libpcap calculates.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(u32),
    /// Of the packet on the wire.
    Length,
    /// So many bytes of a protocol's header, from the byte that the value says.
    Bytes(Protocol, Box<Value>, usize),
    Binary(Operator, Box<Value>, Box<Value>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    Xor,
    And,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// With how tightly it binds.
    pub(super) fn of(sign: &str) -> Option<(Self, u8)> {
        Some(match sign {
            "|" => (Self::Or, 1),
            "^" => (Self::Xor, 1),
            "&" => (Self::And, 2),
            "<<" => (Self::ShiftLeft, 3),
            ">>" => (Self::ShiftRight, 3),
            "+" => (Self::Add, 4),
            "-" => (Self::Subtract, 4),
            "*" => (Self::Multiply, 5),
            "/" => (Self::Divide, 5),
            "%" => (Self::Remainder, 5),
            _ => return None,
        })
    }

    pub(super) fn apply(self, left: u32, right: u32) -> Option<u32> {
        Some(match self {
            Self::Or => left | right,
            Self::Xor => left ^ right,
            Self::And => left & right,
            Self::ShiftLeft => left.checked_shl(right).unwrap_or(0),
            Self::ShiftRight => left.checked_shr(right).unwrap_or(0),
            Self::Add => left.wrapping_add(right),
            Self::Subtract => left.wrapping_sub(right),
            Self::Multiply => left.wrapping_mul(right),
            Self::Divide => left.checked_div(right)?,
            Self::Remainder => left.checked_rem(right)?,
        })
    }
}

impl Relation {
    pub(super) fn eval(&self, view: &View<'_>, n_vlans: usize) -> Answer {
        // All protocols first, then what their headers say.
        if !self.left.is_there(view, n_vlans)? || !self.right.is_there(view, n_vlans)? {
            return Ok(false);
        }
        let left = self.left.eval(view, n_vlans)?;
        let right = self.right.eval(view, n_vlans)?;
        Ok(match self.compare {
            Compare::Less => left < right,
            Compare::LessOrEqual => left <= right,
            Compare::Equal => left == right,
            Compare::NotEqual => left != right,
            Compare::GreaterOrEqual => left >= right,
            Compare::Greater => left > right,
        })
    }
}

impl Value {
    /// The protocols whose bytes it takes are in the packet.
    fn is_there(&self, view: &View<'_>, n_vlans: usize) -> Answer {
        match self {
            Self::Number(_) | Self::Length => Ok(true),
            Self::Bytes(protocol, index, _) => {
                Ok(index.is_there(view, n_vlans)? && has_header(*protocol, view, n_vlans)?)
            }
            Self::Binary(_, left, right) => {
                Ok(left.is_there(view, n_vlans)? && right.is_there(view, n_vlans)?)
            }
        }
    }

    fn eval(&self, view: &View<'_>, n_vlans: usize) -> Result<u32, Short> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Length => Ok(view.wire_bytes),
            Self::Bytes(protocol, index, n_bytes) => {
                let index = usize::try_from(index.eval(view, n_vlans)?).map_err(|_| Short)?;
                let header = header_at(*protocol, view, n_vlans)?;
                view.load(header.saturating_add(index), *n_bytes)
            }
            Self::Binary(operator, left, right) => {
                let left = left.eval(view, n_vlans)?;
                let right = right.eval(view, n_vlans)?;
                // To divide by zero ends libpcap's program like a byte that is not there.
                operator.apply(left, right).ok_or(Short)
            }
        }
    }
}

fn has_header(protocol: Protocol, view: &View<'_>, n_vlans: usize) -> Answer {
    match protocol {
        Protocol::Ether => Ok(true),
        Protocol::Any(number) | Protocol::V4(number) => Ok(view.is_type(n_vlans, IP)?
            && view.payload(n_vlans, 9, 1)? == number
            && view.is_first_fragment(n_vlans)?),
        Protocol::V6(number) => {
            Ok(view.is_type(n_vlans, IP6)? && view.payload(n_vlans, 6, 1)? == number)
        }
        Protocol::Ip | Protocol::Ip6 | Protocol::Arp | Protocol::Rarp | Protocol::Link(_) => {
            match protocol.alone() {
                Some(Test::Type(ether_type)) => view.is_type(n_vlans, ether_type),
                _ => Ok(false),
            }
        }
    }
}

fn header_at(protocol: Protocol, view: &View<'_>, n_vlans: usize) -> Result<usize, Short> {
    Ok(match protocol {
        Protocol::Ether => 0,
        Protocol::Any(_) | Protocol::V4(_) => view.ipv4_payload_at(n_vlans)?,
        Protocol::V6(_) => view.payload_at(n_vlans) + IPV6_HEADER_BYTES,
        Protocol::Ip | Protocol::Ip6 | Protocol::Arp | Protocol::Rarp | Protocol::Link(_) => {
            view.payload_at(n_vlans)
        }
    })
}
