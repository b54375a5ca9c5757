//! pcapng: blocks in sections (draft-ietf-opsawg-pcapng).

use std::io::{self, Read};

use pcap_parser::{
    Block, InterfaceDescriptionBlock, OptionCode, parse_block_be, parse_block_le,
    traits::PcapNGPacketBlock,
};

use super::{
    RECORD_BYTES_MAX, Step,
    blocks::BlockType,
    buffer::Window,
    clock::Clock,
    interfaces::{Interfaces, PER_SECTION_MAX},
    options,
    packets::{LENGTHS, NO_INTERFACE, OPTIONS, PACKET_HEADER_BYTES, Refused, packet, simple},
    stop,
};
use crate::record::Verdict;

/// Type and length.
const BLOCK_HEADER_BYTES: usize = 8;
/// The length again.
const BLOCK_TRAILER_BYTES: usize = 4;
/// Type, length and byte order: what tells how to read a section header.
const SECTION_START_BYTES: usize = 12;
/// A block's length is a multiple of it.
const BLOCK_ALIGNMENT: usize = 4;
const SECTION_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// What the current section header says of the blocks behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PcapNg {
    big_endian: bool,
    /// Sections begun.
    n_sections: u32,
    /// Of the block last found.
    block_type: BlockType,
}

/// How a file that starts with the type of a section header goes on.
pub(super) enum Opened {
    Section(PcapNg),
    Short,
    NoByteOrder,
}

pub(super) fn is_section(magic: [u8; 4]) -> bool {
    magic == SECTION_MAGIC
}

impl PcapNg {
    /// Looks at the start of the first section header, consuming nothing.
    pub(super) fn open<R: Read>(window: &mut Window<R>) -> io::Result<Opened> {
        if !window.need(SECTION_START_BYTES)? {
            return Ok(Opened::Short);
        }
        Ok(match big_endian(window.data()) {
            None => Opened::NoByteOrder,
            Some(big_endian) => Opened::Section(Self {
                big_endian,
                n_sections: 0,
                block_type: BlockType::SECTION,
            }),
        })
    }

    pub(super) fn block_type(&self) -> BlockType {
        self.block_type
    }

    /// The next block.
    pub(super) fn step<R: Read>(
        &mut self,
        window: &mut Window<R>,
        interfaces: &mut Interfaces,
    ) -> io::Result<Step> {
        let (block_type, n_block) = match self.frame(window)? {
            Ok(frame) => frame,
            Err(verdict) => return Ok(Step::End(verdict)),
        };
        let data = &window.data()[..n_block];
        match self.block(data, block_type, interfaces) {
            Ok(step) => Ok(step),
            Err(Refused::Corrupt(because)) => {
                Ok(Step::End(Verdict::Corrupt(stop(window, because))))
            }
            Err(Refused::TooManyInterfaces) => {
                let because = format!("a section has more than {PER_SECTION_MAX} interfaces");
                Ok(Step::End(Verdict::Limited(stop(window, because))))
            }
        }
    }

    /// Type and length of the next block, all of which is at hand.
    fn frame<R: Read>(
        &mut self,
        window: &mut Window<R>,
    ) -> io::Result<Result<(BlockType, usize), Verdict>> {
        if !window.need(BLOCK_HEADER_BYTES)? {
            return Ok(Err(match window.data().len() {
                0 => Verdict::Complete,
                _ => Verdict::Truncated(stop(window, "the file ends inside a block header")),
            }));
        }
        if window.data().starts_with(&SECTION_MAGIC) {
            if !window.need(SECTION_START_BYTES)? {
                let because = "the file ends inside a section header";
                return Ok(Err(Verdict::Truncated(stop(window, because))));
            }
            let Some(big_endian) = big_endian(window.data()) else {
                let because = "a section header has no byte order";
                return Ok(Err(Verdict::Corrupt(stop(window, because))));
            };
            self.big_endian = big_endian;
        }
        let block_type = BlockType(self.u32(window.data(), 0));
        self.block_type = block_type;
        let length = self.u32(window.data(), 4);
        let n_block = usize::try_from(length).unwrap_or(usize::MAX);
        let is_whole = n_block.is_multiple_of(BLOCK_ALIGNMENT);
        if n_block < block_type.bytes_min() || n_block > RECORD_BYTES_MAX || !is_whole {
            let because = format!("a block of type {block_type} says it has {length} bytes");
            return Ok(Err(Verdict::Corrupt(stop(window, because))));
        }
        if !window.need(n_block)? {
            let because = format!("the file ends inside a block of type {block_type}");
            return Ok(Err(Verdict::Truncated(stop(window, because))));
        }
        if self.u32(window.data(), n_block - 4) != length {
            let because = format!("the two lengths of a block of type {block_type} differ");
            return Ok(Err(Verdict::Corrupt(stop(window, because))));
        }
        Ok(Ok((block_type, n_block)))
    }

