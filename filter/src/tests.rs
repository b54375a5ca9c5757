use expect_test::{Expect, expect};
use weir_capture_builder::frame::{self, ACK, SYN};

use super::*;

const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 1, 2];
const A6: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const B6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// By name, Ethernet frames that filters tell apart.
fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let http = frame::tcp(A, B, (40_000, 80), (1, SYN), b"");
    let tagged = frame::vlan(5, 0x0800, &http);
    let twice = frame::vlan(7, 0x8100, &tagged);
    let later = frame::ipv4_fragment(A, B, frame::UDP, (1, 8, false), &[0; 32]);
    let options = frame::ipv6_options(frame::UDP, &[0, 1, 0, 2, 0, 8, 0, 0]);
    let mut cut = frame::ethernet(&http);
    cut.truncate(30);
    let to_all = [&[0xff; 6], &frame::ethernet(&http)[6..]].concat();
    vec![
        ("http", frame::ethernet(&http)),
        (
            "back",
            frame::ethernet(&frame::tcp(B, A, (80, 40_000), (1, SYN | ACK), b"")),
        ),
        (
            "dns",
            frame::ethernet(&frame::udp(A, B, (5_353, 53), &[0; 60])),
        ),
        ("ping", frame::ethernet(&frame::icmp(B, A, (8, 0), b"ping"))),
        ("sctp", frame::ethernet(&frame::sctp(A, B, (80, 2)))),
        ("arp", frame::ethernet_of(0x0806, &frame::arp(A, B))),
        ("tagged", frame::ethernet_of(0x8100, &tagged)),
        ("twice", frame::ethernet_of(0x88a8, &twice)),
        ("later", frame::ethernet(&later)),
        (
            "http6",
            frame::ethernet(&frame::tcp(A6, B6, (40_000, 80), (1, SYN), b"")),
        ),
        (
            "options6",
            frame::ethernet(&frame::ipv6(A6, B6, 0, &options)),
        ),
        ("cut", cut),
        ("to-all", to_all),
        ("empty", Vec::new()),
    ]
}

/// Which of the frames pass.
#[track_caller]
fn check(text: &str, expected: &str) {
    let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text:?} {error}"));
    let passes = |(name, data): (&'static str, Vec<u8>)| {
        let wire_bytes = u32::try_from(data.len()).expect("a frame").max(60);
        filter.passes(1, wire_bytes, &data).then_some(name)
    };
    let passed: Vec<&str> = frames().into_iter().filter_map(passes).collect();
    assert_eq!(passed.join(" "), expected, "{text:?}");
}

#[test]
fn addresses_are_found_where_their_protocols_have_them() {
    // All but the last byte of the other address is there.
    let of_a = "http back dns ping sctp arp later cut to-all";
    for text in [
        "host 10.0.0.1",
        "src or dst 10.0.0.1",
        "net 10.0.0",
        "net 10.0.0.0/24",
    ] {
        check(text, of_a);
    }
    check("src 10.0.0.1", "http dns sctp arp later cut to-all");
    check("dst host 10.0.0.1", "back ping");
    check(
        "src and dst net 10.0",
        "http back dns ping sctp arp later to-all",
    );
    check("net 10", of_a);
    check("net 10.0.0.0 mask 255.255.0.0 and arp", "arp");
    check("ip host 10.0.0.1 and not port 80", "dns ping later");
    check("arp host 10.0.1.2", "arp");
    check("host fe80::1", "http6 options6");
    check("dst net 2001:db8::/32", "http6 options6");
    check("ip6 dst 2001:db8::2 and tcp", "http6");
    check("ether src 02:00:00:00:00:01 and arp", "arp");
    check("ether dst 2-0-0-0-0-2 and arp", "arp");
    check("ether host 0200.0000.0001 and arp", "arp");
}

#[test]
fn ports_are_of_whole_datagrams_and_first_fragments() {
    check("port 80", "http back sctp http6 to-all");
    check("tcp port http", "http back http6 to-all");
    check("tcp src port 80", "back");
    check("udp dst port domain", "dns");
    check("portrange 50-60", "dns");
    check("portrange 60-50", "dns");
    check("src portrange 30000-50000", "http http6 to-all");
    check("src and dst port 80", "");
    check("sctp port 0x50", "sctp");
}

#[test]
fn a_name_inherits_the_qualifier_before_it() {
    check("port 53 or 80", "http back dns sctp http6 to-all");
    check("port (53 or 80)", "http back dns sctp http6 to-all");
    check("tcp src port 80 or 40000", "http back http6 to-all");
    check("dst host 10.0.0.1 or 10.0.1.2 and port 53 or 1", "dns");
    check("src port 80 or dst port 53", "back dns sctp");
    check("port 80 and not 40000", "sctp");
    check("port not 80", "dns ping arp tagged twice later options6");
    check(
        "port (not 80 and not 53)",
        "ping arp tagged twice later options6",
    );
}

