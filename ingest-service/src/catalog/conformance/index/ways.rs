//! Whichever index a query goes by, it finds what looking at each record would.

use std::{cmp::Reverse, net::IpAddr};

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{capture, publish};
use crate::domain::{
    index::{
        AddressRange, Host, Index, IndexRecord, IndexedCapture, RecordPlace, RecordQuery, mapped,
        reversed,
    },
    time::Timestamp,
};

const SEED: [u8; 32] = *b"the ways of a query, 1 to 11 ...";
const QUERIES: u32 = 400;
const RECORDS: usize = 150;
const PAGE: u32 = 7;

const NETWORK: &str = "198.51.100.";

fn record() -> impl Strategy<Value = IndexRecord> {
    let address = || prop::option::of(0_u8..12);
    (
        (0_i64..40, 1_u32..5, 0_u32..4, address(), address()),
        (0_u32..6, 0_u32..6, 0_usize..6, 0_usize..5, 0_u32..4),
    )
        .prop_map(|((time_us, kind, severity, client, server), rest)| {
            let (client_port, server_port, host, services, community) = rest;
            let address = |n: u8| format!("{NETWORK}{n}").parse().unwrap();
            let hosts = [
                "",
                "a.Example",
                "b.example",
                "example",
                "x.a.example",
                "other",
            ];
            let services: &[&str] =
                [&[][..], &["tls"], &["dns"], &["tls", "http2"], &["http"]][services];
            IndexRecord {
                time_us,
                kind,
                severity: if kind == 4 { severity } else { 0 },
                client: client.map(address),
                server: server.map(address),
                client_port,
                server_port,
                host: hosts[host].to_owned(),
                services: services.iter().map(|&service| service.to_owned()).collect(),
                community: match community {
                    0 => String::new(),
                    n => format!("1:{n}"),
                },
                ..IndexRecord::default()
            }
        })
}

/// Each condition is asked for now and then.
fn query() -> impl Strategy<Value = RecordQuery> {
    fn some<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
        prop::option::weighted(0.25, of)
    }
    let host = prop_oneof![
        Just(Host::Is("a.example".to_owned())),
        Just(Host::Below("Example".to_owned())),
        Just(Host::Below("a.example".to_owned())),
        Just(Host::Below("none".to_owned())),
    ];
    let service = prop::sample::select(vec!["tls", "http", "http2", "ssh"]);
    (
        (
            some(0_u8..13),
            some(1_u32..6),
            some(1_u32..6),
            some(0_u32..7),
        ),
        (some(host), some(service), some(1_u32..5), some(1_u32..4)),
        (some(0_i64..40), some(0_i64..40), 0_u8..3),
    )
        .prop_map(|(one, two, three)| {
            let ((address, kind, other, port), (host, service, community, severity)) = (one, two);
            let (from, before, wide) = three;
            let addresses = address.map(|n| {
                let last = n.saturating_add(wide * 3);
                let [first, last] = [n, last].map(|n| {
                    let address: IpAddr = format!("{NETWORK}{n}").parse().unwrap();
                    mapped(address)
                });
                AddressRange { first, last }
            });
            RecordQuery {
                addresses,
                kinds: kind.into_iter().chain(other).collect(),
                port,
                host,
                service: service.map(str::to_owned),
                community: community.map(|n| format!("1:{n}")),
                severity_min: severity,
                from: from.map(Timestamp),
                before: before.map(Timestamp),
                limit: PAGE,
                ..RecordQuery::default()
            }
        })
}

fn is_asked(query: &RecordQuery, record: &IndexRecord) -> bool {
    let within = |address: Option<IpAddr>| {
        query.addresses.is_none_or(|range| {
            address.is_some_and(|address| (range.first..=range.last).contains(&mapped(address)))
        })
    };
    let ports = [record.client_port, record.server_port];
    let host = reversed(&record.host);
    let is_host = match &query.host {
        None => true,
        Some(Host::Is(name)) => host == reversed(name),
        Some(Host::Below(name)) => {
            let name = reversed(name);
            host == name || host.starts_with(&format!("{name}."))
        }
    };
    (within(record.client) || within(record.server))
        && (query.kinds.is_empty() || query.kinds.contains(&record.kind))
        && query.port.is_none_or(|port| ports.contains(&port))
        && is_host
        && query
            .service
            .as_ref()
            .is_none_or(|service| record.services.contains(service))
        && query
            .community
            .as_ref()
            .is_none_or(|community| record.community == *community)
        && query
            .severity_min
            .is_none_or(|least| record.severity >= least)
        && query.from.is_none_or(|from| record.time_us >= from.0)
        && query.before.is_none_or(|before| record.time_us < before.0)
}

pub(super) async fn every_query_finds_what_a_look_at_each_record_does(index: &dyn Index) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut captures: Vec<(IndexedCapture, Vec<(RecordPlace, IndexRecord)>)> = Vec::new();
    for id in ["ways-one", "ways-two"] {
        let records = prop::collection::vec(record(), RECORDS);
        let mut records = records.new_tree(&mut runner).unwrap().current();
        for (record, sequence) in records.iter_mut().zip(1..) {
            record.sequence = sequence;
        }
        let capture = capture(id);
        let run = publish(index, &capture, &records).await.0;
        let places = records.into_iter().map(|record| {
            let (time_us, sequence) = (record.time_us, record.sequence);
            let place = RecordPlace {
                time_us,
                run,
                sequence,
            };
            (place, record)
        });
        captures.push((capture, places.collect()));
    }
    let asked = (query(), 0_usize..4);
    let mut hits = 0;
    for n in 0..QUERIES {
        let (mut query, of) = asked.new_tree(&mut runner).unwrap().current();
        // One capture, the other, or both: other tests have theirs, with other addresses.
        let all: Vec<_> = match captures.get(of) {
            Some((capture, records)) => {
                query.capture = Some(capture.uid);
                records.iter().collect()
            }
            None => captures.iter().flat_map(|(_, records)| records).collect(),
        };
        let mut wanted: Vec<RecordPlace> = all
            .into_iter()
            .filter(|(_, record)| is_asked(&query, record))
            .map(|(place, _)| *place)
            .collect();
        wanted.sort_unstable_by_key(|place| Reverse((place.time_us, place.run, place.sequence)));
        hits += u32::from(!wanted.is_empty());
        let mut found = Vec::new();
        loop {
            let page = index.query(&query).await.unwrap();
            found.extend(page.iter().map(|found| found.place));
            query.after = found.last().copied();
            if page.len() < PAGE as usize {
                break;
            }
        }
        let ours = |place: &RecordPlace| {
            let mut records = captures.iter().flat_map(|(_, records)| records);
            records.any(|(known, _)| known == place)
        };
        found.retain(ours);
        query.after = None;
        assert_eq!(found, wanted, "query {n}: {query:?}");
    }
    assert!(hits > QUERIES / 4, "{hits} queries have found something");
    for (capture, _) in captures {
        index.forget(&[capture.uid]).await.unwrap();
        while index.clean(&[capture.uid], 1_000).await.unwrap() {}
    }
}
