mod bounds;
mod data;
mod multicast;
mod streams;

use std::cell::Cell;

use expect_test::{Expect, expect};

use crate::dissect::testing::{CLIENT, Lab, SERVER, survives_damage};

thread_local! {
    /// By this test.
    pub(super) static NAMES_COMPARED: Cell<usize> = const { Cell::new(0) };
}

const QUERY: u16 = 0x0100;
const RESPONSE: u16 = 0x8180;

/// Header, questions and the records given as they are.
fn message(id: u16, flags: u16, questions: &[(&str, u16)], answers: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let counts = [questions.len(), answers.len(), 0, 0];
    for number in [id, flags] {
        bytes.extend(number.to_be_bytes());
    }
    for count in counts {
        bytes.extend(u16::try_from(count).unwrap().to_be_bytes());
    }
    for (name, kind) in questions {
        bytes.extend(encoded(name));
        bytes.extend([kind.to_be_bytes(), 1u16.to_be_bytes()].concat());
    }
    bytes.extend(answers.concat());
    bytes
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn record(name: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let fixed = [kind.to_be_bytes(), 1u16.to_be_bytes()].concat();
    [
        encoded(name),
        fixed,
        60u32.to_be_bytes().to_vec(),
        length.to_be_bytes().to_vec(),
        data.into(),
    ]
    .concat()
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes()[..], message].concat()
}

/// One flow to port 53: from the client or not, and what.
fn check(datagrams: &[(bool, Vec<u8>)], expected: &Expect) {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    for (from_client, payload) in datagrams {
        lab.datagram(flow, if *from_client { CLIENT } else { SERVER }, payload);
    }
    lab.end(flow);
    expected.assert_eq(&lab.log);
}

