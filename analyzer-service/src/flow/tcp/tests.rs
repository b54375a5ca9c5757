mod states;

use std::time::Duration;

use expect_test::{Expect, expect};
use weir_capture_builder::{
    Order,
    frame::{self, ACK, FIN, PSH, RST, SYN},
    pcap::Pcap,
};

use crate::{
    analysis::Options,
    record::{Flow, Kind, KindSet, TcpSide},
    testing::run,
};

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];
const WINDOW: u16 = 1_000;

/// Where the client's numbers begin: they wrap soon.
const C: u32 = u32::MAX - 2;
/// Where the server's begin.
const S: u32 = 7_000;

/// A segment of these tests; each comes a millisecond after the one before.
#[derive(Clone, Copy, Debug)]
struct Sent {
    from_client: bool,
    flags: u8,
    seq: u32,
    ack: u32,
    bytes: usize,
    window: u16,
}

/// From the client; numbers count from the SYN's.
fn c(flags: u8, seq: u32, ack: u32, bytes: usize) -> Sent {
    Sent {
        from_client: true,
        flags,
        seq: C.wrapping_add(seq),
        ack: S.wrapping_add(ack),
        bytes,
        window: WINDOW,
    }
}

/// From the server.
fn s(flags: u8, seq: u32, ack: u32, bytes: usize) -> Sent {
    Sent {
        from_client: false,
        flags,
        seq: S.wrapping_add(seq),
        ack: C.wrapping_add(ack),
        bytes,
        window: WINDOW,
    }
}

fn no_room(sent: Sent) -> Sent {
    Sent { window: 0, ..sent }
}

fn handshake() -> [Sent; 3] {
    [c(SYN, 0, 0, 0), s(SYN | ACK, 0, 1, 0), c(ACK, 1, 1, 0)]
}

fn established(then: &[Sent]) -> Vec<Sent> {
    [&handshake(), then].concat()
}

fn frame(sent: &Sent) -> Vec<u8> {
    let payload = vec![b'.'; sent.bytes];
    let header = (sent.seq, sent.ack, sent.flags, sent.window);
    let packet = match sent.from_client {
        true => frame::tcp_segment(CLIENT, SERVER, (40_000, 9), header, &payload),
        false => frame::tcp_segment(SERVER, CLIENT, (9, 40_000), header, &payload),
    };
    frame::ethernet(&packet)
}

fn capture(sent: &[Sent]) -> Vec<u8> {
    let pcap = Pcap::new(Order::Little);
    let add = |pcap: Pcap, (n, sent): (u32, &Sent)| pcap.packet(1, n * 1_000, &frame(sent));
    (0..).zip(sent).fold(pcap, add).bytes()
}

fn side(side: &TcpSide) -> String {
    let TcpSide {
        flags: _,
        retransmissions,
        out_of_order,
        zero_windows,
        missed_bytes,
    } = side;
    format!("{retransmissions}/{out_of_order}/{zero_windows}/{missed_bytes}")
}

fn line(flow: &Flow) -> String {
    let tcp = flow.tcp.as_ref().expect("TCP");
    let rtt = tcp.handshake_rtt.map_or(String::new(), |rtt| {
        format!(" rtt={}", rtt.as_micros() / 1_000)
    });
    format!(
        "{} {}{rtt} {} {}",
        tcp.state.name(),
        tcp.history,
        side(&tcp.client),
        side(&tcp.server)
    )
}

fn lines(bytes: &[u8], options: &Options) -> String {
    let options = Options {
        kinds: KindSet::EMPTY.with(Kind::Flow),
        ..options.clone()
    };
    let kept = run(bytes, &options);
    let flows = kept.flows();
    let lines = flows.iter().map(|(_, _, flow)| line(flow));
    lines.collect::<Vec<_>>().join("\n")
}

/// State, history, handshake in milliseconds; then for the client and the server:
/// retransmissions/out of order/zero windows/missed bytes.
#[track_caller]
fn check(sent: &[Sent], expected: &Expect) {
    expected.assert_eq(&lines(&capture(sent), &Options::default()));
}

#[test]
fn the_handshake_is_timed_from_the_latest_syn() {
    check(
        &[
            c(SYN, 0, 0, 0),
            c(SYN, 0, 0, 0),
            s(SYN | ACK, 0, 1, 0),
            s(SYN | ACK, 0, 1, 0),
            c(ACK, 1, 1, 0),
        ],
        &expect!["S1 ShA rtt=3 1/0/0/0 1/0/0/0"],
    );
}

