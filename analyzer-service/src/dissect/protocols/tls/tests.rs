mod damage;
mod fingerprints;
mod wire;

use expect_test::{Expect, expect};

use wire::*;
pub(in super::super) use wire::{client_hello, client_hello_message};

use crate::dissect::{
    Direction,
    testing::{CLIENT, Lab, SERVER},
};

fn check(parts: &[(Direction, Vec<u8>)], expected: &Expect) {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 443);
    lab.handshake(flow);
    for (from, payload) in parts {
        lab.send(flow, *from, payload);
    }
    lab.end(flow);
    let lines = lab.log.lines().filter(|line| !line.ends_with(" is tls"));
    expected.assert_eq(&lines.map(|line| format!("{line}\n")).collect::<String>());
}

#[test]
fn tls_1_3_is_established_by_the_client_s_second_flight() {
    check(
        &[
            (CLIENT, client_hello("a.example")),
            (
                SERVER,
                [server_hello_1_3(), change_cipher(), record(23, &[0; 900])].concat(),
            ),
            (CLIENT, change_cipher()),
            (CLIENT, record(23, &[0; 53])),
            (SERVER, record(23, &[0; 100])),
        ],
        &expect![[r#"
            #6 flow 1: tls "a.example" offers TLS 1.3 ["h2", "http/1.1"] -> TLS 1.3 TLS_AES_128_GCM_SHA256 "" established
            end of flow 1: ["tls"]
        "#]],
    );
}

#[test]
fn an_encrypted_alert_establishes_nothing() {
    check(
        &[
            (CLIENT, client_hello("a.example")),
            (SERVER, server_hello_1_3()),
            (CLIENT, record(23, &[0; 19])),
        ],
        &expect![[r#"
            #4 flow 1: tls "a.example" offers TLS 1.3 ["h2", "http/1.1"] -> TLS 1.3 TLS_AES_128_GCM_SHA256 ""
            end of flow 1: ["tls"]
        "#]],
    );
}

#[test]
fn tls_1_2_is_established_by_both_finished() {
    let protocol = extension(16, &sized::<2>(&sized::<1>(b"h2")));
    let hello = server_hello(0x0303, &[7; 32], 0xc02f, &[protocol]);
    let certificate = record(HANDSHAKE, &message(11, &[0; 3_000]));
    let finished = [change_cipher(), record(HANDSHAKE, &[0; 40])].concat();
    check(
        &[
            (CLIENT, client_hello("a.example")),
            (
                SERVER,
                [hello, certificate, record(HANDSHAKE, &message(14, &[]))].concat(),
            ),
            (
                CLIENT,
                [record(HANDSHAKE, &message(16, &[0; 64])), finished.clone()].concat(),
            ),
            (SERVER, finished),
        ],
        &expect![[r##"
            #4 malformed-tls: certificate message cut or invalid
            #6 flow 1: tls "a.example" offers TLS 1.3 ["h2", "http/1.1"] -> TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 "h2" established
            end of flow 1: ["tls"]
        "##]],
    );
}

#[test]
fn the_client_s_session_echoed_is_a_resumption() {
    let hello = server_hello(0x0303, &[9; 32], 0xc02f, &[]);
    let pre_shared = [extension(43, &[3, 4]), extension(41, &[0, 0])];
    let newer = server_hello(0x0303, &[9; 32], 0x1302, &pre_shared);
    for (hello, expected) in [
        (
            hello,
            expect![[r#"
            #4 flow 1: tls "a" offers TLS 1.3 ["h2", "http/1.1"] -> TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 "" resumed
            end of flow 1: ["tls"]
        "#]],
        ),
        (
            newer,
            expect![[r#"
            #4 flow 1: tls "a" offers TLS 1.3 ["h2", "http/1.1"] -> TLS 1.3 TLS_AES_256_GCM_SHA384 "" resumed
            end of flow 1: ["tls"]
        "#]],
        ),
    ] {
        check(&[(CLIENT, client_hello("a")), (SERVER, hello)], &expected);
    }
}

#[test]
fn a_retry_is_not_the_server_s_hello() {
    let random = *b"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\
                    \xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";
    let retry = server_hello_with(&random, 0x0303, &[9; 32], 0x1302, &[extension(43, &[3, 4])]);
    check(
        &[
            (CLIENT, client_hello("a")),
            (SERVER, [retry, change_cipher()].concat()),
            (CLIENT, [change_cipher(), client_hello("a")].concat()),
            (SERVER, server_hello_1_3()),
            (CLIENT, record(23, &[0; 53])),
        ],
        &expect![[r#"
            #7 flow 1: tls "a" offers TLS 1.3 ["h2", "http/1.1"] -> TLS 1.3 TLS_AES_128_GCM_SHA256 "" established
            end of flow 1: ["tls"]
        "#]],
    );
}

#[test]
fn a_hello_may_span_segments_and_records() {
    let hello = client_hello_message("a.example");
    let records: Vec<u8> = hello
        .chunks(7)
        .flat_map(|part| record(HANDSHAKE, part))
        .collect();
    let parts: Vec<_> = records
        .chunks(3)
        .map(|part| (CLIENT, part.to_vec()))
        .collect();
    check(
        &parts,
        &expect![[r##"
            #77 flow 1: tls "a.example" offers TLS 1.3 ["h2", "http/1.1"]
            end of flow 1: ["tls"]
        "##]],
    );
}

#[test]
fn the_first_fatal_alert_is_named() {
    check(
        &[
            (CLIENT, client_hello("a")),
            (SERVER, record(21, &[1, 112])),
            (SERVER, record(21, &[2, 40])),
        ],
        &expect![[r#"
            #5 flow 1: tls "a" offers TLS 1.3 ["h2", "http/1.1"] alert handshake_failure
            end of flow 1: ["tls"]
        "#]],
    );
}

#[test]
fn one_direction_alone_is_established_by_many_records() {
    let mut parts = vec![(SERVER, server_hello_1_3())];
    parts.extend((0..20).map(|_| (SERVER, record(23, &[0; 100]))));
    check(
        &parts,
        &expect![[r#"
        #19 flow 1: tls -> TLS 1.3 TLS_AES_128_GCM_SHA256 "" established
        end of flow 1: ["tls"]
    "#]],
    );
}

#[test]
fn a_flow_joined_after_the_hellos_is_only_named() {
    check(
        &[
            (SERVER, record(23, &[0; 100])),
            (CLIENT, record(23, &[0; 100])),
        ],
        &expect![[r#"
        end of flow 1: ["tls"]
    "#]],
    );
}

#[test]
fn it_is_known_by_its_first_bytes_after_another_protocol() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 25);
    lab.handshake(flow);
    lab.send(flow, SERVER, b"220 mail\r\n");
    lab.send(flow, CLIENT, b"STARTTLS\r\n");
    lab.send(flow, SERVER, b"220 go\r\n");
    lab.send(flow, CLIENT, &client_hello("mail.example"));
    lab.send(flow, SERVER, &server_hello_1_3());
    lab.end(flow);
    expect![[r##"
        #3 is smtp
        #4 is smtp
        #5 is smtp
        #6 is tls
        #7 is tls
        #7 flow 1: tls "mail.example" offers TLS 1.3 ["h2", "http/1.1"] -> TLS 1.3 TLS_AES_128_GCM_SHA256 ""
        end of flow 1: ["smtp", "tls"]
    "##]]
    .assert_eq(&lab.log);
}
