//! What every index does, as a suite that panics where one does not.

mod ways;

use std::net::IpAddr;

use bytes::Bytes;

use crate::{
    catalog::CatalogError,
    domain::{
        analysis::AnalysisId,
        id::Uid,
        index::{
            AddressRange, Field, FoundRecord, Host, Index, IndexRecord, IndexedCapture,
            RecordQuery, Run, Written, mapped,
            words::{Text, Words},
        },
        time::Timestamp,
    },
};

pub(crate) async fn suite(index: &dyn Index) {
    records_are_found_by_what_they_say(index).await;
    pages_follow_one_another(index).await;
    only_whole_runs_are_found_and_the_last_of_a_capture(index).await;
    words_are_found_and_ranked(index).await;
    ways::every_query_finds_what_a_look_at_each_record_does(index).await;
    assert!(!index.is_whole().await.unwrap());
    index.set_whole().await.unwrap();
    assert!(index.is_whole().await.unwrap());
}

pub(crate) fn capture(id: &str) -> IndexedCapture {
    IndexedCapture {
        uid: Uid::generate(),
        id: id.parse().unwrap(),
        file_name: format!("{id}.pcap"),
    }
}

fn record(sequence: u64, time_us: i64, client: &str, server: &str) -> IndexRecord {
    let address = |text: &str| text.parse::<IpAddr>().ok();
    IndexRecord {
        sequence,
        time_us,
        kind: 1,
        client: address(client),
        server: address(server),
        client_port: 40_000,
        server_port: 53,
        body: Bytes::from(format!("{sequence}")),
        ..IndexRecord::default()
    }
}

pub(crate) async fn publish(
    index: &dyn Index,
    capture: &IndexedCapture,
    records: &[IndexRecord],
) -> Run {
    let run = index.begin(capture.uid).await.unwrap();
    index.add(run, records).await.unwrap();
    let there = index.indexed(capture.uid).await.unwrap().flatten();
    let whole = written(run, records.len() as u64, there);
    let published = index.publish(capture, whole, &Text::default()).await;
    published.unwrap();
    run
}

fn written(run: Run, records: u64, instead_of: Option<AnalysisId>) -> Written {
    Written {
        run,
        analysis: AnalysisId::generate(),
        records,
        instead_of,
    }
}

async fn words(index: &dyn Index, capture: &IndexedCapture, text: &Text) {
    let words = [(capture.clone(), text.clone())];
    index.publish_words(&words).await.unwrap();
}

async fn query(index: &dyn Index, query: RecordQuery) -> Vec<FoundRecord> {
    let limit = if query.limit == 0 { 100 } else { query.limit };
    let query = RecordQuery { limit, ..query };
    index.query(&query).await.unwrap()
}

fn sequences(found: &[FoundRecord]) -> Vec<u64> {
    found.iter().map(|found| found.place.sequence).collect()
}

fn addresses(first: &str, last: &str) -> Option<AddressRange> {
    let [first, last] = [first, last].map(|text| mapped(text.parse().unwrap()));
    Some(AddressRange { first, last })
}

