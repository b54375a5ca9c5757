//! pcap: a 24-byte header, then records (draft-ietf-opsawg-pcap).

use std::{
    io::{self, Read},
    ops::Range,
};

use pcap_parser::{
    LegacyPcapBlock, PcapError, PcapHeader, nom, parse_pcap_frame, parse_pcap_frame_be,
    parse_pcap_header,
};

use super::{
    Meta, RECORD_BYTES_MAX, Step, buffer::Window, clock::Clock, interfaces::Interfaces, stop,
};
use crate::record::{FileFormat, Verdict};

pub(super) const HEADER_BYTES: usize = 24;
const RECORD_HEADER_BYTES: usize = 16;

/// What the file header says of the records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pcap {
    big_endian: bool,
}

/// The formats by their first four bytes.
pub(super) fn format(magic: [u8; 4]) -> Option<FileFormat> {
    match magic {
        [0xd4, 0xc3, 0xb2, 0xa1] | [0xa1, 0xb2, 0xc3, 0xd4] => Some(FileFormat::Pcap),
        [0x4d, 0x3c, 0xb2, 0xa1] | [0xa1, 0xb2, 0x3c, 0x4d] => Some(FileFormat::PcapNanosecond),
        _ => None,
    }
}

impl Pcap {
    /// Reads the file header; none when the file ends inside it.
    pub(super) fn open<R: Read>(
        window: &mut Window<R>,
        interfaces: &mut Interfaces,
    ) -> io::Result<Option<Self>> {
        if !window.need(HEADER_BYTES)? {
            return Ok(None);
        }
        let Ok((_, header)) = parse_pcap_header(window.data()) else {
            return Ok(None);
        };
        window.consume(HEADER_BYTES);
        let clock = if header.is_nanosecond_precision() {
            Clock::NANOSECONDS
        } else {
            Clock::MICROSECONDS
        };
        interfaces.add(link_type(&header), header.snaplen, clock, b"");
        Ok(Some(Self {
            big_endian: header.is_bigendian(),
        }))
    }

    /// The next record.
    #[inline(always)]
    pub(super) fn step<R: Read>(
        self,
        window: &mut Window<R>,
        interfaces: &Interfaces,
    ) -> io::Result<Step> {
        if !window.need(RECORD_HEADER_BYTES)? {
            return Ok(Step::End(match window.data().len() {
                0 => Verdict::Complete,
                _ => Verdict::Truncated(stop(window, "the file ends inside a record header")),
            }));
        }
        let n_captured = self.captured_bytes(window.data());
        if n_captured > RECORD_BYTES_MAX {
            let because = format!("a record says it has {n_captured} bytes");
            return Ok(Step::End(Verdict::Corrupt(stop(window, because))));
        }
        let n_record = RECORD_HEADER_BYTES + n_captured;
        if !window.need(n_record)? {
            let because = "the file ends inside a record";
            return Ok(Step::End(Verdict::Truncated(stop(window, because))));
        }
        match (self.parse(window.data()), interfaces.get(0)) {
            (Ok((_, record)), Some(interface)) => {
                let stamp = interface.clock.stamp_parts(record.ts_sec, record.ts_usec);
                let meta = Meta {
                    time: stamp.time,
                    timed: true,
                    bad_time: stamp.bad,
                    link_type: interface.link_type,
                    listed: interface.listed,
                    wire_bytes: record.origlen,
                };
                let data = RECORD_HEADER_BYTES..n_record;
                Ok(Step::Packet(meta, data, n_record))
            }
            _ => Ok(Step::End(Verdict::Corrupt(stop(
                window,
                "a record cannot be read",
            )))),
        }
    }

    fn captured_bytes(self, header: &[u8]) -> usize {
        let Some(Ok(bytes)) = header.get(CAPTURED_AT).map(<[u8; 4]>::try_from) else {
            return 0;
        };
        let n_bytes = if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        };
        usize::try_from(n_bytes).unwrap_or(usize::MAX)
    }

    fn parse(self, data: &[u8]) -> nom::IResult<&[u8], LegacyPcapBlock<'_>, PcapError<&[u8]>> {
        if self.big_endian {
            parse_pcap_frame_be(data)
        } else {
            parse_pcap_frame(data)
        }
    }
}

const CAPTURED_AT: Range<usize> = 8..12;

/// The lower half of the field; the upper one is about frame check sequences.
fn link_type(header: &PcapHeader) -> u16 {
    let [low, high, ..] = header.network.0.to_le_bytes();
    u16::from_le_bytes([low, high])
}
