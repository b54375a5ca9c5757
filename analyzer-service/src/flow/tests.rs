mod defragmentation;
mod keys;
mod tunnels;

use std::{net::IpAddr, time::Duration};

use expect_test::{Expect, expect};
use weir_capture_builder::{
    Order,
    frame::{self, ACK, FIN, RST, SYN},
    pcap::Pcap,
};

use crate::{
    analysis::Options,
    record::{Endpoint, Kind, KindSet, Tunnel},
    testing::run,
};

const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];

/// Packets with their times in seconds.
fn capture(packets: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let pcap = Pcap::new(Order::Little);
    let add = |pcap: Pcap, (at, packet): &(u32, Vec<u8>)| pcap.packet(*at, 0, packet);
    packets.iter().fold(pcap, add).bytes()
}

fn ethernet(packets: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let frames = packets
        .iter()
        .map(|(at, packet)| (*at, frame::ethernet(packet)));
    capture(&frames.collect::<Vec<_>>())
}

fn lines(bytes: &[u8], options: &Options) -> String {
    let options = Options {
        kinds: KindSet::EMPTY.with(Kind::Flow),
        ..options.clone()
    };
    let kept = run(bytes, &options);
    let end = |Endpoint { address, port }| match address {
        IpAddr::V4(_) => format!("{address}:{port}"),
        IpAddr::V6(_) => format!("[{address}]:{port}"),
    };
    let line = |(record, of, flow): &(&crate::record::Record, crate::record::FlowRef, &_)| {
        let flow: &crate::record::Flow = flow;
        let (up, down) = (flow.client_to_server, flow.server_to_client);
        let mut line = format!(
            "@{} #{} {} {}>{} {}/{}/{} {}/{}/{} {:?}",
            record.packet_number,
            of.flow_id,
            of.ip_protocol,
            end(of.client),
            end(of.server),
            up.packets,
            up.ip_bytes,
            up.payload_bytes,
            down.packets,
            down.ip_bytes,
            down.payload_bytes,
            flow.end_reason,
        );
        if flow.part > 1 {
            line += &format!(" part={}", flow.part);
        }
        if !flow.vlan_ids.is_empty() {
            line += &format!(" vlans={:?}", flow.vlan_ids);
        }
        for tunnel in &flow.tunnels {
            let Tunnel {
                kind,
                id,
                outer_flow_id,
            } = tunnel;
            line += &format!(" in {}:{id} of #{outer_flow_id}", kind.name());
        }
        if let Some(icmp) = flow.icmp {
            line += &format!(" icmp={}/{}", icmp.icmp_type, icmp.code);
        }
        if flow.midstream {
            line += " midstream";
        }
        if flow.checksum_errors > 0 {
            line += &format!(" checksums={}", flow.checksum_errors);
        }
        line
    };
    kept.flows().iter().map(line).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(packets: &[(u32, Vec<u8>)], expected: &Expect) {
    expected.assert_eq(&lines(&ethernet(packets), &Options::default()));
}

#[track_caller]
fn check_with(packets: &[(u32, Vec<u8>)], options: &Options, expected: &Expect) {
    expected.assert_eq(&lines(&ethernet(packets), options));
}

fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    frame::udp(A, B, ports, payload)
}

fn tcp(flags: u8) -> Vec<u8> {
    frame::tcp(A, B, (40_000, 80), (1, flags), b"")
}

fn tcp_back(flags: u8) -> Vec<u8> {
    frame::tcp(B, A, (80, 40_000), (1, flags), b"")
}

#[test]
fn both_directions_are_one_flow() {
    check(
        &[
            (0, udp((4_000, 4_001), b"ask")),
            (1, frame::udp(B, A, (4_001, 4_000), b"answer")),
        ],
        &expect!["@2 #1 17 10.0.0.1:4000>10.0.0.2:4001 1/31/3 1/34/6 Some(CaptureEnd)"],
    );
}

#[test]
fn the_client_is_who_sends_a_syn() {
    check(
        &[(0, frame::tcp(A, B, (80, 40_000), (1, SYN), b""))],
        &expect!["@1 #1 6 10.0.0.1:80>10.0.0.2:40000 1/40/0 0/0/0 Some(CaptureEnd)"],
    );
}

#[test]
fn the_client_is_who_gets_a_syn_ack_that_comes_first() {
    check(
        &[(0, frame::tcp(A, B, (40_000, 80), (1, SYN | ACK), b""))],
        &expect!["@1 #1 6 10.0.0.2:80>10.0.0.1:40000 0/0/0 1/40/0 Some(CaptureEnd) midstream"],
    );
}