async fn records_are_found_by_what_they_say(index: &dyn Index) {
    let one = capture("index-one");
    let mut records = vec![
        record(1, 10, "192.0.2.1", "192.0.2.2"),
        record(2, 20, "192.0.2.2", "2001:db8::1"),
        record(3, 30, "not an address", ""),
        record(4, 40, "192.0.2.1", "192.0.2.1"),
        record(5, -50, "192.0.3.1", "255.255.255.255"),
    ];
    records[1].host = "www.Example.com".to_owned();
    records[2].host = "example.com".to_owned();
    records[3].host = "example-not.com".to_owned();
    records[4].host = "other-example.com".to_owned();
    records[0].services = vec!["tls".to_owned(), "http2".to_owned()];
    records[1].community = "1:abc=".to_owned();
    (records[3].kind, records[3].severity) = (8, 2);
    records[4].server_port = 443;
    publish(index, &one, &records).await;

    let of = || RecordQuery {
        capture: Some(one.uid),
        ..RecordQuery::default()
    };
    let is = |host: &str| Some(Host::Is(host.to_owned()));
    let below = |host: &str| Some(Host::Below(host.to_owned()));
    let text = |text: &str| Some(text.to_owned());
    for (asked, wanted) in [
        (of(), &[4, 3, 2, 1, 5][..]),
        (
            RecordQuery {
                kinds: vec![8, 2],
                ..of()
            },
            &[4],
        ),
        (
            RecordQuery {
                severity_min: Some(2),
                ..of()
            },
            &[4],
        ),
        (
            RecordQuery {
                severity_min: Some(3),
                ..of()
            },
            &[],
        ),
        (
            RecordQuery {
                addresses: addresses("192.0.2.1", "192.0.2.1"),
                ..of()
            },
            &[4, 1],
        ),
        (
            RecordQuery {
                addresses: addresses("192.0.2.0", "192.0.3.255"),
                ..of()
            },
            &[4, 2, 1, 5],
        ),
        (
            RecordQuery {
                addresses: addresses("2001:db8::", "2001:db8::ffff"),
                ..of()
            },
            &[2],
        ),
        (
            RecordQuery {
                port: Some(443),
                ..of()
            },
            &[5],
        ),
        (
            RecordQuery {
                port: Some(40_000),
                ..of()
            },
            &[4, 3, 2, 1, 5],
        ),
        (
            RecordQuery {
                host: is("EXAMPLE.com."),
                ..of()
            },
            &[3],
        ),
        (
            RecordQuery {
                host: below("example.com"),
                ..of()
            },
            &[3, 2],
        ),
        (
            RecordQuery {
                host: below("com"),
                ..of()
            },
            &[4, 3, 2, 5],
        ),
        (
            RecordQuery {
                service: text("http2"),
                ..of()
            },
            &[1],
        ),
        (
            RecordQuery {
                service: text("http"),
                ..of()
            },
            &[],
        ),
        (
            RecordQuery {
                community: text("1:abc="),
                ..of()
            },
            &[2],
        ),
        (
            RecordQuery {
                from: Some(Timestamp(20)),
                before: Some(Timestamp(40)),
                ..of()
            },
            &[3, 2],
        ),
        (
            RecordQuery {
                capture: Some(Uid::generate()),
                ..of()
            },
            &[],
        ),
    ] {
        let found = query(index, asked.clone()).await;
        assert_eq!(sequences(&found), wanted, "{asked:?}");
    }
    let found = query(index, of()).await;
    assert_eq!(
        (found[0].capture_id.as_str(), &found[0].body[..]),
        ("index-one", &b"4"[..])
    );
    index.forget(&[one.uid]).await.unwrap();
}

async fn pages_follow_one_another(index: &dyn Index) {
    // Of one time, in two captures, on either side.
    let both = [capture("index-a"), capture("index-b")];
    for capture in &both {
        let records: Vec<_> = (1..=5)
            .map(|n| match n % 2 {
                0 => record(n, 7, "198.51.100.1", "198.51.100.2"),
                _ => record(n, 7, "198.51.100.2", "198.51.100.1"),
            })
            .collect();
        publish(index, capture, &records).await;
    }
    let mut asked = RecordQuery {
        addresses: addresses("198.51.100.1", "198.51.100.1"),
        limit: 3,
        ..RecordQuery::default()
    };
    let (mut pages, mut seen) = (Vec::new(), Vec::new());
    loop {
        let found = query(index, asked.clone()).await;
        let Some(last) = found.last() else {
            break;
        };
        asked.after = Some(last.place);
        pages.push(found.len());
        seen.extend(found.iter().map(|f| (f.place.run, f.place.sequence)));
    }
    assert_eq!(pages, [3, 3, 3, 1]);
    let mut sorted = seen.clone();
    sorted.sort_unstable_by_key(|place| std::cmp::Reverse(*place));
    sorted.dedup();
    assert_eq!(seen, sorted);
    for capture in both {
        index.forget(&[capture.uid]).await.unwrap();
    }
    assert_eq!(query(index, RecordQuery::default()).await, []);
}

