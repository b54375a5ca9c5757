//! How long QueryRecords and SearchCaptures take at a million indexed records, over the
//! socket, beside reading what is stored of them in whole.
//!
//! The records are made up; the way to the index is that of all: an upload, its background
//! analysis, the stored results, the index handler.
//!
//!     cargo run --release -p weir-bench --bin bench-search
//!     WEIR_BENCH_ROUNDS=5 WEIR_BENCH_CAPTURES=25 cargo run …
//!     WEIR_TEST_POSTGRES=postgres://… cargo run …
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use mimalloc::MiMalloc;
use tonic::transport::Channel;
use weir_bench::{
    Series, latencies,
    records::{self, APART, BEGIN, RECORDS, client, host},
    rounds,
};
use weir_shared::proto::{
    Timestamp,
    analyzer::v1::{RecordKind, Severity},
    ingest::v1::{
        CaptureSpec, ListAnalysesRequest, QueryRecordsRequest, QueryRecordsResponse,
        SearchCapturesRequest, search_service_client::SearchServiceClient,
    },
};
use weir_tests::{
    caller::channel,
    messages::{chunk, finish, open_with, spec},
    pair::{Pair, Setup},
};

/// As ingest-service has it, which is what is measured.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const ROUNDS: usize = 50;
/// Of 4,000 records each.
const CAPTURES: u32 = 250;
const UPLOADS_AT_ONCE: usize = 8;
/// Pages before a deep one, of 1,000 records each.
const DEEP_PAGES: usize = 500;

type Search = SearchServiceClient<Channel>;

#[tokio::main]
async fn main() {
    let captures = match std::env::var("WEIR_BENCH_CAPTURES") {
        Ok(captures) => captures.parse().unwrap(),
        Err(_) => CAPTURES,
    };
    let rounds = rounds(ROUNDS);
    let setup = Setup {
        ingest: Some(|config| config.analyses.waiting_max = 100_000),
        ..Setup::default()
    };
    let pair = Pair::with_analyzer(records::start().await, setup).await;
    let mut search = Search::new(channel(pair.ingest.address));
    let all = u64::from(captures) * RECORDS;
    let begun = Instant::now();
    fill(&pair, &mut search, captures).await;
    println!(
        "{all} records of {captures} captures, stored and indexed in {:.0} s; {rounds} rounds",
        begun.elapsed().as_secs_f64()
    );

    let mut queried = vec![read_whole(&pair, all).await];
    for (name, ask) in queries(captures) {
        let (mut series, mut found) = (Series::new(name), 0);
        for n in 0..rounds {
            let request = ask(u32::try_from(n).unwrap() * 7 + 1);
            let begun = Instant::now();
            let answer = search.query_records(request).await.unwrap().into_inner();
            series.add_millis(begun.elapsed());
            found += answer.records.len();
        }
        series.name = format!("{name} ({})", found / rounds);
        queried.push(series);
    }
    queried.push(deep(&mut search, rounds, captures).await);
    println!("\nQueryRecords, pages of 100 (how many are found)");
    print!("{}", latencies("ms", &queried));

    let mut searched = vec![queried.swap_remove(0)];
    for (name, ask) in searches() {
        let (mut series, mut found) = (Series::new(name), 0);
        for n in 0..rounds {
            let (query, page_size) = (ask(n * 31), 0);
            let request = SearchCapturesRequest { query, page_size };
            let begun = Instant::now();
            let answer = search.search_captures(request).await.unwrap();
            series.add_millis(begun.elapsed());
            found += answer.into_inner().captures.len();
        }
        series.name = format!("{name} ({})", found / rounds);
        searched.push(series);
    }
    println!("\nSearchCaptures (how many are found)");
    print!("{}", latencies("ms", &searched));
}

