//! Records' data as text.

use super::*;

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