async fn only_whole_runs_are_found_and_the_last_of_a_capture(index: &dyn Index) {
    let one = capture("index-runs");
    assert_eq!(index.indexed(one.uid).await.unwrap(), None);
    words(index, &one, &Text::default()).await;
    assert_eq!(index.indexed(one.uid).await.unwrap(), Some(None));
    let cut = index.begin(one.uid).await.unwrap();
    index.add(cut, &[record(1, 1, "", "")]).await.unwrap();
    assert_eq!(query(index, RecordQuery::default()).await, []);
    // It says more than there is.
    let more = written(cut, 2, None);
    let refused = index.publish(&one, more, &Text::default()).await;
    assert!(matches!(refused, Err(CatalogError::Unavailable(_))));
    publish(index, &one, &[record(2, 1, "", "")]).await;
    // It has not seen that one.
    for instead_of in [None, Some(AnalysisId::generate())] {
        let blind = written(cut, 1, instead_of);
        let refused = index.publish(&one, blind, &Text::default()).await;
        assert!(matches!(refused, Err(CatalogError::Unavailable(_))));
    }
    let last = publish(index, &one, &[record(3, 1, "", ""), record(4, 1, "", "")]).await;
    // Words alone take nothing away.
    words(index, &one, &Text::default()).await;
    assert!(index.indexed(one.uid).await.unwrap().unwrap().is_some());
    let mut turns = 0;
    while index.clean(&[one.uid], 1).await.unwrap() {
        turns += 1;
        assert!(turns < 10);
    }
    let found = query(index, RecordQuery::default()).await;
    assert_eq!(sequences(&found), [4, 3]);
    assert!(found.iter().all(|found| found.place.run == last.0));
    index.forget(&[one.uid]).await.unwrap();
    assert_eq!(query(index, RecordQuery::default()).await, []);
    while index.clean(&[one.uid], 10).await.unwrap() {}
    assert_eq!(index.indexed(one.uid).await.unwrap(), None);
}

async fn words_are_found_and_ranked(index: &dyn Index) {
    let mut captures = Vec::new();
    for (id, names, agents, about) in [
        ("words-a", "www.example.com", "curl/8.5", "Größe"),
        ("words-b", "mail.example.org", "www.example.com", "office"),
        ("words-c", "example.net", "", "com"),
    ] {
        let one = capture(id);
        let mut text = Text::default();
        text.add(Field::Name, names);
        text.add(Field::Name, "next.one");
        text.add(Field::Agent, agents);
        text.add(Field::About, about);
        words(index, &one, &text).await;
        captures.push(one);
    }
    for (asked, wanted) in [
        ("www.example.com", &["words-a", "words-b"][..]),
        ("WWW", &["words-a", "words-b"]),
        ("exam*", &["words-a", "words-b", "words-c"]),
        ("exam", &[]),
        ("\"example com\"", &["words-a", "words-b"]),
        ("\"com next\"", &[]),
        ("com example", &["words-a", "words-b", "words-c"]),
        ("curl größe", &["words-a"]),
        ("grosse", &[]),
        ("office mail", &["words-b"]),
        ("AND", &[]),
        ("a'b:c|d&!(e)", &[]),
    ] {
        let words = Words::parse(asked).unwrap();
        let found = index.search(&words, 10).await.unwrap();
        let mut ids: Vec<_> = found.iter().map(|found| found.id.as_str()).collect();
        assert!(found.is_sorted_by(|a, b| a.score >= b.score), "{found:?}");
        if asked == "www.example.com" {
            // A name weighs more than an agent.
            assert_eq!(ids, wanted);
        }
        ids.sort_unstable();
        assert_eq!(ids, wanted, "{asked}");
    }
    let words = Words::parse("example").unwrap();
    assert_eq!(index.search(&words, 1).await.unwrap().len(), 1);
    for one in &captures {
        index.forget(&[one.uid]).await.unwrap();
    }
    assert_eq!(index.search(&words, 10).await.unwrap(), []);
}
