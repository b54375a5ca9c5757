//! The end of a service ends its calls, in a bounded time.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use weir_tests::{
    analysis::{AnalyzerCaller, inline},
    caller::{Caller, narrow_channel},
    errors::check_unavailable,
    gate::Gate,
    messages::{chunk, open},
    pair::{Pair, Setup},
    recordings, synth,
    until::{until, within},
};

/// One second: what a silent client may cost.
fn short_grace(gate: &Gate) -> Setup {
    Setup {
        ingest: Some(|config| config.serve.shutdown_grace = 1),
        analyzer: Some(|config| config.serve.shutdown_grace = 1),
        analyzer_gate: Some(gate.clone()),
        ..Setup::default()
    }
}

#[tokio::test]
async fn an_analysis_ends_when_ingest_service_shuts_down() {
    let gate = Gate::closed();
    let pair = Pair::with(short_grace(&gate)).await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("icmp.pcap"), 1 << 20)
        .await;
    let mut answer = caller.begin_analysis("c", None).await.unwrap();
    gate.until_waiting(1).await;
    let (ended, ()) = tokio::join!(
        within("the answer's end", answer.message()),
        pair.ingest.stop()
    );
    check_unavailable(&ended.unwrap_err(), "SHUTTING_DOWN");
    gate.until_waiting(0).await;
}

#[tokio::test]
async fn an_analysis_ends_when_analyzer_service_shuts_down() {
    let gate = Gate::closed();
    let pair = Pair::with(short_grace(&gate)).await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("icmp.pcap"), 1 << 20)
        .await;
    let mut answer = caller.begin_analysis("c", None).await.unwrap();
    gate.until_waiting(1).await;
    let (ended, ()) = tokio::join!(
        within("the answer's end", answer.message()),
        pair.analyzer.unwrap().stop()
    );
    let status = ended.unwrap_err();
    // For the caller it is the analyzer that is away: ingest-service is not.
    check_unavailable(&status, "ANALYZER_UNAVAILABLE");
}

#[tokio::test]
async fn an_upload_ends_at_shutdown_with_what_came_durable() {
    let pair = Pair::start().await;
    let caller = pair.caller();
    let (sender, receiver) = mpsc::channel(4);
    for message in [open("c"), chunk(0, "zero"), chunk(1, "one")] {
        sender.send(message).await.unwrap();
    }
    let mut rpc = caller.rpc.clone();
    let upload = rpc.upload_capture(ReceiverStream::new(receiver));
    let stop = async {
        until("both chunks", || async {
            let capture = caller.get("c").await.ok()?;
            (capture.chunks_durable == 2).then_some(())
        })
        .await;
        pair.restart().await
    };
    let (ended, pair) = within("the restart", async { tokio::join!(upload, stop) }).await;
    check_unavailable(&ended.unwrap_err(), "SHUTTING_DOWN");
    drop(sender);
    let capture = pair.caller().get("c").await.unwrap();
    assert_eq!(capture.chunks_durable, 2);
}

#[tokio::test]
async fn stalled_clients_do_not_hold_up_the_end() {
    let gate = Gate::closed();
    let pair = Pair::with(short_grace(&gate)).await;
    gate.open();
    let caller = pair.caller();
    caller
        .store("c", &synth::many_flows(100_000), 1 << 20)
        .await;
    let through = Caller::new(narrow_channel(pair.ingest.address));
    let through = through.begin_analysis("c", None).await.unwrap();
    let direct = AnalyzerCaller::new(narrow_channel(pair.analyzer_address()));
    let direct = direct.begin(inline(synth::many_flows(25_000)), None);
    let direct = direct.await.unwrap();
    // Each stop is bounded by the harness.
    pair.ingest.stop().await;
    pair.analyzer.unwrap().stop().await;
    drop((through, direct));
}
