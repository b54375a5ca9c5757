//! Beacons and DNS tunnels.

use super::*;
use crate::detect::{
    beacon::CALLS,
    tunnel::{LONG_BYTES_MIN, LONG_NAMES_MIN, NAMES_MIN, split},
};

/// A connection at each of these times.
fn calls(times: impl IntoIterator<Item = u64>, server_port: u16) -> Packets {
    let ports = (2_000..).map(|client| (client, server_port));
    let connections = times.into_iter().zip(ports).flat_map(|(ms, ports)| {
        let back = (ports.1, ports.0);
        [
            (ms, frame::tcp(A, B, ports, (7, SYN), b"")),
            (ms + 10, frame::tcp(B, A, back, (7, SYN | ACK), b"")),
            (ms + 20, frame::tcp(A, B, ports, (8, ACK), b"")),
            (ms + 30, frame::tcp(A, B, ports, (8, RST | ACK), b"")),
        ]
    });
    connections.collect()
}

fn each(interval: u64, n: usize) -> impl Iterator<Item = u64> {
    (0..).map(move |n| n * interval).take(n)
}

/// Sometimes later by up to so many percent, as if by chance.
fn jittered(interval: u64, percent: u64, n: usize) -> Vec<u64> {
    let steps = (0..n as u64).map(|n| interval - interval * percent * (n * 7 % 11) / 1_000);
    let mut at = 0;
    steps
        .map(|step| {
            at += step;
            at
        })
        .collect()
}

#[test]
fn calls_at_regular_intervals_are_beacons() {
    check(&calls(each(60_000, CALLS - 1), 443), &expect![""]);
    check(
        &calls(each(60_000, CALLS), 443),
        &expect![
            "info beaconing 10.0.0.1>10.0.0.2:443 x11 from 1, 11 flows: calls one port at regular intervals of about 60 s"
        ],
    );
    check(
        &calls(jittered(60_000, 50, 40), 443),
        &expect![
            "info beaconing 10.0.0.1>10.0.0.2:443 x19 from 1, 16 flows: calls one port at regular intervals of about 44 s"
        ],
    );
}

#[test]
fn what_is_no_beacon() {
    // A loop that works.
    check(&calls(each(4_900, 100), 443), &expect![""]);
    // People: minutes, then seconds.
    let irregular = (0..40_u64).map(|n| n * 30_000 + (n % 3) * 20_000);
    check(&calls(irregular, 443), &expect![""]);
    // NTP over TCP does not exist, but its port says enough.
    check(&calls(each(60_000, 40), 123), &expect![""]);
}

/// A question for `name`, and its answer.
fn question(ms: u64, name: &str) -> Packets {
    let labels = name.split('.').flat_map(|label| {
        let length = u8::try_from(label.len()).expect("a short label");
        [&[length], label.as_bytes()].concat()
    });
    let mut message = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(labels);
    message.extend([0, 0, 16, 0, 1]);
    let sent = frame::udp(A, B, (4_000, 53), &message);
    message[2] |= 0x80;
    vec![(ms, sent), (ms, frame::udp(B, A, (53, 4_000), &message))]
}

fn questions(n: usize, name: impl Fn(u64) -> String) -> Packets {
    (0..)
        .take(n)
        .flat_map(|n| question(n * 100, &name(n)))
        .collect()
}

/// Digits that look like data, with a dot in the middle.
fn long(n: u64) -> String {
    let n = n + 1;
    let digits = format!(
        "{:020x}{:020x}",
        n.wrapping_mul(0x1234_5678_9abc_def1),
        n * n * 977
    );
    let digits = digits.replace('0', "q");
    format!("{}.{}.tunnel.example", &digits[..20], &digits[21..])
}

#[test]
fn many_long_names_below_one_domain_are_a_tunnel() {
    assert!(long(3).len() >= LONG_BYTES_MIN + ".tunnel.example".len());
    check(&questions(LONG_NAMES_MIN - 1, long), &expect![""]);
    check(&questions(LONG_NAMES_MIN, long), &expect![[r#""#]]);
    // One long name again and again.
    check(&questions(100, |_| long(3)), &expect![""]);
    // One letter says nothing.
    let dull = |n: u64| format!("{}.{n}.tunnel.example", "a".repeat(50));
    check(&questions(100, dull), &expect![""]);
}

#[test]
fn ever_new_names_below_one_domain_are_a_tunnel() {
    let short = |n: u64| format!("h{n}.tunnel.example");
    check(&questions(NAMES_MIN - 1, short), &expect![""]);
    check(
        &questions(NAMES_MIN, short),
        &expect![
            "warning dns-tunnel 10.0.0.1>10.0.0.2:53 x250 from 2, 1 flows: asks for many long or ever new names below tunnel.example"
        ],
    );
    let apart = |n: u64| format!("www.site{n}.example");
    check(&questions(1_000, apart), &expect![""]);
    let reverse = |n: u64| format!("{n}.2.0.192.in-addr.arpa");
    check(&questions(1_000, reverse), &expect![""]);
}

#[test]
fn a_name_and_its_domain() {
    let cases = [
        ("a.b.example.org", Some(("a.b", "example.org"))),
        ("a.b.example.co.uk", Some(("a.b", "example.co.uk"))),
        ("example.co.uk", None),
        ("example.org", None),
        ("a.ab.io", Some(("a", "ab.io"))),
        ("org", None),
        (".", None),
        ("1.0.168.192.in-addr.arpa", None),
        ("printer.local", None),
    ];
    for (name, expected) in cases {
        assert_eq!(split(name), expected, "{name}");
    }
}
