//! Background analyses, from the request to what is left of them.

mod requests;

use tonic::Code;
use weir_shared::proto::{
    analyzer::v1::{AnalysisOptions, AnalysisRecord, FileFormat, RecordKind, Verdict},
    ingest::v1::{Analysis, AnalysisState, DeleteCaptureRequest, StartAnalysisRequest},
};
use weir_tests::{
    background::{Background, wanted},
    errors::{check_error, check_refused},
    gate::Gate,
    pair::{Pair, Setup},
    recordings, synth,
    until::{until, within},
};

async fn ended(
    background: &Background,
    request: StartAnalysisRequest,
) -> (Analysis, Vec<AnalysisRecord>) {
    let id = background.start(request).await.unwrap().analysis_id;
    let watched = background.watched(&id).await;
    let analysis = background.get(&id).await.unwrap();
    assert_eq!(*watched.last(), analysis);
    (analysis, watched.records)
}

#[tokio::test]
async fn a_background_analysis_finds_what_an_attached_one_does() {
    let pair = Pair::start().await;
    let (caller, background) = (pair.caller(), pair.background());
    for (id, bytes) in [
        ("dns", recordings::bytes("dns.pcap")),
        ("many", synth::many_flows(50_000)),
        ("varied", synth::varied(6 << 20)),
    ] {
        let capture = caller.store(id, &bytes, 1 << 20).await;
        let attached = caller.analyze(id, Default::default()).await.unwrap();
        let (analysis, records) = ended(&background, wanted(id)).await;
        assert_eq!(records, attached.records, "{id}");
        assert_eq!(analysis.state(), AnalysisState::Succeeded);
        assert_eq!(analysis.summary, Some(attached.summary));
        assert_eq!(analysis.records, records.len() as u64);
        assert_eq!(
            (&*analysis.capture_id, analysis.capture_uid),
            (id, capture.uid)
        );
        assert_eq!(analysis.attempts, 1);
        let info = analysis.capture_info.unwrap();
        assert_eq!(info.format(), FileFormat::Pcap);
        let times = [analysis.create_time, analysis.start_time, analysis.end_time];
        let times = times.map(|time| time.map(|t| (t.seconds, t.nanos)).unwrap());
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(
            (analysis.failure_reason, analysis.failure_message),
            Default::default()
        );
    }
}

#[tokio::test]
async fn options_hold_for_background_analyses_too() {
    let pair = Pair::start().await;
    let (caller, background) = (pair.caller(), pair.background());
    caller
        .store("c", &recordings::bytes("tls.pcap"), 1 << 20)
        .await;
    let options = AnalysisOptions {
        record_kinds: vec![RecordKind::Tls.into()],
        packet_limit: 50,
        filter: "tcp".to_owned(),
        ..Default::default()
    };
    let attached = caller.analyze("c", options.clone()).await.unwrap();
    let request = StartAnalysisRequest {
        options: Some(options.clone()),
        ..wanted("c")
    };
    let (analysis, records) = ended(&background, request).await;
    assert_eq!(records, attached.records);
    assert_eq!(analysis.options, Some(options));
    assert_eq!(analysis.summary.unwrap().verdict(), Verdict::Limited);
}

/// An analyzer that waits before the part of a capture that is read after the first one.
async fn half_way(gate: &Gate) -> (Pair, Background, String, u64) {
    let pair = Pair::with(Setup {
        analyzer_gate: Some(gate.clone()),
        ..Setup::default()
    })
    .await;
    let bytes = synth::varied(12 << 20);
    pair.caller().store("c", &bytes, 1 << 20).await;
    let background = pair.background();
    gate.let_pass(1);
    let id = background.start(wanted("c")).await.unwrap().analysis_id;
    let some = until("results of what was read", || async {
        let analysis = background.get(&id).await.unwrap();
        (analysis.records > 0).then_some(analysis.records)
    });
    let some = some.await;
    (pair, background, id, some)
}

#[tokio::test]
async fn a_cancelled_analysis_has_stopped_and_its_results_stay() {
    let gate = Gate::closed();
    let (pair, background, id, some) = half_way(&gate).await;
    gate.until_waiting(1).await;
    let mut watched = background.watch(&id, 0).await.unwrap();
    watched.until(1).await;
    let cancelled = background.cancel(&id).await.unwrap();
    assert_eq!(cancelled.state(), AnalysisState::Cancelled);
    assert!(cancelled.end_time.is_some() && cancelled.summary.is_none());
    gate.until_waiting(0).await;
    while watched.next().await.unwrap() {}
    assert_eq!(*watched.last(), cancelled);
    assert!(watched.records.len() as u64 >= some);
    assert_eq!(watched.records.len() as u64, cancelled.records);

    gate.open();
    let attached = pair
        .caller()
        .analyze("c", Default::default())
        .await
        .unwrap();
    assert_eq!(watched.records, attached.records[..watched.records.len()]);
    assert_eq!(background.cancel(&id).await.unwrap(), cancelled);
    assert_eq!(background.watched(&id).await.records, watched.records);
}

