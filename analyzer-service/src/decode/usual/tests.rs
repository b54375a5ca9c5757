use proptest::prelude::*;
use weir_capture_builder::{frame, link_type};

use super::*;
use crate::decode::{Frame, decode};

const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];
const SIX: [[u8; 16]; 2] = [[0x20; 16], [0x21; 16]];

fn frames() -> [Vec<u8>; 5] {
    let mut padded = frame::ethernet(&frame::tcp(A, B, (1, 2), (3, frame::ACK), b""));
    padded.extend([0; 6]);
    [
        padded,
        frame::ethernet(&frame::tcp(A, B, (40_000, 80), (7, frame::PSH), b"GET /")),
        frame::ethernet(&frame::udp(A, B, (4_000, 53), b"a question")),
        frame::ethernet(&frame::udp(SIX[0], SIX[1], (4_000, 53), b"another")),
        frame::ethernet(&frame::tcp(
            SIX[0],
            SIX[1],
            (4_000, 22),
            (9, frame::SYN),
            b"",
        )),
    ]
}

fn packet(data: &[u8]) -> Packet<'_> {
    Packet {
        time: None,
        bad_time: false,
        link_type: link_type::ETHERNET,
        wire_bytes: u32::try_from(data.len()).expect("a short packet"),
        data,
    }
}

/// What the walk through the layers says.
fn walked<'a>(packet: &Packet<'a>) -> Frame<'a> {
    let mut frame = Frame::default();
    decode(packet, &mut frame);
    frame
}

/// What the short way says, if anything.
fn short<'a>(packet: &Packet<'a>) -> Option<Frame<'a>> {
    read(packet).map(Frame::from)
}

#[test]
fn usual_packets_are_read_as_the_walk_reads_them() {
    for data in frames() {
        let packet = packet(&data);
        assert_eq!(short(&packet), Some(walked(&packet)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn damaged_ones_are_read_as_the_walk_reads_them_or_left_to_it(
        which in 0..5_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut data = frames()[which].clone();
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        let cut = cut.index(2 * data.len());
        data.truncate(cut.max(1));
        let packet = packet(&data);
        if let Some(frame) = short(&packet) {
            prop_assert_eq!(frame, walked(&packet));
        }
    }
}
