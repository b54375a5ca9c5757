//! Messages made by hand.

use pbjson_types::Duration;
use weir_shared::proto::Timestamp;
use weir_shared::proto::analyzer::v1::{analysis_record::Kind, *};

pub(super) fn at(milliseconds: i64) -> Option<Timestamp> {
    let nanos = i32::try_from(milliseconds % 1_000 * 1_000_000).unwrap();
    Some(Timestamp {
        seconds: 1_700_000_000 + milliseconds / 1_000,
        nanos,
    })
}

pub(super) fn took(milliseconds: i32) -> Option<Duration> {
    Some(Duration {
        seconds: 0,
        nanos: milliseconds * 1_000_000,
    })
}

pub(super) fn endpoint(address: &str, port: u32) -> Option<Endpoint> {
    Some(Endpoint {
        address: address.to_owned(),
        port,
    })
}

pub(super) fn record(kind: Kind) -> AnalysisRecord {
    AnalysisRecord {
        time: at(1_500),
        client: endpoint("192.0.2.7", 40_000),
        server: endpoint("2001:db8::1", 443),
        kind: Some(kind),
        ..Default::default()
    }
}

pub(super) fn flow(bytes: u64, service: &str) -> Kind {
    Kind::Flow(Flow {
        client: endpoint("192.0.2.7", 40_000),
        server: endpoint("2001:db8::1", 443),
        ip_protocol: 6,
        services: vec![service.to_owned()],
        start_time: at(0),
        end_time: at(2_000),
        client_to_server: Some(Counters {
            packets: 10,
            ip_bytes: bytes / 4,
            payload_bytes: 0,
        }),
        server_to_client: Some(Counters {
            packets: 20,
            ip_bytes: bytes - bytes / 4,
            payload_bytes: 0,
        }),
        end_reason: EndReason::Fin.into(),
        tcp: Some(TcpStats {
            state: "SF".to_owned(),
            server_retransmissions: 3,
            ..Default::default()
        }),
        vlan_ids: vec![10],
        ..Default::default()
    })
}

pub(super) fn dns(name: &str, code: &str, answers: &[&str]) -> Kind {
    let answers = answers.iter().map(|data| DnsAnswer {
        data: (*data).to_owned(),
        ..Default::default()
    });
    Kind::Dns(DnsTransaction {
        query_name: name.to_owned(),
        query_type: "A".to_owned(),
        response_code: code.to_owned(),
        answers: answers.collect(),
        response_time: (!code.is_empty()).then(|| took(12)).flatten(),
        transport: "udp".to_owned(),
        query_seen: true,
        ..Default::default()
    })
}

pub(super) fn quic(name: &str) -> Kind {
    Kind::Quic(QuicHandshake {
        version: "1".to_owned(),
        server_name: name.to_owned(),
        client_alpn: vec!["h3".to_owned()],
        ja4: "q13d0310h3_55b375c5d22e_cd85d2d88918".to_owned(),
    })
}

pub(super) fn ssh(client: &str) -> Kind {
    Kind::Ssh(SshHandshake {
        client_banner: client.to_owned(),
        server_banner: "SSH-2.0-OpenSSH_9.2".to_owned(),
        hassh: "aae6b9604f6f3356543709a376d7f657".to_owned(),
        hassh_server: "f430cd6761697a6a658ee1d45ed22e49".to_owned(),
    })
}

pub(super) fn dhcp(assigned: &str) -> Kind {
    let types = ["DISCOVER", "OFFER", "REQUEST", "ACK"];
    Kind::Dhcp(DhcpExchange {
        client_mac: "02:00:00:00:00:01".to_owned(),
        host_name: "laptop".to_owned(),
        assigned_address: assigned.to_owned(),
        server_address: "192.0.2.2".to_owned(),
        lease_time: (!assigned.is_empty()).then(|| took(500)).flatten(),
        message_types: types.map(str::to_owned).into(),
        requested_address: "192.0.2.77".to_owned(),
    })
}

pub(super) fn summary(verdict: Verdict) -> Summary {
    let path = |path: &str, packets, bytes| ProtocolCount {
        path: path.to_owned(),
        packets,
        bytes,
    };
    Summary {
        verdict: verdict.into(),
        stopped_at_byte: 1_234,
        stopped_because: "a record of 99 bytes has 12".to_owned(),
        packets: 1_500,
        captured_bytes: 900_000,
        wire_bytes: 1_000_000,
        truncated_packets: 3,
        first_packet_time: at(0),
        last_packet_time: at(9_999),
        flows: 42,
        records_by_kind: [("flow".to_owned(), 42), ("dns".to_owned(), 3)].into(),
        protocol_hierarchy: vec![
            path("eth", 1_500, 1_000_000),
            path("eth:ip", 1_400, 990_000),
            path("eth:ip:tcp", 1_000, 900_000),
            path("eth:ip:tcp:tls", 100, 800_000),
            path("eth:ip:udp", 400, 90_000),
            path("eth:arp", 100, 100),
        ],
        top_talkers: vec![
            Talker {
                address: "192.0.2.7".to_owned(),
                packets_sent: 700,
                packets_received: 800,
                bytes_sent: 100_000,
                bytes_received: 890_000,
                bytes_error: 0,
            },
            Talker {
                address: "2001:db8::1".to_owned(),
                bytes_sent: 800_000,
                bytes_error: 9,
                ..Default::default()
            },
        ],
        interfaces: vec![Interface {
            link_type: 1,
            name: "eth0".to_owned(),
            ..Default::default()
        }],
        tcp_checksum_errors: 12,
        dropped: Some(Dropped {
            fragments: 1,
            ..Default::default()
        }),
        ..Default::default()
    }
}
