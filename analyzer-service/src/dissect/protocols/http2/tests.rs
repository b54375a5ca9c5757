mod wire;

use expect_test::{Expect, expect};

use super::streams::STREAMS_MAX;
use crate::dissect::{
    Direction,
    budget::WAITING_BYTES_MAX,
    testing::{CLIENT, Lab, SERVER, survives_damage},
};
use wire::*;

fn check(parts: &[(Direction, Vec<u8>)], expected: &Expect) {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 9_000);
    lab.handshake(flow);
    for (from, payload) in parts {
        lab.send(flow, *from, payload);
    }
    lab.end(flow);
    let lines = lab.log.lines().filter(|line| !line.ends_with(" is http2"));
    expected.assert_eq(&lines.map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(lab.out.waiting.held(), 0);
}

#[test]
fn streams_are_transactions_on_any_port() {
    check(
        &[
            (
                CLIENT,
                [
                    preface(),
                    headers(1, ENDS, &request("GET", "/a")),
                    headers(3, 0, &request("POST", "/b")),
                ]
                .concat(),
            ),
            (SERVER, settings(&[])),
            (CLIENT, data(3, ENDS, 300)),
            (
                SERVER,
                [headers(3, 0, &response("200")), data(3, 0, 1_000)].concat(),
            ),
            (SERVER, headers(1, ENDS, &response("404"))),
            (SERVER, data(3, ENDS, 24)),
        ],
        &expect![[r##"
            #7 flow 1: http 1 GET /a HTTP/2 host="a.example" agent="" referrer="" sent=0 -> 404 "" server="" received=0 in 4ms
            #8 flow 1: http 2 POST /b HTTP/2 host="a.example" agent="" referrer="" sent=300 -> 200 "" server="" received=1024 in 3ms
            end of flow 1: ["http2"]
        "##]],
    );
}

#[test]
fn a_grpc_call_has_its_method_and_the_status_of_its_trailers() {
    let call = [
        request("POST", "/weir.Ingest/Put"),
        literal("content-type", "application/grpc"),
    ]
    .concat();
    let answer = [response("200"), literal("content-type", "application/grpc")].concat();
    let trailers = [literal("grpc-status", "5"), literal("grpc-message", "no")].concat();
    check(
        &[
            (
                CLIENT,
                [preface(), headers(1, 0, &call), data(1, ENDS, 12)].concat(),
            ),
            (
                SERVER,
                [
                    settings(&[]),
                    headers(1, 0, &answer),
                    data(1, 0, 7),
                    headers(1, ENDS, &trailers),
                ]
                .concat(),
            ),
        ],
        &expect![[r##"
            #4 flow 1: http 1 POST /weir.Ingest/Put HTTP/2 host="a.example" agent="" referrer="" sent=12 -> 200 "application/grpc" server="" received=7 in 1ms grpc=5
            end of flow 1: ["http2"]
        "##]],
    );
}

#[test]
fn blocks_may_be_padded_and_in_parts() {
    let block = request("GET", "/parts");
    let (front, back) = block.split_at(5);
    check(
        &[
            (
                CLIENT,
                [
                    preface(),
                    padded_headers(1, front),
                    continuation(1, back),
                    padded_data(1, 9, 20),
                ]
                .concat(),
            ),
            (
                SERVER,
                [settings(&[]), headers(1, ENDS, &response("204"))].concat(),
            ),
        ],
        &expect![[r##"
            #4 flow 1: http 1 GET /parts HTTP/2 host="a.example" agent="" referrer="" sent=20 -> 204 "" server="" received=0 in 1ms
            end of flow 1: ["http2"]
        "##]],
    );
}

#[test]
fn a_table_lives_as_long_as_its_direction() {
    let first = [request("GET", "/1"), indexed_literal("user-agent", "me")].concat();
    let second = [request("GET", "/2"), vec![0x80 | 62]].concat();
    check(
        &[
            (
                CLIENT,
                [
                    preface(),
                    headers(1, ENDS, &first),
                    headers(3, ENDS, &second),
                ]
                .concat(),
            ),
            (
                SERVER,
                [
                    settings(&[(1, 0)]),
                    headers(1, ENDS, &response("200")),
                    headers(3, ENDS, &response("200")),
                ]
                .concat(),
            ),
        ],
        &expect![[r##"
            #4 flow 1: http 1 GET /1 HTTP/2 host="a.example" agent="me" referrer="" sent=0 -> 200 "" server="" received=0 in 1ms
            #4 flow 1: http 2 GET /2 HTTP/2 host="a.example" agent="me" referrer="" sent=0 -> 200 "" server="" received=0 in 1ms
            end of flow 1: ["http2"]
        "##]],
    );
}

#[test]
fn what_ends_early_is_incomplete() {
    check(
        &[
            (
                CLIENT,
                [
                    preface(),
                    headers(1, ENDS, &request("GET", "/reset")),
                    headers(3, ENDS, &request("GET", "/open")),
                ]
                .concat(),
            ),
            (
                SERVER,
                [settings(&[]), headers(1, 0, &response("200")), reset(1)].concat(),
            ),
        ],
        &expect![[r##"
            #4 flow 1: http 1 GET /reset HTTP/2 host="a.example" agent="" referrer="" sent=0 -> 200 "" server="" received=0 in 1ms incomplete
            #3 flow 1: http 2 GET /open HTTP/2 host="a.example" agent="" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
            end of flow 1: ["http2"]
        "##]],
    );
}

#[test]
fn a_response_may_come_without_its_request() {
    check(
        &[(
            SERVER,
            [
                settings(&[]),
                headers(1, 0, &response("100")),
                headers(1, 0, &response("200")),
                data(1, ENDS, 5),
            ]
            .concat(),
        )],
        &expect![[r##"
            #3 flow 1: http 1   HTTP/2 host="" agent="" referrer="" sent=0 -> 200 "" server="" received=5
            end of flow 1: ["http2"]
        "##]],
    );
}

#[test]
fn a_gap_in_content_is_passed_over_and_one_in_fields_is_not() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 9_000);
    lab.handshake(flow);
    lab.send(
        flow,
        CLIENT,
        &[
            preface(),
            headers(1, ENDS, &request("GET", "/a")),
            headers(3, ENDS, &request("GET", "/b")),
        ]
        .concat(),
    );
    let content = data(1, ENDS, 500);
    lab.send(
        flow,
        SERVER,
        &[settings(&[]), headers(1, 0, &response("200"))].concat(),
    );
    lab.send_cut(
        flow,
        SERVER,
        &content[..200],
        u32::try_from(content.len() - 200).unwrap(),
    );
    lab.send_cut(flow, SERVER, &headers(3, 0, &response("200"))[..5], 5);
    lab.send(flow, SERVER, &data(3, ENDS, 5));
    lab.end(flow);
    let lines = lab.log.lines().filter(|line| !line.ends_with(" is http2"));
    expect![[r##"
        #5 flow 1: http 1 GET /a HTTP/2 host="a.example" agent="" referrer="" sent=0 -> 200 "" server="" received=500 in 1ms
        #3 flow 1: http 2 GET /b HTTP/2 host="a.example" agent="" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
        end of flow 1: ["http2"]
    "##]].assert_eq(&lines.map(|line| format!("{line}\n")).collect::<String>());
}

#[test]
fn what_breaks_the_protocol_is_a_finding() {
    check(
        &[(CLIENT, [preface(), headers(1, 0, &[0x80])].concat())],
        &expect![[r##"
            #3 malformed-http2: header fields invalid
            end of flow 1: ["http2"]
        "##]],
    );
    let interleaved = [preface(), padded_headers(1, &[]), data(1, 0, 5)].concat();
    check(
        &[(CLIENT, interleaved)],
        &expect![[r##"
        #3 malformed-http2: frame invalid
        end of flow 1: ["http2"]
    "##]],
    );
}

#[test]
fn streams_that_wait_are_bounded() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 9_000);
    lab.send(flow, CLIENT, &preface());
    for n in 0..=u32::try_from(STREAMS_MAX).unwrap() {
        lab.send(
            flow,
            CLIENT,
            &headers(1 + 2 * n, ENDS, &request("GET", "/")),
        );
    }
    assert_eq!(lab.out.dropped_transactions, 1);
    lab.out.waiting.take(WAITING_BYTES_MAX);
    lab.send(flow, CLIENT, &headers(9_001, ENDS, &request("GET", "/")));
    assert!(lab.out.dropped_transactions > STREAMS_MAX as u64);
    lab.end(flow);
    assert_eq!(lab.out.waiting.held(), WAITING_BYTES_MAX);
}

#[test]
fn damaged_connections_do_no_harm() {
    let call = [request("POST", "/p"), indexed_literal("user-agent", "me")].concat();
    let ask = [
        preface(),
        settings(&[(1, 100)]),
        headers(1, 0, &call),
        padded_data(1, 9, 20),
        padded_headers(3, &call),
        continuation(3, &[0x82]),
    ];
    let answer = [
        settings(&[(1, 0)]),
        headers(1, 0, &response("200")),
        data(1, 0, 100),
        reset(3),
        headers(1, ENDS, &literal("grpc-status", "0")),
    ];
    survives_damage(9_000, &[(CLIENT, ask.concat()), (SERVER, answer.concat())]);
}
