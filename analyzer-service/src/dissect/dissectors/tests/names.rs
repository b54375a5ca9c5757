//! Protocols that are recognised by their first bytes.

use super::*;

const ODD_PORT: u16 = 40_404;

/// The services of a flow with these payloads, on this port.
fn services(transport: Transport, port: u16, parts: &[(Direction, &[u8])]) -> String {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, port);
    for (from, payload) in parts {
        match transport {
            Transport::Tcp => lab.send(flow, *from, payload),
            Transport::Udp => lab.datagram(flow, *from, payload),
        }
    }
    lab.end(flow);
    let end = lab.log.lines().next_back().unwrap_or_default();
    end.trim_start_matches("end of flow 1: ").to_owned()
}

fn tcp(port: u16, parts: &[(Direction, &[u8])], expected: &str) {
    assert_eq!(
        services(Transport::Tcp, port, parts),
        expected,
        "{port} {parts:?}"
    );
}

fn udp(port: u16, from: Direction, payload: &[u8], expected: &str) {
    let seen = services(Transport::Udp, port, &[(from, payload)]);
    assert_eq!(seen, expected, "{port} {payload:?}");
}

/// An answer of a server whose clock was set a minute before.
fn ntp_answer() -> Vec<u8> {
    let mut answer = vec![0x24, 2, 6, 0xec];
    answer.resize(48, 0);
    for (at, seconds) in [
        (16, 0xe9a0_0000u32),
        (24, 0xe9a0_0040),
        (32, 0xe9a0_0040),
        (40, 0xe9a0_0040),
    ] {
        answer[at..at + 4].copy_from_slice(&seconds.to_be_bytes());
    }
    answer
}

#[test]
fn datagrams_are_known_by_their_content_on_any_port() {
    let name = [
        &b"\x12\x34\x01\x10\0\x01\0\0\0\0\0\0\x20CK"[..],
        &[b'A'; 30],
        b"\0\0\x21\0\x01",
    ]
    .concat();
    let snmp_3 = [0x30, 0x81, 0x90, 2, 1, 3, 0x30, 0x11];
    let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01";
    for (port, from, payload, expected) in [
        (123, SERVER, &ntp_answer()[..], "[\"ntp\"]"),
        (137, CLIENT, &name, "[\"nbns\"]"),
        (
            161,
            CLIENT,
            b"\x30\x2c\x02\x01\x01\x04\x06public",
            "[\"snmp\"]",
        ),
        (162, CLIENT, &snmp_3, "[\"snmp\"]"),
        (
            5060,
            CLIENT,
            b"REGISTER sip:a.example SIP/2.0\r\n",
            "[\"sip\"]",
        ),
        (5060, SERVER, b"SIP/2.0 200 OK\r\n", "[\"sip\"]"),
        (53, CLIENT, query, "[\"dns\"]"),
    ] {
        udp(port, from, payload, expected);
        udp(ODD_PORT, from, payload, expected);
    }
}

#[test]
fn streams_are_known_by_their_first_bytes_on_any_port() {
    let rdp = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0";
    let query = b"\0\x1b\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01";
    for (port, from, payload, expected) in [
        (
            25,
            SERVER,
            &b"220 mx.example ESMTP ready\r\n"[..],
            "[\"smtp\"]",
        ),
        (587, CLIENT, b"ehlo me\r\n", "[\"smtp\"]"),
        (
            143,
            SERVER,
            b"* OK [CAPABILITY IMAP4rev1] hello\r\n",
            "[\"imap\"]",
        ),
        (110, SERVER, b"+OK POP3 ready\r\n", "[\"pop3\"]"),
        (21, SERVER, b"220-Welcome to my FTP\r\n", "[\"ftp\"]"),
        (
            1883,
            CLIENT,
            b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02me",
            "[\"mqtt\"]",
        ),
        (1883, CLIENT, b"\x10\x90\x01\0\x06MQIsdp\x03", "[\"mqtt\"]"),
        (
            5060,
            CLIENT,
            b"OPTIONS sip:a.example SIP/2.0\r\n",
            "[\"sip\"]",
        ),
        (445, CLIENT, b"\0\0\0\x40\xfeSMB\x40\0", "[\"smb\"]"),
        (3389, CLIENT, rdp, "[\"rdp\"]"),
        (
            502,
            CLIENT,
            b"\0\x01\0\0\0\x06\x11\x03\0\x6b\0\x03",
            "[\"modbus\"]",
        ),
        (53, CLIENT, query, "[\"dns\"]"),
    ] {
        tcp(port, &[(from, payload)], expected);
        tcp(ODD_PORT, &[(from, payload)], expected);
    }
}

#[test]
fn on_its_port_less_is_enough() {
    for (port, from, payload, expected) in [
        (25, SERVER, &b"220 ready\r\n"[..], "[\"smtp\"]"),
        (21, SERVER, b"220 ready\r\n", "[\"ftp\"]"),
        (110, SERVER, b"+OK\r\n", "[\"pop3\"]"),
        (143, SERVER, b"* BYE\r\n", "[\"imap\"]"),
        (139, CLIENT, b"\x81\0\0\x44\x20CKFD", "[\"smb\"]"),
        (25, SERVER, b"\0\x01", "[]"),
        (502, CLIENT, b"\0\x01\0\0\0\x07\x11\x03\0\x6b\0\x03", "[]"),
    ] {
        tcp(port, &[(from, payload)], expected);
        if expected != "[]" {
            tcp(ODD_PORT, &[(from, payload)], "[]");
        }
    }
    udp(123, CLIENT, &[0x23; 48], "[\"ntp\"]");
    udp(ODD_PORT, CLIENT, &[0x23; 48], "[]");
    udp(123, CLIENT, &[0xff; 48], "[]");
}

#[test]
fn only_the_first_bytes_of_a_direction_count() {
    let hello = b"220 mx.example ESMTP\r\n";
    tcp(ODD_PORT, &[(SERVER, b"something"), (SERVER, hello)], "[]");
    tcp(
        ODD_PORT,
        &[(CLIENT, b"something"), (SERVER, hello)],
        "[\"smtp\"]",
    );
}

#[test]
fn a_protocol_that_goes_over_to_tls_is_followed() {
    let hello = b"\x16\x03\x01\0\x08\x01\0\0\x04\x03\x03\0\0";
    tcp(
        ODD_PORT,
        &[
            (SERVER, b"220 mx.example ESMTP\r\n"),
            (CLIENT, b"EHLO me\r\n"),
            (SERVER, b"250 STARTTLS\r\n"),
            (CLIENT, b"STARTTLS\r\n"),
            (SERVER, b"220 go ahead\r\n"),
            (CLIENT, hello),
        ],
        "[\"smtp\", \"tls\"]",
    );
}

#[test]
fn what_stands_behind_an_upgrade_is_the_next_protocol_s() {
    let upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    tcp(
        ODD_PORT,
        &[(CLIENT, upgrade), (SERVER, switching)],
        "[\"http\", \"http2\"]",
    );
}

proptest! {
    /// proptest prints the seed and the smallest payload that fails.
    #[test]
    fn any_first_bytes_do_no_harm(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..6),
        port in prop::sample::select(vec![25u16, 53, 123, 137, 139, 161, 502, 1883, 3389, ODD_PORT]),
    ) {
        let parts: Vec<_> = payloads.iter().map(|payload| (CLIENT, &payload[..])).collect();
        services(Transport::Tcp, port, &parts);
        services(Transport::Udp, port, &parts);
    }
}
