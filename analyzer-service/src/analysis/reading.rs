//! The front half of an analysis: packets out of a capture, decoded, in blocks that another
//! thread may work on while the next one is read.

use std::{
    io::{self, Read},
    ops::Range,
};

use super::POLL_BYTES;
use crate::{
    capture::{CaptureReader, Item, Packet},
    decode::{self, Frame, Plain},
    record::{CaptureInfo, Interface, Time, Verdict},
    summary::Traffic,
};

/// Reads, and counts what needs no flow.
pub(super) struct Reading<R: Read> {
    pub(super) reader: CaptureReader<R>,
    pub(super) traffic: Traffic,
    info: Info,
    /// Once the capture is over.
    pub(super) verdict: Option<Verdict>,
}

#[derive(Clone, Debug, PartialEq)]
enum Info {
    /// The interfaces of a pcapng file come right behind its header: wait for them.
    ToCome,
    Due(CaptureInfo),
    Taken,
}

/// What was read at once, as the capture has it, and what there is in it.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Taken from a compressed file when this was read.
    stored_bytes: Option<u64>,
    /// The capture is over behind it.
    pub(super) is_last: bool,
}

/// An item of the capture.
#[derive(Debug)]
struct Entry {
    /// Where the next one begins, in the decompressed capture.
    next_offset: u64,
    packet: Option<Entered>,
}

#[derive(Debug)]
struct Entered {
    /// In the capture.
    number: u64,
    time: Option<Time>,
    bad_time: bool,
    link_type: u16,
    wire_bytes: u32,
    data: Range<usize>,
    /// What its headers say, unless it is an odd one.
    plain: Option<Plain>,
}

/// An item for whoever works on the block.
pub(super) struct Worked<'b> {
    pub(super) next_offset: u64,
    /// Bytes of the file that were done with.
    pub(super) stored_bytes: u64,
    /// With its number in the capture and its headers.
    pub(super) packet: Option<(Packet<'b>, u64, Option<&'b Plain>)>,
}

impl<R: Read> Reading<R> {
    pub(super) fn new(reader: CaptureReader<R>) -> Self {
        Self {
            reader,
            traffic: Traffic::default(),
            info: Info::ToCome,
            verdict: None,
        }
    }

    /// The next block, in the place of one that is done with.
    pub(super) fn next(&mut self, mut block: Block) -> io::Result<Block> {
        block.entries.clear();
        // What comes first may have to be read.
        let mut item = Some(self.reader.advance()?);
        block.stored_bytes = self.reader.compressed_bytes();
        while let Some(next) = item {
            self.tell(&next);
            if let Item::End(verdict) = next {
                self.verdict = Some(verdict);
                block.is_last = true;
                break;
            }
            block.entries.push(self.entry());
            item = self.reader.advance_at_hand()?;
        }
        block.bytes = self.reader.take_buffer(block.bytes);
        Ok(block)
    }

    /// What is known of the capture in front of its first packet; once.
    pub(super) fn info(&mut self) -> Option<CaptureInfo> {
        match std::mem::replace(&mut self.info, Info::Taken) {
            Info::Due(info) => Some(info),
            other => {
                self.info = other;
                None
            }
        }
    }

    fn tell(&mut self, item: &Item) {
        // However long the headers are, it comes when records may.
        let waits = *item == Item::Header && self.reader.next_offset() < POLL_BYTES;
        if self.info != Info::ToCome || waits {
            return;
        }
        // Packets are counted in the summary only.
        let interfaces = self.reader.interfaces().iter().cloned();
        let interfaces = interfaces.map(|interface| Interface {
            packets: 0,
            ..interface
        });
        self.info = Info::Due(CaptureInfo {
            format: self.reader.format(),
            compression: self.reader.compression(),
            interfaces: interfaces.collect(),
        });
    }

    /// The current item.
    #[inline]
    fn entry(&mut self) -> Entry {
        let next_offset = self.reader.next_offset();
        let Some((packet, data)) = self.reader.packet_in_buffer() else {
            return Entry {
                next_offset,
                packet: None,
            };
        };
        let plain = decode::usual(&packet).or_else(|| odd(&packet, &mut self.traffic));
        if let Some(plain) = &plain {
            self.traffic.packet(&packet, Some(plain.ends()));
        }
        Entry {
            next_offset,
            packet: Some(Entered {
                number: self.reader.packet_number(),
                time: packet.time,
                bad_time: packet.bad_time,
                link_type: packet.link_type,
                wire_bytes: packet.wire_bytes,
                data,
                plain,
            }),
        }
    }
}

/// A packet that takes a walk through its layers. One that is not even plain then is counted.
#[cold]
fn odd(packet: &Packet<'_>, traffic: &mut Traffic) -> Option<Plain> {
    let mut frame = Frame::default();
    decode::decode(packet, &mut frame);
    let plain = Plain::of(&frame, packet.data);
    if plain.is_none() {
        let ends = frame.ip.as_ref().map(|ip| (ip.source, ip.target));
        traffic.packet(packet, ends);
    }
    plain
}

impl Block {
    /// What it holds in memory, bytes of the capture.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What there is in it, in order.
    pub(super) fn items(&self) -> impl Iterator<Item = Worked<'_>> {
        self.entries.iter().map(|entry| Worked {
            next_offset: entry.next_offset,
            stored_bytes: self.stored_bytes.unwrap_or(entry.next_offset),
            packet: entry.packet.as_ref().map(|packet| {
                let data = self.bytes.get(packet.data.clone()).unwrap_or_default();
                let plain = packet.plain.as_ref();
                (packet.packet(data), packet.number, plain)
            }),
        })
    }
}

impl Entered {
    fn packet<'b>(&self, data: &'b [u8]) -> Packet<'b> {
        Packet {
            time: self.time,
            bad_time: self.bad_time,
            link_type: self.link_type,
            wire_bytes: self.wire_bytes,
            data,
        }
    }
}
