//! Conversations as steps: what fuzzed bytes say that both ends do.

use std::net::Ipv4Addr;

use analyzer_service::{
    dissect::{
        AppSlot, Context, Direction, Dissectors, Output, Registration, Segment, TcpFlags, Transport,
    },
    record::{Endpoint, FlowRef, Time},
};

/// Bytes of a step's payload, at most: of 12 bits.
pub const STEP_BYTES_MAX: usize = 0xfff;

/// What else the head of a step says.
const TO_CLIENT: u16 = 1 << 12;
/// The bytes are lost, not sent.
pub const GAP: u16 = 1 << 13;
const FIN: u16 = 1 << 14;
const TWICE: u16 = 1 << 15;

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
pub fn step<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
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
