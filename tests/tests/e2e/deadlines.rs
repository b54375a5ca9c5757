//! A call's deadline or its caller's leaving ends the work, in both services.
//!
//! How soon is for the benchmark `bench-cancel`; here it must happen at all,
//! and the caller must be told the right thing.

use std::time::Duration;

use tonic::{Code, Status};
use weir_shared::{proto::analyzer::v1::analyze_request::Source, status};
use weir_tests::{
    analysis::{AnalyzerCaller, inline},
    caller::{Caller, narrow_channel},
    errors::{check_error, check_refused, check_unavailable},
    fake_analyzer::{self, Behaviour},
    gate::Gate,
    messages::{chunk, finish, open},
    pair::{Pair, Setup},
    recordings, synth,
    until::{until, within},
};

/// Short for a test, long against scheduling on a busy machine.
const DEADLINE: Duration = Duration::from_millis(400);

fn one_place() -> Setup {
    Setup {
        analyzer: Some(|config| config.analyses_max = Some(1)),
        ..Setup::default()
    }
}

/// Packets that take any machine longer than [`DEADLINE`] to analyze, and more
/// flow records at the end than any window takes.
async fn store_large(caller: &Caller) {
    caller
        .store("large", &synth::many_flows(400_000), 1 << 20)
        .await;
}

/// Reads an answer to its end.
macro_rules! end_of {
    ($answer:expr) => {
        within("the answer's end", async {
            let mut answer = $answer;
            loop {
                match answer.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(status) => break Err(status),
                }
            }
        })
        .await
    };
}

