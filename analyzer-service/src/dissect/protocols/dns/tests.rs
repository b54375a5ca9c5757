use expect_test::{Expect, expect};

use crate::{
    dissect::testing::{CLIENT, Lab, SERVER, survives_damage},
    record::Endpoint,
};

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

/// The text of one record's data.
fn check_data(kind: u16, data: &[u8], expected: &str) {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    lab.datagram(
        flow,
        SERVER,
        &message(1, RESPONSE, &[("a", kind)], &[record("a", kind, data)]),
    );
    let line = lab.log.lines().last().unwrap();
    let text = line.trim_start().splitn(4, ' ').nth(3).unwrap();
    assert_eq!(text, expected, "type {kind}");
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
fn text_of_a_compressed_bomb_is_bounded() {
    let long = format!("{}.{}.{}", "x".repeat(63), "x".repeat(63), "x".repeat(63));
    let pointer = [
        &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4][..],
        &[1, 2, 3, 4],
    ]
    .concat();
    let response = message(7, RESPONSE, &[(&long, 1)], &vec![pointer; 4_000]);
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    lab.datagram(flow, SERVER, &response);
    assert!(lab.log.contains("oversized-dns"));
    assert!(lab.log.len() < 400 << 10);
}

#[test]
fn data_is_written_as_in_zone_files() {
    let name = encoded("ns.example");
    check_data(
        28,
        &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        "2001:db8::1",
    );
    check_data(2, &name, "ns.example");
    check_data(12, &[4, b'a', b'.', b'\\', 0xff, 0], r"a\.\\\xff");
    check_data(15, &[&[0, 10][..], &name].concat(), "10 ns.example");
    check_data(16, b"\x03a\"b\x02\xffc", r#""a\"b" "\xffc""#);
    let soa = [&name[..], &encoded("host.example"), &[0, 0, 0, 1].repeat(5)].concat();
    check_data(6, &soa, "ns.example host.example 1 1 1 1 1");
    check_data(
        33,
        &[&[0, 1, 0, 2, 0x1f, 0x90][..], &name].concat(),
        "1 2 8080 ns.example",
    );
    check_data(257, b"\x80\x05issueca.example", r#"128 issue "ca.example""#);
    check_data(43, &[0, 7, 8, 2, 0xab, 0xcd], "7 8 2 abcd");
    check_data(48, &[1, 1, 3, 8, 1, 2, 3], "257 3 8 AQID");
    check_data(
        47,
        &[&name[..], &[0, 2, 0x62, 1]].concat(),
        "ns.example A NS SOA MX",
    );
    check_data(
        50,
        &[1, 0, 0, 10, 1, 0xaa, 5, 1, 2, 3, 4, 5, 0, 1, 0x40],
        "1 0 10 aa 04106105 A",
    );
    check_data(256, b"\0\x01\0\x02http://a", r#"1 2 "http://a""#);
    check_data(10, &[0xde, 0xad], "dead");
    check_data(65_280, &[0xbe, 0xef], "beef");
    check_data(1, &[], "");
}

#[test]
fn service_bindings_show_their_parameters() {
    let data = [
        &[0, 1, 0][..],
        b"\0\x01\0\x06\x02h2\x02h3",
        &[0, 3, 0, 2, 0x1f, 0x90],
        &[0, 4, 0, 8, 192, 0, 2, 1, 192, 0, 2, 2],
        &[0, 5, 0, 1, 0xff],
        &[0x12, 0x34, 0, 1, 0xab],
    ];
    check_data(
        65,
        &data.concat(),
        "1 . alpn=h2,h3 port=8080 ipv4hint=192.0.2.1,192.0.2.2 ech=/w== key4660=ab",
    );
    check_data(64, &[0, 1, 0, 0, 3, 0, 1, 80], "0001000003000150");
}

#[test]
fn messages_over_tcp_may_share_and_span_segments() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    lab.handshake(flow);
    let first = framed(&message(1, QUERY, &[("a", 1)], &[]));
    let second = framed(&message(2, QUERY, &[("b", 252)], &[]));
    lab.send(flow, CLIENT, &[&first[..], &second[..5]].concat());
    lab.send(flow, CLIENT, &second[5..]);
    let answers = [
        framed(&message(
            2,
            RESPONSE,
            &[("b", 252)],
            &[record("b", 2, &encoded("ns"))],
        )),
        framed(&message(
            2,
            RESPONSE,
            &[],
            &[record("c.b", 1, &[192, 0, 2, 1])],
        )),
        framed(&message(1, RESPONSE, &[("a", 1)], &[])),
    ];
    for byte in answers.concat().chunks(1) {
        lab.send(flow, SERVER, byte);
    }
    lab.end(flow);
    let lines = lab.log.lines().filter(|line| !line.contains(" is "));
    expect![[r##"
        #42 flow 1: dns tcp 2 b IN AXFR rd ra -> NOERROR in 38ms
            b 60 NS ns
        #75 flow 1: dns tcp 2 b IN AXFR rd ra -> NOERROR in 71ms
            c.b 60 A 192.0.2.1
        #96 flow 1: dns tcp 1 a IN A rd ra -> NOERROR in 93ms
        end of flow 1: ["dns"]
    "##]]
    .assert_eq(&lines.map(|line| format!("{line}\n")).collect::<String>());
}

#[test]
fn a_stream_with_a_hole_is_read_no_further() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    lab.handshake(flow);
    lab.send(flow, CLIENT, &framed(&message(1, QUERY, &[("a", 1)], &[])));
    lab.lose(flow, CLIENT, 100);
    lab.send(flow, CLIENT, &framed(&message(2, QUERY, &[("b", 1)], &[])));
    lab.send(
        flow,
        SERVER,
        &framed(&message(1, RESPONSE, &[("a", 1)], &[])),
    );
    lab.end(flow);
    expect![[r#"
        #3 is dns
        #4 is dns
        #5 is dns
        #5 flow 1: dns tcp 1 a IN A rd ra -> NOERROR in 2ms
        end of flow 1: ["dns"]
    "#]]
    .assert_eq(&lab.log);
}

#[test]
fn other_protocols_on_tcp_port_53_are_left_alone() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 53);
    lab.handshake(flow);
    lab.send(flow, CLIENT, &[0, 5, 1, 2, 3, 4, 5]);
    lab.end(flow);
    expect![[r#"
        end of flow 1: []
    "#]]
    .assert_eq(&lab.log);
}

fn end(last: u8, port: u16) -> Endpoint {
    Endpoint {
        address: [10, 0, 0, last].into(),
        port,
    }
}

#[test]
fn multicast_answers_find_their_questions_in_other_flows() {
    let mut lab = Lab::new();
    let group = Endpoint {
        address: [224, 0, 0, 251].into(),
        port: 5353,
    };
    let asker = lab.flow_between(end(1, 5353), group);
    let responder = lab.flow_between(end(2, 5353), group);
    let mut query = message(0, 0, &[("_ipp._tcp.local", 12), ("x.local", 1)], &[]);
    let at = query.len() - 2;
    query[at] = 0x80;
    lab.datagram(asker, CLIENT, &query);
    let answers = [
        record("_IPP._tcp.local", 12, &encoded("printer._ipp._tcp.local")),
        record("printer.local", 1, &[192, 0, 2, 1]),
    ];
    lab.datagram(responder, CLIENT, &message(0, 0x8400, &[], &answers));
    lab.end(asker);
    lab.end(responder);
    expect![[r#"
        #1 is mdns
        #2 is mdns
        #2 flow 1: dns mdns 0 _ipp._tcp.local IN PTR aa -> NOERROR in 1ms
            _IPP._tcp.local 60 PTR printer._ipp._tcp.local
        #2 flow 2: dns mdns 0 printer.local IN A aa unasked -> NOERROR
            printer.local 60 A 192.0.2.1
        end of flow 1: ["mdns"]
        end of flow 2: ["mdns"]
        #1 flow 1: dns mdns 0 x.local IN A
    "#]]
    .assert_eq(&lab.log);
}

#[test]
fn link_local_answers_come_by_unicast() {
    let mut lab = Lab::new();
    let group = Endpoint {
        address: [224, 0, 0, 252].into(),
        port: 5355,
    };
    let asker = lab.flow_between(end(1, 4_000), group);
    let other = lab.flow_between(end(3, 4_000), group);
    let answer = lab.flow_between(end(1, 4_000), end(2, 5355));
    lab.datagram(asker, CLIENT, &message(9, 0, &[("wpad", 1)], &[]));
    lab.datagram(other, CLIENT, &message(9, 0, &[("wpad", 1)], &[]));
    let response = message(
        9,
        0x8000,
        &[("wpad", 1)],
        &[record("wpad", 1, &[10, 0, 0, 2])],
    );
    lab.datagram(answer, SERVER, &response);
    for flow in [asker, other, answer] {
        lab.end(flow);
    }
    expect![[r#"
        #1 is llmnr
        #2 is llmnr
        #3 is llmnr
        #3 flow 1: dns llmnr 9 wpad IN A -> NOERROR in 2ms
            wpad 60 A 10.0.0.2
        end of flow 1: ["llmnr"]
        end of flow 2: ["llmnr"]
        end of flow 3: ["llmnr"]
        #2 flow 2: dns llmnr 9 wpad IN A
    "#]]
    .assert_eq(&lab.log);
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
