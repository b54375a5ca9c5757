//! Which checksums can be told to be wrong.

use super::*;

/// UDP whose checksum is that of other addresses.
const UDP: [u8; 12] = [0, 1, 0, 2, 0, 12, 0x12, 0x34, b'a', b'b', b'c', b'd'];

const SIX: [[u8; 16]; 2] = [[0x20; 16], [0x21; 16]];

#[track_caller]
fn check(packets: &[Vec<u8>], expected: u64) {
    let add = |pcap: Pcap, packet: &Vec<u8>| pcap.packet(0, 0, &frame::ethernet(packet));
    let capture = packets.iter().fold(Pcap::new(Order::Little), add).bytes();
    let kept = run(&capture, &Options::default());
    assert_eq!(kept.summary().udp_checksum_errors, expected);
    let flows = kept.flows();
    let counted: u64 = flows.iter().map(|(_, _, flow)| flow.checksum_errors).sum();
    assert_eq!(counted, expected);
}

/// With these options, in words.
fn four(options: &[u8]) -> Vec<u8> {
    let mut packet = frame::ip(A, B, frame::UDP, &UDP);
    packet.splice(20..20, options.iter().copied());
    let words = u8::try_from(options.len() / 4).expect("few");
    packet[0] += words;
    packet[3] += 4 * words;
    packet[10..12].fill(0);
    let sum: u32 = packet[..20 + options.len()]
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let sum = u16::try_from((sum & 0xffff) + (sum >> 16)).expect("small");
    packet[10..12].copy_from_slice(&(!sum).to_be_bytes());
    packet
}

#[test]
fn a_route_by_the_source_has_its_target_at_its_end() {
    check(&[frame::ip(A, B, frame::UDP, &UDP)], 1);
    for kind in [131, 137] {
        check(&[four(&[1, kind, 7, 4, 192, 0, 2, 1])], 0);
        check(&[four(&[1, kind, 7, 8, 192, 0, 2, 1])], 1);
    }
    // Others: router alert, an end in front, one that is cut off, one of no length.
    check(&[four(&[148, 4, 0, 0])], 1);
    check(&[four(&[0, 131, 7, 4])], 1);
    check(&[four(&[1, 1, 1, 131])], 1);
    check(&[four(&[7, 0, 131, 7])], 1);
}

#[test]
fn a_mobile_node_is_at_home() {
    let with = |options: &[u8]| {
        let n_words = u8::try_from(options.len() / 8).expect("few");
        let header = [&[frame::UDP, n_words], options, &UDP].concat();
        frame::ipv6(SIX[0], SIX[1], 60, &header)
    };
    let home = [&[1, 0, 0, 201, 16][..], &[0x22; 16], &[0]].concat();
    check(&[with(&home)], 0);
    check(&[with(&[1, 4, 0, 0, 0, 0])], 1);
    check(&[with(&[1, 3, 201, 201, 201, 0])], 1);
}

#[test]
fn a_route_in_front_of_fragments_is_a_route() {
    let piece = |offset: usize, more: bool, is_routed: bool| {
        let end = if more { offset + 8 } else { UDP.len() };
        let place = (3, u16::try_from(offset).expect("small"), more);
        let fragment = frame::ipv6_fragment(frame::UDP, place, &UDP[offset..end]);
        if !is_routed {
            return frame::ipv6(SIX[0], SIX[1], 44, &fragment);
        }
        let route = [&[44, 2, 0, 1, 0, 0, 0, 0][..], &[0x23; 16], &fragment].concat();
        frame::ipv6(SIX[0], SIX[1], 43, &route)
    };
    check(&[piece(0, true, false), piece(8, false, false)], 1);
    check(&[piece(0, true, true), piece(8, false, true)], 0);
}
