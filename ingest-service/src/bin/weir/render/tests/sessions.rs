//! QUIC, SSH and DHCP.

use super::{
    samples::{dhcp, quic, ssh},
    *,
};

fn check_table(kinds: Vec<Kind>, want: Expect) {
    let mut report = Report::new(2);
    let records = kinds.into_iter().map(record);
    records.for_each(|record| report.add(record));
    let text = crate::render::report("a.pcap", report, PLAIN);
    let table = text.split_once("\n\n").map_or("", |(_, table)| table);
    want.assert_eq(table);
}

#[test]
fn like_quic_handshakes_are_one_row() {
    check_table(
        vec![quic("a.example"), quic("b.example"), quic("a.example")],
        expect![[""]],
    );
}

#[test]
fn like_ssh_handshakes_are_one_row() {
    check_table(
        vec![
            ssh("SSH-2.0-a"),
            ssh("SSH-2.0-b\u{1b}[2J"),
            ssh("SSH-2.0-a"),
        ],
        expect![[""]],
    );
}

#[test]
fn each_dhcp_exchange_is_a_row() {
    check_table(
        vec![dhcp("192.0.2.50"), dhcp(""), dhcp("192.0.2.51")],
        expect![[""]],
    );
}
