mod bounds;
mod framing;
mod gaps;

use expect_test::{Expect, expect};

use crate::dissect::{
    Direction,
    testing::{CLIENT, Lab, SERVER},
};

fn lab(port: u16) -> (Lab, usize) {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, port);
    lab.handshake(flow);
    (lab, flow)
}

/// A connection that both sides close; each part is a segment of its own.
fn check(parts: &[(Direction, &str)], expected: &Expect) {
    let (mut lab, flow) = lab(80);
    for (from, payload) in parts {
        lab.send(flow, *from, payload.as_bytes());
    }
    lab.fin(flow, CLIENT);
    lab.fin(flow, SERVER);
    lab.end(flow);
    expected.assert_eq(&records(&lab));
}

fn records(lab: &Lab) -> String {
    let lines = lab.log.lines().filter(|line| !line.ends_with(" is http"));
    lines.map(|line| format!("{line}\n")).collect()
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const OK_TWO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn a_transaction_says_what_its_heads_say() {
    let request = "POST /x?y HTTP/1.1\r\nhost:  example.com \r\nUser-Agent: curl\r\n\
                   Referer: http://r/\r\nContent-Length: 3\r\n\r\nabc";
    let response = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nServer: s\r\n\
                    Content-Length: 5\r\n\r\nhello";
    check(
        &[(CLIENT, request), (SERVER, response)],
        &expect![[r#"
        #4 flow 1: http 1 POST /x?y HTTP/1.1 host="example.com" agent="curl" referrer="http://r/" sent=3 -> 404 "text/plain" server="s" received=5 in 1ms
        end of flow 1: ["http"]
    "#]],
    );
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let requests = [
        GET,
        "HEAD /b HTTP/1.0\r\n\r\n",
        "GET /c HTTP/1.1\nHost: n\n\n",
    ]
    .concat();
    let responses = [
        OK_TWO,
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
        OK_TWO,
    ]
    .concat();
    check(
        &[(CLIENT, &requests), (SERVER, &responses)],
        &expect![[r##"
            #4 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 1ms
            #4 flow 1: http 2 HEAD /b HTTP/1.0 host="" agent="" referrer="" sent=0 -> 200 "" server="" received=0 in 1ms
            #4 flow 1: http 3 GET /c HTTP/1.1 host="n" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 1ms
            end of flow 1: ["http"]
        "##]],
    );
}

#[test]
fn a_tunnel_is_another_protocol() {
    let connect = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n";
    let hello = crate::dissect::protocols::tls::tests::client_hello("in.tunnel");
    let (mut lab, flow) = lab(3128);
    lab.send(flow, CLIENT, connect.as_bytes());
    lab.send(flow, SERVER, b"HTTP/1.1 200 Connection established\r\n\r\n");
    lab.send(flow, CLIENT, &hello);
    lab.end(flow);
    expect![[r#"
        #4 flow 1: http 1 CONNECT h:443 HTTP/1.1 host="h:443" agent="" referrer="" sent=0 -> 200 "" server="" received=0 in 1ms
        #5 is tls
        #5 flow 1: tls "in.tunnel" offers TLS 1.3 ["h2", "http/1.1"]
        end of flow 1: ["http", "tls"]
    "#]]
    .assert_eq(&records(&lab));
}

#[test]
fn an_upgrade_ends_the_reading() {
    let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x01\x02GET ";
    check(
        &[(CLIENT, GET), (SERVER, response), (CLIENT, "\x01\x02\x03")],
        &expect![[r#"
        #4 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 101 "" server="" received=0 in 1ms
        end of flow 1: ["http"]
    "#]],
    );
}

#[test]
fn it_is_known_by_its_first_bytes_on_any_port() {
    let (mut lab, flow) = lab(10_234);
    lab.send(flow, CLIENT, GET.as_bytes());
    lab.send(flow, SERVER, OK_TWO.as_bytes());
    lab.end(flow);
    expect![[r#"
        #3 is http
        #4 is http
        #4 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 1ms
        end of flow 1: ["http"]
    "#]]
    .assert_eq(&lab.log);
}

#[test]
fn bytes_that_are_no_text_are_escaped() {
    let (mut lab, flow) = lab(80);
    lab.send(
        flow,
        CLIENT,
        b"GET /\xff\xfe HTTP/1.1\r\nHost: \xffh\r\nUser-Agent: \xc3\xa9\r\n\r\n",
    );
    lab.end(flow);
    expect![[r#"
        #3 flow 1: http 1 GET /\xff\xfe HTTP/1.1 host="\\xffh" agent="é" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
        end of flow 1: ["http"]
    "#]]
    .assert_eq(&records(&lab));
}

#[test]
fn other_text_protocols_are_left_alone() {
    for first in [
        "OPTIONS rtsp://a RTSP/1.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
        "220 hello\r\n",
    ] {
        let (mut lab, flow) = lab(8080);
        lab.send(flow, CLIENT, first.as_bytes());
        lab.end(flow);
        assert!(
            lab.log.ends_with("end of flow 1: []\n"),
            "{first}: {}",
            lab.log
        );
    }
}
