//! pcap: a 24-byte header, then records (draft-ietf-opsawg-pcap).

use std::io::{self, Read};

use pcap_parser::{PcapHeader, parse_pcap_header};

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
        let header = window.data().first_chunk().copied().unwrap_or_default();
        let [seconds, part, captured, wire_bytes] = self.fields(header);
        let n_captured = usize::try_from(captured).unwrap_or(usize::MAX);
        if n_captured > RECORD_BYTES_MAX {
            let because = format!("a record says it has {n_captured} bytes");
            return Ok(Step::End(Verdict::Corrupt(stop(window, because))));
        }
        let n_record = RECORD_HEADER_BYTES + n_captured;
        if !window.need(n_record)? {
            let because = "the file ends inside a record";
            return Ok(Step::End(Verdict::Truncated(stop(window, because))));
        }
        let Some(interface) = interfaces.get(0) else {
            let because = "a record cannot be read";
            return Ok(Step::End(Verdict::Corrupt(stop(window, because))));
        };
        let stamp = interface.clock.stamp_parts(seconds, part);
        let meta = Meta {
            time: stamp.time,
            timed: true,
            bad_time: stamp.bad,
            link_type: interface.link_type,
            listed: interface.listed,
            wire_bytes,
        };
        let data = RECORD_HEADER_BYTES..n_record;
        Ok(Step::Packet(meta, data, n_record))
    }

    /// Of a record's header: seconds, their part, bytes captured and on the wire. pcap-parser
    /// reads the same four numbers, after the length of what is at hand.
    fn fields(self, header: [u8; RECORD_HEADER_BYTES]) -> [u32; 4] {
        let (words, _) = header.as_chunks();
        let mut fields = [0; 4];
        for (field, word) in fields.iter_mut().zip(words) {
            *field = if self.big_endian {
                u32::from_be_bytes(*word)
            } else {
                u32::from_le_bytes(*word)
            };
        }
        fields
    }
}

/// The lower half of the field; the upper one is about frame check sequences.
fn link_type(header: &PcapHeader) -> u16 {
    let [low, high, ..] = header.network.0.to_le_bytes();
    u16::from_le_bytes([low, high])
}