    fn block(
        &mut self,
        data: &[u8],
        block_type: BlockType,
        interfaces: &mut Interfaces,
    ) -> Result<Step, Refused> {
        match block_type {
            BlockType::SECTION
            | BlockType::INTERFACE
            | BlockType::ENHANCED
            | BlockType::SIMPLE
            | BlockType::PACKET => {}
            // Nothing in the others bears on a packet: their content is not looked at.
            _ => return Ok(Step::Other(data.len())),
        }
        let body = &data[BLOCK_HEADER_BYTES..data.len() - BLOCK_TRAILER_BYTES];
        if !options::fit(block_type, body, self.big_endian) {
            return Err(OPTIONS);
        }
        let parsed = if self.big_endian {
            parse_block_be(data)
        } else {
            parse_block_le(data)
        };
        let (_, block) = parsed.map_err(|_| LENGTHS)?;
        match block {
            Block::SectionHeader(_) => {
                interfaces.begin_section(self.n_sections);
                self.n_sections = self.n_sections.saturating_add(1);
                Ok(Step::Header(data.len()))
            }
            Block::InterfaceDescription(idb) => self.interface(&idb, data.len(), interfaces),
            Block::EnhancedPacket(epb) => {
                let interface = interfaces.get(epb.if_id).ok_or(NO_INTERFACE)?;
                let units = u64::from(epb.ts_high) << 32 | u64::from(epb.ts_low);
                let n_captured = epb.packet_data().len();
                packet(interface, Some(units), epb.origlen, n_captured, data.len())
            }
            Block::SimplePacket(spb) => simple(spb.origlen, spb.data.len(), interfaces, data.len()),
            Block::Unknown(_) => self.obsolete(data, interfaces),
            _ => Ok(Step::Other(data.len())),
        }
    }

    fn interface(
        self,
        idb: &InterfaceDescriptionBlock<'_>,
        n_block: usize,
        interfaces: &mut Interfaces,
    ) -> Result<Step, Refused> {
        let option = |code| {
            let found = idb.options.iter().find(|option| option.code == code);
            found.and_then(|option| option.as_bytes().ok())
        };
        // Not the parser's own reading, which takes every section for little-endian.
        let offset = option(OptionCode::IfTsoffset).and_then(|bytes| bytes.try_into().ok());
        let offset = offset.map_or(0, |bytes| {
            if self.big_endian {
                i64::from_be_bytes(bytes)
            } else {
                i64::from_le_bytes(bytes)
            }
        });
        let clock = Clock::new(idb.if_tsresol, offset);
        let name = option(OptionCode::IfName).unwrap_or_default();
        let link_type = u16::try_from(idb.linktype.0).unwrap_or_default();
        if interfaces.add(link_type, idb.snaplen, clock, name) {
            Ok(Step::Header(n_block))
        } else {
            Err(Refused::TooManyInterfaces)
        }
    }

    /// The obsolete Packet Block, which pcap-parser leaves to us.
    fn obsolete(self, data: &[u8], interfaces: &Interfaces) -> Result<Step, Refused> {
        let id = &data[BLOCK_HEADER_BYTES..];
        let id = if self.big_endian {
            u16::from_be_bytes([id[0], id[1]])
        } else {
            u16::from_le_bytes([id[0], id[1]])
        };
        let interface = interfaces.get(u32::from(id)).ok_or(NO_INTERFACE)?;
        let units = u64::from(self.u32(data, 12)) << 32 | u64::from(self.u32(data, 16));
        let n_captured = usize::try_from(self.u32(data, 20)).unwrap_or(usize::MAX);
        if n_captured > data.len() - PACKET_HEADER_BYTES - 4 {
            return Err(LENGTHS);
        }
        packet(
            interface,
            Some(units),
            self.u32(data, 24),
            n_captured,
            data.len(),
        )
    }

    /// At a place known to be inside the block; zero outside of it.
    fn u32(self, data: &[u8], at: usize) -> u32 {
        let Some(Ok(bytes)) = data.get(at..at + 4).map(<[u8; 4]>::try_from) else {
            return 0;
        };
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }
}

/// Of a section header.
fn big_endian(data: &[u8]) -> Option<bool> {
    let magic = data.get(8..SECTION_START_BYTES)?.try_into().ok()?;
    match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
        (BYTE_ORDER_MAGIC, _) => Some(false),
        (_, BYTE_ORDER_MAGIC) => Some(true),
        _ => None,
    }
}
