//! Requests that come in pieces.

use expect_test::expect;

use super::*;
use crate::testing::Kept;

fn host(kept: &Kept) -> Option<String> {
    kept.records().iter().find_map(|record| match &record.body {
        Body::Http(http) => Some(http.host.clone()),
        _ => None,
    })
}

#[test]
fn a_request_in_fragments_is_read() {
    let whole = frame::tcp(A, B, (40_000, 80), (101, PSH | ACK), HTTP_REQUEST);
    let (first, later) = whole[20..].split_at(32);
    let fragment = |offset, more, data| {
        frame::ethernet(&frame::ipv4_fragment(
            A,
            B,
            frame::TCP,
            (5, offset, more),
            data,
        ))
    };
    let capture = Pcap::new(Order::Little)
        .packet(0, 0, &fragment(0, true, first))
        .packet(0, 0, &fragment(32, false, later))
        .bytes();
    let kept = run(&capture, &Options::default());
    assert_eq!(host(&kept).as_deref(), Some("example.org"));
    check_hierarchy(
        &capture,
        &expect![[r#"
            eth 2
            eth:ip 2
            eth:ip:tcp 1
            eth:ip:tcp:http 1"#]],
    );
}

#[test]
fn a_request_in_fragments_with_extension_headers_is_read() {
    let (a, b) = ([0xfd; 16], [0xfe; 16]);
    let segment = &frame::tcp(A, B, (40_000, 80), (101, PSH | ACK), HTTP_REQUEST)[20..];
    let whole = frame::ipv6_options(frame::TCP, segment);
    let (first, later) = whole.split_at(40);
    let fragment = |place, data| {
        let fragment = frame::ipv6_fragment(60, place, data);
        frame::ethernet_of(0x86dd, &frame::ipv6(a, b, 44, &fragment))
    };
    let capture = Pcap::new(Order::Little)
        .packet(0, 0, &fragment((5, 0, true), first))
        .packet(0, 0, &fragment((5, 40, false), later))
        .bytes();
    let kept = run(&capture, &Options::default());
    assert_eq!(host(&kept).as_deref(), Some("example.org"));
}
