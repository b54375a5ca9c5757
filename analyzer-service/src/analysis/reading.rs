//! The front half of an analysis: packets out of a capture, decoded, in blocks that another
//! thread may work on while the next one is read.

use std::{
    io::{self, Read},
    ops::Range,
};

use super::POLL_BYTES;
use crate::{
    capture::{CaptureReader, Item, Packet},
    decode::{self, ChecksumErrors, Frame, Plain},
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
    /// Of the entries that have such headers.
    plains: Vec<Plain>,
    /// Taken from a compressed file when this was read.
    stored_bytes: Option<u64>,
    /// The capture is over behind it.
    pub(super) is_last: bool,
}

/// An item of the capture. One for each packet goes from thread to thread: no larger than a
/// cache line.
#[derive(Debug)]
struct Entry {
    /// Of no meaning without `has_time`.
    time: Time,
    has_time: bool,
    bad_time: bool,
    link_type: u16,
    wire_bytes: u32,
    /// Where the packet is in the block's bytes, which are 32 MiB at most.
    data: Range<u32>,
    /// Of the packet in the capture.
    number: u64,
    /// Where the next one begins, in the decompressed capture.
    next_offset: u64,
    headers: Headers,
}

const _: () = assert!(size_of::<Entry>() == 64);

/// What is known of an item's headers.
#[derive(Clone, Copy, Debug)]
enum Headers {
    /// It is no packet.
    None,
    /// As `decode::usual` says.
    Usual(ChecksumErrors),
    /// Its place among the block's.
    Plain(u32),
    /// They take a walk through its layers.
    Odd,
}

/// An item for whoever works on the block.
pub(super) struct Worked<'b> {
    pub(super) next_offset: u64,
    /// Bytes of the file that were done with.
    pub(super) stored_bytes: u64,
    pub(super) packet: Option<Taken<'b>>,
}

/// A packet out of a block.
pub(super) struct Taken<'b> {
    pub(super) packet: Packet<'b>,
    /// In the capture.
    pub(super) number: u64,
    headers: Headers,
    plains: &'b [Plain],
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
        block.plains.clear();
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
            let entry = self.entry(&mut block.plains);
            block.entries.push(entry);
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
    fn entry(&mut self, plains: &mut Vec<Plain>) -> Entry {
        let next_offset = self.reader.next_offset();
        let Some((packet, data)) = self.reader.packet_in_buffer() else {
            return Entry {
                time: Time::default(),
                has_time: false,
                bad_time: false,
                link_type: 0,
                wire_bytes: 0,
                data: 0..0,
                number: 0,
                next_offset,
                headers: Headers::None,
            };
        };
        let headers = match decode::usual(&packet) {
            Some(usual) => {
                self.traffic.packet(&packet, Some(usual.ends));
                Headers::Usual(usual.checksum_errors)
            }
            None => odd(&packet, &mut self.traffic, plains),
        };
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Entry {
            time: packet.time.unwrap_or_default(),
            has_time: packet.time.is_some(),
            bad_time: packet.bad_time,
            link_type: packet.link_type,
            wire_bytes: packet.wire_bytes,
            data: place(data.start)..place(data.end),
            number: self.reader.packet_number(),
            next_offset,
            headers,
        }
    }
}

/// A packet that takes a walk through its layers: what is kept of it when it turns out plain.
#[cold]
fn odd(packet: &Packet<'_>, traffic: &mut Traffic, plains: &mut Vec<Plain>) -> Headers {
    let mut frame = Frame::default();
    decode::decode(packet, &mut frame);
    let ends = frame.ip.as_ref().map(|ip| (ip.source, ip.target));
    traffic.packet(packet, ends);
    let place = u32::try_from(plains.len()).ok();
    match (place, Plain::of(&frame, packet.data)) {
        (Some(place), Some(plain)) => {
            plains.push(plain);
            Headers::Plain(place)
        }
        _ => Headers::Odd,
    }
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
            packet: self.packet(entry),
        })
    }

    fn packet(&self, entry: &Entry) -> Option<Taken<'_>> {
        if matches!(entry.headers, Headers::None) {
            return None;
        }
        let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let data = place(entry.data.start)..place(entry.data.end);
        Some(Taken {
            packet: Packet {
                time: entry.has_time.then_some(entry.time),
                bad_time: entry.bad_time,
                link_type: entry.link_type,
                wire_bytes: entry.wire_bytes,
                data: self.bytes.get(data).unwrap_or_default(),
            },
            number: entry.number,
            headers: entry.headers,
            plains: &self.plains,
        })
    }
}

impl<'b> Taken<'b> {
    /// Writes what its headers say into a frame that is a default.
    #[inline]
    pub(super) fn decode(&self, frame: &mut Frame<'b>) {
        let data = self.packet.data;
        match self.headers {
            Headers::Usual(errors) => return decode::restore_usual(data, errors, frame),
            Headers::Plain(place) => {
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                if let Some(plain) = self.plains.get(place) {
                    return plain.restore(data, frame);
                }
            }
            Headers::None | Headers::Odd => {}
        }
        decode::decode(&self.packet, frame);
    }
}
