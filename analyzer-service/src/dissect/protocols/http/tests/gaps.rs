//! What is cut, lost or one-sided.

use expect_test::expect;

use super::*;

#[test]
fn what_the_flow_s_end_cuts_is_incomplete() {
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
    check(
        &[(CLIENT, GET), (CLIENT, GET), (SERVER, response)],
        &expect![[r##"
            #7 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=5 in 2ms incomplete
            #4 flow 1: http 2 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
            end of flow 1: ["http"]
        "##]],
    );
}

#[test]
fn a_head_may_span_many_segments() {
    let (mut lab, flow) = lab(80);
    for byte in GET.as_bytes().chunks(1) {
        lab.send(flow, CLIENT, byte);
    }
    lab.end(flow);
    expect![[r##"
        #30 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
        end of flow 1: ["http"]
    "##]]
    .assert_eq(&records(&lab));
}

#[test]
fn a_response_alone_is_a_transaction_too() {
    let (mut lab, flow) = lab(80);
    lab.send(flow, SERVER, OK_TWO.as_bytes());
    lab.end(flow);
    expect![[r#"
        #3 flow 1: http 1   HTTP/1.1 host="" agent="" referrer="" sent=0 -> 200 "" server="" received=2 incomplete
        end of flow 1: ["http"]
    "#]]
    .assert_eq(&records(&lab));
}

#[test]
fn a_gap_inside_a_body_is_passed_over() {
    let (mut lab, flow) = lab(80);
    lab.send(flow, CLIENT, [GET, GET].concat().as_bytes());
    lab.send_cut(
        flow,
        SERVER,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        1_000,
    );
    lab.send(flow, SERVER, OK_TWO.as_bytes());
    lab.end(flow);
    expect![[r#"
        #4 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=1000 in 1ms incomplete
        #5 flow 1: http 2 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 2ms
        end of flow 1: ["http"]
    "#]]
    .assert_eq(&records(&lab));
}

#[test]
fn behind_a_gap_the_next_head_is_found() {
    let (mut lab, flow) = lab(80);
    lab.send(flow, CLIENT, GET.as_bytes());
    lab.send_cut(flow, CLIENT, b"GET /lost", 50);
    lab.send(flow, CLIENT, b"and more");
    lab.send(flow, CLIENT, b"GET /found HTTP/1.1\r\n\r\n");
    lab.end(flow);
    expect![[r#"
        #3 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
        #6 flow 1: http 2 GET /found HTTP/1.1 host="" agent="" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
        end of flow 1: ["http"]
    "#]]
    .assert_eq(&records(&lab));
}

#[test]
fn a_response_that_is_lost_is_not_anothers() {
    let (mut lab, flow) = lab(80);
    let answer = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
    for path in ["one", "two", "three"] {
        lab.send(
            flow,
            CLIENT,
            format!("GET /{path} HTTP/1.1\r\n\r\n").as_bytes(),
        );
        if path == "one" {
            lab.send(flow, SERVER, answer("200 OK").as_bytes());
        }
    }
    lab.send_cut(flow, SERVER, b"HTTP/1.1 404", 40);
    lab.send(flow, SERVER, answer("201 Created").as_bytes());
    // And behind the end of a body.
    for path in ["four", "five", "six"] {
        lab.send(
            flow,
            CLIENT,
            format!("GET /{path} HTTP/1.1\r\n\r\n").as_bytes(),
        );
    }
    lab.send_cut(
        flow,
        SERVER,
        answer("203 four").trim_end_matches('k').as_bytes(),
        100,
    );
    lab.send(flow, SERVER, answer("202 Accepted").as_bytes());
    lab.end(flow);
    expect![[r##"
        #4 flow 1: http 1 GET /one HTTP/1.1 host="" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 1ms
        #5 flow 1: http 2 GET /two HTTP/1.1 host="" agent="" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
        #8 flow 1: http 3 GET /three HTTP/1.1 host="" agent="" referrer="" sent=0 -> 201 "" server="" received=2 in 2ms incomplete
        #10 flow 1: http 5 GET /five HTTP/1.1 host="" agent="" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
        #12 flow 1: http 4 GET /four HTTP/1.1 host="" agent="" referrer="" sent=0 -> 203 "" server="" received=1 in 3ms incomplete
        #13 flow 1: http 6 GET /six HTTP/1.1 host="" agent="" referrer="" sent=0 -> 202 "" server="" received=2 in 2ms incomplete
        end of flow 1: ["http"]
    "##]].assert_eq(&records(&lab));
}
