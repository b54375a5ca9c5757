//! pcap files.

use crate::{Order, length, link_type};

/// A pcap file in the making.
#[derive(Clone, Debug)]
pub struct Pcap {
    order: Order,
    bytes: Vec<u8>,
}

impl Pcap {
    /// Microseconds and Ethernet.
    #[must_use]
    pub fn new(order: Order) -> Self {
        Self::with(order, false, u32::from(link_type::ETHERNET))
    }

    /// `nanoseconds` or microseconds; the whole field of the link type.
    #[must_use]
    pub fn with(order: Order, nanoseconds: bool, link_type: u32) -> Self {
        let magic = if nanoseconds {
            0xa1b2_3c4d
        } else {
            0xa1b2_c3d4
        };
        let mut bytes = Vec::new();
        bytes.extend(order.u32(magic));
        bytes.extend(order.u16(2));
        bytes.extend(order.u16(4));
        bytes.extend([0; 8]);
        bytes.extend(order.u32(262_144));
        bytes.extend(order.u32(link_type));
        Self { order, bytes }
    }

    /// A packet captured whole.
    #[must_use]
    pub fn packet(self, seconds: u32, sub_seconds: u32, data: &[u8]) -> Self {
        let wire_bytes = length(data);
        self.packet_of(seconds, sub_seconds, wire_bytes, data)
    }

    /// A packet that had `wire_bytes` on the wire, of which `data` was captured.
    #[must_use]
    pub fn packet_of(self, seconds: u32, sub_seconds: u32, wire_bytes: u32, data: &[u8]) -> Self {
        let captured = length(data);
        self.record([seconds, sub_seconds, captured, wire_bytes], data)
    }

    /// A record whose header says what it likes.
    #[must_use]
    pub fn record(mut self, header: [u32; 4], data: &[u8]) -> Self {
        for field in header {
            self.bytes.extend(self.order.u32(field));
        }
        self.bytes.extend(data);
        self
    }

    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}
