//! Where bodies end.

use expect_test::expect;

use super::*;

#[test]
fn chunked_bodies_count_without_their_framing() {
    let request = "PUT / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n\
                   3;x=y\r\nabc\r\n0\r\n\r\n";
    let response = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                    A\r\n0123456789\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\n";
    let bytes: Vec<_> = response.split("").filter(|byte| !byte.is_empty()).collect();
    let parts = std::iter::once((CLIENT, request));
    let parts: Vec<_> = parts
        .chain(bytes.into_iter().map(|byte| (SERVER, byte)))
        .collect();
    check(
        &parts,
        &expect![[r##"
            #88 flow 1: http 1 PUT / HTTP/1.1 host="" agent="" referrer="" sent=3 -> 200 "" server="" received=11 in 47ms
            end of flow 1: ["http"]
        "##]],
    );
}

#[test]
fn codings_on_many_lines_are_one_list() {
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\
                    Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let parts = [
        (CLIENT, GET),
        (SERVER, response),
        (CLIENT, GET),
        (SERVER, OK_TWO),
    ];
    check(
        &parts,
        &expect![[r##"
        #4 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 1ms
        #6 flow 1: http 2 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 1ms
        end of flow 1: ["http"]
    "##]],
    );
}

#[test]
fn some_responses_have_no_body() {
    let responses = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\n\
                     Content-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    check(
        &[(CLIENT, GET), (CLIENT, GET), (SERVER, responses)],
        &expect![[r#"
        #5 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 304 "" server="" received=0 in 2ms
        #5 flow 1: http 2 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 204 "" server="" received=0 in 1ms
        end of flow 1: ["http"]
    "#]],
    );
}

#[test]
fn a_body_without_framing_ends_with_the_connection() {
    let response = "HTTP/1.0 200 OK\r\n\r\nhello";
    check(
        &[(CLIENT, GET), (SERVER, response), (SERVER, " world")],
        &expect![[r#"
        #7 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=11 in 1ms
        end of flow 1: ["http"]
    "#]],
    );
}

/// A response with these lengths, then one that is as it should be.
fn check_lengths(lines: &str, expected: &Expect) {
    let response = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nhello");
    check(
        &[
            (CLIENT, GET),
            (SERVER, &response),
            (CLIENT, GET),
            (SERVER, OK_TWO),
        ],
        expected,
    );
}

#[test]
fn a_length_may_be_said_more_than_once() {
    for lines in [
        "Content-Length: 5",
        "content-length:\t05 ",
        "Content-Length: 5, 5",
        "Content-Length: 5\r\nContent-Length: 5",
    ] {
        check_lengths(
            lines,
            &expect![[r#"
                #4 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=5 in 1ms
                #6 flow 1: http 2 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 1ms
                end of flow 1: ["http"]
            "#]],
        );
    }
}

#[test]
fn a_length_that_is_no_number_is_malformed() {
    for lines in [
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 5,",
        "Content-Length:",
        "Content-Length: 5, 6",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 99999999999999999999",
    ] {
        check_lengths(
            lines,
            &expect![[r#"
                #4 malformed-http: invalid length of a response
                #4 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=0 in 1ms incomplete
                #6 flow 1: http 2 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 1ms
                end of flow 1: ["http"]
            "#]],
        );
    }
}

#[test]
fn a_request_with_an_invalid_length_waits_for_its_refusal() {
    let request = "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc";
    check(
        &[(CLIENT, request), (SERVER, OK_TWO)],
        &expect![[r#"
            #3 malformed-http: invalid length of a request
            #4 flow 1: http 1 POST / HTTP/1.1 host="" agent="" referrer="" sent=0 -> 200 "" server="" received=2 in 1ms incomplete
            end of flow 1: ["http"]
        "#]],
    );
}

#[test]
fn a_coding_counts_for_more_than_a_length() {
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhello";
    check(
        &[(CLIENT, GET), (SERVER, response)],
        &expect![[r#"
            #6 flow 1: http 1 GET /a HTTP/1.1 host="h" agent="" referrer="" sent=0 -> 200 "" server="" received=5 in 1ms
            end of flow 1: ["http"]
        "#]],
    );
}
