use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Sequence numbers of these tests wrap.
const BASE: u32 = u32::MAX - 100;

fn segment(at: u32, length: u32) -> Segment {
    Segment {
        seq: BASE.wrapping_add(at),
        length,
        has_syn: false,
        // Keep-alives are not what is tried here.
        is_plain: false,
        peer_has_no_room: false,
    }
}

proptest! {
    /// Against a set of all bytes that were seen.
    #[test]
    fn segments_are_what_a_set_of_bytes_says(
        // So few bytes that there are never too many holes.
        sent in prop::collection::vec((0u32..26, 1u32..6), 1..40),
    ) {
        let mut sequence = Sequence::default();
        let mut seen = BTreeSet::new();
        sequence.begin_at(BASE);
        for (at, length) in sent {
            let bytes: BTreeSet<u32> = (at..at + length).collect();
            let highest = seen.last().map_or(0, |last| last + 1);
            let expected = Seen {
                is_repeated: bytes.iter().any(|byte| seen.contains(byte)),
                is_late: bytes.iter().any(|byte| *byte < highest && !seen.contains(byte)),
            };
            prop_assert_eq!(sequence.segment(segment(at, length)), expected);
            seen.extend(bytes);
            let highest = seen.last().map_or(0, |last| last + 1);
            let missed = (0..highest).filter(|byte| !seen.contains(byte)).count();
            prop_assert_eq!(sequence.missed_bytes(), missed as u64);
        }
    }

    #[test]
    fn any_segments_at_all_stay_within_the_bounds(
        sent in prop::collection::vec(
            (any::<u32>(), any::<bool>(), 0u32..3_000, any::<[bool; 4]>()), 1..200),
    ) {
        let mut sequence = Sequence::default();
        for (far, is_far, length, [has_syn, is_plain, peer_has_no_room, is_ack]) in sent {
            let seq = if is_far { far } else { far % 100_000 };
            if is_ack {
                let n_gaps = sequence.acknowledge(seq);
                prop_assert!(n_gaps <= HOLES_MAX + 1);
                continue;
            }
            sequence.segment(Segment { seq, length, has_syn, is_plain, peer_has_no_room });
            let n_holes = sequence.holes.as_ref().map_or(0, |holes| holes.0.len());
            prop_assert!(n_holes <= HOLES_MAX);
        }
    }
}