#[test]
fn and_and_or_bind_alike_from_the_left() {
    check("udp or tcp and port 53", "dns");
    check(
        "udp or (tcp and port 80)",
        "http back dns later http6 to-all",
    );
    check("not udp and ip and not tcp", "ping sctp");
    check("!udp && ip && !tcp", "ping sctp");
    check(
        "not (udp or tcp) || arp",
        "ping sctp arp tagged twice options6",
    );
    check("not not arp", "arp");
}

#[test]
fn protocols_go_by_name_and_number() {
    check("ip", "http back dns ping sctp later cut to-all");
    check("ip6", "http6 options6");
    check("icmp", "ping");
    check("sctp or arp", "sctp arp");
    check("udp", "dns later");
    check("proto 17", "dns later");
    check("ip proto \\udp", "dns later");
    check("ip6 proto 6", "http6");
    check("ip6 proto \\tcp", "http6");
    check("ether proto 0x806", "arp");
    check("ether proto \\arp", "arp");
    check("icmp6 or igmp or pim or vrrp or ah or esp", "");
}

#[test]
fn what_follows_vlan_lies_behind_the_tag() {
    check("tcp port 80 and vlan", "");
    check("vlan", "tagged twice");
    check("vlan 5", "tagged");
    check("vlan and tcp port 80", "tagged");
    check("vlan 7 and vlan 5 and port 80", "twice");
    check("vlan and vlan", "twice");
    check("arp or vlan and port 80", "tagged");
}

#[test]
fn lengths_and_bytes_are_calculated_with() {
    check("less 60", "http back ping sctp arp tagged cut to-all empty");
    check("greater 61", "dns twice later http6 options6");
    check("len > 0x4a - 1", "dns http6");
    check(
        "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
        "http to-all",
    );
    check("tcp[13] & 2 != 0 and ip[2:2] = 40", "http back to-all");
    check("icmp[icmptype] == icmp-echo", "ping");
    check("ip[(4 + 1) * 2 - 1] = 6", "http back cut to-all");
    check("(ip[0] & 0xf) << 2 = 20 and udp[0:2] >= 5353", "dns");
    check("udp[200] = 0 or arp", "arp");
    check("ether[0] & 1 = 1", "to-all");
    check(
        "4 > 2",
        "http back dns ping sctp arp tagged twice later http6 options6 cut to-all empty",
    );
    check("len / (len - len) = 0", "");
    check("ip[-1] = 0", "");
}

#[test]
fn groups_are_by_destination() {
    check("broadcast", "to-all");
    check("ether multicast", "to-all");
    check("ip multicast or ip6 multicast", "");
}

#[test]
fn an_empty_filter_passes_all() {
    check(
        " \t",
        "http back dns ping sctp arp tagged twice later http6 options6 cut to-all empty",
    );
}

#[test]
fn every_link_type_has_its_own_place_for_ip() {
    let packet = frame::udp(A, B, (1, 53), b"");
    let frames: [(u16, Vec<u8>); 10] = [
        (101, packet.clone()),
        (228, packet.clone()),
        (113, [&[0; 14], [8, 0].as_slice(), &packet].concat()),
        (276, [&[8, 0], [0; 18].as_slice(), &packet].concat()),
        (0, [&[2, 0, 0, 0], packet.as_slice()].concat()),
        (108, [&[0, 0, 0, 2], packet.as_slice()].concat()),
        (9, [&[0xff, 3, 0, 0x21], packet.as_slice()].concat()),
        (104, [&[0x0f, 0, 8, 0], packet.as_slice()].concat()),
        (12, packet.clone()),
        (14, packet),
    ];
    let filter = Filter::parse("src host 10.0.0.1 and udp dst port 53").expect("a filter");
    let other = Filter::parse("not udp").expect("a filter");
    for (link_type, data) in frames {
        assert!(filter.passes(link_type, 60, &data), "link type {link_type}");
        assert!(!other.passes(link_type, 60, &data), "link type {link_type}");
    }
    assert!(!filter.passes(147, 60, &[0; 60]), "an unknown link type");
    assert!(other.passes(147, 60, &[0; 60]), "an unknown link type");
}

#[track_caller]
fn check_error(text: &str, expected: &Expect) {
    let error = Filter::parse(text).map(|_| ()).expect_err(text);
    expected.assert_eq(&error.to_string());
}

