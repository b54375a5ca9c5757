//! What makes an analysis trustworthy: it depends on the capture alone, not on how it is
//! read, where it is cut, or what else is in it.

use proptest::{prelude::*, sample::Index};

use super::{
    conversations::{IDLE, bytes, capture, merged, talks},
    *,
};
use crate::{
    record::{EndReason, Record},
    testing::{Kept, Pieces, try_run},
};

/// Losses and reordering, names, handshakes, resets, a scan: what the project recorded.
const RECORDINGS: [&[u8]; 6] = [
    include_bytes!("../../../../tests/captures/tcp-loss-and-reordering.pcap"),
    include_bytes!("../../../../tests/captures/dns.pcap"),
    include_bytes!("../../../../tests/captures/tls.pcap"),
    include_bytes!("../../../../tests/captures/tcp-ends.pcap"),
    include_bytes!("../../../../tests/captures/scan.pcap"),
    include_bytes!("../../../../tests/captures/two-interfaces.pcapng"),
];

fn options() -> Options {
    Options {
        idle_timeout: Some(IDLE),
        active_timeout: Some(IDLE * 2),
        interim_interval: Some(IDLE / 3),
        ..Options::default()
    }
}

fn a_capture() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        talks().prop_map(|talks| bytes(&capture(1, &talks))),
        prop::sample::select(&RECORDINGS[..]).prop_map(<[u8]>::to_vec),
    ]
}

/// The records without what numbers packets and flows, in an order of their own. Findings
/// are of the whole capture.
fn unnumbered(kept: &Kept) -> Vec<String> {
    let mut all: Vec<String> = kept
        .records()
        .into_iter()
        .filter(|record| record.body.kind() != Kind::Finding)
        .map(|record| {
            let mut record: Record = record.clone();
            record.packet_number = 0;
            if let Some(flow) = &mut record.flow {
                flow.flow_id = 0;
            }
            if let Body::Flow(flow) = &mut record.body {
                flow.first_packet_number = 0;
                // Which of the two depends on how long the capture goes on.
                if flow.end_reason == Some(EndReason::IdleTimeout) {
                    flow.end_reason = Some(EndReason::CaptureEnd);
                }
            }
            format!("{record:?}")
        })
        .collect();
    all.sort_unstable();
    all
}

proptest! {
    // A few hundred packets and more in each, three times.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_split_of_reads_gives_the_same_records(
        capture in a_capture(),
        sizes in prop::collection::vec(1..3_000_usize, 1..20),
    ) {
        let whole = run(&capture, &options());
        let split = try_run(Pieces::new(&capture, sizes), &options()).expect("a capture");
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn any_cut_gives_a_prefix_of_the_records_before_the_end_flush(
        capture in a_capture(),
        cut in any::<Index>(),
    ) {
        let whole = run(&capture, &options());
        let cut = cut.index(capture.len());
        let Ok(part) = try_run(&capture[..cut], &options()) else {
            prop_assert!(cut < 12, "no capture at {cut} bytes");
            return Ok(());
        };
        let n_packets = part.summary().packets;
        let whole = whole.records();
        let n_before = whole.partition_point(|record| record.packet_number <= n_packets);
        let part = part.records();
        prop_assert!(part.len() >= n_before);
        prop_assert_eq!(&part[..n_before], &whole[..n_before]);
        // What follows is the end flush: nothing of it is from behind the cut.
        prop_assert!(part.iter().all(|record| record.packet_number <= n_packets));
    }

    /// Of captures that have no flow in common. (mDNS is one conversation of all.)
    #[test]
    fn a_merge_by_time_changes_no_flow(one in talks(), other in talks()) {
        let (one, other) = (capture(1, &one), capture(2, &other));
        let [a, b, both] = [&one, &other, &merged(&one, &other)]
            .map(|packets| unnumbered(&run(&bytes(packets), &options())));
        let mut apart = [a, b].concat();
        apart.sort_unstable();
        prop_assert_eq!(apart, both);
    }
}
