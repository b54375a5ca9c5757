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
fn ipv6_fragments_are_one_datagram_whatever_their_headers_say() {
    let (a, b) = ([0xfd; 16], [0xfe; 16]);
    let options = 60;
    let whole = frame::ipv6_options(frame::UDP, &frame::udp(A, B, (1, 2), &[7; 40])[20..]);
    let part =
        |header, place, data| frame::ipv6(a, b, 44, &frame::ipv6_fragment(header, place, data));
    let first = part(options, (9, 0, true), &whole[..32]);
    check(
        &[
            (0, first.clone()),
            (0, part(options, (9, 32, false), &whole[32..])),
            // RFC 8200, 4.5: what the later ones say does not count.
            (0, part(99, (9, 32, false), &whole[32..])),
            (0, part(options, (10, 32, false), &whole[32..])),
        ],
        &expect![[r#"
            @4 #1 17 [fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:1>[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe]:2 3/224/64 0/0/0 Some(CaptureEnd) checksums=1
            @4 #2 60 [fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:0>[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe]:0 1/72/24 0/0/0 Some(CaptureEnd)"#]],
    );
}

/// An authentication header (RFC 4302) in front of `payload`.
fn authenticated(next_header: u8, payload: &[u8]) -> Vec<u8> {
    [&[next_header, 4], [0; 22].as_slice(), payload].concat()
}

#[test]
fn fragments_behind_an_authentication_header_are_one_datagram() {
    let whole = authenticated(frame::UDP, &udp((1, 2), &[4; 64])[20..]);
    let part = |place, data| frame::ipv4_fragment(A, B, 51, place, data);
    check(
        &[
            (0, part((9, 0, true), &whole[..48])),
            (0, part((9, 48, false), &whole[48..])),
            (0, frame::ip(A, B, 51, &whole)),
        ],
        &expect!["@3 #1 17 10.0.0.1:1>10.0.0.2:2 3/252/128 0/0/0 Some(CaptureEnd)"],
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
fn a_priority_tag_is_no_vlan() {
    let packet = udp((1, 2), b"");
    let back = frame::udp(B, A, (2, 1), b"");
    let in_vlan = frame::vlan(5, 0x0800, &packet);
    let frames = [
        frame::ethernet_of(0x8100, &frame::vlan(0, 0x0800, &packet)),
        frame::ethernet(&back),
        frame::ethernet_of(0x8100, &frame::vlan(0, 0x8100, &in_vlan)),
        frame::ethernet_of(0x8100, &in_vlan),
    ];
    let frames = frames.map(|frame| (0, frame));
    expect![[r#"
        @4 #1 17 10.0.0.1:1>10.0.0.2:2 1/28/0 1/28/0 Some(CaptureEnd)
        @4 #2 17 10.0.0.1:1>10.0.0.2:2 2/56/0 0/0/0 Some(CaptureEnd) vlans=[5]"#]]
    .assert_eq(&lines(&capture(&frames), &Options::default()));
}

#[test]
fn hardware_addresses_are_those_of_the_first_packet() {
    let mut second = frame::ethernet(&frame::udp(B, A, (2, 1), b""));
    second[..12].fill(7);
    let frames = [(0, frame::ethernet(&udp((1, 2), b""))), (0, second)];
    let kept = run(&capture(&frames), &Options::default());
    let first = &frames[0].1;
    let (_, _, flow) = kept.flows()[0];
    assert_eq!(
        flow.client_mac.as_ref().map(|mac| &mac[..]),
        first.get(6..12)
    );
    assert_eq!(flow.server_mac.as_ref().map(|mac| &mac[..]), first.get(..6));

    // Linux's "any" device tells the sender's only.
    let cooked = |last, packet: &[u8]| {
        let header = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, last, 0, 0, 8, 0];
        [&header, packet].concat()
    };
    let capture = Pcap::with(Order::Little, false, 113)
        .packet(0, 0, &cooked(1, &udp((1, 2), b"")))
        .packet(0, 0, &cooked(2, &frame::udp(B, A, (2, 1), b"")));
    let kept = run(&capture.bytes(), &Options::default());
    let (_, _, flow) = kept.flows()[0];
    assert_eq!(flow.client_mac, Some([2, 0, 0, 0, 0, 1]));
    assert_eq!(flow.server_mac, None);
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