#[tokio::test]
async fn a_watcher_goes_on_where_its_call_broke() {
    let gate = Gate::closed();
    let (_pair, background, id, _) = half_way(&gate).await;
    let mut first = background.watch(&id, 0).await.unwrap();
    first.until(1).await;
    let mut seen = first.records.clone();
    drop(first);
    let mut second = background.watch(&id, seen.len() as u64).await.unwrap();
    gate.let_pass(1);
    second.until(1).await;
    seen.extend(second.records.clone());
    drop(second);
    gate.open();
    let mut third = background.watch(&id, seen.len() as u64).await.unwrap();
    while third.next().await.unwrap() {}
    assert_eq!(third.last().state(), AnalysisState::Succeeded);
    seen.extend(third.records);
    assert_eq!(seen, background.watched(&id).await.records);
}

#[tokio::test]
async fn a_deleted_capture_ends_its_analyses_and_those_that_watch() {
    let gate = Gate::closed();
    let (pair, background, id, _) = half_way(&gate).await;
    gate.until_waiting(1).await;
    let mut watched = background.watch(&id, 0).await.unwrap();
    watched.until(1).await;
    let request = DeleteCaptureRequest {
        capture_id: "c".to_owned(),
        allow_missing: false,
    };
    pair.caller().rpc.delete_capture(request).await.unwrap();
    let told = within("the watcher's end", async {
        loop {
            if let Err(status) = watched.next().await {
                return status;
            }
        }
    });
    check_error(&told.await, Code::Aborted, "CAPTURE_DELETED");
    gate.until_waiting(0).await;
    check_refused(
        background.get(&id).await,
        Code::NotFound,
        "ANALYSIS_UNKNOWN",
    );
}

#[tokio::test]
async fn what_can_not_be_analyzed_has_failed_as_an_attached_call_says() {
    let pair = Pair::start().await;
    let (caller, background) = (pair.caller(), pair.background());
    caller
        .store("text", b"GET / HTTP/1.1\r\n\r\n", 1 << 20)
        .await;
    caller
        .store("c", &recordings::bytes("dns.pcap"), 1 << 20)
        .await;
    let negative = AnalysisOptions {
        idle_timeout: Some(pbjson_types::Duration {
            seconds: -1,
            nanos: 0,
        }),
        ..Default::default()
    };
    for (id, options) in [("text", AnalysisOptions::default()), ("c", negative)] {
        let attached = caller.analyze(id, options.clone()).await.unwrap_err();
        let request = StartAnalysisRequest {
            options: Some(options),
            ..wanted(id)
        };
        let (analysis, records) = ended(&background, request).await;
        assert_eq!(analysis.state(), AnalysisState::Failed);
        let reason = weir_shared::status::reason(&attached).unwrap();
        assert_eq!(analysis.failure_reason, reason);
        assert_eq!(analysis.failure_message, attached.message());
        assert_eq!((records.len(), analysis.attempts), (0, 1));
    }
}

#[tokio::test]
async fn what_takes_too_long_has_failed_with_deadline() {
    let gate = Gate::closed();
    let pair = Pair::with(Setup {
        analyzer_gate: Some(gate.clone()),
        ..Setup::default()
    })
    .await;
    pair.caller()
        .store("c", &recordings::bytes("dns.pcap"), 1 << 20)
        .await;
    let request = StartAnalysisRequest {
        max_duration: Some(std::time::Duration::from_millis(200).into()),
        ..wanted("c")
    };
    let (analysis, _) = ended(&pair.background(), request).await;
    assert_eq!(analysis.state(), AnalysisState::Failed);
    assert_eq!(analysis.failure_reason, "DEADLINE");
    gate.until_waiting(0).await;
}

#[tokio::test]
async fn an_analyzer_that_is_away_is_tried_again_and_then_given_up() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| {
            config.analyses.retry_after = std::time::Duration::from_millis(1);
        }),
        ..Setup::default()
    })
    .await;
    let (caller, background) = (pair.caller(), pair.background());
    caller
        .store("c", &recordings::bytes("dns.pcap"), 1 << 20)
        .await;
    pair.analyzer.unwrap().stop().await;
    let (analysis, _) = ended(&background, wanted("c")).await;
    assert_eq!(analysis.state(), AnalysisState::Failed);
    assert_eq!(analysis.failure_reason, "ANALYZER_UNAVAILABLE");
    assert_eq!(analysis.attempts, 5);
}