#[test]
fn a_client_that_says_nothing_is_still_the_first() {
    check(
        &[c(0, 0, 0, 0), s(RST, 0, 1, 0)],
        &expect!["RSTRH r 0/0/0/0 0/0/0/0"],
    );
    check(
        &[s(ACK, 1, 1, 0), c(0, 1, 1, 0)],
        &expect!["OTH ^a 0/0/0/0 0/0/0/0"],
    );
}

#[test]
fn a_syn_may_bring_data() {
    check(
        &[
            c(SYN, 0, 0, 10),
            s(SYN | ACK, 0, 11, 0),
            c(ACK, 11, 1, 5),
            c(ACK, 1, 1, 10),
        ],
        &expect!["S1 ShDT rtt=2 1/0/0/0 0/0/0/0"],
    );
}

#[test]
fn a_new_attempt_with_another_number_begins_anew() {
    let again = |sent: Sent| Sent {
        seq: sent.seq.wrapping_add(1 << 20),
        ..sent
    };
    check(
        &[
            c(SYN, 0, 0, 0),
            again(c(SYN, 0, 0, 0)),
            s(SYN | ACK, 0, 1 + (1 << 20), 0),
            again(c(ACK, 1, 1, 10)),
        ],
        &expect!["S1 SShD rtt=2 0/0/0/0 0/0/0/0"],
    );
}

#[test]
fn what_comes_twice_is_a_retransmission() {
    check(
        &established(&[
            c(ACK, 1, 1, 10),
            c(ACK, 1, 1, 10),
            // Part of it is new.
            c(ACK, 6, 1, 10),
            // Of a FIN too, though it has no bytes.
            c(FIN | ACK, 16, 1, 0),
            c(FIN | ACK, 16, 1, 0),
        ]),
        &expect!["S2 ShADTF rtt=2 3/0/0/0 0/0/0/0"],
    );
}

#[test]
fn what_comes_late_is_out_of_order() {
    check(
        &established(&[
            c(ACK, 11, 1, 10),
            c(ACK, 31, 1, 10),
            c(ACK, 1, 1, 10),
            c(ACK, 21, 1, 10),
            c(ACK, 21, 1, 10),
        ]),
        &expect!["S1 ShADT rtt=2 1/2/0/0 0/0/0/0"],
    );
    // Some bytes late, some again.
    check(
        &established(&[c(ACK, 11, 1, 10), c(ACK, 1, 1, 15)]),
        &expect!["S1 ShADT rtt=2 1/1/0/0 0/0/0/0"],
    );
    // Before the first that was seen.
    check(
        &[c(ACK, 100, 1, 10), c(ACK, 90, 1, 10)],
        &expect!["OTH D 0/1/0/0 0/0/0/0"],
    );
}

#[test]
fn what_never_comes_is_missed() {
    check(
        &established(&[
            c(ACK, 101, 1, 10),
            s(ACK, 1, 111, 0),
            // Not captured either, but acknowledged.
            s(ACK, 1, 161, 0),
            // A piece of it comes after all.
            c(ACK, 51, 1, 20),
        ]),
        &expect!["S1 ShADaG rtt=2 0/1/0/130 0/0/0/0"],
    );
}

#[test]
fn more_holes_than_are_remembered_are_missed() {
    let many: Vec<Sent> = (1..=40).map(|n| c(ACK, 1 + 20 * n, 1, 10)).collect();
    check(
        &established(&many),
        &expect!["S1 ShAD rtt=2 0/0/0/410 0/0/0/0"],
    );
}

#[test]
fn keep_alives_and_probes_are_no_retransmissions() {
    check(
        &established(&[
            c(ACK, 1, 1, 10),
            s(ACK, 1, 11, 0),
            c(ACK, 10, 1, 0),
            c(ACK, 10, 1, 1),
            s(ACK, 1, 11, 0),
            // No room: a probe, whose byte is sent again later.
            no_room(s(ACK, 1, 11, 0)),
            c(ACK, 11, 1, 1),
            no_room(s(ACK, 1, 11, 0)),
            s(ACK, 1, 11, 0),
            c(ACK, 11, 1, 10),
        ]),
        &expect!["S1 ShADaw rtt=2 0/0/0/0 0/0/2/0"],
    );
    // The probe's byte is taken.
    check(
        &established(&[
            no_room(s(ACK, 1, 1, 0)),
            c(ACK, 1, 1, 1),
            s(ACK, 1, 2, 0),
            c(ACK, 2, 1, 10),
        ]),
        &expect!["S1 ShAawD rtt=2 0/0/0/0 0/0/1/0"],
    );
}