/// The analyzer has a place again.
async fn until_idle(analyzer: &AnalyzerCaller) {
    until("a free place", || async {
        let tried = analyzer
            .analyze(inline(recordings::bytes("icmp.pcap")))
            .await;
        match tried {
            Ok(_) => Some(()),
            Err(status) => {
                check_unavailable(&status, "OVERLOADED");
                None
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_deadline_ends_an_analysis_that_waits_for_the_store() {
    let gate = Gate::closed();
    let pair = Pair::with(Setup {
        analyzer_gate: Some(gate.clone()),
        ..one_place()
    })
    .await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("icmp.pcap"), 1 << 20)
        .await;
    let answer = caller.begin_analysis("c", Some(DEADLINE)).await.unwrap();
    gate.until_waiting(1).await;
    check_refused(end_of!(answer), Code::DeadlineExceeded, "DEADLINE");
    gate.until_waiting(0).await;
    until_idle(&pair.analyzer_caller()).await;
}

#[tokio::test]
async fn a_deadline_ends_an_analysis_that_computes() {
    let pair = Pair::with(one_place()).await;
    let caller = pair.caller();
    store_large(&caller).await;
    // So soon that on a busy machine the answer may not even have begun.
    let soon = Some(Duration::from_millis(50));
    let ended = match caller.begin_analysis("large", soon).await {
        Ok(answer) => end_of!(answer).unwrap_err(),
        Err(status) => status,
    };
    check_deadline(&ended);
    until_idle(&pair.analyzer_caller()).await;
}

#[tokio::test]
async fn a_stalled_client_holds_its_place_until_its_deadline() {
    let gate = Gate::closed();
    let pair = Pair::with(Setup {
        analyzer_gate: Some(gate.clone()),
        ..one_place()
    })
    .await;
    store_large(&pair.caller()).await;
    let stalled = Caller::new(narrow_channel(pair.ingest.address));
    let answer = stalled.begin_analysis("large", Some(DEADLINE)).await;
    // It has its place: nobody who asks for one takes it away.
    gate.until_waiting(1).await;
    gate.open();
    // Nothing of it is read until the analyzer is idle.
    until_idle(&pair.analyzer_caller()).await;
    check_refused(end_of!(answer.unwrap()), Code::DeadlineExceeded, "DEADLINE");
}

#[tokio::test]
async fn a_stalled_client_of_the_analyzer_holds_its_place_until_its_deadline() {
    let gate = Gate::closed();
    let pair = Pair::with(Setup {
        analyzer_gate: Some(gate.clone()),
        ..one_place()
    })
    .await;
    let direct = AnalyzerCaller::new(narrow_channel(pair.analyzer_address()));
    let capture = synth::many_flows(25_000);
    let answer = direct.begin(inline(capture), Some(DEADLINE)).await;
    let analyzer = pair.analyzer_caller();
    let overloaded = analyzer
        .analyze(inline(recordings::bytes("icmp.pcap")))
        .await;
    check_unavailable(&overloaded.unwrap_err(), "OVERLOADED");
    until_idle(&analyzer).await;
    check_refused(end_of!(answer.unwrap()), Code::DeadlineExceeded, "DEADLINE");
}

#[tokio::test]
async fn the_work_has_stopped_when_a_direct_call_ends_at_its_deadline() {
    let gate = Gate::closed();
    let pair = Pair::with(Setup {
        analyzer_gate: Some(gate.clone()),
        ..one_place()
    })
    .await;
    pair.caller()
        .store("c", &recordings::bytes("icmp.pcap"), 1 << 20)
        .await;
    let through = pair.caller().begin_analysis("c", Some(DEADLINE)).await;
    check_refused(
        end_of!(through.unwrap()),
        Code::DeadlineExceeded,
        "DEADLINE",
    );
    gate.until_waiting(0).await;
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_analysis() {
    let gate = Gate::closed();
    let pair = Pair::with(Setup {
        analyzer_gate: Some(gate.clone()),
        ..one_place()
    })
    .await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("icmp.pcap"), 1 << 20)
        .await;
    let answer = caller.begin_analysis("c", None).await.unwrap();
    gate.until_waiting(1).await;
    drop(answer);
    gate.until_waiting(0).await;
    until_idle(&pair.analyzer_caller()).await;
}

#[tokio::test]
async fn a_caller_that_leaves_ends_an_analysis_that_computes() {
    let pair = Pair::with(one_place()).await;
    let caller = pair.caller();
    store_large(&caller).await;
    let mut answer = caller.begin_analysis("large", None).await.unwrap();
    let first = within("the capture info", answer.message()).await;
    assert!(first.unwrap().is_some());
    drop(answer);
    until_idle(&pair.analyzer_caller()).await;
}

#[tokio::test]
async fn a_deadline_in_the_past_is_told() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("icmp.pcap"), 1 << 20)
        .await;
    let status = match caller.begin_analysis("c", Some(Duration::ZERO)).await {
        Ok(answer) => end_of!(answer).unwrap_err(),
        Err(status) => status,
    };
    check_deadline(&status);
}

/// Before the answer begins the client's own timer may be the first to fire.
#[track_caller]
fn check_deadline(status: &Status) {
    match status::reason(status) {
        Some(_) => check_error(status, Code::DeadlineExceeded, "DEADLINE"),
        None => assert_eq!(status.message(), "Timeout expired"),
    }
}

/// ingest-service in front of an analyzer that does what it is told.
async fn before(behaviour: Behaviour) -> (Pair, fake_analyzer::Calls) {
    let (analyzer, calls) = fake_analyzer::start(behaviour).await;
    let pair = Pair::with_analyzer(analyzer, Setup::default()).await;
    let messages = vec![open("c"), chunk(0, "zero"), finish(1)];
    pair.caller().upload(messages).await.unwrap();
    (pair, calls)
}

#[tokio::test]
async fn the_remaining_time_goes_downstream() {
    let (pair, calls) = before(Behaviour::Hang).await;
    let caller = pair.caller();
    let asked = Duration::from_secs(3);
    let mut answer = caller.begin_analysis("c", Some(asked)).await.unwrap();
    let first = within("the first event", answer.message()).await;
    assert!(first.unwrap().is_some());
    let (metadata, request) = calls.only();
    let passed_on = metadata.get("grpc-timeout").expect("a timeout");
    let passed_on = timeout(passed_on.to_str().unwrap());
    assert!(
        passed_on <= asked && passed_on > Duration::ZERO,
        "{passed_on:?}"
    );
    let Some(Source::Stored(stored)) = request.source else {
        panic!("{request:?}");
    };
    assert_eq!(stored.capture_id, "c");
    assert_eq!(stored.extents.iter().map(|e| e.length).sum::<u64>(), 4);
    drop(answer);
}

fn timeout(text: &str) -> Duration {
    let (digits, unit) = text.split_at(text.len() - 1);
    let number: u64 = digits.parse().unwrap();
    match unit {
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_analyzer_that_hangs_does_not_hold_up_the_deadline() {
    let (pair, _) = before(Behaviour::Hang).await;
    let answer = pair.caller().begin_analysis("c", Some(DEADLINE)).await;
    check_refused(end_of!(answer.unwrap()), Code::DeadlineExceeded, "DEADLINE");
}

#[tokio::test]
async fn an_analyzer_that_breaks_off_is_unavailable() {
    let broken = Behaviour::Break(Status::unavailable("connection reset"));
    let (pair, _) = before(broken).await;
    let answer = pair.caller().begin_analysis("c", None).await;
    let status = end_of!(answer.unwrap()).unwrap_err();
    check_unavailable(&status, "ANALYZER_UNAVAILABLE");
}

#[tokio::test]
async fn what_the_analyzer_says_of_its_load_is_passed_on() {
    let busy = status::error(Code::Unavailable, "OVERLOADED", "busy")
        .retry_after(Duration::from_secs(7))
        .build();
    let (pair, _) = before(Behaviour::Refuse(busy)).await;
    let analyzed = pair.caller().analyze("c", Default::default()).await;
    let status = analyzed.unwrap_err();
    check_unavailable(&status, "OVERLOADED");
    assert_eq!(status::retry_after(&status), Some(Duration::from_secs(7)));
}
