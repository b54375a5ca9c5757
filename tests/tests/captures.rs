//! The project's recordings through the pair, against what tshark and capinfos
//! say of them.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is how a test fails, and what it printed is shown then"
)]

use std::collections::{BTreeMap, BTreeSet};

use weir_shared::proto::analyzer::v1::{Verdict, analysis_record::Kind};
use weir_tests::{
    analysis::Analysis,
    pair::Pair,
    recordings::{self, Recording},
};

/// Not a divisor of anything: chunks cut headers and packets anywhere.
const CHUNK_BYTES: usize = 1021;

/// Wireshark's encapsulation types as link types.
const LINK_TYPES: [(&str, u32); 4] = [("1", 1), ("7", 101), ("25", 113), ("210", 276)];

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
        for record in &analysis.records {
            let Some(Kind::Flow(flow)) = &record.kind else {
                continue;
            };
            assert_eq!(flow.community_id, record.community_id);
            ids.insert(flow.community_id.clone());
            vlans.extend(flow.vlan_ids.iter().map(ToString::to_string));
            for counters in [&flow.client_to_server, &flow.server_to_client] {
                packets += counters.as_ref().map_or(0, |c| c.packets);
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
                Some(Kind::Http(transaction)) => {
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

/// What is empty has no name: tshark does not list it.
#[track_caller]
fn check_texts(recording: &Recording, key: &str, mut got: BTreeSet<String>) {
    got.remove("");
    let wanted: BTreeSet<String> = recording.expected_texts(key).into_iter().collect();
    assert_eq!(got, wanted, "{}: {key}", recording.name);
}