#[test]
fn zero_windows_of_syn_fin_and_rst_say_nothing() {
    let sent = [c(ACK, 1, 1, 1), c(FIN | ACK, 2, 1, 0), c(RST, 3, 0, 0)];
    check(
        &established(&sent.map(no_room)),
        &expect!["RSTO ShADWFR rtt=2 0/0/1/0 0/0/0/0"],
    );
}

#[test]
fn what_repeats_has_a_letter_at_powers_of_ten() {
    let again = [c(ACK, 1, 1, 10)].repeat(102);
    check(
        &established(&again),
        &expect!["S1 ShADTTT rtt=2 101/0/0/0 0/0/0/0"],
    );
}

#[test]
fn odd_flags_have_letters_of_their_own() {
    check(
        &[
            c(SYN | FIN, 0, 0, 0),
            s(FIN | RST, 0, 0, 0),
            s(SYN | RST, 0, 0, 0),
        ],
        &expect![[r#"
            RSTR Qi 0/0/0/0 0/0/0/0
            RSTOS0 Q 0/0/0/0 0/0/0/0"#]],
    );
}

#[test]
fn a_history_that_is_too_long_says_so() {
    let syns: Vec<Sent> = (0..50).map(|n| c(SYN, n * 1_000, 0, 0)).collect();
    check(
        &syns,
        &expect!["S0 SSSSSSSSSSSSSSSSSSSSSSSSSSSSSX 0/0/0/0 0/0/0/0"],
    );
}

#[test]
fn wrong_checksums_have_a_letter() {
    let mut frame = frame(&c(SYN, 0, 0, 0));
    frame[14 + 20 + 16] ^= 1;
    let bytes = Pcap::new(Order::Little).packet(1, 0, &frame).bytes();
    expect!["S0 CS 0/0/0/0 0/0/0/0"].assert_eq(&lines(&bytes, &Options::default()));
}

#[test]
fn segments_beyond_any_window_are_ignored() {
    check(
        &established(&[c(ACK, 1, 1, 1), c(ACK, 1 << 31, 1, 10), c(ACK, 2, 1, 1)]),
        &expect!["S1 ShAD rtt=2 0/0/0/0 0/0/0/0"],
    );
}

#[test]
fn a_transfer_that_wraps_more_than_once_is_followed() {
    let step = 1_u32 << 29;
    let many: Vec<Sent> = (0..40_u32)
        .flat_map(|n| {
            let seq = n.wrapping_mul(step).wrapping_add(1);
            [c(ACK, seq, 1, 10), c(ACK, seq, 1, 10), s(ACK, 1, seq, 0)]
        })
        .collect();
    check(
        &established(&many),
        &expect!["S1 ShADTaGTG rtt=2 40/0/0/20937965178 0/0/0/0"],
    );
}

#[test]
fn updates_are_cumulative_and_pieces_are_not() {
    let sent = established(&[
        c(ACK, 1, 1, 10),
        c(ACK, 1, 1, 10),
        s(ACK, 1, 11, 0),
        c(ACK, 1, 1, 10),
        c(ACK, 1, 1, 10),
        s(FIN | ACK, 1, 11, 0),
    ]);
    let interim = Options {
        interim_interval: Some(Duration::from_millis(4)),
        ..Options::default()
    };
    expect![[r#"
        S1 ShADT rtt=2 1/0/0/0 0/0/0/0
        S3 ShADTaf rtt=2 3/0/0/0 0/0/0/0
        S3 ShADTaf rtt=2 3/0/0/0 0/0/0/0"#]]
    .assert_eq(&lines(&capture(&sent), &interim));
    let cut = Options {
        active_timeout: Some(Duration::from_millis(4)),
        ..Options::default()
    };
    expect![[r#"
        S1 ShADT rtt=2 1/0/0/0 0/0/0/0
        S3 ShADTaf rtt=2 2/0/0/0 0/0/0/0"#]]
    .assert_eq(&lines(&capture(&sent), &cut));
}
