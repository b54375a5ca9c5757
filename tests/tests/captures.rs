//! The project's recordings through the pair, against what tshark and capinfos
//! say of them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

use std::collections::{BTreeMap, BTreeSet};

use weir_shared::proto::analyzer::v1::{AnalysisOptions, Flow, Verdict, analysis_record::Kind};
use weir_tests::{
    analysis::Analysis,
    pair::Pair,
    recordings::{self, Recording},
};

/// Not a divisor of anything: chunks cut headers and packets anywhere.
const CHUNK_BYTES: usize = 1021;

/// Wireshark's encapsulation types as link types.
const LINK_TYPES: [(&str, u32); 11] = [
    ("1", 1),
    ("4", 9),
    ("7", 101),
    ("20", 105),
    ("23", 127),
    ("25", 113),
    ("28", 104),
    ("97", 192),
    ("141", 239),
    ("171", 258),
    ("210", 276),
];

const HTTP_2: &str = "HTTP/2";

/// From 1 (RFC 2132, 9.6).
const DHCP_TYPES: [&str; 8] = [
    "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM",
];

async fn for_each(check: impl Fn(&Recording, &Analysis)) {
    let pair = Pair::start().await;
    let caller = pair.caller();
    for recording in recordings::all() {
        println!("{}", recording.name);
        caller
            .store(&recording.name, &recording.bytes, CHUNK_BYTES)
            .await;
        let analysis = caller.analyze(&recording.name, Default::default()).await;
        check(&recording, &analysis.unwrap());
    }
}

/// Seconds and nanoseconds, as tshark writes them.
fn seconds(time: Option<weir_shared::proto::Timestamp>) -> String {
    let time = time.expect("a time");
    format!("{}.{:09}", time.seconds, time.nanos)
}

#[tokio::test]
async fn totals_are_those_of_capinfos() {
    for_each(|recording, analysis| {
        let summary = &analysis.summary;
        let expected = &recording.expected;
        let name = &recording.name;
        assert_eq!(summary.verdict(), Verdict::Complete, "{name}");
        let numbers = [
            ("packets", summary.packets),
            ("captured_bytes", summary.captured_bytes),
            ("wire_bytes", summary.wire_bytes),
        ];
        for (key, got) in numbers {
            assert_eq!(got, recording.expected_number(key), "{name}: {key}");
        }
        assert_eq!(
            (
                seconds(summary.first_packet_time).as_str(),
                seconds(summary.last_packet_time).as_str()
            ),
            (
                expected["first_packet_time"].as_str().unwrap(),
                expected["last_packet_time"].as_str().unwrap()
            ),
            "{name}"
        );
        assert_eq!(
            Some(summary.time_ordered),
            expected["time_ordered"].as_bool()
        );
        let by_link_type: BTreeMap<u32, u64> =
            summary.packets_by_link_type.clone().into_iter().collect();
        let by_encapsulation = expected["packets_by_encapsulation"].as_object().unwrap();
        let wanted: BTreeMap<u32, u64> = LINK_TYPES
            .iter()
            .filter_map(|(text, number)| Some((*number, by_encapsulation.get(*text)?.as_u64()?)))
            .collect();
        assert_eq!(by_link_type, wanted, "{name}");
        assert_eq!(summary.dropped, Some(Default::default()), "{name}");
    })
    .await;
}

#[tokio::test]
async fn flows_have_the_community_ids_of_tshark() {
    for_each(|recording, analysis| {
        let mut ids = BTreeSet::new();
        let mut vlans = BTreeSet::new();
        let mut packets = 0;
        let flows = analysis
            .records
            .iter()
            .filter_map(|record| match &record.kind {
                Some(Kind::Flow(flow)) => Some((flow, &record.community_id)),
                _ => None,
            });
        let flows: Vec<_> = flows.collect();
        // tshark tells that of the innermost packet only.
        let tunnels = flows.iter().flat_map(|(flow, _)| &flow.tunnels);
        let carriers: BTreeSet<u64> = tunnels.map(|tunnel| tunnel.outer_flow_id).collect();
        for (flow, community_id) in flows {
            assert_eq!(flow.community_id, *community_id);
            if !carriers.contains(&flow.flow_id) {
                ids.insert(flow.community_id.clone());
            }
            vlans.extend(flow.vlan_ids.iter().map(ToString::to_string));
            if flow.tunnels.is_empty() {
                for counters in [&flow.client_to_server, &flow.server_to_client] {
                    packets += counters.as_ref().map_or(0, |c| c.packets);
                }
            }
        }
        check_texts(recording, "community_ids", ids);
        check_texts(recording, "vlan_ids", vlans);
        assert!(packets <= analysis.summary.packets, "{}", recording.name);
    })
    .await;
}