#[test]
fn the_client_is_the_peer_of_the_one_well_known_port() {
    check(
        &[(0, udp((53, 4_000), b"")), (0, udp((53, 123), b""))],
        &expect![[r#"
        @2 #1 17 10.0.0.2:4000>10.0.0.1:53 0/0/0 1/28/0 Some(CaptureEnd)
        @2 #2 17 10.0.0.1:53>10.0.0.2:123 1/28/0 0/0/0 Some(CaptureEnd)"#]],
    );
}

#[test]
fn a_flow_splits_when_its_own_next_packet_is_too_late() {
    check(
        &[
            (100, udp((1, 2), b"")),
            (220, udp((1, 2), b"")),
            (341, udp((1, 2), b"")),
            (0, udp((1, 2), b"")),
        ],
        &expect![[r#"
            @3 #1 17 10.0.0.1:1>10.0.0.2:2 2/56/0 0/0/0 Some(IdleTimeout)
            @4 #2 17 10.0.0.1:1>10.0.0.2:2 2/56/0 0/0/0 Some(CaptureEnd)"#]],
    );
}

#[test]
fn flows_last_for_ever_without_an_idle_timeout() {
    let options = Options {
        idle_timeout: None,
        ..Options::default()
    };
    check_with(
        &[(0, udp((1, 2), b"")), (u32::MAX, udp((1, 2), b""))],
        &options,
        &expect!["@2 #1 17 10.0.0.1:1>10.0.0.2:2 2/56/0 0/0/0 Some(CaptureEnd)"],
    );
}

#[test]
fn an_idle_flow_goes_out_at_a_sweep() {
    let mut packets = vec![(0, udp((7, 8), b""))];
    packets.extend((0..1_023).map(|n| (n, udp((1, 2), b""))));
    packets.push((1_023, udp((1, 2), b"")));
    check(
        &packets,
        &expect![[r#"
            @1024 #1 17 10.0.0.1:7>10.0.0.2:8 1/28/0 0/0/0 Some(IdleTimeout)
            @1025 #2 17 10.0.0.1:1>10.0.0.2:2 1024/28672/0 0/0/0 Some(CaptureEnd)"#]],
    );
}

#[test]
fn an_active_cut_keeps_the_flow_id() {
    let options = Options {
        active_timeout: Some(Duration::from_secs(10)),
        ..Options::default()
    };
    let packets = [0, 10, 11, 12, 22].map(|at| (at, udp((1, 2), b"x")));
    check_with(
        &packets,
        &options,
        &expect![[r#"
        @3 #1 17 10.0.0.1:1>10.0.0.2:2 2/58/2 0/0/0 Some(ActiveTimeout)
        @5 #1 17 10.0.0.1:1>10.0.0.2:2 2/58/2 0/0/0 Some(ActiveTimeout) part=2
        @5 #1 17 10.0.0.1:1>10.0.0.2:2 1/29/1 0/0/0 Some(CaptureEnd) part=3"#]],
    );
}

#[test]
fn updates_of_a_long_flow_are_cumulative() {
    let options = Options {
        interim_interval: Some(Duration::from_secs(10)),
        ..Options::default()
    };
    let packets = [0, 9, 10, 19, 20].map(|at| (at, udp((1, 2), b"x")));
    check_with(
        &packets,
        &options,
        &expect![[r#"
        @3 #1 17 10.0.0.1:1>10.0.0.2:2 3/87/3 0/0/0 None
        @5 #1 17 10.0.0.1:1>10.0.0.2:2 5/145/5 0/0/0 None
        @5 #1 17 10.0.0.1:1>10.0.0.2:2 5/145/5 0/0/0 Some(CaptureEnd)"#]],
    );
}

#[test]
fn a_closed_connection_lingers_until_a_new_syn() {
    check(
        &[
            (0, tcp(SYN)),
            (0, tcp_back(SYN | ACK)),
            (0, tcp(FIN | ACK)),
            (0, tcp_back(FIN | ACK)),
            (1, tcp(ACK)),
            (2, tcp(SYN)),
            (2, tcp_back(RST | ACK)),
            (3, tcp(SYN)),
        ],
        &expect![[r#"
            @6 #1 6 10.0.0.1:40000>10.0.0.2:80 3/120/0 2/80/0 Some(Fin)
            @8 #2 6 10.0.0.1:40000>10.0.0.2:80 1/40/0 1/40/0 Some(Rst)
            @8 #3 6 10.0.0.1:40000>10.0.0.2:80 1/40/0 0/0/0 Some(CaptureEnd)"#]],
    );
}

#[test]
fn a_syn_again_is_the_same_connection_while_it_is_open() {
    check(
        &[(0, tcp(SYN)), (1, tcp(SYN)), (2, tcp_back(SYN | ACK))],
        &expect!["@3 #1 6 10.0.0.1:40000>10.0.0.2:80 2/80/0 1/40/0 Some(CaptureEnd)"],
    );
}

#[test]
fn a_connection_seen_from_its_middle_says_so() {
    check(
        &[(0, tcp(ACK))],
        &expect!["@1 #1 6 10.0.0.1:40000>10.0.0.2:80 1/40/0 0/0/0 Some(CaptureEnd) midstream"],
    );
}

#[test]
fn a_full_table_gives_up_the_flows_longest_silent() {
    let options = Options {
        flows_max: 2,
        ..Options::default()
    };
    let packets = [(1, 2), (3, 4), (1, 2), (5, 6)].map(|ports| (0, udp(ports, b"")));
    check_with(
        &packets,
        &options,
        &expect![[r#"
        @4 #2 17 10.0.0.1:3>10.0.0.2:4 1/28/0 0/0/0 Some(Evicted)
        @4 #1 17 10.0.0.1:1>10.0.0.2:2 2/56/0 0/0/0 Some(CaptureEnd)
        @4 #3 17 10.0.0.1:5>10.0.0.2:6 1/28/0 0/0/0 Some(CaptureEnd)"#]],
    );
}
