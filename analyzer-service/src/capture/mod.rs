//! Capture files: packets out of any [`Read`], one after the other, without a copy.
//!
//! Damage ends the reading with a [`Verdict`]; what came before it stands. Nothing
//! is ever resynchronised: a wrong guess would invent packets.

mod at_hand;
mod blocks;
mod buffer;
mod clock;
mod compressed;
mod interfaces;
mod options;
mod packets;
mod pcap;
mod pcapng;

use std::{
    collections::BTreeMap,
    io::{self, Read},
    ops::Range,
};

pub use self::compressed::{DECOMPRESSED_BYTES_MAX, EXPANSION_FREE_BYTES, EXPANSION_MAX, Failure};
use self::{
    blocks::BlockCounts,
    buffer::Window,
    compressed::Decompressed,
    interfaces::Interfaces,
    packets::{Meta, Step},
    pcap::Pcap,
    pcapng::{Opened, PcapNg},
};
use crate::filter::Filter;
use crate::record::{Compression, FileFormat, Interface, Stop, Time, Verdict};

/// Data of a pcap record, or a whole pcapng block. Far above any snap length;
/// Wireshark has the same limit for blocks.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// One packet as the file has it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Absent in Simple Packet Blocks.
    pub time: Option<Time>,
    /// The file says a time that cannot be; `time` is the nearest that can.
    pub bad_time: bool,
    /// LINKTYPE_ value.
    pub link_type: u16,
    /// Length it had on the wire; some files say less than was captured.
    pub wire_bytes: u32,
    /// What was captured, without padding.
    pub data: &'a [u8],
}

/// What comes next in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A section header or an interface: no packet can come before them.
    Header,
    /// [`CaptureReader::packet`] has it.
    Packet,
    /// A block without a packet.
    Other,
    /// Nothing more is read.
    End(Verdict),
}

/// Why there is nothing to read at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("not a pcap or pcapng file")]
    NotACapture,
    /// Not even the first bytes of what is compressed can be had.
    #[error("not a pcap or pcapng file, as far as it can be decompressed: {0}")]
    Compressed(Failure),
    #[error("read the capture")]
    Read(#[source] io::Error),
}

/// Reads one capture file.
#[derive(Debug)]
pub struct CaptureReader<R: Read> {
    window: Window<Decompressed<R>>,
    format: FileFormat,
    state: State,
    interfaces: Interfaces,
    blocks: BlockCounts,
    /// Bytes of the item last handed out.
    n_item: usize,
    current: Option<(Meta, Range<usize>)>,
    packets_left: u64,
    filter: Option<Filter>,
    /// Read, whether they passed or not.
    n_packets: u64,
}

#[derive(Debug)]
enum State {
    Pcap(Pcap),
    PcapNg(PcapNg),
    End(Verdict),
}

impl<R: Read> CaptureReader<R> {
    /// Reads as far as it takes to know the format.
    ///
    /// # Errors
    /// [`OpenError::NotACapture`] for no known magic; the input's own error.
    pub fn open(input: R) -> Result<Self, OpenError> {
        let input = Decompressed::new(input).map_err(OpenError::Read)?;
        let mut window = Window::new(input);
        if !window.need(4).map_err(OpenError::Read)? {
            return Err(match window.input().failure() {
                Some(failure) => OpenError::Compressed(failure.clone()),
                None => OpenError::NotACapture,
            });
        }
        let magic = window.data().first_chunk().copied().unwrap_or_default();
        let mut interfaces = Interfaces::default();
        let (format, state) = if pcapng::is_section(magic) {
            let opened = PcapNg::open(&mut window).map_err(OpenError::Read)?;
            let state = match opened {
                Opened::Section(section) => State::PcapNg(section),
                Opened::Short => short(&window),
                Opened::NoByteOrder => return Err(OpenError::NotACapture),
            };
            (FileFormat::PcapNg, state)
        } else {
            let format = pcap::format(magic).ok_or(OpenError::NotACapture)?;
            let opened = Pcap::open(&mut window, &mut interfaces).map_err(OpenError::Read)?;
            (format, opened.map_or_else(|| short(&window), State::Pcap))
        };
        Ok(Self {
            window,
            format,
            state,
            interfaces,
            blocks: BlockCounts::default(),
            n_item: 0,
            current: None,
            packets_left: u64::MAX,
            filter: None,
            n_packets: 0,
        })
    }

    /// Passes over the packets that do not pass this filter.
    pub fn filter(&mut self, filter: Filter) {
        self.filter = Some(filter);
    }

