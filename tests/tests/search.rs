//! SearchService over a socket: what background analyses found is found again,
//! as they told it, and is gone with its capture.
#![allow(
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "a panic is how a test fails, and its futures are few"
)]

use tonic::{Code, Status, transport::Channel};
use weir_shared::proto::{
    analyzer::v1::{
        AnalysisOptions, AnalysisRecord, FilterSyntax, RecordKind, analysis_record::Kind,
    },
    ingest::v1::{
        CaptureSpec, DeleteCaptureRequest, QueryRecordsRequest, QueryRecordsResponse,
        SearchCapturesRequest, search_service_client::SearchServiceClient,
    },
};
use weir_tests::{
    caller::{Caller, channel},
    errors::{check_error, check_invalid_field, check_refused, detail},
    messages::{chunk, finish, open_with, spec},
    pair::Pair,
    recordings,
    until::until,
};

type Search = SearchServiceClient<Channel>;

fn search(pair: &Pair) -> Search {
    Search::new(channel(pair.ingest.address))
}

async fn query(pair: &Pair, request: QueryRecordsRequest) -> Result<QueryRecordsResponse, Status> {
    let answer = search(pair).query_records(request).await?;
    Ok(answer.into_inner())
}

/// All pages.
async fn query_all(pair: &Pair, request: QueryRecordsRequest) -> Vec<AnalysisRecord> {
    let mut request = request;
    let mut all = Vec::new();
    loop {
        let page = query(pair, request.clone()).await.unwrap();
        all.extend(page.records.into_iter().map(|found| found.record.unwrap()));
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

async fn search_for(pair: &Pair, words: &str) -> Result<Vec<String>, Status> {
    let request = SearchCapturesRequest {
        query: words.to_owned(),
        page_size: 0,
    };
    let found = search(pair).search_captures(request).await?.into_inner();
    Ok(found.captures.into_iter().map(|c| c.capture_id).collect())
}

/// Stores a recording that is analyzed once it is sealed.
async fn store(caller: &Caller, id: &str, recording: &str) {
    let data = recordings::bytes(recording);
    let spec = CaptureSpec {
        analyze_on_seal: Some(true),
        file_name: recording.to_owned(),
        labels: [("site".to_owned(), "Lübeck".to_owned())].into(),
        ..spec(id)
    };
    let messages = vec![open_with(spec), chunk(0, &data), finish(1)];
    caller.upload(messages).await.unwrap();
}

async fn until_found(pair: &Pair, id: &str, records: usize) {
    let of = || QueryRecordsRequest {
        capture_id: id.to_owned(),
        page_size: 1_000,
        ..QueryRecordsRequest::default()
    };
    until("its records are found", || async {
        let found = query(pair, of()).await.unwrap().records.len();
        (found == records).then_some(())
    })
    .await;
}

async fn attached(caller: &Caller, id: &str) -> Vec<AnalysisRecord> {
    let analysis = caller.analyze(id, AnalysisOptions::default()).await;
    analysis.unwrap().records
}

#[tokio::test]
async fn what_an_attached_analysis_tells_is_found() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    for (id, recording) in [
        ("dns", "dns.pcap"),
        ("http", "http.pcap"),
        ("tls", "tls.pcap"),
    ] {
        store(&caller, id, recording).await;
    }
    let mut everything = Vec::new();
    for id in ["dns", "http", "tls"] {
        let told = attached(&caller, id).await;
        until_found(&pair, id, told.len()).await;
        let request = QueryRecordsRequest {
            capture_id: id.to_owned(),
            page_size: 7,
            ..QueryRecordsRequest::default()
        };
        let mut found = query_all(&pair, request).await;
        assert!(
            found.is_sorted_by_key(|r| std::cmp::Reverse(
                r.time.map(|t| (t.seconds, t.nanos / 1000))
            ))
        );
        found.sort_by_key(|record| record.sequence);
        assert_eq!(found, told, "{id}");
        everything.extend(told);
    }

    let hosts = |record: &AnalysisRecord| match record.kind.as_ref().unwrap() {
        Kind::Dns(dns) => dns.query_name.clone(),
        Kind::Http(http) => http.host.clone(),
        Kind::Tls(tls) => tls.server_name.clone(),
        _ => String::new(),
    };
    let some = everything.iter().find(|r| !hosts(r).is_empty()).unwrap();
    let (host, server) = (hosts(some), some.server.clone().unwrap());
    let flow = everything
        .iter()
        .find(|r| !r.community_id.is_empty())
        .unwrap();
    let is_at = |record: &AnalysisRecord, address: &str| {
        let ends = [&record.client, &record.server];
        ends.into_iter().flatten().any(|end| end.address == address)
    };
    let none = QueryRecordsRequest::default;
    for (request, wanted) in [
        (
            QueryRecordsRequest {
                kinds: vec![RecordKind::Dns.into()],
                ..none()
            },
            everything
                .iter()
                .filter(|r| matches!(r.kind, Some(Kind::Dns(_))))
                .count(),
        ),
        (
            QueryRecordsRequest {
                address: server.address.clone(),
                ..none()
            },
            everything
                .iter()
                .filter(|r| is_at(r, &server.address))
                .count(),
        ),
        (
            QueryRecordsRequest {
                host: host.to_uppercase(),
                ..none()
            },
            everything.iter().filter(|r| hosts(r) == host).count(),
        ),
        (
            QueryRecordsRequest {
                community_id: flow.community_id.clone(),
                ..none()
            },
            everything
                .iter()
                .filter(|r| r.community_id == flow.community_id)
                .count(),
        ),
        (
            QueryRecordsRequest {
                time_from: some.time,
                time_before: some.time,
                ..none()
            },
            0,
        ),
    ] {
        let found = query_all(&pair, request.clone()).await;
        assert_eq!(found.len(), wanted, "{request:?}");
    }
}

#[tokio::test]
async fn captures_are_found_by_words_and_gone_when_they_are_deleted() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    store(&caller, "one", "dns.pcap").await;
    let records = attached(&caller, "one").await;
    until_found(&pair, "one", records.len()).await;
    let names = records.iter().filter_map(|record| match &record.kind {
        Some(Kind::Dns(dns)) => Some(dns.query_name.clone()),
        _ => None,
    });
    let name = names.into_iter().find(|name| name.contains('.')).unwrap();
    for words in [&*name, "dns.pcap", "LÜBECK site", "one"] {
        assert_eq!(search_for(&pair, words).await.unwrap(), ["one"], "{words}");
    }
    assert_eq!(search_for(&pair, "lubeck").await.unwrap(), [""; 0]);

    // What is thrown away is made again.
    let pair = pair
        .restart_after(|directory| {
            for end in ["", "-wal", "-shm"] {
                // There is none where the catalog is in PostgreSQL.
                std::fs::remove_file(directory.join(format!("catalog.db-index{end}"))).ok();
            }
        })
        .await;
    until_found(&pair, "one", records.len()).await;
    assert_eq!(search_for(&pair, &name).await.unwrap(), ["one"]);

    let request = DeleteCaptureRequest {
        capture_id: "one".to_owned(),
        allow_missing: false,
    };
    let caller = pair.caller();
    caller.rpc.clone().delete_capture(request).await.unwrap();
    until("it is forgotten", || async {
        let by_words = search_for(&pair, &name).await.unwrap();
        let records = query(&pair, QueryRecordsRequest::default()).await.unwrap();
        (by_words.is_empty() && records.records.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let pair = Pair::start().await;
    let refused = search_for(&pair, "a \"b").await.unwrap_err();
    check_error(&refused, Code::InvalidArgument, "FILTER_SYNTAX");
    assert_eq!(detail::<FilterSyntax>(&refused).position, 4);
    let too_long = search_for(&pair, &"a".repeat(5_000)).await.unwrap_err();
    check_invalid_field(&too_long, "query");
    let none = QueryRecordsRequest::default;
    let text = str::to_owned;
    for (request, field) in [
        (
            QueryRecordsRequest {
                address: text("10.0.0.0/33"),
                ..none()
            },
            "address",
        ),
        (
            QueryRecordsRequest {
                page_token: text("00"),
                ..none()
            },
            "page_token",
        ),
        (
            QueryRecordsRequest {
                page_size: -1,
                ..none()
            },
            "page_size",
        ),
        (
            QueryRecordsRequest {
                capture_id: text("Ä"),
                ..none()
            },
            "capture_id",
        ),
    ] {
        check_invalid_field(&query(&pair, request).await.unwrap_err(), field);
    }
    let nobody = QueryRecordsRequest {
        capture_id: text("nobody"),
        ..none()
    };
    check_refused(
        query(&pair, nobody).await,
        Code::NotFound,
        "CAPTURE_UNKNOWN",
    );
}
