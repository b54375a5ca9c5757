//! What a hostile message may cost.

use super::{
    super::{FLOW_QUERIES_MAX, rdata, wire::Wire},
    CLIENT, Lab, NAMES_COMPARED, QUERY, RESPONSE, SERVER, message, record,
};
use crate::dissect::{budget::WAITING_BYTES_MAX, text::TEXT_BYTES_MAX};

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
    // Most of the first half is taken already: few flows are enough.
    let taken = WAITING_BYTES_MAX / 2 - (4 << 20);
    lab.out.waiting.take(taken);
    let flows: Vec<_> = (0..80).map(|port| lab.flow(4_000 + port, 53)).collect();
    for flow in &flows {
        for _ in 0..FLOW_QUERIES_MAX {
            lab.datagram(*flow, CLIENT, &query);
        }
    }
    assert!(lab.out.dropped_transactions > 0);
    let held = lab.out.waiting.held();
    let full = WAITING_BYTES_MAX / 2 - (64 << 10);
    assert!(
        (full..WAITING_BYTES_MAX / 2 + (1 << 20)).contains(&held),
        "{held}"
    );
    // Whoever comes last is not starved by them.
    let late = lab.flow(3_999, 53);
    lab.datagram(late, CLIENT, &query);
    lab.datagram(late, SERVER, &message(7, RESPONSE, &[(&name, 1)], &[]));
    assert!(lab.log.contains("NOERROR in 1ms"));
    for flow in flows.into_iter().chain([late]) {
        lab.end(flow);
    }
    let held = (lab.out.waiting.held(), lab.out.answered.held());
    assert_eq!(held, (taken, 0));
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

/// How many pairs of names a message from the server makes the analysis compare, with
/// `questions` waiting on port `server`.
fn names_compared(server: u16, questions: &[Vec<u8>], answer: &[u8]) -> usize {
    let mut lab = Lab::new();
    let flow = lab.flow(server, server);
    for question in questions {
        lab.datagram(flow, CLIENT, question);
    }
    NAMES_COMPARED.set(0);
    lab.datagram(flow, SERVER, answer);
    NAMES_COMPARED.get()
}

#[test]
fn an_answer_is_compared_with_the_questions_it_may_be_for() {
    let label = "x".repeat(62);
    let name = |last: usize| format!("{label}.{label}.{label}.{last}");
    let questions: Vec<_> = (0..200)
        .map(|n| message(7, QUERY, &[(&name(n % 100), 1)], &[]))
        .collect();
    let answers = |n: usize| vec![record(&name(n), 1, &[192, 0, 2, 1]); 100];
    for port in [53, 5353, 5355] {
        for (asked, most) in [(7, 2), (999, 0)] {
            let answer = message(7, RESPONSE, &[(&name(asked), 1)], &answers(asked));
            let compared = names_compared(port, &questions, &answer);
            assert!(compared <= most, "{compared} on port {port}");
        }
    }
}
