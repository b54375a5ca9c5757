//! What a service was analyzing when it died is gone on with by another.

use weir_shared::proto::ingest::v1::AnalysisState;
use weir_tests::{
    background::wanted,
    gate::Gate,
    pair::{Pair, Setup},
    process::Process,
    synth,
    until::until,
};

/// How soon a service that died is not taken for alive any more, seconds.
const LEASE: (&str, &str) = ("WEIR_LEASE", "1");

/// A pair that runs no analyses: others on its data do.
async fn idle_pair(gate: &Gate) -> Pair {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.analyses.running_max = 0),
        analyzer_gate: Some(gate.clone()),
        ..Setup::default()
    });
    pair.await
}

async fn runner(pair: &Pair) -> Process {
    let program = env!("CARGO_BIN_EXE_test-ingest-service");
    Process::ingest(program, pair.directory(), pair.analyzer_address(), &[LEASE]).await
}

#[tokio::test]
async fn another_service_goes_on_with_what_a_killed_one_ran() {
    let gate = Gate::closed();
    let pair = idle_pair(&gate).await;
    let bytes = synth::varied(12 << 20);
    pair.caller().store("c", &bytes, 1 << 20).await;
    let background = pair.background();
    let id = background.start(wanted("c")).await.unwrap().analysis_id;

    let dies = runner(&pair).await;
    gate.let_pass(1);
    let mut watched = background.watch(&id, 0).await.unwrap();
    watched.until(1).await;
    gate.until_waiting(1).await;
    dies.kill().await;
    gate.until_waiting(0).await;
    let lives = runner(&pair).await;
    gate.open();
    while watched.next().await.unwrap() {}
    let last = watched.last();
    assert_eq!(last.state(), AnalysisState::Succeeded);
    assert_eq!(last.attempts, 2);
    // Without a gap or a repeat, also for those who watched all the time.
    let attached = pair
        .caller()
        .analyze("c", Default::default())
        .await
        .unwrap();
    assert_eq!(watched.records, attached.records);
    assert_eq!(last.summary, Some(attached.summary));
    assert_eq!(
        lives.background().watched(&id).await.records,
        watched.records
    );
}

#[tokio::test]
async fn a_service_that_ends_hands_on_at_once_what_it_ran() {
    let gate = Gate::closed();
    let pair = idle_pair(&gate).await;
    let bytes = synth::varied(12 << 20);
    pair.caller().store("c", &bytes, 1 << 20).await;
    let background = pair.background();
    let id = background.start(wanted("c")).await.unwrap().analysis_id;
    let program = env!("CARGO_BIN_EXE_test-ingest-service");
    // Nobody could take it over before an hour has passed.
    let hour = [("WEIR_LEASE", "3600")];
    let analyzer = pair.analyzer_address();
    let ends = Process::ingest(program, pair.directory(), analyzer, &hour).await;
    gate.let_pass(1);
    let mut watched = background.watch(&id, 0).await.unwrap();
    watched.until(1).await;
    let (status, log) = ends.terminate().await;
    assert!(status.success(), "{log:?}");
    let waiting = background.get(&id).await.unwrap();
    assert_eq!(waiting.state(), AnalysisState::Queued);
    gate.open();
    let _goes_on = runner(&pair).await;
    while watched.next().await.unwrap() {}
    assert_eq!(watched.last().state(), AnalysisState::Succeeded);
    let attached = pair
        .caller()
        .analyze("c", Default::default())
        .await
        .unwrap();
    assert_eq!(watched.records, attached.records);
}

#[tokio::test]
async fn a_call_to_one_service_cancels_what_another_runs() {
    let gate = Gate::closed();
    let pair = idle_pair(&gate).await;
    let bytes = synth::varied(12 << 20);
    pair.caller().store("c", &bytes, 1 << 20).await;
    let background = pair.background();
    let id = background.start(wanted("c")).await.unwrap().analysis_id;
    let _runs = runner(&pair).await;
    gate.until_waiting(1).await;
    let cancelled = background.cancel(&id).await.unwrap();
    assert_eq!(cancelled.state(), AnalysisState::Cancelled);
    // It learns of it with its next step.
    gate.until_waiting(0).await;
    gate.open();
    until("its place is free", || async {
        let next = background.start(wanted("c")).await.unwrap().analysis_id;
        let ended = background.watched(&next).await;
        (ended.last().state() == AnalysisState::Succeeded).then_some(())
    })
    .await;
    assert_eq!(background.get(&id).await.unwrap(), cancelled);
}
