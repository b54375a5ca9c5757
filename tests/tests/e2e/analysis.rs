//! AnalyzeCapture, from what is asked for to what comes back.

use tonic::Code;
use weir_shared::proto::analyzer::v1::{
    AnalysisOptions, FileFormat, FilterSyntax, RecordKind, Verdict, analysis_record::Kind,
};
use weir_tests::{
    errors::{check_error, check_invalid_field, check_refused, check_unavailable, detail},
    messages::{chunk, open},
    pair::Pair,
    recordings, synth,
};

#[tokio::test]
async fn an_analysis_streams_info_records_and_summary() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let bytes = recordings::bytes("dns.pcap");
    // Chunks that cut headers and records anywhere.
    caller.store("c", &bytes, 777).await;
    let analysis = caller.analyze("c", Default::default()).await.unwrap();
    assert_eq!(analysis.info.format(), FileFormat::Pcap);
    assert_eq!(analysis.info.size_bytes, bytes.len() as u64);
    assert_eq!(analysis.info.interfaces[0].link_type, 1);
    assert_eq!(analysis.summary.verdict(), Verdict::Complete);
    assert_eq!(analysis.summary.packets, 62);
    let dns = analysis.records.iter().filter(|record| {
        let is_dns = matches!(record.kind, Some(Kind::Dns(_)));
        if is_dns {
            assert!(record.client.is_some() && record.server.is_some());
            assert!(record.flow_id > 0 && record.packet_number > 0);
            assert!(record.community_id.starts_with("1:"));
        }
        is_dns
    });
    let sent = analysis.summary.records_by_kind["dns"];
    assert_eq!(dns.count() as u64, sent);
}

#[tokio::test]
async fn an_analysis_may_be_repeated_and_says_the_same() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("http.pcap"), 4096)
        .await;
    let first = caller.analyze("c", Default::default()).await.unwrap();
    let second = caller.analyze("c", Default::default()).await.unwrap();
    assert_eq!(first.records, second.records);
    assert_eq!(first.summary, second.summary);
}

#[tokio::test]
async fn only_the_kinds_asked_for_are_streamed() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("tls.pcap"), 1 << 20)
        .await;
    let all = caller.analyze("c", Default::default()).await.unwrap();
    let options = AnalysisOptions {
        record_kinds: vec![RecordKind::Tls.into()],
        ..Default::default()
    };
    let some = caller.analyze("c", options).await.unwrap();
    assert!(!some.records.is_empty() && some.records.len() < all.records.len());
    for record in &some.records {
        assert!(matches!(record.kind, Some(Kind::Tls(_))), "{record:?}");
        assert!(!record.community_id.is_empty(), "it can be joined");
    }
    assert_eq!(some.summary.flows, all.summary.flows);
    let kinds: Vec<_> = some.summary.records_by_kind.keys().collect();
    assert_eq!(kinds, ["tls"]);
}

#[tokio::test]
async fn a_packet_limit_ends_the_reading_and_says_so() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("scan.pcap"), 1 << 20)
        .await;
    let options = AnalysisOptions {
        packet_limit: 10,
        ..Default::default()
    };
    let analysis = caller.analyze("c", options).await.unwrap();
    assert_eq!(analysis.summary.verdict(), Verdict::Limited);
    assert_eq!(analysis.summary.packets, 10);
}

#[tokio::test]
async fn progress_is_told_while_it_runs() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let bytes = synth::many_flows(150_000);
    caller.store("c", &bytes, 1 << 20).await;
    let options = AnalysisOptions {
        progress_interval: Some(std::time::Duration::from_millis(10).into()),
        ..Default::default()
    };
    let analysis = caller.analyze("c", options).await.unwrap();
    assert_eq!(analysis.summary.packets, 150_000);
    assert_eq!(analysis.summary.flows, 150_000);
    let progress = &analysis.progress;
    assert!(progress.len() > 1, "{progress:?}");
    assert!(progress.is_sorted_by_key(|p| (p.bytes_read, p.packets, p.records)));
    for p in progress {
        assert_eq!(p.size_bytes, bytes.len() as u64);
        assert!(p.bytes_read <= p.size_bytes && p.packets <= 150_000);
    }
}

