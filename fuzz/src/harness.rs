//! What is fuzzed. Each target takes any bytes and ends without a panic.
//!
//! `fuzz_targets/all.rs` lets libFuzzer choose the bytes; `tests/tests/fuzz_replay.rs` takes
//! seeds and what made a target fail before. So this file knows the core alone.

use std::{
    io::{self, Read},
    num::NonZeroUsize,
    ops::ControlFlow,
};

use analyzer_service::{
    analysis::{Event, Options, Sink, analyze},
    capture::{CaptureReader, Item, Packet},
    decode::{self, Frame},
    dissect::{Registration, Transport, table},
    filter::Filter,
    record::{Progress, Verdict},
};
use weir_capture_builder::{Order, pcap::Pcap};

use super::conversation::{GAP, dissect, step};

/// Link types that have a decoder, and one that has none.
pub const LINK_TYPES: [u16; 21] = [
    1, 0, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 192, 228, 229, 239, 258, 276,
];

/// In the byte that chooses a link type.
const ON_THREADS: u8 = 0x80;

/// Packets of one input, at most: more tell nothing new and take long.
const PACKETS_MAX: usize = 64;

/// All targets by name: files, packets, filters, and each dissector.
#[must_use]
pub fn names() -> Vec<String> {
    let fixed = [
        "pcap",
        "pcapng",
        "compressed",
        "decode",
        "packets",
        "filter",
    ];
    let fixed = fixed.into_iter().map(str::to_owned);
    fixed.chain(table().iter().map(name)).collect()
}

/// Of a dissector's target.
#[must_use]
pub fn name(row: &Registration) -> String {
    let transport = match row.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    format!("{}-{transport}", row.name)
}

/// Runs a target. False when there is none of this name.
pub fn run(target: &str, data: &[u8]) -> bool {
    match target {
        // The same code: what tells them apart is their seeds.
        "pcap" | "pcapng" | "compressed" => file(data),
        "decode" => decode(data),
        "packets" => packets(data),
        "filter" => filter(data),
        other => match table().iter().find(|row| name(row) == other) {
            Some(row) => {
                dissect(row, data);
            }
            None => return false,
        },
    }
    true
}

/// A capture file, read to its end, however its bytes come.
fn file(data: &[u8]) {
    let whole = read(data);
    let pieces = read(Pieces(data));
    assert_eq!(whole, pieces, "reads that are split otherwise");
}

/// Its packets and the bytes in them, and how it ended; none when it is no capture.
fn read(input: impl Read) -> Option<(usize, usize, Verdict)> {
    let mut reader = CaptureReader::open(input).ok()?;
    let (mut n_packets, mut n_bytes) = (0, 0);
    // Ends: every item takes bytes.
    loop {
        match reader.advance().ok()? {
            Item::End(verdict) => return Some((n_packets, n_bytes, verdict)),
            Item::Packet => {
                let packet = reader.packet().expect("a packet is there");
                n_packets += 1;
                n_bytes += packet.data.len();
            }
            Item::Header | Item::Other => {}
        }
    }
}

/// Gives 61 bytes at a time: no header's length, and none's divisor.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = buffer.len().min(self.0.len()).min(61);
        let (now, later) = self.0.split_at(n);
        buffer[..n].copy_from_slice(now);
        self.0 = later;
        Ok(n)
    }
}

/// A byte that chooses the link type, and a packet as a step: read the short way for usual ones
/// and the long way for all, down to the innermost tunnel.
fn decode(data: &[u8]) {
    let Some((link_type, mut rest)) = data.split_first() else {
        return;
    };
    let Some((head, data)) = step(&mut rest) else {
        return;
    };
    let packet = Packet {
        time: None,
        bad_time: false,
        link_type: link_type_of(*link_type),
        wire_bytes: wire_bytes(head, data),
        data,
    };
    let mut frame = Frame::default();
    decode::decode(&packet, &mut frame);
    if let Some(usual) = decode::usual(&packet) {
        assert_eq!(Frame::from(usual), frame, "read twice");
    }
    // Ends: each one lies in one encapsulation more.
    let mut depth = 0;
    while let Some(inner) = frame.inner {
        frame = decode::inner(&frame, &inner);
        depth += 1;
        assert!(depth <= decode::TUNNELS_MAX + 1, "too deep");
    }
}

/// Of the list, whatever the byte.
fn link_type_of(byte: u8) -> u16 {
    LINK_TYPES[usize::from(byte & !ON_THREADS) % LINK_TYPES.len()]
}

/// On the wire, of a packet whose end may be cut off.
fn wire_bytes(head: u16, data: &[u8]) -> u32 {
    let cut = if head & GAP == 0 { 0 } else { 100 };
    u32::try_from(data.len()).unwrap_or(u32::MAX - cut) + cut
}

/// Keeps all events.
#[derive(Default)]
struct Kept(Vec<Event>);

impl Sink for Kept {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        self.0.push(event);
        ControlFlow::Continue(())
    }

    fn poll(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// A byte that chooses the link type, then packets, each behind two bytes: twelve bits of
/// length, and whether its end was cut off. Everything is asked for, on one thread; with the
/// first bit also on two.
fn packets(data: &[u8]) {
    let Some((first, mut rest)) = data.split_first() else {
        return;
    };
    let link_type = u32::from(link_type_of(*first));
    let mut pcap = Pcap::with(Order::Little, false, link_type);
    for n in 0..PACKETS_MAX {
        let Some((head, packet)) = step(&mut rest) else {
            break;
        };
        // A second apart, so that things time out.
        let second = 1_700_000_000 + u32::try_from(n).unwrap_or(0);
        pcap = pcap.packet_of(second, 0, wire_bytes(head, packet), packet);
    }
    let capture = pcap.bytes();
    let one = analyzed(&capture, NonZeroUsize::MIN);
    if first & ON_THREADS != 0 {
        let two = analyzed(&capture, NonZeroUsize::MIN.saturating_add(1));
        assert_eq!(one, two, "on two threads");
    }
}

fn analyzed(capture: &[u8], threads: NonZeroUsize) -> Vec<Event> {
    let options = Options {
        threads,
        ..Options::default()
    };
    let mut kept = Kept::default();
    let done = analyze(capture, &options, &mut kept);
    assert!(done.is_ok(), "it is a capture");
    kept.0
}

/// A filter's text, then, behind a zero, a packet for it.
fn filter(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let packet = parts.next().unwrap_or_default();
    match Filter::parse(&text) {
        Ok(filter) => {
            let wire = u32::try_from(packet.len()).unwrap_or(u32::MAX);
            let passes = |link_type: &u16| filter.passes(*link_type, wire, packet);
            let n_passed = LINK_TYPES.iter().filter(|one| passes(one)).count();
            assert!(n_passed <= LINK_TYPES.len());
        }
        Err(error) => assert!(error.position <= text.len(), "{error}"),
    }
}