#[test]
fn a_query_is_matched_with_its_answer() {
    let query = message(7, QUERY, &[("Example.com", 1)], &[]);
    let answers = [
        record("Example.com", 5, &encoded("www.example.com")),
        record("www.example.com", 1, &[192, 0, 2, 1]),
    ];
    let response = message(7, RESPONSE, &[("example.COM", 1)], &answers);
    check(
        &[(true, query), (false, response)],
        &expect![[r#"
        #1 is dns
        #2 is dns
        #2 flow 1: dns udp 7 Example.com IN A rd ra -> NOERROR in 1ms
            Example.com 60 CNAME www.example.com
            www.example.com 60 A 192.0.2.1
        end of flow 1: ["dns"]
    "#]],
    );
}

#[test]
fn each_copy_of_a_query_waits_for_its_own_answer() {
    let query = message(7, QUERY, &[("a.example", 28)], &[]);
    let response = message(7, RESPONSE | 3, &[("a.example", 28)], &[]);
    check(
        &[(true, query.clone()), (true, query), (false, response)],
        &expect![[r#"
            #1 is dns
            #2 is dns
            #3 is dns
            #3 flow 1: dns udp 7 a.example IN AAAA rd ra -> NXDOMAIN in 2ms
            #2 flow 1: dns udp 7 a.example IN AAAA rd
            end of flow 1: ["dns"]
        "#]],
    );
}

#[test]
fn an_answer_is_its_question_s_by_id_and_name() {
    let query = message(7, QUERY, &[("a.example", 1)], &[]);
    let stranger = message(7, RESPONSE, &[("b.example", 1)], &[]);
    let refused = message(7, RESPONSE | 5, &[], &[]);
    check(
        &[
            (true, query),
            (false, stranger),
            (false, refused.clone()),
            (false, refused),
        ],
        &expect![[r#"
            #1 is dns
            #2 is dns
            #2 flow 1: dns udp 7 b.example IN A rd ra unasked -> NOERROR
            #3 is dns
            #3 flow 1: dns udp 7 a.example IN A rd ra -> REFUSED in 2ms
            #4 is dns
            #4 flow 1: dns udp 7 a.example IN A rd ra -> REFUSED in 3ms
            end of flow 1: ["dns"]
        "#]],
    );
}

#[test]
fn the_oldest_of_too_many_queries_goes_out_unanswered() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    for id in 0..super::FLOW_QUERIES_MAX + 2 {
        let id = u16::try_from(id).unwrap();
        lab.datagram(flow, CLIENT, &message(id, QUERY, &[("a", 1)], &[]));
    }
    assert_eq!(lab.out.dropped_transactions, 2);
    let unanswered = lab.log.lines().filter(|line| line.contains("dns udp"));
    assert_eq!(unanswered.count(), 2);
}

#[test]
fn what_comes_before_the_damage_is_kept() {
    let answers = [
        record("a", 1, &[192, 0, 2, 1]),
        record("a", 1, &[192, 0, 2, 2]),
    ];
    let mut cut = message(7, RESPONSE, &[("a", 1)], &answers);
    cut.truncate(cut.len() - 1);
    let short = message(8, RESPONSE, &[("a", 1)], &[record("a", 1, &[192, 0, 2])]);
    // A name that points at itself.
    let endless = [
        &message(9, QUERY, &[], &[])[..4],
        &[0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12],
    ]
    .concat();
    check(
        &[
            (false, cut),
            (false, short),
            (true, endless),
            (true, vec![1, 2, 3]),
        ],
        &expect![[r#"
            #1 is dns
            #1 malformed-dns: cut or invalid in an answer
            #1 flow 1: dns udp 7 a IN A rd ra unasked -> NOERROR
                a 60 A 192.0.2.1
            #2 is dns
            #2 malformed-dns: data of an answer does not fit its type
            #2 flow 1: dns udp 8 a IN A rd ra unasked -> NOERROR
                a 60 A c00002
            #3 is dns
            #3 malformed-dns: cut or invalid in the header or a question
            #4 is dns
            #4 malformed-dns: cut or invalid in the header or a question
            end of flow 1: ["dns"]
        "#]],
    );
}

#[test]
fn numbers_without_a_name_say_themselves() {
    let mut query = message(7, 0x2800, &[("", 65_280)], &[]);
    let at = query.len() - 1;
    query[at] = 77;
    check(
        &[(true, query)],
        &expect![[r#"
        #1 is dns
        #1 flow 1: dns udp 7 . CLASS77 TYPE65280 opcode 5
        end of flow 1: ["dns"]
    "#]],
    );
}

#[test]
fn an_option_record_extends_the_response_code() {
    let mut response = message(7, RESPONSE, &[("a", 1)], &[]);
    response[11] = 1;
    response.extend([0, 0, 41, 2, 0, 1, 0, 0, 0, 0, 0]);
    check(
        &[(false, response)],
        &expect![[r#"
        #1 is dns
        #1 flow 1: dns udp 7 a IN A rd ra unasked -> BADVERS
        end of flow 1: ["dns"]
    "#]],
    );
}

#[test]
fn damaged_messages_do_no_harm() {
    let name = encoded("ns.example");
    let answers = [
        record("a.example", 6, &[&name[..], &name, &[0; 20]].concat()),
        record("a.example", 16, b"\x03abc\x02de"),
        record("a.example", 47, &[&name[..], &[0, 2, 0x62, 1]].concat()),
        record(
            "a.example",
            65,
            &[0, 1, 0, 0, 1, 0, 3, 2, b'h', b'2', 0, 4, 0, 4, 1, 2, 3, 4],
        ),
        [
            &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4][..],
            &[1, 2, 3, 4],
        ]
        .concat(),
    ];
    let query = message(7, QUERY, &[("a.example", 255)], &[]);
    let response = message(7, RESPONSE, &[("a.example", 255)], &answers);
    let datagrams = [(CLIENT, query.clone()), (SERVER, response.clone())];
    let framed = [(CLIENT, framed(&query)), (SERVER, framed(&response))];
    for port in [53, 5353, 5355] {
        survives_damage(port, &datagrams);
        survives_damage(port, &framed);
    }
}
