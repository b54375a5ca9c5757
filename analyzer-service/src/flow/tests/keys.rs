//! Which packets are one flow, and what it counts.

use super::*;

#[test]
fn icmp_pairs_request_and_reply_only() {
    check(
        &[
            (0, frame::icmp(A, B, (8, 0), b"ping")),
            (0, frame::icmp(B, A, (0, 0), b"ping")),
            (0, frame::icmp(A, B, (3, 1), b"")),
            (0, frame::icmp(B, A, (3, 1), b"")),
        ],
        &expect![[r#"
            @4 #1 1 10.0.0.1:0>10.0.0.2:0 1/32/4 1/32/4 Some(CaptureEnd) icmp=8/0
            @4 #2 1 10.0.0.1:0>10.0.0.2:0 1/28/0 0/0/0 Some(CaptureEnd) icmp=3/1
            @4 #3 1 10.0.0.2:0>10.0.0.1:0 1/28/0 0/0/0 Some(CaptureEnd) icmp=3/1"#]],
    );
}

#[test]
fn fragments_count_to_the_flow_of_the_first_one() {
    let whole = udp((4_000, 4_001), &[7; 32]);
    let part = |offset: usize, more| {
        let end = if more { 20 + offset + 16 } else { whole.len() };
        let place = (9, u16::try_from(offset).expect("small"), more);
        frame::ipv4_fragment(A, B, frame::UDP, place, &whole[20 + offset..end])
    };
    check(
        &[
            (0, part(0, true)),
            (0, part(32, false)),
            (1, part(16, true)),
            (2, part(16, true)),
        ],
        &expect!["@4 #1 17 10.0.0.1:4000>10.0.0.2:4001 4/136/48 0/0/0 Some(CaptureEnd)"],
    );
}

#[test]
fn a_fragment_too_late_for_its_first_one_is_an_orphan() {
    let first = frame::ipv4_fragment(A, B, frame::UDP, (9, 0, true), &udp((1, 2), b"")[20..]);
    let later = frame::ipv4_fragment(A, B, frame::UDP, (9, 8, false), &[0; 8]);
    check(
        &[(0, first), (61, later)],
        &expect![[r#"
        @2 #1 17 10.0.0.1:1>10.0.0.2:2 1/28/0 0/0/0 Some(CaptureEnd)
        @2 #2 17 10.0.0.1:0>10.0.0.2:0 1/28/8 0/0/0 Some(CaptureEnd)"#]],
    );
}

#[test]
fn vlans_keep_flows_apart() {
    let packet = udp((1, 2), b"");
    let inner = frame::vlan(6, 0x0800, &packet);
    let frames = [
        (
            0,
            frame::ethernet_of(0x8100, &frame::vlan(5, 0x0800, &packet)),
        ),
        (
            0,
            frame::ethernet_of(0x88a8, &frame::vlan(5, 0x8100, &inner)),
        ),
        (0, frame::ethernet(&packet)),
    ];
    expect![[r#"
        @3 #1 17 10.0.0.1:1>10.0.0.2:2 1/28/0 0/0/0 Some(CaptureEnd) vlans=[5]
        @3 #2 17 10.0.0.1:1>10.0.0.2:2 1/28/0 0/0/0 Some(CaptureEnd) vlans=[5, 6]
        @3 #3 17 10.0.0.1:1>10.0.0.2:2 1/28/0 0/0/0 Some(CaptureEnd)"#]]
    .assert_eq(&lines(&capture(&frames), &Options::default()));
}

#[test]
fn a_wrong_checksum_is_counted_and_drops_nothing() {
    let mut wrong = udp((1, 2), b"data");
    wrong[30] ^= 1;
    check(
        &[(0, wrong), (0, udp((1, 2), b"data"))],
        &expect!["@2 #1 17 10.0.0.1:1>10.0.0.2:2 2/64/8 0/0/0 Some(CaptureEnd) checksums=1"],
    );
}

#[test]
fn ipv6_and_sctp_and_protocols_without_ports() {
    let a: IpAddr = "2001:db8::1".parse().expect("an address");
    let b: IpAddr = "2001:db8::2".parse().expect("an address");
    check(
        &[
            (0, frame::udp(a, b, (1, 2), b"six")),
            (0, frame::sctp(A, B, (5_000, 36_412))),
            (0, frame::ip(A, B, 47, &[0; 12])),
        ],
        &expect![[r#"
            @3 #1 17 [2001:db8::1]:1>[2001:db8::2]:2 1/51/3 0/0/0 Some(CaptureEnd)
            @3 #2 132 10.0.0.1:5000>10.0.0.2:36412 1/32/0 0/0/0 Some(CaptureEnd)
            @3 #3 47 10.0.0.1:0>10.0.0.2:0 1/32/12 0/0/0 Some(CaptureEnd)"#]],
    );
}
