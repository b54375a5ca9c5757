//! Builds captures for tests, byte by byte: pcap and pcapng of any byte order, and the
//! frames in them, whole or damaged. Depends on nothing, least of all on what it tests.
//!
//! ```
//! use weir_capture_builder::{Order, frame, pcap::Pcap};
//!
//! let query = frame::udp([10, 0, 0, 1], [10, 0, 0, 2], (4_000, 53), b"?");
//! let capture = Pcap::new(Order::Little).packet(1_700_000_000, 0, &frame::ethernet(&query));
//! assert_eq!(capture.bytes().len(), 24 + 16 + 14 + 20 + 8 + 1);
//! ```

pub mod frame;
pub mod pcap;
pub mod pcapng;
pub mod sample;
pub mod tunnel;

/// Byte order of a file or section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    #[must_use]
    pub fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    #[must_use]
    pub fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    #[must_use]
    pub fn u64(self, value: u64) -> [u8; 8] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// LINKTYPE_ values.
pub mod link_type {
    pub const NULL: u16 = 0;
    pub const ETHERNET: u16 = 1;
    pub const PPP: u16 = 9;
    pub const PPP_HDLC: u16 = 50;
    pub const RAW: u16 = 101;
    pub const CISCO_HDLC: u16 = 104;
    pub const IEEE802_11: u16 = 105;
    pub const LOOP: u16 = 108;
    pub const LINUX_SLL: u16 = 113;
    pub const IEEE802_11_RADIOTAP: u16 = 127;
    pub const PPI: u16 = 192;
    pub const IPV4: u16 = 228;
    pub const IPV6: u16 = 229;
    pub const NFLOG: u16 = 239;
    pub const PKTAP: u16 = 258;
    pub const LINUX_SLL2: u16 = 276;
}

/// A length as the formats have it.
///
/// # Panics
/// Above 4 GiB.
#[allow(clippy::cast_possible_truncation, reason = "checked")]
fn length(bytes: &[u8]) -> u32 {
    assert!(bytes.len() <= u32::MAX as usize, "a test's packet is small");
    bytes.len() as u32
}
