//! What holds for any capture, cut, damaged or read in pieces.

use proptest::prelude::*;

use super::*;
use crate::testing::{Kept, Pieces, try_run};

#[track_caller]
fn is_in_order(kept: &Kept) -> bool {
    kept.records()
        .is_sorted_by_key(|record| record.packet_number)
}

proptest! {
    #[test]
    fn any_split_of_reads_gives_the_same_events(
        sizes in prop::collection::vec(1..200_usize, 1..20),
        ng in any::<bool>(),
    ) {
        let capture = if ng { pcapng() } else { pcap() };
        let whole = run(&capture, &Options::default());
        let pieces = Pieces::new(&capture, sizes);
        let split = try_run(pieces, &Options::default()).expect("a capture");
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn a_cut_inside_a_record_is_never_complete(at in any::<prop::sample::Index>()) {
        for capture in [pcap(), pcapng()] {
            let cut = at.index(capture.len());
            match try_run(&capture[..cut], &Options::default()) {
                Err(error) => prop_assert!(cut < 12, "{error} for {cut} bytes"),
                Ok(kept) => {
                    let complete = kept.summary().verdict == Verdict::Complete;
                    prop_assert_eq!(complete, is_boundary(&capture, cut));
                    prop_assert!(is_in_order(&kept));
                }
            }
        }
    }

}

proptest! {
    // Two captures each: 10,000 damaged ones.
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn damage_ends_in_a_verdict(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        flows_max in 1..4_usize,
    ) {
        for mut capture in [pcap(), pcapng()] {
            for (at, byte) in &changes {
                let at = at.index(capture.len());
                capture[at] = *byte;
            }
            let options = Options { flows_max, ..Options::default() };
            match try_run(capture.as_slice(), &options) {
                Err(error) => prop_assert!(matches!(
                    error,
                    AnalysisError::NotACapture | AnalysisError::Compressed(_)
                )),
                Ok(kept) => prop_assert!(is_in_order(&kept)),
            }
        }
    }
}

/// Whether a capture of [`frames`] may end there.
fn is_boundary(capture: &[u8], at: usize) -> bool {
    let mut reader = CaptureReader::open(capture).expect("a capture");
    while reader.next_offset() < at as u64 {
        reader.advance().expect("bytes in memory");
    }
    reader.next_offset() == at as u64
}
