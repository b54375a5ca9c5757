//! Fingerprints and certificates, as they stand in records.

use super::*;
use crate::record::{Body, TlsHandshake};

/// The one handshake that these parts are.
fn handshake(parts: &[(Direction, Vec<u8>)]) -> TlsHandshake {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 443);
    for (from, payload) in parts {
        lab.send(flow, *from, payload);
    }
    lab.end(flow);
    let mut records = lab.kept.into_iter();
    match (records.next().map(|record| record.body), records.next()) {
        (Some(Body::Tls(handshake)), None) => *handshake,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hellos_have_fingerprints() {
    let seen = handshake(&[
        (CLIENT, client_hello("a.example")),
        (SERVER, server_hello_1_3()),
    ]);
    expect![[r#"
        (
            "336f5f33f4497e06a9cd5231997c3982",
            "cce84e7a8b742462e40afb585a3e3ccc",
            "t13d0203h2_c1929292aa6b_b9a491fefe05",
        )
    "#]]
    .assert_debug_eq(&(seen.ja3, seen.ja3s, seen.ja4));
}

#[test]
fn a_hello_that_was_not_seen_has_none() {
    let seen = handshake(&[(SERVER, server_hello_1_3())]);
    assert_eq!((seen.ja3.as_str(), seen.ja4.as_str()), ("", ""));
    let seen = handshake(&[(CLIENT, client_hello("a"))]);
    assert_eq!(seen.ja3s, "");
}

#[test]
fn the_server_s_certificates_are_told_and_the_client_s_are_not() {
    let chain = |certificates: &[&[u8]]| {
        let certificates = certificates.iter().map(|der| sized::<3>(der));
        let certificates: Vec<_> = certificates.flatten().collect();
        record(HANDSHAKE, &message(11, &sized::<3>(&certificates)))
    };
    let hello = server_hello(0x0303, &[7; 32], 0xc02f, &[]);
    let seen = handshake(&[
        (CLIENT, client_hello("a")),
        (SERVER, [hello, chain(&[b"leaf", b"authority"])].concat()),
        (CLIENT, chain(&[b"client"])),
    ]);
    let digests: Vec<_> = seen
        .server_certificates
        .iter()
        .map(|one| &one.sha256[..8])
        .collect();
    assert_eq!(digests, ["9f91161f", "8f76fd50"]);
}

#[test]
fn certificates_that_cannot_be_read_are_findings() {
    let hello = server_hello(0x0303, &[7; 32], 0xc02f, &[]);
    let chain = message(
        11,
        &sized::<3>(&[sized::<3>(b"leaf"), vec![0, 0, 9]].concat()),
    );
    check(
        &[
            (CLIENT, client_hello("a")),
            (SERVER, [hello, record(HANDSHAKE, &chain)].concat()),
        ],
        &expect![[r##"
            #4 malformed-tls: certificate message cut or invalid
            #4 malformed-certificate: not an X.509 certificate
            #4 flow 1: tls "a" offers TLS 1.3 ["h2", "http/1.1"] -> TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 "" cert ""
            end of flow 1: ["tls"]
        "##]],
    );
}
