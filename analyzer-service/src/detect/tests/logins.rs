//! Secrets in clear, and TLS.

use super::*;
use crate::{
    detect::tls::{KEY_BITS_MIN, handshake},
    record::{Body, Certificate, Endpoint, FlowRef, Record, Time, TlsHandshake},
};

/// Who says what, by turns: the client at an odd place, unless it begins.
pub(super) fn talk(port: u16, client_begins: bool, lines: &[&[u8]]) -> Packets {
    let ports = (40_000, port);
    let back = (port, 40_000);
    let mut packets = vec![
        frame::tcp(A, B, ports, (99, SYN), b""),
        frame::tcp(B, A, back, (99, SYN | ACK), b""),
        frame::tcp(A, B, ports, (100, ACK), b""),
    ];
    let mut next = [100, 100];
    for (n, line) in lines.iter().enumerate() {
        let is_client = (n % 2 == 0) == client_begins;
        let seq = &mut next[usize::from(is_client)];
        packets.push(match is_client {
            true => frame::tcp(A, B, ports, (*seq, PSH | ACK), line),
            false => frame::tcp(B, A, back, (*seq, PSH | ACK), line),
        });
        *seq += u32::try_from(line.len()).expect("short");
    }
    packets.into_iter().map(|packet| (0, packet)).collect()
}

#[track_caller]
pub(super) fn check_talk(port: u16, lines: &[&[u8]], expected: &Expect) {
    let packets = talk(port, false, lines);
    let kept = run(&capture(&packets), &Options::default());
    assert!(
        !format!("{:?}", kept.findings()).contains("secret"),
        "a finding never tells it"
    );
    check(&packets, expected);
}

#[test]
fn mail_and_files() {
    let ftp: [&[u8]; 4] = [
        b"220 FTP ready\r\n",
        b"USER alice\r\n",
        b"331 go on\r\n",
        b"PASS secret\r\n",
    ];
    check_talk(
        21,
        &ftp,
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:21 x1 from 7, 1 flows: the ftp password of alice is sent in clear"
        ],
    );
    // On any port, as the greeting says what it is.
    check_talk(
        2_121,
        &ftp,
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:2121 x1 from 7, 1 flows: the ftp password of alice is sent in clear"
        ],
    );
    let anonymous: [&[u8]; 4] = [
        ftp[0],
        b"USER anonymous\r\n",
        ftp[2],
        b"PASS me@example\r\n",
    ];
    check_talk(21, &anonymous, &expect![""]);
    let pop3: [&[u8]; 4] = [
        b"+OK POP3 ready\r\n",
        b"USER bob\r\n",
        b"+OK\r\n",
        b"PASS secret\r\n",
    ];
    check_talk(
        110,
        &pop3,
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:110 x1 from 7, 1 flows: the pop3 password of bob is sent in clear"
        ],
    );
    let imap: [&[u8]; 2] = [b"* OK IMAP4rev1\r\n", b"a1 LOGIN \"carol\" \"secret\"\r\n"];
    check_talk(
        143,
        &imap,
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:143 x1 from 5, 1 flows: the imap password of carol is sent in clear"
        ],
    );
    let smtp: [&[u8]; 6] = [
        b"220 mx ESMTP\r\n",
        b"EHLO a\r\n",
        b"250-mx\r\n250 AUTH LOGIN PLAIN\r\n",
        b"AUTH LOGIN\r\n",
        b"334 VXNlcm5hbWU6\r\n",
        b"ZGF2ZQ==\r\n",
    ];
    check_talk(25, &smtp, &expect![""]);
    let whole = [&smtp[..], &[b"334 UGFzc3dvcmQ6\r\n", b"c2VjcmV0\r\n"]].concat();
    check_talk(
        25,
        &whole,
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:25 x1 from 11, 1 flows: the smtp password of dave is sent in clear"
        ],
    );
    let starttls: [&[u8]; 4] = [smtp[0], smtp[1], smtp[2], b"STARTTLS\r\n"];
    check_talk(25, &starttls, &expect![""]);
}

#[test]
fn web_and_things() {
    let basic: &[u8] =
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n";
    check(
        &talk(80, true, &[basic]),
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:80 x1 from 4, 1 flows: the http password of alice is sent in clear"
        ],
    );
    let form: &[u8] = b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 25\r\n\
        Content-Type: application/x-www-form-urlencoded\r\n\r\nuser=erin&password=secret";
    check(
        &talk(80, true, &[form]),
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:80 x1 from 4, 1 flows: the http password of erin is sent in clear"
        ],
    );
    let bearer: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Digest username=x\r\n\r\n";
    check(&talk(80, true, &[bearer]), &expect![""]);
    let mqtt: &[u8] = b"\x10\x1f\0\x04MQTT\x04\xc2\0\x3c\0\x03abc\0\x06sensor\0\x06secret";
    check(
        &talk(1_883, true, &[mqtt]),
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:1883 x1 from 4, 1 flows: the mqtt password of sensor is sent in clear"
        ],
    );
    let open: &[u8] = b"\x10\x0f\0\x04MQTT\x04\x02\0\x3c\0\x03abc";
    check(&talk(1_883, true, &[open]), &expect![""]);
}