/// Uploads captures with a word in them, and waits until all is indexed.
async fn fill(pair: &Pair, search: &mut Search, captures: u32) {
    let caller = pair.caller();
    let uploads = stream::iter(0..captures).for_each_concurrent(UPLOADS_AT_ONCE, async |n| {
        let spec = CaptureSpec {
            analyze_on_seal: Some(true),
            file_name: format!("sensor{}-{n}.pcap", n % 20),
            ..spec(&format!("c{n}"))
        };
        let messages = vec![open_with(spec), chunk(0, n.to_be_bytes()), finish(1)];
        caller.upload(messages).await.unwrap();
    });
    uploads.await;
    for n in 0..captures {
        // It is found as a whole.
        while query(search, format!("c{n}")).await.records.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn query(search: &mut Search, capture_id: String) -> QueryRecordsResponse {
    let request = QueryRecordsRequest {
        capture_id,
        page_size: 1,
        ..QueryRecordsRequest::default()
    };
    search.query_records(request).await.unwrap().into_inner()
}

/// What somebody does who has no index: once, for it takes long.
async fn read_whole(pair: &Pair, all: u64) -> Series {
    let background = pair.background();
    let mut series = Series::new("all stored results, read once");
    let begun = Instant::now();
    let (mut seen, mut request) = (0, ListAnalysesRequest::default());
    loop {
        let page = background.list(request.clone()).await.unwrap();
        for analysis in page.analyses {
            let watched = background.watched(&analysis.analysis_id).await;
            seen += watched.records.len() as u64;
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    series.add_millis(begun.elapsed());
    assert_eq!(seen, all);
    series
}

/// The next page when many were read, as a client comes to it.
async fn deep(search: &mut Search, rounds: usize, captures: u32) -> Series {
    let pages = DEEP_PAGES.min(captures as usize * 2);
    let mut request = QueryRecordsRequest {
        page_size: 1_000,
        ..QueryRecordsRequest::default()
    };
    for _ in 0..pages {
        let page = search.query_records(request.clone()).await.unwrap();
        request.page_token = page.into_inner().next_page_token;
    }
    let mut series = Series::new(&format!("page {pages} of 1,000 each"));
    for _ in 0..rounds {
        let begun = Instant::now();
        search.query_records(request.clone()).await.unwrap();
        series.add_millis(begun.elapsed());
    }
    series
}

type Ask = Box<dyn Fn(u32) -> QueryRecordsRequest>;

fn queries(captures: u32) -> Vec<(&'static str, Ask)> {
    let kind = |kind: RecordKind| vec![i32::from(kind)];
    let at = move |n: u32| Timestamp {
        seconds: BEGIN + i64::from(n * 31 % captures) * APART,
        nanos: 0,
    };
    let community = |n: u32| records::record(n % 25, u64::from(n)).community_id;
    macro_rules! ask {
        ($n:pat, $($field:ident: $value:expr),*) => {
            Box::new(move |$n: u32| QueryRecordsRequest {
                $($field: $value,)*
                ..QueryRecordsRequest::default()
            }) as Ask
        };
    }
    vec![
        ("nothing asked", ask!(_,)),
        ("kind: flow", ask!(_, kinds: kind(RecordKind::Flow))),
        ("kind: finding", ask!(_, kinds: kind(RecordKind::Finding))),
        ("kind: ssh", ask!(_, kinds: kind(RecordKind::Ssh))),
        ("kind: none such", ask!(_, kinds: kind(RecordKind::Dhcp))),
        ("kinds: five", ask!(_, kinds: (4..9).collect())),
        ("address", ask!(n, address: client(n).to_string())),
        (
            "address: none such",
            ask!(_, address: "192.0.2.1".to_owned()),
        ),
        (
            "network /24",
            ask!(n, address: format!("{}/24", client(n * 256))),
        ),
        (
            "network /27",
            ask!(n, address: format!("{}/27", client(n * 32))),
        ),
        (
            "network /28",
            ask!(n, address: format!("{}/28", client(n * 16))),
        ),
        ("network /8", ask!(_, address: "10.0.0.0/8".to_owned())),
        (
            "network: none such",
            ask!(_, address: "192.0.2.0/24".to_owned()),
        ),
        ("port 443", ask!(_, port: 443)),
        ("port 5060", ask!(_, port: 5_060)),
        ("port: a rare one", ask!(n, port: 2_000 + n)),
        ("port: none such", ask!(_, port: 1)),
        ("host", ask!(n, host: host(n as usize))),
        (
            "host: below a site",
            ask!(n, host: format!(".site{}.example", n % 300)),
        ),
        ("host: below example", ask!(_, host: ".example".to_owned())),
        (
            "host: below none such",
            ask!(_, host: ".example.net".to_owned()),
        ),
        ("service tls", ask!(_, service: "tls".to_owned())),
        ("service sip", ask!(_, service: "sip".to_owned())),
        ("service: none such", ask!(_, service: "smtp".to_owned())),
        ("Community ID", ask!(n, community_id: community(n))),
        (
            "severity: info",
            ask!(_, severity_min: Severity::Info.into()),
        ),
        (
            "severity: alert",
            ask!(_, severity_min: Severity::Alert.into()),
        ),
        (
            "an hour",
            ask!(n, time_from: Some(at(n)), time_before: Some(at(n + 1))),
        ),
        (
            "a capture",
            ask!(n, capture_id: format!("c{}", n % captures)),
        ),
        (
            "a capture's alerts",
            ask!(n, capture_id: format!("c{}", n % captures), severity_min: Severity::Alert.into()),
        ),
        (
            "address, port 22",
            ask!(n, address: client(n).to_string(), port: 22),
        ),
        (
            "network /8, port 5060",
            ask!(_, address: "10.0.0.0/8".to_owned(), port: 5_060),
        ),
        (
            "network /16, kind: ssh",
            ask!(_, address: "10.0.0.0/16".to_owned(), kinds: kind(RecordKind::Ssh)),
        ),
        (
            "network /8, below example",
            ask!(_, address: "10.0.0.0/8".to_owned(), host: ".example".to_owned()),
        ),
        (
            "below example, kind: http",
            ask!(_, host: ".example".to_owned(), kinds: kind(RecordKind::Http)),
        ),
        (
            "service sip, an old hour",
            ask!(n, service: "sip".to_owned(), time_before: Some(at(n))),
        ),
    ]
}

type Words = fn(usize) -> String;

fn searches() -> Vec<(&'static str, Words)> {
    vec![
        ("one word, in all", |_| "example".to_owned()),
        ("one word, in few", |n| format!("host{}", n % 20_000)),
        ("one word, in none", |n| format!("nobody{n}")),
        ("two words", |n| {
            format!("host{} sensor{}", n % 20_000, n % 20)
        }),
        ("a name", host),
        ("in quotes", |n| format!("\"site{} example\"", n % 300)),
        ("what begins so", |n| format!("host{}*", n % 200)),
        ("two of those", |_| "host1* site2*".to_owned()),
    ]
}
