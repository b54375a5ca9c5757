//! What a hostile message may cost.

use super::{
    super::{FLOW_QUERIES_MAX, rdata, wire::Wire},
    CLIENT, Lab, QUERY, RESPONSE, SERVER, message, record,
};
use crate::dissect::text::TEXT_BYTES_MAX;

/// A response whose second answer has a name of so many pointers, each to the one
/// before.
fn chain(pointers: u16) -> Vec<u8> {
    // The root, at this offset, and the pointers behind it.
    let root = 12 + 11;
    let pointer = |at: u16| (0xc000 | at).to_be_bytes();
    let at = |index: u16| {
        if index == 0 {
            root
        } else {
            root + 2 * index - 1
        }
    };
    let mut data = vec![0];
    for index in 0..pointers - 1 {
        data.extend(pointer(at(index)));
    }
    let last = [
        &pointer(at(pointers - 1))[..],
        &record("", 1, &[192, 0, 2, 1])[1..],
    ];
    let answers = [record("", 65_280, &data), last.concat()];
    message(7, RESPONSE, &[], &answers)
}

#[test]
fn a_name_has_no_more_pointers_than_labels() {
    for (pointers, malformed) in [(1, false), (127, false), (128, true), (8_000, true)] {
        let mut lab = Lab::new();
        let flow = lab.flow(4_000, 53);
        lab.datagram(flow, SERVER, &chain(pointers));
        assert_eq!(lab.log.contains("malformed"), malformed, "{pointers}");
        assert_eq!(lab.log.contains("192.0.2.1"), !malformed, "{pointers}");
    }
}

#[test]
fn only_the_first_question_of_a_unicast_query_waits() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    let questions = [("a", 1), ("b", 1)];
    lab.datagram(flow, CLIENT, &message(7, QUERY, &questions, &[]));
    lab.datagram(flow, SERVER, &message(7, RESPONSE, &questions, &[]));
    lab.end(flow);
    let records: Vec<_> = lab.log.lines().filter(|l| l.contains("dns udp")).collect();
    assert_eq!(
        records,
        ["#2 flow 1: dns udp 7 a IN A rd ra -> NOERROR in 1ms"]
    );
}

#[test]
fn names_that_wait_are_bounded_in_the_whole_analysis() {
    let label = "x".repeat(62);
    let name = [&label[..]; 4].join(".");
    let query = message(7, QUERY, &[(&name, 1)], &[]);
    let mut lab = Lab::new();
    let flows: Vec<_> = (0..160).map(|port| lab.flow(4_000 + port, 53)).collect();
    for flow in &flows {
        for _ in 0..FLOW_QUERIES_MAX {
            lab.datagram(*flow, CLIENT, &query);
        }
    }
    let kept = (8 << 20) / name.len();
    let dropped = flows.len() * FLOW_QUERIES_MAX - kept;
    assert_eq!(lab.out.dropped_transactions, dropped as u64);
    for flow in flows {
        lab.end(flow);
    }
    assert_eq!(lab.out.waiting_text_bytes, 0);
}

#[test]
fn a_type_bitmap_is_not_written_far_beyond_the_text_limit() {
    let window = [&[0x10, 32][..], &[0xff; 32]].concat();
    let bitmap = window.repeat(1_000);
    let mut data = Wire::new(&bitmap);
    let text = rdata::types(&mut data).unwrap();
    assert!(data.is_empty());
    assert!(text.len() < 5 * TEXT_BYTES_MAX, "{}", text.len());
}

#[test]
fn a_type_bitmap_has_at_most_32_bytes() {
    let bitmap = [&[0, 33][..], &[0xff; 33]].concat();
    assert_eq!(rdata::types(&mut Wire::new(&bitmap)), None);
}
