//! What hostile connections may cost.

use expect_test::expect;

use super::{super::pairs::REQUESTS_MAX, *};
use crate::dissect::{budget::WAITING_BYTES_MAX, testing::survives_damage};

#[test]
fn a_head_without_end_is_given_up() {
    let (mut lab, flow) = lab(80);
    lab.send(flow, CLIENT, b"GET / HTTP/1.1\r\n");
    for _ in 0..70 {
        lab.send(flow, CLIENT, &[b'x'; 1_024]);
    }
    lab.end(flow);
    assert_eq!(lab.out.dropped_bytes, 16 + 64 * 1_024);
    expect![[r#"
        #67 malformed-http: head beyond 64 KiB
        end of flow 1: []
    "#]]
    .assert_eq(&records(&lab));
}

#[test]
fn requests_beyond_the_bound_go_out_unanswered() {
    let (mut lab, flow) = lab(80);
    for _ in 0..REQUESTS_MAX + 1 {
        lab.send(flow, CLIENT, GET.as_bytes());
    }
    assert_eq!(lab.out.dropped_transactions, 1);
    lab.send(flow, SERVER, [OK_TWO, OK_TWO].concat().as_bytes());
    assert!(lab.log.contains("#3 flow 1: http 1 GET"), "{}", lab.log);
    assert!(
        lab.log
            .contains("http 2 GET /a HTTP/1.1 host=\"h\" agent=\"\" referrer=\"\" sent=0 -> 200"),
        "{}",
        lab.log
    );
}

#[test]
fn damaged_transactions_do_no_harm() {
    let request = "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n";
    let close = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\nall the rest";
    survives_damage(
        80,
        &[
            (CLIENT, request.repeat(2).into_bytes()),
            (SERVER, OK_TWO.into()),
            (CLIENT, GET.repeat(3).into_bytes()),
            (SERVER, [OK_TWO, OK_TWO, close].concat().into_bytes()),
        ],
    );
}

#[test]
fn requests_that_wait_are_bounded_in_the_whole_analysis() {
    let request = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1_000));
    let mut lab = Lab::new();
    // Most of the first half is taken already: few flows are enough.
    let taken = WAITING_BYTES_MAX / 2 - (4 << 20);
    lab.out.waiting.take(taken);
    let flows: Vec<_> = (0..80).map(|port| lab.flow(4_000 + port, 80)).collect();
    for flow in &flows {
        lab.send(*flow, CLIENT, request.repeat(REQUESTS_MAX).as_bytes());
    }
    let held = lab.out.waiting.held();
    let full = WAITING_BYTES_MAX / 2 - (64 << 10);
    assert!(
        (full..WAITING_BYTES_MAX / 2 + (1 << 20)).contains(&held),
        "{held}"
    );
    assert!(lab.out.dropped_transactions > 0);
    // Whoever comes last is not starved by them.
    let late = lab.flow(3_999, 80);
    lab.send(late, CLIENT, GET.as_bytes());
    lab.send(late, SERVER, OK_TWO.as_bytes());
    assert!(lab.log.contains("200 \"\" server=\"\" received=2 in 1ms"));
    for flow in flows.into_iter().chain([late]) {
        lab.end(flow);
    }
    assert_eq!(lab.out.waiting.held(), taken);
}

#[test]
fn a_request_given_up_takes_its_body_along() {
    let (mut lab, flow) = lab(80);
    // Other flows hold all there is.
    lab.out.waiting.take(2 * WAITING_BYTES_MAX);
    lab.send(
        flow,
        CLIENT,
        b"PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nab",
    );
    assert_eq!(lab.out.dropped_transactions, 1);
    lab.out.waiting.give_back(2 * WAITING_BYTES_MAX);
    lab.send(flow, CLIENT, b"c");
    lab.send(flow, CLIENT, GET.as_bytes());
    lab.send(flow, SERVER, [OK_TWO, OK_TWO].concat().as_bytes());
    lab.end(flow);
    expect![[r#"
        #3 flow 1: http 1 PUT /a HTTP/1.1 host="" agent="" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
        #6 flow 1: http 3   HTTP/1.1 host="" agent="" referrer="" sent=0 -> 200 "" server="" received=2 incomplete
        #6 flow 1: http 2 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 1ms
        end of flow 1: ["http"]
    "#]]
    .assert_eq(&records(&lab));
    assert_eq!(lab.out.waiting.held(), 0);
}

#[test]
fn empty_lines_before_a_head_are_not_kept() {
    let (mut lab, flow) = lab(80);
    for _ in 0..100 {
        lab.send(flow, CLIENT, b"\r\n");
    }
    assert_eq!(lab.dissectors.held_bytes(), 0);
    lab.send(flow, CLIENT, [GET, "\r\n\r"].concat().as_bytes());
    lab.send(flow, SERVER, ["\r\n", OK_TWO, "\n"].concat().as_bytes());
    assert_eq!(lab.dissectors.held_bytes(), 0);
    lab.send(flow, CLIENT, ["\n", GET].concat().as_bytes());
    lab.send(flow, SERVER, OK_TWO.as_bytes());
    lab.end(flow);
    let answered = records(&lab).matches("-> 200").count();
    assert_eq!(answered, 2, "{}", lab.log);
}
