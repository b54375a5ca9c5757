use expect_test::{Expect, expect};

use super::*;
use crate::dissect::{
    budget::WAITING_BYTES_MAX,
    testing::{CLIENT, Lab, SERVER, survives_damage},
};

const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;

/// A message of a client with this last byte in its address.
fn message(kind: u8, client: u8, given: [u8; 4], options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; 240];
    bytes[..4].copy_from_slice(&[if matches!(kind, 2 | 5 | 6) { 2 } else { 1 }, 1, 6, 0]);
    bytes[4..8].copy_from_slice(&[0, 0, 9, client]);
    bytes[16..20].copy_from_slice(&given);
    bytes[28..34].copy_from_slice(&[2, 0, 0, 0, 0, client]);
    bytes[236..].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    for (code, content) in [&[(53, &[kind][..])], options].concat() {
        bytes.extend([code, u8::try_from(content.len()).unwrap()]);
        bytes.extend(content);
    }
    bytes.push(255);
    bytes
}

const SERVER_ID: (u8, &[u8]) = (54, &[192, 0, 2, 2]);
const GIVEN: [u8; 4] = [192, 0, 2, 50];

/// Messages as they come, each in the flow of its direction.
fn check(messages: &[Vec<u8>], expected: &Expect) {
    let mut lab = Lab::new();
    let flows = [lab.flow(68, 67), lab.flow(67, 68)];
    for message in messages {
        let flow = usize::from(message[0] - 1);
        lab.datagram(flows[flow], CLIENT, message);
    }
    for flow in flows {
        lab.end(flow);
    }
    let lines = lab.log.lines().filter(|line| !line.ends_with(" is dhcp"));
    expected.assert_eq(&lines.map(|line| format!("{line}\n")).collect::<String>());
    assert_eq!(lab.out.waiting.held(), 0);
}

#[test]
fn the_four_messages_of_a_lease_are_one_exchange() {
    check(
        &[
            message(
                DISCOVER,
                1,
                [0; 4],
                &[(12, b"laptop\0"), (50, &[192, 0, 2, 77])],
            ),
            message(OFFER, 1, GIVEN, &[SERVER_ID, (51, &[0, 0, 1, 0])]),
            message(REQUEST, 1, [0; 4], &[SERVER_ID, (50, &GIVEN)]),
            message(ACK, 1, GIVEN, &[SERVER_ID, (51, &[0, 0, 14, 16])]),
        ],
        &expect![[r##"
            #4 flow 1: DhcpExchange { client_mac: "02:00:00:00:00:01", host_name: "laptop", assigned_address: Some(192.0.2.50), server_address: Some(192.0.2.2), lease_time: Some(3600s), message_types: ["DISCOVER", "OFFER", "REQUEST", "ACK"], requested_address: Some(192.0.2.50) }
            end of flow 1: ["dhcp"]
            end of flow 2: ["dhcp"]
        "##]],
    );
}

#[test]
fn exchanges_are_told_apart_by_client() {
    check(
        &[
            message(REQUEST, 1, [0; 4], &[(50, &GIVEN)]),
            message(REQUEST, 2, [0; 4], &[(81, b"\x04\0\0\x03two\x07example\0")]),
            message(NAK, 1, [0; 4], &[SERVER_ID]),
            message(RELEASE, 3, [0; 4], &[SERVER_ID]),
        ],
        &expect![[r##"
            #3 flow 1: DhcpExchange { client_mac: "02:00:00:00:00:01", host_name: "", assigned_address: None, server_address: Some(192.0.2.2), lease_time: None, message_types: ["REQUEST", "NAK"], requested_address: Some(192.0.2.50) }
            #4 flow 1: DhcpExchange { client_mac: "02:00:00:00:00:03", host_name: "", assigned_address: None, server_address: Some(192.0.2.2), lease_time: None, message_types: ["RELEASE"], requested_address: None }
            end of flow 1: ["dhcp"]
            end of flow 2: ["dhcp"]
            #2 flow 1: DhcpExchange { client_mac: "02:00:00:00:00:02", host_name: "two.example", assigned_address: None, server_address: None, lease_time: None, message_types: ["REQUEST"], requested_address: None }
        "##]],
    );
}

#[test]
fn damage_is_a_finding_and_what_comes_before_it_is_kept() {
    let mut cut = message(DISCOVER, 1, [0; 4], &[(12, b"laptop")]);
    cut.truncate(cut.len() - 3);
    check(
        &[cut, message(DISCOVER, 2, [0; 4], &[(51, &[1])])],
        &expect![[r##"
            #1 malformed-dhcp: option cut or of a wrong length
            #2 malformed-dhcp: option cut or of a wrong length
            end of flow 1: ["dhcp"]
            end of flow 2: []
            #1 flow 1: DhcpExchange { client_mac: "02:00:00:00:00:01", host_name: "", assigned_address: None, server_address: None, lease_time: None, message_types: ["DISCOVER"], requested_address: None }
            #2 flow 1: DhcpExchange { client_mac: "02:00:00:00:00:02", host_name: "", assigned_address: None, server_address: None, lease_time: None, message_types: ["DISCOVER"], requested_address: None }
        "##]],
    );
}

#[test]
fn options_may_go_on_where_names_would_be() {
    let mut odd = message(DISCOVER, 1, [0; 4], &[(52, &[3])]);
    odd[108..114].copy_from_slice(b"\x0c\x03two\xff");
    odd[44..51].copy_from_slice(&[50, 4, 192, 0, 2, 9, 255]);
    check(
        &[odd],
        &expect![[r#"
        end of flow 1: ["dhcp"]
        end of flow 2: []
        #1 flow 1: DhcpExchange { client_mac: "02:00:00:00:00:01", host_name: "two", assigned_address: None, server_address: None, lease_time: None, message_types: ["DISCOVER"], requested_address: Some(192.0.2.9) }
    "#]],
    );
}

#[test]
fn other_datagrams_on_its_ports_are_left_alone() {
    let mut lab = Lab::new();
    let flow = lab.flow(68, 67);
    lab.datagram(flow, CLIENT, &[1; 300]);
    lab.end(flow);
    assert_eq!(lab.log, "end of flow 1: []\n");
}

#[test]
fn exchanges_that_wait_are_bounded() {
    let mut lab = Lab::new();
    let flow = lab.flow(68, 67);
    for n in 0..=EXCHANGES_MAX {
        let mut one = message(DISCOVER, 1, [0; 4], &[]);
        one[4..6].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
        // More often than is remembered, which must not go on for ever either.
        for _ in 0..if n == 0 { 3 * MESSAGES_MAX } else { 1 } {
            lab.datagram(flow, SERVER, &one);
        }
    }
    assert_eq!(lab.out.dropped_transactions, 1);
    lab.out.waiting.take(WAITING_BYTES_MAX);
    lab.datagram(flow, SERVER, &message(DISCOVER, 9, [0; 4], &[]));
    assert_eq!(lab.out.dropped_transactions, 2 + EXCHANGES_MAX as u64);
    lab.end(flow);
    assert_eq!(lab.out.waiting.held(), WAITING_BYTES_MAX);
}

#[test]
fn damaged_messages_do_no_harm() {
    let options = [
        SERVER_ID,
        (12, &b"laptop"[..]),
        (51, &[0, 0, 1, 0]),
        (81, b"\x04\0\0\x03two\0"),
    ];
    survives_damage(
        67,
        &[
            (CLIENT, message(DISCOVER, 1, [0; 4], &options)),
            (SERVER, message(OFFER, 1, GIVEN, &options)),
            (CLIENT, message(REQUEST, 1, [0; 4], &options)),
        ],
    );
}