#[tokio::test]
async fn names_are_those_of_tshark() {
    for_each(|recording, analysis| {
        let (mut dns, mut http, mut tls) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut requests, mut statuses) = (0, Vec::new());
        for record in &analysis.records {
            match &record.kind {
                // An announcement of mDNS asks for nothing.
                Some(Kind::Dns(transaction)) if transaction.query_seen => {
                    dns.insert(transaction.query_name.clone());
                }
                Some(Kind::Http(transaction)) if transaction.version != HTTP_2 => {
                    http.insert(transaction.host.clone());
                    requests += u64::from(!transaction.method.is_empty());
                    if transaction.status != 0 {
                        statuses.push(transaction.status.to_string());
                    }
                }
                Some(Kind::Tls(handshake)) => {
                    tls.insert(handshake.server_name.clone());
                }
                _ => {}
            }
        }
        statuses.sort();
        check_texts(recording, "dns_query_names", dns);
        check_texts(recording, "http_hosts", http);
        check_texts(recording, "tls_server_names", tls);
        let name = &recording.name;
        assert_eq!(
            requests,
            recording.expected_number("http_requests"),
            "{name}"
        );
        if analysis.summary.truncated_packets == 0 {
            // tshark also guesses at headers that a snap length cut.
            let expected = recording.expected_texts("http_statuses");
            assert_eq!(statuses, expected, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn fingerprints_and_certificates_are_those_of_tshark() {
    for_each(|recording, analysis| {
        let mut texts: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for record in &analysis.records {
            let seen: &[(&str, &String)] = match &record.kind {
                Some(Kind::Tls(tls)) => {
                    let certificates = tls.server_certificates.iter();
                    let serials = certificates.map(|one| one.serial.clone());
                    texts.entry("certificates").or_default().extend(serials);
                    &[("ja3", &tls.ja3), ("ja3s", &tls.ja3s), ("ja4", &tls.ja4)]
                }
                Some(Kind::Quic(quic)) => &[
                    ("quic_server_names", &quic.server_name),
                    ("quic_ja4", &quic.ja4),
                ],
                Some(Kind::Ssh(ssh)) => &[
                    ("ssh_banners", &ssh.client_banner),
                    ("ssh_banners", &ssh.server_banner),
                    ("hassh", &ssh.hassh),
                    ("hassh_server", &ssh.hassh_server),
                ],
                Some(Kind::Dhcp(dhcp)) => &[
                    ("dhcp_host_names", &dhcp.host_name),
                    ("dhcp_addresses", &dhcp.assigned_address),
                ],
                _ => &[],
            };
            for (key, text) in seen {
                let texts = texts.entry(*key).or_default();
                texts.insert((*text).clone());
            }
        }
        for key in [
            "ja3",
            "ja3s",
            "ja4",
            "certificates",
            "quic_server_names",
            "quic_ja4",
            "ssh_banners",
            "hassh",
            "hassh_server",
            "dhcp_host_names",
            "dhcp_addresses",
        ] {
            check_texts(recording, key, texts.remove(key).unwrap_or_default());
        }
    })
    .await;
}

#[tokio::test]
async fn streams_and_messages_are_those_of_tshark() {
    for_each(|recording, analysis| {
        let mut texts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut add = |key, text: String| texts.entry(key).or_default().push(text);
        for record in &analysis.records {
            match &record.kind {
                Some(Kind::Http(transaction)) if transaction.version == HTTP_2 => {
                    // The request of an upgraded connection's first stream was HTTP/1.
                    if !transaction.target.is_empty() {
                        add("http2_paths", transaction.target.clone());
                    }
                    add("http2_statuses", transaction.status.to_string());
                    if let Some(status) = transaction.grpc_status {
                        add("grpc_statuses", status.to_string());
                    }
                }
                Some(Kind::Dhcp(dhcp)) => {
                    for kind in &dhcp.message_types {
                        let number = DHCP_TYPES.iter().position(|name| name == kind);
                        add("dhcp_types", (1 + number.unwrap()).to_string());
                    }
                }
                _ => {}
            }
        }
        for key in [
            "http2_paths",
            "http2_statuses",
            "grpc_statuses",
            "dhcp_types",
        ] {
            let mut seen = texts.remove(key).unwrap_or_default();
            seen.sort();
            let expected = recording.expected_texts(key);
            assert_eq!(seen, expected, "{}: {key}", recording.name);
        }
    })
    .await;
}

/// Flows whose services tell how they went on.
#[tokio::test]
async fn services_are_recognised_by_content() {
    for_each(|recording, analysis| {
        let mut services = BTreeSet::new();
        for record in &analysis.records {
            if let Some(Kind::Flow(flow)) = &record.kind {
                services.insert(flow.services.join(" "));
            }
        }
        services.remove("");
        let expected: &[&str] = match recording.name.as_str() {
            "mail-and-mqtt.pcap" => &["mqtt", "smtp tls"],
            "http2.pcap" => &["http http2", "http2"],
            "grpc.pcap" => &["http2"],
            "quic-versions.pcap" | "quic.pcap" => &["quic"],
            "dhcp.pcap" => &["dhcp"],
            "ssh.pcap" => &["ssh"],
            "tls.pcap" | "tls-midstream.pcap" => &["tls"],
            _ => return,
        };
        assert_eq!(
            services.iter().collect::<Vec<_>>(),
            expected,
            "{}",
            recording.name
        );
    })
    .await;
}

/// What is empty has no name: tshark does not list it.
#[track_caller]
fn check_texts(recording: &Recording, key: &str, mut got: BTreeSet<String>) {
    got.remove("");
    let wanted: BTreeSet<String> = recording.expected_texts(key).into_iter().collect();
    assert_eq!(got, wanted, "{}: {key}", recording.name);
}

fn tcp_flows(analysis: &Analysis) -> Vec<&Flow> {
    let records = analysis.records.iter();
    let flows = records.filter_map(|record| match &record.kind {
        Some(Kind::Flow(flow)) => Some(flow),
        _ => None,
    });
    flows.filter(|flow| flow.tcp.is_some()).collect()
}

#[tokio::test]
async fn updates_of_a_long_flow_lead_to_its_record() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let bytes = recordings::bytes("tcp-loss-and-reordering.pcap");
    caller.store("c", &bytes, CHUNK_BYTES).await;
    let options = AnalysisOptions {
        interim_interval: Some(std::time::Duration::from_millis(1).into()),
        ..Default::default()
    };
    let updated = caller.analyze("c", options).await.unwrap();
    let plain = caller.analyze("c", Default::default()).await.unwrap();
    let (updates, ends): (Vec<_>, Vec<_>) =
        tcp_flows(&updated).into_iter().partition(|f| f.interim);
    assert_eq!(ends, tcp_flows(&plain), "updates change nothing");
    assert!(updates.len() > 1, "{updates:?}");
    let told = |flow: &Flow| {
        let tcp = flow.tcp.clone().unwrap();
        let packets = flow.server_to_client.unwrap().packets;
        (packets, tcp.server_retransmissions, tcp.server_out_of_order)
    };
    let [end] = ends[..] else {
        panic!("one flow, not {ends:?}");
    };
    assert!(updates.iter().chain([&end]).is_sorted_by_key(|f| told(f)));
    let tcp = end.tcp.clone().unwrap();
    assert_eq!((&*tcp.state, &*tcp.history), ("SF", "ShADadtFf"));
    assert_eq!(tcp.handshake_rtt.map(|rtt| rtt.nanos), Some(95_000));
    assert_eq!(told(end), (37, 2, 6));
}
