//! pcapng files.

use crate::{Order, length};

/// A pcapng file in the making.
#[derive(Clone, Debug)]
pub struct PcapNg {
    order: Order,
    bytes: Vec<u8>,
}

/// An option of a block: code and value.
pub type Opt<'a> = (u16, &'a [u8]);

pub const IF_NAME: u16 = 2;
pub const IF_TSRESOL: u16 = 9;
pub const IF_TSOFFSET: u16 = 14;

impl PcapNg {
    /// With its first section.
    #[must_use]
    pub fn new(order: Order) -> Self {
        let empty = Self {
            order,
            bytes: Vec::new(),
        };
        empty.section(order)
    }

    /// A section header; what follows is in its byte order.
    #[must_use]
    pub fn section(mut self, order: Order) -> Self {
        self.order = order;
        let mut body = Vec::new();
        body.extend(order.u32(0x1a2b_3c4d));
        body.extend(order.u16(1));
        body.extend(order.u16(0));
        body.extend(order.u64(u64::MAX));
        self.block(0x0a0d_0d0a, &body)
    }

    /// Without a snap length.
    #[must_use]
    pub fn interface(self, link_type: u16, options: &[Opt<'_>]) -> Self {
        self.interface_cutting(link_type, 0, options)
    }

    #[must_use]
    pub fn interface_cutting(self, link_type: u16, snap_length: u32, options: &[Opt<'_>]) -> Self {
        let order = self.order;
        let mut body = Vec::new();
        body.extend(order.u16(link_type));
        body.extend([0; 2]);
        body.extend(order.u32(snap_length));
        body.extend(self.options(options));
        self.block(1, &body)
    }

    /// An Enhanced Packet Block of a packet captured whole.
    #[must_use]
    pub fn enhanced(self, interface: u32, units: u64, data: &[u8]) -> Self {
        self.enhanced_with(interface, units, length(data), data, &[])
    }

    #[must_use]
    pub fn enhanced_with(
        self,
        interface: u32,
        units: u64,
        wire_bytes: u32,
        data: &[u8],
        options: &[Opt<'_>],
    ) -> Self {
        let order = self.order;
        let mut body = Vec::new();
        body.extend(order.u32(interface));
        self.packet(&mut body, units, wire_bytes, data);
        body.extend(self.options(options));
        self.block(6, &body)
    }

    /// A Simple Packet Block.
    #[must_use]
    pub fn simple(self, wire_bytes: u32, data: &[u8]) -> Self {
        let mut body = self.order.u32(wire_bytes).to_vec();
        body.extend(padded(data));
        self.block(3, &body)
    }

    /// An obsolete Packet Block.
    #[must_use]
    pub fn obsolete(self, interface: u16, units: u64, data: &[u8]) -> Self {
        let order = self.order;
        let mut body = Vec::new();
        body.extend(order.u16(interface));
        body.extend(order.u16(u16::MAX));
        self.packet(&mut body, units, length(data), data);
        self.block(2, &body)
    }

    /// Any block; the body is padded.
    #[must_use]
    pub fn block(self, block_type: u32, body: &[u8]) -> Self {
        let body = padded(body);
        let length = length(&body) + 12;
        self.block_saying(block_type, length, &body, length)
    }

    /// A block whose two lengths say what they like.
    #[must_use]
    pub fn block_saying(mut self, block_type: u32, first: u32, body: &[u8], last: u32) -> Self {
        self.bytes.extend(self.order.u32(block_type));
        self.bytes.extend(self.order.u32(first));
        self.bytes.extend(body);
        self.bytes.extend(self.order.u32(last));
        self
    }

    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    fn packet(&self, body: &mut Vec<u8>, units: u64, wire_bytes: u32, data: &[u8]) {
        let bytes = units.to_be_bytes();
        let half = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        for field in [half(0), half(4), length(data), wire_bytes] {
            body.extend(self.order.u32(field));
        }
        body.extend(padded(data));
    }

    #[allow(clippy::cast_possible_truncation, reason = "a test's option is short")]
    fn options(&self, options: &[Opt<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (code, value) in options {
            bytes.extend(self.order.u16(*code));
            bytes.extend(self.order.u16(value.len() as u16));
            bytes.extend(padded(value));
        }
        if !options.is_empty() {
            bytes.extend([0; 4]);
        }
        bytes
    }
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    data.resize(data.len().next_multiple_of(4), 0);
    data
}
