//! Which packets of a capture are analyzed: the language of pcap-filter(7), as libpcap
//! 1.10 reads it.
//!
//! A filter looks at the bytes of a packet as libpcap does: at fixed places behind the
//! link layer's header. So `tcp` is not TCP behind a VLAN tag (`vlan and tcp` is), ports
//! are not looked for behind IPv6 extension headers or in later fragments, and a packet
//! that ends in front of a byte which is looked at does not pass, whatever is said around
//! it. Where libpcap asks the system (names of hosts and networks, protocol chains, the
//! network mask, directions) there is an error instead.

mod address;
mod arithmetic;
mod calculation;
mod evaluate;
mod grammar;
mod names;
mod primitive;
mod token;
mod view;

use self::{evaluate::Node, grammar::Parser, view::View};

/// Longest filter: a thousand addresses or so. Each packet is held against all of it.
pub const FILTER_BYTES_MAX: usize = 8 << 10;

/// Parentheses and brackets inside of each other: what the parser's stack has to hold.
pub const FILTER_DEPTH_MAX: usize = 64;

/// Operators of all calculations together: they are evaluated inside of each other.
pub const FILTER_OPERATORS_MAX: usize = 256;

/// A parsed filter.
#[derive(Clone, Debug)]
pub struct Filter {
    root: Node,
}

/// Why a filter can't be understood, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position}: {reason}")]
pub struct FilterError {
    /// Byte of the filter at which it makes no sense any more, from 0.
    pub position: usize,
    pub reason: String,
}

impl FilterError {
    fn new(position: usize, reason: impl Into<String>) -> Self {
        Self {
            position,
            reason: reason.into(),
        }
    }
}

impl Filter {
    /// Parses a filter; nothing but white space passes every packet.
    ///
    /// # Errors
    /// What is wrong first, and its place.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > FILTER_BYTES_MAX {
            let reason = format!("longer than {FILTER_BYTES_MAX} bytes");
            return Err(FilterError::new(FILTER_BYTES_MAX, reason));
        }
        let tokens = token::tokens(text)?;
        let root = Parser::new(text, tokens).parse()?;
        Ok(Self { root })
    }

    /// Whether a packet passes: `data` is what was captured of it, `wire_bytes` its length
    /// on the wire.
    #[must_use]
    pub fn passes(&self, link_type: u16, wire_bytes: u32, data: &[u8]) -> bool {
        let view = View::new(link_type, wire_bytes, data);
        // A load outside of the packet ends libpcap's program with "no".
        self.root.eval(&view).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests;
