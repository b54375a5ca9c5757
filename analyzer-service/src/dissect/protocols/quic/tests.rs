mod wire;

use expect_test::{Expect, expect};

use super::packet::Version;
use crate::dissect::{
    Direction,
    budget::WAITING_BYTES_MAX,
    protocols::tls::tests::client_hello_message,
    testing::{CLIENT, Lab, SERVER, survives_damage},
};
use wire::*;

const FIRST: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
const SECOND: &[u8] = b"after a retry";

fn check(parts: &[(Direction, Vec<u8>)], expected: &Expect) {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 9_000);
    for (from, payload) in parts {
        lab.datagram(flow, *from, payload);
    }
    lab.end(flow);
    expected.assert_eq(&lab.log);
    assert_eq!(lab.out.waiting.held(), 0);
}

#[test]
fn a_hello_in_one_packet_is_read_on_any_port() {
    let hello = client_hello_message("a.example");
    check(
        &[
            (CLIENT, initial(Version::V1, FIRST, &[crypto(0, &hello)])),
            (SERVER, vec![0x40; 100]),
        ],
        &expect![[r##"
            #1 is quic
            #1 flow 1: quic 1 "a.example" ["h2", "http/1.1"] q13d0203h2_c1929292aa6b_b9a491fefe05
            #2 is quic
            end of flow 1: ["quic"]
        "##]],
    );
}

#[test]
fn version_2_has_other_keys_and_other_numbers() {
    let hello = client_hello_message("two.example");
    check(
        &[(CLIENT, initial(Version::V2, FIRST, &[crypto(0, &hello)]))],
        &expect![[r##"
            #1 is quic
            #1 flow 1: quic 2 "two.example" ["h2", "http/1.1"] q13d0203h2_c1929292aa6b_b9a491fefe05
            end of flow 1: ["quic"]
        "##]],
    );
}

#[test]
fn a_hello_may_span_frames_packets_and_datagrams() {
    let hello = client_hello_message("spread.example");
    let (front, back) = hello.split_at(60);
    let frames = [crypto(80, &back[20..]), vec![1], crypto(0, &front[..10])];
    let packets = [
        initial(Version::V1, FIRST, &frames),
        handshake(Version::V1, FIRST),
        initial(Version::V1, FIRST, &[crypto(10, &front[10..])]),
    ];
    // By then the client calls the server as that one wants to be called.
    let last = initial_from(
        Version::V1,
        FIRST,
        b"server's",
        &[ack(), crypto(60, &back[..20])],
    );
    check(
        &[(CLIENT, packets.concat()), (CLIENT, last)],
        &expect![[r##"
            #1 is quic
            #2 is quic
            #2 flow 1: quic 1 "spread.example" ["h2", "http/1.1"] q13d0203h2_c1929292aa6b_b9a491fefe05
            end of flow 1: ["quic"]
        "##]],
    );
}

#[test]
fn a_retry_means_other_keys() {
    let hello = client_hello_message("again.example");
    check(
        &[
            (
                CLIENT,
                initial(Version::V1, FIRST, &[crypto(0, &hello[..50])]),
            ),
            (SERVER, retry(Version::V1)),
            (CLIENT, initial(Version::V1, SECOND, &[crypto(0, &hello)])),
        ],
        &expect![[r##"
            #1 is quic
            #2 is quic
            #3 is quic
            #3 flow 1: quic 1 "again.example" ["h2", "http/1.1"] q13d0203h2_c1929292aa6b_b9a491fefe05
            end of flow 1: ["quic"]
        "##]],
    );
}

#[test]
fn the_keys_say_who_the_client_is() {
    let hello = client_hello_message("guessed.example");
    check(
        &[
            (
                CLIENT,
                initial_from(Version::V1, FIRST, b"unknown", &[crypto(0, b"other")]),
            ),
            (SERVER, initial(Version::V1, FIRST, &[crypto(0, &hello)])),
        ],
        &expect![[r##"
            #1 is quic
            #2 is quic
            #2 flow 1: quic 1 "guessed.example" ["h2", "http/1.1"] q13d0203h2_c1929292aa6b_b9a491fefe05
            end of flow 1: ["quic"]
        "##]],
    );
}

#[test]
fn keys_are_derived_a_bounded_number_of_times() {
    let hello = client_hello_message("late.example");
    let mut parts: Vec<_> = (0..u8::MAX)
        .map(|n| (CLIENT, initial_from(Version::V1, FIRST, &[n; 8], &[ack()])))
        .take(usize::from(super::DERIVATIONS_MAX))
        .collect();
    parts.push((CLIENT, initial(Version::V1, FIRST, &[crypto(0, &hello)])));
    check(
        &parts,
        &expect![[r##"
        #1 is quic
        #2 is quic
        #3 is quic
        #4 is quic
        #5 is quic
        #6 is quic
        #7 is quic
        #8 is quic
        #9 is quic
        end of flow 1: ["quic"]
    "##]],
    );
}

#[test]
fn what_breaks_the_protocol_is_a_finding() {
    check(
        &[
            (CLIENT, initial(Version::V1, FIRST, &[vec![0x1e]])),
            (
                CLIENT,
                initial(Version::V1, FIRST, &[crypto(0, &[1, 0, 0, 1, 0])]),
            ),
        ],
        &expect![[r##"
            #1 is quic
            #1 malformed-quic: frame of an Initial packet cut or invalid
            #2 is quic
            #2 malformed-quic: ClientHello invalid, or longer than any
            end of flow 1: ["quic"]
        "##]],
    );
}

#[test]
fn other_datagrams_are_left_alone() {
    check(
        &[(CLIENT, vec![0xc0; 1_200]), (SERVER, vec![0; 30])],
        &expect![["end of flow 1: []\n"]],
    );
}

#[test]
fn a_version_that_is_refused_names_the_flow() {
    check(
        &[(
            SERVER,
            [&[0x80, 0, 0, 0, 0, 1, 7, 0][..], &[0, 0, 0, 1]].concat(),
        )],
        &expect![[r##"
            #1 is quic
            end of flow 1: ["quic"]
        "##]],
    );
}

#[test]
fn hellos_that_wait_are_bounded_in_the_whole_analysis() {
    let hello = client_hello_message("a.example");
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 443);
    lab.out.waiting.take(WAITING_BYTES_MAX);
    lab.datagram(
        flow,
        CLIENT,
        &initial(Version::V1, FIRST, &[crypto(0, &hello[..9])]),
    );
    assert_eq!(lab.out.dropped_transactions, 1);
    lab.end(flow);
    assert_eq!(lab.out.waiting.held(), WAITING_BYTES_MAX);
}

#[test]
fn damaged_packets_do_no_harm() {
    let hello = client_hello_message("a.example");
    let two = [crypto(0, &hello[..30]), crypto(30, &hello[30..])];
    survives_damage(
        443,
        &[
            (CLIENT, initial(Version::V1, FIRST, &two)),
            (SERVER, retry(Version::V1)),
            (
                CLIENT,
                initial(Version::V2, SECOND, &[ack(), crypto(5, &hello)]),
            ),
            (SERVER, handshake(Version::V2, FIRST)),
        ],
    );
}
