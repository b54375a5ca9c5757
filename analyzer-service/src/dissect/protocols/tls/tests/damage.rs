//! What is broken, hostile or something else.

use expect_test::expect;

use super::*;
use crate::dissect::{budget::WAITING_BYTES_MAX, testing::survives_damage};

#[test]
fn a_hello_in_more_records_than_any_needs_is_refused() {
    let hello = client_hello_message("a.example");
    let spread = |bytes: usize| hello.chunks(bytes).flat_map(|part| record(HANDSHAKE, part));
    check(
        &[(CLIENT, spread(1).collect())],
        &expect![[r#"
        end of flow 1: []
    "#]],
    );
}

#[test]
fn other_protocols_on_its_ports_are_left_alone() {
    check(
        &[(CLIENT, b"SSH-2.0-x\r\n".to_vec()), (SERVER, vec![0; 50])],
        &expect![[r##"
            #3 is ssh
            #4 is ssh
            #4 malformed-ssh: identification or key exchange cut or invalid
            #4 flow 1: ssh "SSH-2.0-x" "" hassh= server=
            end of flow 1: ["ssh"]
        "##]],
    );
}

#[test]
fn nonsense_is_a_finding_only_behind_a_record() {
    check(
        &[
            (CLIENT, client_hello("a")),
            (SERVER, vec![0; 50]),
            (CLIENT, vec![0; 50]),
        ],
        &expect![[r#"
        #5 malformed-tls: no TLS record where one should be
        #3 flow 1: tls "a" offers TLS 1.3 ["h2", "http/1.1"]
        end of flow 1: ["tls"]
    "#]],
    );
}

#[test]
fn a_broken_hello_is_a_finding() {
    check(
        &[(CLIENT, record(HANDSHAKE, &message(1, &[3, 3, 0])))],
        &expect![[r#"
        #3 malformed-tls: hello cut or invalid
        end of flow 1: ["tls"]
    "#]],
    );
}

#[test]
fn damaged_handshakes_do_no_harm() {
    let certificate = record(HANDSHAKE, &message(11, &[0; 3_000]));
    let protocol = extension(16, &sized::<2>(&sized::<1>(b"h2")));
    let hello = server_hello(0x0303, &[7; 32], 0xc02f, &[protocol]);
    let hellos = client_hello_message("a.example");
    let spread: Vec<u8> = hellos
        .chunks(50)
        .flat_map(|part| record(HANDSHAKE, part))
        .collect();
    let finished = [change_cipher(), record(HANDSHAKE, &[0; 40])].concat();
    survives_damage(
        443,
        &[
            (CLIENT, spread),
            (SERVER, [hello, certificate, server_hello_1_3()].concat()),
            (
                CLIENT,
                [client_hello("b"), finished.clone(), record(21, &[1, 0])].concat(),
            ),
            (
                SERVER,
                [finished, record(23, &[0; 100]), record(21, &[2, 40])].concat(),
            ),
        ],
    );
}

#[test]
fn handshakes_that_wait_are_bounded_in_the_whole_analysis() {
    let mut lab = Lab::new();
    let flows = [lab.flow(4_000, 443), lab.flow(4_001, 443)];
    lab.send(flows[0], CLIENT, &client_hello("a"));
    assert!(lab.out.waiting.held() > 0);
    // Others hold all there is.
    lab.out.waiting.take(WAITING_BYTES_MAX);
    lab.send(flows[1], CLIENT, &client_hello("b"));
    lab.send(flows[0], SERVER, &server_hello_1_3());
    assert_eq!(lab.out.dropped_transactions, 2);
    lab.out.waiting.give_back(WAITING_BYTES_MAX);
    for flow in flows {
        lab.end(flow);
    }
    expect![[r#"
        #1 is tls
        #2 is tls
        #2 flow 2: tls "b" offers TLS 1.3 ["h2", "http/1.1"]
        #3 is tls
        #3 flow 1: tls "a" offers TLS 1.3 ["h2", "http/1.1"] -> TLS 1.3 TLS_AES_128_GCM_SHA256 ""
        end of flow 1: ["tls"]
        end of flow 2: ["tls"]
    "#]]
    .assert_eq(&lab.log);
    assert_eq!(lab.out.waiting.held(), 0);
}
