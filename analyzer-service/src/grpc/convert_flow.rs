//! Flows and the summary as protobuf.

use weir_shared::proto::analyzer::v1 as pb;

use super::convert::{community_id, duration, endpoint, interface, timestamp};
use crate::record as domain;

pub(super) fn flow(flow: domain::Flow, reference: Option<&domain::FlowRef>) -> pb::Flow {
    let end_reason = match flow.end_reason {
        // It goes on.
        None => pb::EndReason::Unspecified,
        Some(domain::EndReason::Fin) => pb::EndReason::Fin,
        Some(domain::EndReason::Rst) => pb::EndReason::Rst,
        Some(domain::EndReason::IdleTimeout) => pb::EndReason::IdleTimeout,
        Some(domain::EndReason::ActiveTimeout) => pb::EndReason::ActiveTimeout,
        Some(domain::EndReason::Evicted) => pb::EndReason::Evicted,
        Some(domain::EndReason::CaptureEnd) => pb::EndReason::CaptureEnd,
    };
    pb::Flow {
        flow_id: reference.map_or(0, |r| r.flow_id),
        community_id: reference.map_or(String::new(), |r| community_id(&r.community_id)),
        client: reference.map(|r| endpoint(r.client)),
        server: reference.map(|r| endpoint(r.server)),
        ip_protocol: reference.map_or(0, |r| r.ip_protocol.into()),
        services: flow.services.into_iter().map(Into::into).collect(),
        start_time: Some(timestamp(flow.start_time)),
        end_time: Some(timestamp(flow.end_time)),
        client_to_server: Some(counters(flow.client_to_server)),
        server_to_client: Some(counters(flow.server_to_client)),
        end_reason: end_reason.into(),
        tcp: flow.tcp.map(tcp_stats),
        vlan_ids: flow.vlan_ids.into_iter().map(Into::into).collect(),
        tunnels: flow.tunnels.into_iter().map(tunnel).collect(),
        part: flow.part,
        interim: flow.interim,
        first_packet_number: flow.first_packet_number,
        client_mac: flow.client_mac.map_or(String::new(), mac),
        server_mac: flow.server_mac.map_or(String::new(), mac),
        midstream: flow.midstream,
        icmp_type: flow.icmp.map(|icmp| icmp.icmp_type.into()),
        icmp_code: flow.icmp.map(|icmp| icmp.code.into()),
        checksum_errors: flow.checksum_errors,
    }
}

fn tcp_stats(stats: domain::TcpStats) -> pb::TcpStats {
    let domain::TcpStats {
        state,
        history,
        handshake_rtt,
        client,
        server,
    } = stats;
    pb::TcpStats {
        state: state.name().to_owned(),
        history: history.to_string(),
        handshake_rtt: handshake_rtt.map(duration),
        client_retransmissions: client.retransmissions,
        server_retransmissions: server.retransmissions,
        client_out_of_order: client.out_of_order,
        server_out_of_order: server.out_of_order,
        client_zero_windows: client.zero_windows,
        server_zero_windows: server.zero_windows,
        client_missed_bytes: client.missed_bytes,
        server_missed_bytes: server.missed_bytes,
        client_flags: client.flags.into(),
        server_flags: server.flags.into(),
    }
}

fn tunnel(tunnel: domain::Tunnel) -> pb::Tunnel {
    pb::Tunnel {
        r#type: tunnel.kind.name().to_owned(),
        id: tunnel.id,
        outer_flow_id: tunnel.outer_flow_id,
    }
}

fn mac(mac: [u8; 6]) -> String {
    let [a, b, c, d, e, f] = mac;
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

fn counters(counters: domain::Counters) -> pb::Counters {
    pb::Counters {
        packets: counters.packets,
        ip_bytes: counters.ip_bytes,
        payload_bytes: counters.payload_bytes,
    }
}

pub(super) fn summary(summary: domain::Summary) -> pb::Summary {
    let (verdict, stop) = match summary.verdict {
        domain::Verdict::Complete => (pb::Verdict::Complete, None),
        domain::Verdict::Truncated(stop) => (pb::Verdict::Truncated, Some(stop)),
        domain::Verdict::Corrupt(stop) => (pb::Verdict::Corrupt, Some(stop)),
        domain::Verdict::Limited(stop) => (pb::Verdict::Limited, Some(stop)),
    };
    let (stopped_at_byte, stopped_because) =
        stop.map_or((0, String::new()), |stop| (stop.at_byte, stop.because));
    pb::Summary {
        verdict: verdict.into(),
        stopped_at_byte,
        stopped_because,
        packets: summary.packets,
        captured_bytes: summary.captured_bytes,
        wire_bytes: summary.wire_bytes,
        truncated_packets: summary.truncated_packets,
        first_packet_time: summary.first_packet_time.map(timestamp),
        last_packet_time: summary.last_packet_time.map(timestamp),
        time_ordered: summary.time_ordered,
        flows: summary.flows,
        records_by_kind: summary
            .records_by_kind
            .into_iter()
            .map(|(kind, count)| (kind.field_name().to_owned(), count))
            .collect(),
        protocol_hierarchy: summary
            .protocol_hierarchy
            .into_iter()
            .map(|count| pb::ProtocolCount {
                path: count.path,
                packets: count.packets,
                bytes: count.bytes,
            })
            .collect(),
        top_talkers: summary.top_talkers.into_iter().map(talker).collect(),
        activity: summary.activity.map(activity),
        dropped: Some(dropped(summary.dropped)),
        interfaces: summary.interfaces.into_iter().map(interface).collect(),
        blocks_by_type: summary.blocks_by_type.into_iter().collect(),
        packets_by_link_type: summary.packets_by_link_type.into_iter().collect(),
        ip_checksum_errors: summary.ip_checksum_errors,
        tcp_checksum_errors: summary.tcp_checksum_errors,
        udp_checksum_errors: summary.udp_checksum_errors,
    }
}

fn talker(talker: domain::Talker) -> pb::Talker {
    pb::Talker {
        address: talker.address.to_string(),
        packets_sent: talker.packets_sent,
        packets_received: talker.packets_received,
        bytes_sent: talker.bytes_sent,
        bytes_received: talker.bytes_received,
        bytes_error: talker.bytes_error,
    }
}

fn activity(series: domain::TimeSeries) -> pb::TimeSeries {
    pb::TimeSeries {
        start_time: Some(timestamp(series.start)),
        bucket: Some(duration(series.bucket)),
        packets: series.packets,
        bytes: series.bytes,
        outside_packets: series.outside_packets,
    }
}

fn dropped(dropped: domain::Dropped) -> pb::Dropped {
    pb::Dropped {
        evicted_flows: dropped.evicted_flows,
        reassembly_bytes: dropped.reassembly_bytes,
        findings: dropped.findings,
        pending_transactions: dropped.pending_transactions,
        fragments: dropped.fragments,
        paths: dropped.paths,
    }
}