    /// Ends with [`Verdict::Limited`] in front of the packet after so many, of those that
    /// pass the filter.
    pub fn limit_packets(&mut self, n_packets: u64) {
        self.packets_left = n_packets;
    }

    /// Goes on to the next item. After [`Item::End`] there is nothing but that.
    ///
    /// # Errors
    /// The input's own.
    pub fn advance(&mut self) -> io::Result<Item> {
        self.current = None;
        self.window.consume(std::mem::take(&mut self.n_item));
        let step = match &mut self.state {
            State::Pcap(pcap) => pcap.step(&mut self.window, &self.interfaces)?,
            State::PcapNg(pcapng) => pcapng.step(&mut self.window, &mut self.interfaces)?,
            State::End(verdict) => Step::End(verdict.clone()),
        };
        let (item, n_item) = match self.filtered(step) {
            Step::Packet(..) if self.packets_left == 0 => {
                let verdict = Verdict::Limited(stop(&self.window, "the packet limit"));
                (Item::End(verdict), 0)
            }
            Step::Packet(meta, data, n_bytes) => {
                self.packets_left -= 1;
                self.interfaces.count_packet(meta.listed);
                self.current = Some((meta, data));
                (Item::Packet, n_bytes)
            }
            Step::Header(n_bytes) => (Item::Header, n_bytes),
            Step::Other(n_bytes) => (Item::Other, n_bytes),
            Step::End(verdict) => {
                let at_byte = self.window.offset();
                (Item::End(self.window.input().judge(verdict, at_byte)), 0)
            }
        };
        self.n_item = n_item;
        match (&item, &self.state) {
            (Item::End(verdict), _) => self.state = State::End(verdict.clone()),
            (_, State::PcapNg(pcapng)) => self.blocks.count(pcapng.block_type()),
            _ => {}
        }
        Ok(item)
    }

    fn filtered(&mut self, step: Step) -> Step {
        let Step::Packet(meta, data, n_bytes) = step else {
            return step;
        };
        self.n_packets += 1;
        let bytes = self.window.data().get(data.clone()).unwrap_or_default();
        match &self.filter {
            Some(filter) if !filter.passes(meta.link_type, meta.wire_bytes, bytes) => {
                Step::Other(n_bytes)
            }
            _ => Step::Packet(meta, data, n_bytes),
        }
    }

    /// After [`Item::Packet`], its number in the capture, from 1; those that did not pass
    /// the filter count too.
    #[must_use]
    pub fn packet_number(&self) -> u64 {
        self.n_packets
    }

    /// After [`Item::Packet`], the packet.
    #[must_use]
    pub fn packet(&self) -> Option<Packet<'_>> {
        let (meta, data) = self.current.as_ref()?;
        Some(Packet {
            time: meta.timed.then_some(meta.time),
            bad_time: meta.bad_time,
            link_type: meta.link_type,
            wire_bytes: meta.wire_bytes,
            data: self.window.data().get(data.clone())?,
        })
    }

    /// Reads less at once of a capture that is not compressed: for who has done with a buffer before
    /// the next one comes. Of a compressed one, reads are what its progress goes by.
    pub fn read_short(&mut self) {
        if self.compression() == Compression::None {
            self.window.read_short();
        }
    }

    #[must_use]
    pub fn compression(&self) -> Compression {
        self.window.input().compression()
    }

    /// Bytes of a compressed file that were read.
    #[must_use]
    pub fn compressed_bytes(&self) -> Option<u64> {
        let input = self.window.input();
        (input.compression() != Compression::None).then(|| input.stored_bytes())
    }

    #[must_use]
    pub fn format(&self) -> FileFormat {
        self.format
    }

    /// Those described so far, with the packets of each; the first thousand or so.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        self.interfaces.listed()
    }

    /// Of pcapng, by name.
    #[must_use]
    pub fn blocks_by_type(&self) -> BTreeMap<String, u64> {
        self.blocks.by_name()
    }

    /// Where the next item starts, in the decompressed capture.
    #[must_use]
    pub fn next_offset(&self) -> u64 {
        self.window.offset() + self.n_item as u64
    }
}

fn short<R: Read>(window: &Window<R>) -> State {
    State::End(Verdict::Truncated(stop(
        window,
        "the file ends inside its header",
    )))
}

fn stop<R: Read>(window: &Window<R>, because: impl Into<String>) -> Stop {
    Stop {
        at_byte: window.offset(),
        because: because.into(),
    }
}

#[cfg(test)]
mod tests;
