//! Captures of many flows that live at once.

use std::io::Read;

use super::Made;
use weir_tests::{
    recordings,
    synth::{datagram, fix_ipv4_checksum, push_record, records},
};

/// Microseconds from flow to flow.
const STEP_MICROS: u64 = 10;

/// UDP, and no protocol that anybody knows: a datagram for each of so many flows, fewer
/// than 2^24.
pub fn silent(flows: u32) -> impl Read {
    let mut numbers = 0..flows;
    Made::new(move |record| {
        if let Some(flow) = numbers.next() {
            push_record(record, u64::from(flow) * STEP_MICROS, &datagram(flow));
        }
    })
}

/// A question of DNS and its answer, as recorded, for each of so many clients, fewer than 2^24.
pub fn asked(flows: u32) -> impl Read {
    let recorded = records(&recordings::bytes("dns.pcap")).into_iter();
    let recorded = recorded.map(|(_, frame)| frame);
    let pair: Vec<Vec<u8>> = recorded.filter(|frame| is_dns(frame)).take(2).collect();
    let mut numbers = 0..flows;
    Made::new(move |record| {
        let Some(flow) = numbers.next() else { return };
        for (at, frame) in pair.iter().enumerate() {
            let mut frame = frame.clone();
            let [_, host @ ..] = flow.to_be_bytes();
            // The one who asks, and who is answered.
            let address = [SOURCE_AT, SOURCE_AT + 4][at];
            frame[address] = 10;
            frame[address + 1..address + 4].copy_from_slice(&host);
            frame[CHECKSUM_AT..CHECKSUM_AT + 2].fill(0);
            fix_ipv4_checksum(&mut frame);
            push_record(record, u64::from(flow) * STEP_MICROS, &frame);
        }
    })
}

/// Of Ethernet, IPv4 without options and UDP.
const SOURCE_AT: usize = 26;
const PORTS_AT: usize = 34;
const CHECKSUM_AT: usize = 40;

fn is_dns(frame: &[u8]) -> bool {
    let is_udp =
        frame.len() > CHECKSUM_AT && frame[12..15] == [0x08, 0x00, 0x45] && frame[23] == 17;
    is_udp
        && [PORTS_AT, PORTS_AT + 2]
            .iter()
            .any(|at| frame[*at..at + 2] == [0, 53])
}
