//! Types of pcapng blocks, and how many of each there were.

use std::{collections::BTreeMap, fmt};

/// Different unnamed types counted one by one; a file can have 2^32.
const UNNAMED_MAX: usize = 1_024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockType(pub(super) u32);

impl BlockType {
    pub(super) const SECTION: Self = Self(0x0a0d_0d0a);
    pub(super) const INTERFACE: Self = Self(1);
    /// Obsolete.
    pub(super) const PACKET: Self = Self(2);
    pub(super) const SIMPLE: Self = Self(3);
    pub(super) const NAMES: Self = Self(4);
    pub(super) const STATISTICS: Self = Self(5);
    pub(super) const ENHANCED: Self = Self(6);
    pub(super) const CUSTOM: Self = Self(0x0bad);
    pub(super) const CUSTOM_NO_COPY: Self = Self(0x4000_0bad);

    const NAMED: [(Self, &str); 9] = [
        (Self::ENHANCED, "EPB"),
        (Self::SIMPLE, "SPB"),
        (Self::PACKET, "PB"),
        (Self::SECTION, "SHB"),
        (Self::INTERFACE, "IDB"),
        (Self::NAMES, "NRB"),
        (Self::STATISTICS, "ISB"),
        (Self::CUSTOM, "CB"),
        (Self::CUSTOM_NO_COPY, "DCB"),
    ];

    /// Shortest that one of this type can be.
    pub(super) fn bytes_min(self) -> usize {
        match self {
            Self::SECTION => 28,
            Self::INTERFACE => 20,
            Self::PACKET | Self::ENHANCED => 32,
            Self::SIMPLE => 16,
            _ => 12,
        }
    }
}

impl fmt::Display for BlockType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMED.iter().find(|(named, _)| named == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct BlockCounts {
    named: [u64; BlockType::NAMED.len()],
    unnamed: BTreeMap<u32, u64>,
    other: u64,
}

impl BlockCounts {
    pub(super) fn count(&mut self, block_type: BlockType) {
        let named = BlockType::NAMED
            .iter()
            .position(|(named, _)| *named == block_type);
        if let Some(at) = named {
            self.named[at] += 1;
        } else if self.unnamed.len() < UNNAMED_MAX || self.unnamed.contains_key(&block_type.0) {
            *self.unnamed.entry(block_type.0).or_default() += 1;
        } else {
            self.other += 1;
        }
    }

    /// By name, or by number ("0x0000000a") for a type without one; "other" for those
    /// beyond the bound.
    pub(super) fn by_name(&self) -> BTreeMap<String, u64> {
        let named = BlockType::NAMED.iter().zip(self.named);
        let named = named.map(|((block_type, _), n)| (block_type.to_string(), n));
        let unnamed = self
            .unnamed
            .iter()
            .map(|(t, n)| (BlockType(*t).to_string(), *n));
        let other = [("other".to_owned(), self.other)];
        let all = named.chain(unnamed).chain(other);
        all.filter(|(_, n)| *n > 0).collect()
    }
}
