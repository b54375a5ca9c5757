//! What is fuzzed. Each target takes any bytes and ends without a panic.
//!
//! `fuzz_targets/all.rs` lets libFuzzer choose the bytes; `tests/tests/fuzz_replay.rs` takes
//! seeds and what made a target fail before. So this file knows the core alone.

use std::{
    io::{self, Read},
    net::Ipv4Addr,
    ops::ControlFlow,
};

use analyzer_service::{
    analysis::{Event, Options, Sink, analyze},
    capture::{CaptureReader, Item},
    dissect::{
        AppSlot, Context, Direction, Dissectors, Output, Registration, Segment, TcpFlags,
        Transport, table,
    },
    filter::Filter,
    record::{Endpoint, FlowRef, Progress, Time, Verdict},
};
use weir_capture_builder::{Order, pcap::Pcap};

/// Link types that have a decoder, and one that has none.
pub const LINK_TYPES: [u16; 21] = [
    1, 0, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 192, 228, 229, 239, 258, 276,
];

/// Bytes of a step's payload, at most: of 12 bits.
pub const STEP_BYTES_MAX: usize = 0xfff;

/// What else the head of a step says.
const TO_CLIENT: u16 = 1 << 12;
/// The bytes are lost, not sent.
const GAP: u16 = 1 << 13;
const FIN: u16 = 1 << 14;
const TWICE: u16 = 1 << 15;

/// Packets of one input, at most: more tell nothing new and take long.
const PACKETS_MAX: usize = 64;

/// All targets by name: files, packets, filters, and each dissector.
#[must_use]
pub fn names() -> Vec<String> {
    let fixed = ["pcap", "pcapng", "compressed", "packets", "filter"];
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

/// Goes on to the end.
struct Ignore;

impl Sink for Ignore {
    fn event(&mut self, _: Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn poll(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// A byte that chooses the link type, then packets, each behind two bytes: twelve bits of
/// length, and whether its end was cut off. Everything is asked for.
fn packets(data: &[u8]) {
    let Some((link_type, mut rest)) = data.split_first() else {
        return;
    };
    let link_type = LINK_TYPES[usize::from(*link_type) % LINK_TYPES.len()];
    let mut pcap = Pcap::with(Order::Little, false, u32::from(link_type));
    for n in 0..PACKETS_MAX {
        let Some((head, packet)) = step(&mut rest) else {
            break;
        };
        let cut = if head & GAP == 0 { 0 } else { 100 };
        let wire = u32::try_from(packet.len()).unwrap_or(0) + cut;
        // A second apart, so that things time out.
        let second = 1_700_000_000 + u32::try_from(n).unwrap_or(0);
        pcap = pcap.packet_of(second, 0, wire, packet);
    }
    let done = analyze(pcap.bytes().as_slice(), &Options::default(), &mut Ignore);
    assert!(done.is_ok(), "it is a capture");
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

/// Steps of one conversation, each behind two bytes: twelve bits of length and what happens.
/// Answers whether the dissector took it for its own.
pub fn dissect(row: &'static Registration, data: &[u8]) -> bool {
    let mut dissectors = Dissectors::alone(row);
    let mut out = Output::default();
    let mut slot = AppSlot::default();
    let flow = flow(row);
    let mut next = [u32::MAX - 100, 7];
    let mut rest = data;
    let mut number = 0;
    while let Some((head, payload)) = step(&mut rest) {
        number += 1;
        let direction = match head & TO_CLIENT {
            0 => Direction::ToServer,
            _ => Direction::ToClient,
        };
        let context = Context {
            time: Time(i128::from(number) * 1_000_000),
            packet_number: number,
            flow: &flow,
            direction,
        };
        let times = if head & TWICE == 0 { 1 } else { 2 };
        for _ in 0..times {
            if row.transport == Transport::Udp {
                dissectors.datagram(&mut slot, &context, payload, &mut out);
            } else {
                let seq = &mut next[usize::from(head & TO_CLIENT != 0)];
                let segment = Segment {
                    seq: *seq,
                    flags: TcpFlags {
                        fin: head & FIN != 0,
                        ..TcpFlags::default()
                    },
                    payload: if head & GAP == 0 { payload } else { &[] },
                    missing: 0,
                };
                dissectors.segment(&mut slot, &context, &segment, &mut out);
            }
            // As the analysis does behind every packet.
            out.records.clear();
            out.malformed.clear();
            out.exposed.clear();
        }
        let seq = &mut next[usize::from(head & TO_CLIENT != 0)];
        *seq = seq.wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
    }
    let context = Context {
        time: Time(i128::from(number) * 1_000_000),
        packet_number: number,
        flow: &flow,
        direction: Direction::ToServer,
    };
    dissectors.end(&mut slot, &context, &mut out);
    dissectors.finish(&mut out);
    !dissectors.services(&slot).is_empty()
}

/// To the port that the dissector knows best, so that a look alone does not end it.
fn flow(row: &Registration) -> FlowRef {
    let end = |last, port| Endpoint {
        address: Ipv4Addr::new(10, 0, 0, last).into(),
        port,
    };
    FlowRef {
        flow_id: 1,
        client: end(1, 40_000),
        server: end(2, row.ports.first().copied().unwrap_or(40_001)),
        ip_protocol: match row.transport {
            Transport::Tcp => 6,
            Transport::Udp => 17,
        },
        community_id: [0; 20],
    }
}

/// The next head and its bytes; none when there is no whole head.
fn step<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let (head, behind) = rest.split_first_chunk()?;
    let head = u16::from_le_bytes(*head);
    let length = usize::from(head) & STEP_BYTES_MAX;
    let (bytes, behind) = behind.split_at(length.min(behind.len()));
    *rest = behind;
    Some((head, bytes))
}

/// One step, for seeds.
#[must_use]
pub fn step_of(direction: Direction, payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(STEP_BYTES_MAX)];
    let length = u16::try_from(payload.len()).unwrap_or(0);
    let head = match direction {
        Direction::ToServer => length,
        Direction::ToClient => length | TO_CLIENT,
    };
    [head.to_le_bytes().as_slice(), payload].concat()
}
