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
        expect![[r#"
            QUIC  3 handshakes, grouped: 2
              count  server name  server             version  ALPN  fingerprint
                  2  a.example    [2001:db8::1]:443  1        h3    q13d0310h3_55b375c5d22e_cd85d2d88918
                  1  b.example    [2001:db8::1]:443  1        h3    q13d0310h3_55b375c5d22e_cd85d2d88918
        "#]],
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
        expect![[r#"
            SSH  3 handshakes, grouped: 2
              count  server             server says          client says       HASSH                             HASSHServer
                  2  [2001:db8::1]:443  SSH-2.0-OpenSSH_9.2  SSH-2.0-a         aae6b9604f6f3356543709a376d7f657  f430cd6761697a6a658ee1d45ed22e49
                  1  [2001:db8::1]:443  SSH-2.0-OpenSSH_9.2  SSH-2.0-b\x1b[2J  aae6b9604f6f3356543709a376d7f657  f430cd6761697a6a658ee1d45ed22e49
        "#]],
    );
}

#[test]
fn each_dhcp_exchange_is_a_row() {
    check_table(
        vec![dhcp("192.0.2.50"), dhcp(""), dhcp("192.0.2.51")],
        expect![[r#"
            DHCP  2 of 3, in order of completion; --limit shows more
              time                     client             host    messages                    address           lease   server
              2023-11-14 22:13:21.500  02:00:00:00:00:01  laptop  DISCOVER OFFER REQUEST ACK  192.0.2.50        500 ms  192.0.2.2
              2023-11-14 22:13:21.500  02:00:00:00:00:01  laptop  DISCOVER OFFER REQUEST ACK  192.0.2.77 asked          192.0.2.2
        "#]],
    );
}