#[tokio::test]
async fn captures_are_analyzed_when_they_are_sealed() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller
        .upload(vec![open("c"), chunk(0, "zero")])
        .await
        .unwrap();
    let analyzed = caller.analyze("c", Default::default()).await;
    check_refused(analyzed, Code::FailedPrecondition, "CAPTURE_NOT_SEALED");
}

#[tokio::test]
async fn what_is_not_a_capture_is_refused_at_once() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let files: [(&str, &[u8]); 4] = [
        ("empty", b""),
        ("short", b"\xd4\xc3\xb2"),
        ("text", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("zeros", &[0; 4096]),
    ];
    for (id, bytes) in files {
        caller.store(id, bytes, 1 << 20).await;
        let analyzed = caller.analyze(id, Default::default()).await;
        check_refused(analyzed, Code::InvalidArgument, "NOT_A_CAPTURE");
    }
}

#[tokio::test]
async fn a_damaged_capture_ends_well_with_a_verdict() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let bytes = recordings::bytes("icmp.pcap");
    let cut = &bytes[..bytes.len() - 5];
    caller.store("cut", cut, 1 << 20).await;
    let analysis = caller.analyze("cut", Default::default()).await.unwrap();
    assert_eq!(analysis.summary.verdict(), Verdict::Truncated);
    assert_eq!(analysis.summary.packets, 29);
    assert!(analysis.summary.stopped_at_byte > 0);
    assert!(!analysis.summary.stopped_because.is_empty());

    let mut wild = bytes.clone();
    // The length of the second record.
    let second = 24 + 16 + usize::from(bytes[32]) + 8;
    wild[second..second + 4].fill(0xff);
    caller.store("wild", &wild, 1 << 20).await;
    let analysis = caller.analyze("wild", Default::default()).await.unwrap();
    assert_eq!(analysis.summary.verdict(), Verdict::Corrupt);
    assert_eq!(analysis.summary.packets, 1);
}

#[tokio::test]
async fn wrong_options_are_named() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("icmp.pcap"), 1 << 20)
        .await;
    let negative = pbjson_types::Duration {
        seconds: -1,
        nanos: 0,
    };
    let options = AnalysisOptions::default;
    let cases = [
        (
            "options.idle_timeout",
            AnalysisOptions {
                idle_timeout: Some(negative),
                ..options()
            },
        ),
        (
            "options.active_timeout",
            AnalysisOptions {
                active_timeout: Some(negative),
                ..options()
            },
        ),
        (
            "options.progress_interval",
            AnalysisOptions {
                progress_interval: Some(negative),
                ..options()
            },
        ),
        (
            "options.record_kinds",
            AnalysisOptions {
                record_kinds: vec![99],
                ..options()
            },
        ),
    ];
    for (field, options) in cases {
        let status = caller.analyze("c", options).await.unwrap_err();
        check_invalid_field(&status, field);
    }
}

#[tokio::test]
async fn a_filter_leaves_packets_out() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("http.pcap"), 1 << 20)
        .await;
    let filtered = async |filter: &str| {
        let options = AnalysisOptions {
            filter: filter.into(),
            ..Default::default()
        };
        caller.analyze("c", options).await
    };
    let all = filtered("").await.unwrap();
    let some = filtered("tcp src port 80").await.unwrap();
    let none = filtered("udp port 9").await.unwrap();
    assert!(some.summary.packets > 0 && some.summary.packets < all.summary.packets);
    assert_eq!((none.summary.packets, none.summary.flows), (0, 0));
    assert_eq!(none.summary.verdict(), Verdict::Complete);

    let status = filtered("tcp port 80 or 443 and port").await.unwrap_err();
    check_error(&status, Code::InvalidArgument, "FILTER_SYNTAX");
    let syntax: FilterSyntax = detail(&status);
    assert_eq!(syntax.position, 27);
    assert_eq!(syntax.reason, "expected a name, not the end");
}

#[tokio::test]
async fn an_analyzer_that_is_away_is_said_to_be() {
    let pair = Pair::without_analyzer().await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("icmp.pcap"), 1 << 20)
        .await;
    let status = caller.analyze("c", Default::default()).await.unwrap_err();
    check_unavailable(&status, "ANALYZER_UNAVAILABLE");
}
