use expect_test::{Expect, expect};

use super::*;
use crate::dissect::{
    budget::WAITING_BYTES_MAX,
    testing::{CLIENT, Lab, SERVER, survives_damage},
};

fn check(port: u16, parts: &[(Direction, &[u8])], expected: &Expect) {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, port);
    lab.handshake(flow);
    for (from, payload) in parts {
        lab.send(flow, *from, payload);
    }
    lab.end(flow);
    let lines = lab.log.lines().filter(|line| !line.ends_with(" is ssh"));
    expected.assert_eq(&lines.map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(lab.out.waiting.held(), 0);
}

fn packet(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(1 + message.len() + 4).unwrap();
    [&length.to_be_bytes()[..], &[4], message, &[0; 4]].concat()
}

fn kexinit(name: &str) -> Vec<u8> {
    let mut message = [&[20][..], &[7; 16]].concat();
    for list in [
        "kex", "host", "enc-cs", "enc-sc", "mac-cs", "mac-sc", "zip-cs", "zip-sc", "", "",
    ] {
        let names = match list {
            "" => String::new(),
            list => format!("{name}-{list},none"),
        };
        message.extend(u32::try_from(names.len()).unwrap().to_be_bytes());
        message.extend(names.as_bytes());
    }
    message.extend([0; 5]);
    packet(&message)
}

#[test]
fn both_sides_are_told_with_their_fingerprints_on_any_port() {
    let client = kexinit("a");
    check(
        9_000,
        &[
            (SERVER, b"SSH-2.0-OpenSSH_9.2p1\r\n"),
            (CLIENT, b"SSH-2.0-PuTTY\n"),
            (CLIENT, &client[..30]),
            (SERVER, &kexinit("b")),
            (CLIENT, &client[30..]),
            (CLIENT, b"encrypted"),
        ],
        &expect![[r##"
            #7 flow 1: ssh "SSH-2.0-PuTTY" "SSH-2.0-OpenSSH_9.2p1" hassh=fc6f8958f3dcf7fb9644a6550412c767 server=6a3dc0f5076594eaee7a86751c20091a
            end of flow 1: ["ssh"]
        "##]],
    );
}

#[test]
fn a_server_may_say_something_first_and_packets_may_be_ignored() {
    let server = [
        &b"Authorized use only\r\nSSH-2.0-x\r\n"[..],
        &packet(&[2, 0]),
        &kexinit("b"),
    ];
    check(
        22,
        &[(SERVER, &server.concat())],
        &expect![[r##"
        #3 flow 1: ssh "" "SSH-2.0-x" hassh= server=6a3dc0f5076594eaee7a86751c20091a
        end of flow 1: ["ssh"]
    "##]],
    );
}

#[test]
fn what_is_not_complete_goes_out_at_the_end() {
    check(
        22,
        &[(SERVER, b"SSH-1.99-old\r\n"), (SERVER, &[0, 0])],
        &expect![[r##"
            #3 flow 1: ssh "" "SSH-1.99-old" hassh= server=
            end of flow 1: ["ssh"]
        "##]],
    );
}

#[test]
fn other_protocols_on_its_port_are_left_alone() {
    check(
        22,
        &[(CLIENT, b"GET / HTTP/1.1\r\n\r\n")],
        &expect![[r##"
        #3 is http
        #3 flow 1: http 1 GET / HTTP/1.1 host="" agent="" referrer="" sent=0 -> 0 "" server="" received=0 incomplete
        end of flow 1: ["http"]
    "##]],
    );
    check(22, &[(SERVER, &[0; 40])], &expect![["end of flow 1: []\n"]]);
    check(
        22,
        &[(CLIENT, b"hello\n")],
        &expect![["end of flow 1: []\n"]],
    );
    check(
        22,
        &[(SERVER, &b"x\n".repeat(40))],
        &expect![["end of flow 1: []\n"]],
    );
}

#[test]
fn a_broken_key_exchange_is_a_finding() {
    let banner = b"SSH-2.0-x\r\n";
    let cut = packet(&kexinit("b")[5..100]);
    check(
        22,
        &[(SERVER, banner), (SERVER, &cut)],
        &expect![[r##"
        #4 malformed-ssh: identification or key exchange cut or invalid
        #4 flow 1: ssh "" "SSH-2.0-x" hassh= server=
        end of flow 1: ["ssh"]
    "##]],
    );
    check(
        22,
        &[(SERVER, banner), (SERVER, &[255; 8])],
        &expect![[r##"
        #4 malformed-ssh: identification or key exchange cut or invalid
        #4 flow 1: ssh "" "SSH-2.0-x" hassh= server=
        end of flow 1: ["ssh"]
    "##]],
    );
}

#[test]
fn handshakes_that_wait_are_bounded_in_the_whole_analysis() {
    let mut lab = Lab::new();
    let flow = lab.flow(4_000, 22);
    lab.out.waiting.take(WAITING_BYTES_MAX);
    lab.send(flow, SERVER, b"SSH-2.0-x\r\n");
    assert_eq!(lab.out.dropped_transactions, 1);
    lab.end(flow);
    assert_eq!(lab.out.waiting.held(), WAITING_BYTES_MAX);
}

#[test]
fn damaged_handshakes_do_no_harm() {
    let side = |name| {
        [
            &b"hello\nSSH-2.0-x\r\n"[..],
            &packet(&[2, 0]),
            &kexinit(name),
        ]
        .concat()
    };
    survives_damage(
        22,
        &[(SERVER, side("b")), (CLIENT, side("a")[6..].to_vec())],
    );
}