const DAY: i128 = 86_400 * 1_000_000_000;
const NOW: i128 = 20_000 * DAY;

fn certificate() -> Certificate {
    Certificate {
        subject: "CN=a.example".into(),
        issuer: "CN=ca".into(),
        not_before: Time(NOW - DAY),
        not_after: Time(NOW),
        sha256: "00".into(),
        signature_algorithm: "sha256WithRSAEncryption".into(),
        key_algorithm: "rsaEncryption".into(),
        key_bits: KEY_BITS_MIN,
        ..Certificate::default()
    }
}

#[track_caller]
fn check_tls(now: i128, tls: &TlsHandshake, expected: &Expect) {
    expected.assert_eq(&told(now, tls));
}

fn told(now: i128, tls: &TlsHandshake) -> String {
    let end = |address: [u8; 4], port| Endpoint {
        address: address.into(),
        port,
    };
    let flow = FlowRef {
        flow_id: 1,
        client: end(A, 40_000),
        server: end(B, 443),
        ip_protocol: 6,
        community_id: [0; 20],
    };
    let record = Record {
        time: Time(now),
        packet_number: 4,
        flow: Some(flow),
        body: Body::Tls(Box::new(tls.clone())),
    };
    let mut evidence = Vec::new();
    handshake(&record, tls, &mut evidence);
    let lines = evidence.iter().map(|one| {
        let code = one.subject.code;
        format!("{code} {:?}: {}", one.target, one.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check_certificate(change: impl FnOnce(&mut Certificate), expected: &Expect) {
    let mut own = certificate();
    change(&mut own);
    let server_certificates = vec![own.into()];
    let tls = TlsHandshake {
        server_certificates,
        ..negotiated("TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
    };
    check_tls(NOW, &tls, expected);
}

fn negotiated(version: &'static str, cipher_suite: &'static str) -> TlsHandshake {
    TlsHandshake {
        version: version.into(),
        cipher_suite: cipher_suite.into(),
        ..TlsHandshake::default()
    }
}

#[test]
fn certificates_that_a_client_should_refuse() {
    check_certificate(|_| {}, &expect![""]);
    check_certificate(
        |own| own.not_after = Time(NOW - 1),
        &expect![
            "certificate-expired Some(10.0.0.2): the certificate of CN=a.example expired 0 days ago"
        ],
    );
    check_certificate(
        |own| own.not_before = Time(NOW + 1),
        &expect![
            "certificate-not-yet-valid Some(10.0.0.2): the certificate of CN=a.example is not valid yet"
        ],
    );
    check_certificate(
        |own| own.self_signed = true,
        &expect![
            "certificate-self-signed Some(10.0.0.2): the certificate of CN=a.example is signed by itself"
        ],
    );
    check_certificate(
        |own| own.key_bits = KEY_BITS_MIN - 1,
        &expect![
            "certificate-weak-key Some(10.0.0.2): the certificate of CN=a.example has a key of 2047 bits"
        ],
    );
    check_certificate(
        |own| (own.key_algorithm, own.key_bits) = ("id-dsa".into(), 1_024),
        &expect![[
            r#"certificate-weak-key Some(10.0.0.2): the certificate of CN=a.example has a key of 1024 bits"#
        ]],
    );
    check_certificate(
        |own| (own.key_algorithm, own.key_bits) = ("id-ecPublicKey".into(), 256),
        &expect![""],
    );
    check_certificate(
        |own| own.signature_algorithm = "sha1WithRSAEncryption".into(),
        &expect![
            "certificate-weak-signature Some(10.0.0.2): the certificate of CN=a.example is signed with sha1WithRSAEncryption"
        ],
    );
    // It could not be read.
    check_certificate(|own| *own = Certificate::default(), &expect![""]);
}

#[test]
fn a_capture_without_a_clock_tells_nothing_of_validity() {
    let tls = TlsHandshake {
        server_certificates: vec![certificate().into()],
        ..TlsHandshake::default()
    };
    check_tls(0, &tls, &expect![""]);
}

#[test]
fn old_versions_and_weak_ciphers() {
    let good = "TLS_AES_128_GCM_SHA256";
    for version in ["", "TLS 1.2", "TLS 1.3", "TLS 1.3 draft 23"] {
        check_tls(NOW, &negotiated(version, good), &expect![""]);
    }
    check_tls(
        NOW,
        &negotiated("TLS 1.0", ""),
        &expect!["tls-old-version Some(10.0.0.2): TLS 1.0 was negotiated"],
    );
    check_tls(
        NOW,
        &negotiated("SSL 3.0", ""),
        &expect!["tls-old-version Some(10.0.0.2): SSL 3.0 was negotiated"],
    );
    let weak = [
        "TLS_RSA_WITH_NULL_MD5",
        "TLS_DH_anon_WITH_AES_128_CBC_SHA",
        "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA",
        "TLS_RSA_WITH_RC4_128_SHA",
        "TLS_RSA_WITH_DES_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    ];
    for cipher in weak {
        let expected = format!("tls-weak-cipher Some(10.0.0.2): {cipher} was negotiated");
        let tls = negotiated("TLS 1.2", cipher);
        assert_eq!(told(NOW, &tls), expected);
    }
}
