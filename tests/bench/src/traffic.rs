//! Large captures of what many clients do at once, made from the project's recordings:
//! again and again, a moment later each time and with other addresses.

mod bulk;
mod live;
mod vary;

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufWriter, Read, Write as _},
    path::Path,
};

pub use live::{asked, silent};

use weir_tests::{
    recordings,
    synth::{self, PCAP_HEADER},
};

/// Microseconds since its round began, and the bytes.
type Frame = (u64, Vec<u8>);

/// Recordings of one round: 12 packets a flow, half of the flows DNS.
const DENSE: [&str; 8] = [
    "http.pcap",
    "tls.pcap",
    "dns.pcap",
    "dns.pcap",
    "quic.pcap",
    "quic.pcap",
    "quic-versions.pcap",
    "http2.pcap",
];

/// From one round to the next: about 20 Mbit/s of dense and 30 of bulk traffic, and
/// tens of rounds under way at once, so that neighbouring packets are of different flows.
const ROUND_MICROS: u64 = 100_000;

/// Written at once.
const BUFFER_BYTES: usize = 1 << 20;

/// What a capture is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// 12 packets a flow, each protocol throughout.
    Dense,
    /// 200 packets a flow, full frames.
    Bulk,
}

impl Traffic {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Bulk => "bulk",
        }
    }

    /// Writes a pcap file of `bytes` or a frame more.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn write(self, path: &Path, bytes: u64) {
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path).unwrap());
        io::copy(&mut self.read(bytes), &mut file).unwrap();
        file.flush().unwrap();
    }

    /// The same while it is read.
    pub fn read(self, bytes: u64) -> impl Read {
        let round = match self {
            Self::Dense => recorded(),
            Self::Bulk => bulk::round(),
        };
        let mut written = PCAP_HEADER.len() as u64;
        let mut due = Due::new();
        Made::new(move |record| {
            if written >= bytes {
                return;
            }
            let (micros, number, at) = due.next(&round);
            let mut frame = round[at].1.clone();
            vary::vary(&mut frame, apart(number));
            synth::push_record(record, micros, &frame);
            written += record.len() as u64;
        })
    }
}

/// A pcap file that is made while it is read.
struct Made<F> {
    /// Writes the next records; none at the end.
    next: F,
    records: Vec<u8>,
    /// Of those, read.
    at: usize,
}

impl<F: FnMut(&mut Vec<u8>)> Made<F> {
    fn new(next: F) -> Self {
        Self {
            next,
            records: PCAP_HEADER.to_vec(),
            at: 0,
        }
    }
}

impl<F: FnMut(&mut Vec<u8>)> Read for Made<F> {
    /// Fills the buffer unless the capture ends.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            if self.at == self.records.len() {
                self.records.clear();
                self.at = 0;
                (self.next)(&mut self.records);
                if self.records.is_empty() {
                    break;
                }
            }
            let rest = &self.records[self.at..];
            let n = rest.len().min(buffer.len() - filled);
            buffer[filled..filled + n].copy_from_slice(&rest[..n]);
            self.at += n;
            filled += n;
        }
        Ok(filled)
    }
}

/// A round's number for [`vary::vary`], beside the bit that tells copies within one apart.
fn apart(number: u32) -> u32 {
    let low = (1 << vary::COPY_BIT) - 1;
    number & low | (number & !low) << 1
}

/// The recordings of a dense round, each a while after the one before.
fn recorded() -> Vec<Frame> {
    let step = ROUND_MICROS / DENSE.len() as u64;
    // The second copy of a recording would be the same flows: it is of other addresses.
    let copy = |at: usize| u32::from(DENSE[..at].contains(&DENSE[at]));
    let frames = DENSE.iter().zip(0_u64..).enumerate();
    let frames = frames.flat_map(|(at, (name, n))| {
        let records = synth::records(&recordings::bytes(name)).into_iter();
        // Not what neighbours say to find each other.
        let records = records.filter(|(_, frame)| vary::has_ports(frame));
        records.map(move |(micros, mut frame)| {
            vary::vary(&mut frame, copy(at) << vary::COPY_BIT);
            (micros + n * step, frame)
        })
    });
    let mut frames: Vec<Frame> = frames.collect();
    frames.sort_by_key(|(micros, _)| *micros);
    frames
}

/// All frames of rounds without end, in the order of time.
struct Due(BinaryHeap<Reverse<(u64, u32, usize)>>);

impl Due {
    fn new() -> Self {
        Self(BinaryHeap::new())
    }

    /// When, of which round, and which frame of it.
    fn next(&mut self, round: &[Frame]) -> (u64, u32, usize) {
        let begin = |number: u32| u64::from(number) * ROUND_MICROS;
        let due = |number: u32, at: usize| Reverse((begin(number) + round[at].0, number, at));
        let first = due(0, 0);
        let Reverse((micros, number, at)) = self.0.pop().unwrap_or(first);
        if at == 0 {
            self.0.push(due(number + 1, 0));
        }
        if at + 1 < round.len() {
            self.0.push(due(number, at + 1));
        }
        (micros, number, at)
    }
}
