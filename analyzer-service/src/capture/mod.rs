//! Capture files: packets out of any [`Read`], one after the other, without a copy.
//!
//! Damage ends the reading with a [`Verdict`]; what came before it stands. Nothing
//! is ever resynchronised: a wrong guess would invent packets.

mod blocks;
mod buffer;
mod clock;
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

use self::{
    blocks::BlockCounts,
    buffer::Window,
    interfaces::{Interfaces, Listed},
    pcap::Pcap,
    pcapng::{Opened, PcapNg},
};
use crate::record::{FileFormat, Interface, Stop, Time, Verdict};

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
    #[error("read the capture")]
    Read(#[source] io::Error),
}

/// Reads one capture file.
#[derive(Debug)]
pub struct CaptureReader<R> {
    window: Window<R>,
    format: FileFormat,
    state: State,
    interfaces: Interfaces,
    blocks: BlockCounts,
    /// Bytes of the item last handed out.
    n_item: usize,
    current: Option<(Meta, Range<usize>)>,
    packets_left: u64,
}

#[derive(Debug)]
enum State {
    Pcap(Pcap),
    PcapNg(PcapNg),
    End(Verdict),
}

/// What a format found in front of the window.
enum Step {
    /// With the place of its data and the length of its record.
    Packet(Meta, Range<usize>, usize),
    Header(usize),
    Other(usize),
    End(Verdict),
}

#[derive(Clone, Copy, Debug)]
struct Meta {
    time: Time,
    /// Without it there is no time.
    timed: bool,
    bad_time: bool,
    link_type: u16,
    listed: Option<Listed>,
    wire_bytes: u32,
}

impl<R: Read> CaptureReader<R> {
    /// Reads as far as it takes to know the format.
    ///
    /// # Errors
    /// [`OpenError::NotACapture`] for no known magic; the input's own error.
    pub fn open(input: R) -> Result<Self, OpenError> {
        let mut window = Window::new(input);
        if !window.need(4).map_err(OpenError::Read)? {
            return Err(OpenError::NotACapture);
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
        })
    }

    /// Ends with [`Verdict::Limited`] in front of the packet after so many.
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
        let (item, n_item) = match step {
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
            Step::End(verdict) => (Item::End(verdict), 0),
        };
        self.n_item = n_item;
        match (&item, &self.state) {
            (Item::End(verdict), _) => self.state = State::End(verdict.clone()),
            (_, State::PcapNg(pcapng)) => self.blocks.count(pcapng.block_type()),
            _ => {}
        }
        Ok(item)
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

    /// Where the next item starts.
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
