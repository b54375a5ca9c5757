//! Scans and floods.

use super::*;
use crate::detect::{
    flood::HALF_OPEN_MIN,
    scan::{HOSTS_MIN, PORTS_MIN},
};

/// What a port says to a SYN.
#[derive(Clone, Copy)]
enum Port {
    Silent,
    Closed,
    /// And the client goes away again.
    HalfOpened,
    /// And the client goes on.
    Opened,
    /// Like silence, and the client sends FIN instead of SYN.
    Fin,
}

fn probe(ms: u64, from: [u8; 4], to: ([u8; 4], u16), port: Port) -> Packets {
    let (to, number) = to;
    let sent = |flags| frame::tcp(from, to, (40_000, number), (7, flags), b"");
    let answered = |flags| frame::tcp(to, from, (number, 40_000), (1, flags), b"");
    let packets = match port {
        Port::Silent => vec![sent(SYN), sent(SYN)],
        Port::Closed => vec![sent(SYN), answered(RST | ACK)],
        Port::HalfOpened => vec![sent(SYN), answered(SYN | ACK), sent(RST)],
        Port::Opened => vec![sent(SYN), answered(SYN | ACK), sent(ACK)],
        Port::Fin => vec![sent(frame::FIN)],
    };
    packets.into_iter().map(|packet| (ms, packet)).collect()
}

/// Of the ports from 1,001 on, one each `ms`.
fn ports(n: usize, ms: u64, port: Port) -> Packets {
    let numbers = (1_001..).take(n).zip(0..);
    numbers
        .flat_map(|(number, at)| probe(at * ms, A, (B, number), port))
        .collect()
}

fn hosts(n: usize, port: Port) -> Packets {
    let hosts = (0..).take(n).map(host).zip(0..);
    hosts
        .flat_map(|(host, at)| probe(at, A, (host, 22), port))
        .collect()
}

#[test]
fn a_port_scan_asks_many_ports_of_one_host() {
    check(&ports(PORTS_MIN - 1, 1, Port::Closed), &expect![""]);
    check(
        &ports(PORTS_MIN, 1, Port::Closed),
        &expect![
            "warning port-scan 10.0.0.1>10.0.0.2:0 x15 from 1, 15 flows: probes of many ports of one host"
        ],
    );
    check(
        &ports(PORTS_MIN, 1, Port::Silent),
        &expect![
            "warning port-scan 10.0.0.1>10.0.0.2:0 x15 from 1, 15 flows: probes of many ports of one host"
        ],
    );
    check(
        &ports(PORTS_MIN, 1, Port::HalfOpened),
        &expect![
            "warning port-scan 10.0.0.1>10.0.0.2:0 x15 from 1, 15 flows: probes of many ports of one host"
        ],
    );
    check(
        &ports(PORTS_MIN, 1, Port::Fin),
        &expect![
            "warning port-scan 10.0.0.1>10.0.0.2:0 x15 from 1, 15 flows: probes of many ports of one host"
        ],
    );
    check(
        &ports(1_000, 1, Port::Closed),
        &expect![
            "warning port-scan 10.0.0.1>10.0.0.2:0 x1000 from 1, 16 flows: probes of many ports of one host"
        ],
    );
}

#[test]
fn what_is_no_port_scan() {
    // Connections that are used, however many.
    check(&ports(100, 1, Port::Opened), &expect![""]);
    // One that knocks at the same port again and again.
    let again = (0..100).flat_map(|n| probe(n * 1_000, A, (B, 80), Port::Closed));
    check(&again.collect(), &expect![""]);
    // Slower than the window: 14 ports in five minutes.
    check(&ports(40, 22_000, Port::Closed), &expect![""]);
}

#[test]
fn an_address_scan_asks_one_port_of_many_hosts() {
    check(&hosts(HOSTS_MIN - 1, Port::Silent), &expect![""]);
    check(
        &hosts(HOSTS_MIN, Port::Silent),
        &expect![
            "warning address-scan 10.0.0.1>-:22 x25 from 1, 16 flows: probes of one port of many hosts"
        ],
    );
    check(&hosts(HOSTS_MIN, Port::Opened), &expect![""]);
}

fn datagrams(n: usize, from: u16, is_answered: bool) -> Packets {
    let ports = (from..).take(n);
    let packets = ports.flat_map(|port| {
        let mut packets = vec![frame::udp(A, B, (40_000, port), b"?")];
        if is_answered {
            packets.push(frame::udp(B, A, (port, 40_000), b"!"));
        }
        packets
    });
    packets.map(|packet| (0, packet)).collect()
}

#[test]
fn datagrams_without_an_answer_are_probes() {
    check(&datagrams(PORTS_MIN - 1, 1_001, false), &expect![""]);
    check(
        &datagrams(PORTS_MIN, 1_001, false),
        &expect![
            "warning port-scan 10.0.0.1>10.0.0.2:0 x15 from 1, 15 flows: probes of many ports of one host"
        ],
    );
    check(&datagrams(PORTS_MIN, 1_001, true), &expect![""]);
    // Traceroute.
    check(&datagrams(90, 33_434, false), &expect![""]);
}

#[test]
fn a_resolver_asks_many_silent_servers() {
    let hosts = (0..100).map(|n| (0, frame::udp(A, host(n), (40_000, 53), b"?")));
    check(&hosts.collect(), &expect![""]);
}

/// All at once, of one source or of many.
fn flood(n: u64, is_forged: bool, port: Port) -> Packets {
    let sources = (0..n).map(|n| u16::try_from(n).expect("not too many"));
    let flows = sources.map(|n| {
        let source = if is_forged { host(n) } else { A };
        let ports = (2_000 + n, 80);
        let sent = frame::tcp(source, B, ports, (7, SYN), b"");
        let answer = |flags| frame::tcp(B, source, (80, ports.0), (7, flags), b"");
        match port {
            Port::Closed => vec![sent, answer(RST | ACK)],
            Port::Opened => vec![
                sent,
                answer(SYN | ACK),
                frame::tcp(source, B, ports, (8, ACK), b""),
            ],
            _ => vec![sent, answer(SYN | ACK)],
        }
    });
    flows.flatten().map(|packet| (0, packet)).collect()
}

#[test]
fn a_syn_flood_opens_many_connections_and_acknowledges_none() {
    check(
        &flood(HALF_OPEN_MIN - 1, true, Port::HalfOpened),
        &expect![""],
    );
    check(
        &flood(HALF_OPEN_MIN, true, Port::HalfOpened),
        &expect![
            "alert syn-flood ->10.0.0.2:80 x500 from 1, 16 flows: many connections to one port that their clients never acknowledge"
        ],
    );
    check(
        &flood(HALF_OPEN_MIN + 100, false, Port::HalfOpened),
        &expect![
            "alert syn-flood 10.0.0.1>10.0.0.2:80 x600 from 1, 16 flows: many connections to one port that their clients never acknowledge"
        ],
    );
}

#[test]
fn many_connections_are_no_flood() {
    check(&flood(2_000, true, Port::Opened), &expect![""]);
    check(&flood(2_000, true, Port::Closed), &expect![""]);
}

#[test]
fn a_flood_of_forged_addresses_hides_no_scan_forever() {
    let mut packets = flood(6_000, true, Port::HalfOpened);
    packets.extend(ports(100, 1, Port::Closed));
    let kept = run(&capture(&packets), &Options::default());
    let codes = kept.findings().into_iter().map(|finding| finding.code);
    assert_eq!(codes.collect::<Vec<_>>(), ["syn-flood", "port-scan"]);
}