#[test]
fn errors_name_the_byte() {
    let cases = [
        (
            "10.0.0.1",
            expect!["at byte 0: a name needs a qualifier such as host, net or port"],
        ),
        (
            "tcp and",
            expect!["at byte 7: expected a condition, not the end"],
        ),
        ("port", expect!["at byte 4: expected a name, not the end"]),
        ("(tcp", expect![[r#"at byte 4: expected ")", not the end"#]]),
        (
            "tcp)",
            expect![[r#"at byte 3: expected "and", "or" or the end"#]],
        ),
        (
            "port 80 443",
            expect![[r#"at byte 8: expected "and", "or" or the end"#]],
        ),
        ("port 65536", expect!["at byte 5: no port: 65536"]),
        (
            "host example.org",
            expect![[r#"at byte 5: names are not looked up, write the address: "example.org""#]],
        ),
        (
            "port gopher",
            expect![[r#"at byte 5: no service of this name is known here: "gopher""#]],
        ),
        (
            "host 10.0.0.256",
            expect![[r#"at byte 5: no IPv4 address: "10.0.0.256""#]],
        ),
        (
            "net 10.0.0.0/33",
            expect!["at byte 13: expected a prefix length of at most 32 bits"],
        ),
        (
            "net 10.0.0.1/8",
            expect!["at byte 12: bits are set outside of the mask"],
        ),
        (
            "host 10.0.0.0/8",
            expect!["at byte 13: a mask is for networks only"],
        ),
        (
            "tcp host 10.0.0.1",
            expect!["at byte 9: this protocol has no IPv4 addresses of its own"],
        ),
        (
            "icmp port 80",
            expect!["at byte 10: ports are of tcp, udp and sctp"],
        ),
        (
            "tcp or 80",
            expect!["at byte 7: a name needs a qualifier such as host, net or port"],
        ),
        (
            "tcp or gateway x",
            expect![[r#"at byte 7: "gateway" is not supported"#]],
        ),
        ("vlan 4096", expect!["at byte 5: a VLAN id has 12 bits"]),
        (
            "ip broadcast",
            expect!["at byte 3: a capture does not say its network mask"],
        ),
        (
            "ip[0:3] = 1",
            expect!["at byte 5: expected a size of 1, 2 or 4 bytes"],
        ),
        ("tcp[0] / 0 = 1", expect!["at byte 7: division by zero"]),
        (
            "len",
            expect!["at byte 3: expected a comparison, not the end"],
        ),
        (
            "port 4294967296",
            expect!["at byte 5: the number has more than 32 bits"],
        ),
        ("tcp é", expect!["at byte 4: 'é' means nothing here"]),
        (
            "src port host",
            expect![[r#"at byte 9: expected a name, not "host""#]],
        ),
        (
            "less tcp",
            expect![[r#"at byte 5: expected a number of bytes, not "tcp""#]],
        ),
    ];
    for (text, expected) in cases {
        check_error(text, &expected);
    }
}

#[test]
fn what_is_nested_or_long_beyond_the_bounds_is_refused() {
    let deep = |n: usize| format!("{}tcp{}", "(".repeat(n), ")".repeat(n));
    assert!(Filter::parse(&deep(FILTER_DEPTH_MAX)).is_ok());
    check_error(
        &deep(FILTER_DEPTH_MAX + 1),
        &expect!["at byte 65: more than 64 parentheses inside of each other"],
    );
    check_error(
        &format!("{}1 = 1", "(".repeat(4_000)),
        &expect!["at byte 65: more than 64 parentheses inside of each other"],
    );
    check_error(
        &format!("len{} = 1", "+len".repeat(FILTER_OPERATORS_MAX + 1)),
        &expect!["at byte 1027: more than 256 operators in calculations"],
    );
    check_error(
        &" ".repeat(FILTER_BYTES_MAX + 1),
        &expect!["at byte 8192: longer than 8192 bytes"],
    );
    let wide = vec!["port 80"; 700].join(" or ");
    assert!(Filter::parse(&wide).is_ok());
    let negated = format!("{}tcp", "!".repeat(8_000));
    assert!(Filter::parse(&negated).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_text_and_no_packet_make_it_panic(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..12),
        link_type in proptest::sample::select(vec![0_u16, 1, 9, 12, 101, 104, 113, 147, 228, 229, 276]),
        data in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80),
    ) {
        if let Ok(filter) = Filter::parse(&words.join(" ")) {
            let _passes: bool = filter.passes(link_type, 60, &data);
        }
    }
}

const WORDS: &[&str] = &[
    "tcp",
    "ip",
    "ip6",
    "arp",
    "ether",
    "host",
    "net",
    "port",
    "portrange",
    "proto",
    "src",
    "dst",
    "and",
    "or",
    "not",
    "(",
    ")",
    "[",
    "]",
    "vlan",
    "len",
    "less",
    "+",
    "-",
    "*",
    "/",
    "<<",
    "=",
    "80",
    "443",
    "20-30",
    "10.0.0.1",
    "10.1",
    "/8",
    "mask",
    "fe80::1",
    "1:2:3:4:5:6",
    "icmp6[0]",
    "multicast",
    "broadcast",
    "\\tcp",
    "0xffffffff",
    "é",
];
