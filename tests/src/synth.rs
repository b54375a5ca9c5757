//! Large captures, made up.

use crate::recordings;

/// Magic of a little-endian pcap file with microseconds, version 2.4, snap
/// length 262,144, link type Ethernet.
pub const PCAP_HEADER: [u8; 24] = [
    0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
];
const PCAP_RECORD_BYTES: usize = 16;
const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: usize = 20;

/// One UDP packet of 18 bytes payload for each of so many flows, 10 µs apart:
/// 76 bytes of file each.
#[must_use]
pub fn many_flows(flows: u32) -> Vec<u8> {
    let mut file = PCAP_HEADER.to_vec();
    for flow in 0..flows {
        push_record(&mut file, u64::from(flow) * 10, &datagram(flow));
    }
    file
}

/// Of the flow with this number, below 2^24.
pub fn datagram(flow: u32) -> Vec<u8> {
    let [_, a, b, c] = flow.to_be_bytes();
    let mut frame = vec![
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00, // Ethernet
        0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, a, b, c, 192, 0, 2, 1, // IPv4
        0x9c, 0x40, 0x9c, 0x41, 0, 26, 0, 0, // UDP 40000 -> 40001
    ];
    frame.extend_from_slice(&[0; 18]);
    fix_ipv4_checksum(&mut frame);
    frame
}

/// The packets of the Ethernet recordings again and again, with other IPv4
/// addresses and later times each round, until the file has at least `bytes`.
/// Half of the flows are a port scan's, of two packets.
///
/// Transport checksums stay those of the recording, as with offloading.
#[must_use]
pub fn varied(bytes: usize) -> Vec<u8> {
    let frames: Vec<(u64, Vec<u8>)> = recordings::all()
        .iter()
        .filter(|r| r.bytes.starts_with(&PCAP_HEADER[..4]) && r.bytes[20..24] == [1, 0, 0, 0])
        .flat_map(|r| records(&r.bytes))
        .collect();
    assert!(!frames.is_empty());
    let mut file = PCAP_HEADER.to_vec();
    file.reserve(bytes + (1 << 16));
    for round in 0_u32.. {
        for (micros, frame) in &frames {
            if file.len() >= bytes {
                return file;
            }
            let mut frame = frame.clone();
            vary_addresses(&mut frame, round);
            push_record(&mut file, micros + u64::from(round) * 1_000_000, &frame);
        }
    }
    file
}

/// Microseconds since the first packet, and the frame.
pub fn records(pcap: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let word = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
    let time = |at: usize| u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4));
    let mut records = Vec::new();
    let mut at = PCAP_HEADER.len();
    let first = time(at);
    while at < pcap.len() {
        let length = usize::try_from(word(at + 8)).unwrap();
        let body = at + PCAP_RECORD_BYTES;
        records.push((
            time(at).saturating_sub(first),
            pcap[body..body + length].to_vec(),
        ));
        at = body + length;
    }
    records
}

/// Both ends move by the same number, so that a flow stays one flow.
fn vary_addresses(frame: &mut [u8], round: u32) {
    let is_ipv4 = frame.len() >= ETHERNET_BYTES + IPV4_BYTES && frame[12..15] == [0x08, 0x00, 0x45];
    if !is_ipv4 {
        return;
    }
    for at in [26, 30] {
        let address = u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
        let moved = address ^ (round << 8 & 0x00ff_ff00);
        frame[at..at + 4].copy_from_slice(&moved.to_be_bytes());
    }
    fix_ipv4_checksum(frame);
}

/// Makes the checksum right of the IPv4 header behind Ethernet's.
pub fn fix_ipv4_checksum(frame: &mut [u8]) {
    let header = &mut frame[ETHERNET_BYTES..ETHERNET_BYTES + IPV4_BYTES];
    header[10..12].fill(0);
    let mut sum: u32 = header
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = !u16::try_from(sum).unwrap();
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Adds a packet to a file whose header is [`PCAP_HEADER`], so many microseconds after its begin.
pub fn push_record(file: &mut Vec<u8>, micros: u64, frame: &[u8]) {
    let seconds = u32::try_from(micros / 1_000_000).unwrap() + 1_700_000_000;
    let rest = u32::try_from(micros % 1_000_000).unwrap();
    let length = u32::try_from(frame.len()).unwrap();
    for word in [seconds, rest, length, length] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(frame);
}
