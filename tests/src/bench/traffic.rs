//! Large captures of what many clients do at once, made from the project's recordings:
//! again and again, a moment later each time and with other addresses.

mod bulk;
mod vary;

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use crate::{
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
        let round = match self {
            Self::Dense => recorded(),
            Self::Bulk => bulk::round(),
        };
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path).unwrap());
        file.write_all(&PCAP_HEADER).unwrap();
        let mut written = PCAP_HEADER.len();
        let mut record = Vec::new();
        for (micros, number, at) in merged(&round) {
            let mut frame = round[at].1.clone();
            vary::vary(&mut frame, number);
            record.clear();
            synth::push_record(&mut record, micros, &frame);
            file.write_all(&record).unwrap();
            written += record.len();
            if written as u64 >= bytes {
                break;
            }
        }
        file.flush().unwrap();
    }
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

/// All frames of rounds without end, in the order of time: when, of which round, and
/// which frame of it.
fn merged(round: &[Frame]) -> impl Iterator<Item = (u64, u32, usize)> {
    let begin = |number: u32| u64::from(number) * ROUND_MICROS;
    let due = move |number: u32, at: usize| Reverse((begin(number) + round[at].0, number, at));
    let mut next = BinaryHeap::from([due(0, 0)]);
    std::iter::from_fn(move || {
        let Reverse((micros, number, at)) = next.pop()?;
        if at == 0 {
            next.push(due(number + 1, 0));
        }
        if at + 1 < round.len() {
            next.push(due(number, at + 1));
        }
        Some((micros, number, at))
    })
}
