//! What background analyses cost those who wait for none, and how soon those that watch
//! are told: an upload with and without waiting for the analysis, from the seal to the
//! first record, and a cancellation. Many watchers are `bench-watch`'s.
//!
//!     cargo run --release -p weir-bench --bin bench-background
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::time::{Duration, Instant};

use mimalloc::MiMalloc;
use weir_bench::{Series, table};
use weir_shared::proto::ingest::v1::{
    AnalysisState, CaptureSpec, ListAnalysesRequest, UploadCaptureRequest,
};
use weir_tests::{
    analysis::inline,
    background::{Background, Watched, wanted},
    messages::{chunk, finish, open_with, spec},
    pair::{Pair, Setup},
    recordings, synth,
};

/// As ingest-service has it, which is what is measured.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const ROUNDS: usize = 15;

/// Of one upload.
const CAPTURE_BYTES: usize = 64 << 20;

/// An analysis of this takes much longer than its cancellation.
const LONG_BYTES: usize = 600_000_000;

#[tokio::main]
async fn main() {
    let capture = synth::varied(CAPTURE_BYTES);
    uploads(&capture).await;
    cancellations().await;
}

fn messages(id: &str, capture: &[u8], analyze_on_seal: bool) -> Vec<UploadCaptureRequest> {
    let mut messages = vec![open_with(CaptureSpec {
        analyze_on_seal: Some(analyze_on_seal),
        ..spec(id)
    })];
    let mut count = 0;
    for part in capture.chunks(1 << 20) {
        messages.push(chunk(count, part));
        count += 1;
    }
    messages.push(finish(count));
    messages
}

/// The answer to an upload, when an analysis is waited for and when it is not, and what
/// comes after it.
async fn uploads(capture: &[u8]) {
    let pair = Pair::start().await;
    let (caller, background) = (pair.caller(), pair.background());
    println!("{ROUNDS} uploads of {} MiB each", CAPTURE_BYTES >> 20);
    let mut attached = Series::new("upload, then an attached analysis");
    let mut alone = Series::new("upload, nothing asked for");
    let mut asked = Series::new("upload, analysis asked for");
    let mut started = Series::new("from that answer until it runs");
    let mut first = Series::new("from that answer to a record");
    let mut all = Series::new("from that answer to its end");
    for round in 0..ROUNDS {
        let id = format!("a{round}");
        let upload = messages(&id, capture, false);
        let begun = Instant::now();
        caller.upload(upload).await.unwrap();
        alone.add_millis(begun.elapsed());
        caller.analyze(&id, Default::default()).await.unwrap();
        attached.add_millis(begun.elapsed());

        let id = format!("b{round}");
        let upload = messages(&id, capture, true);
        let begun = Instant::now();
        caller.upload(upload).await.unwrap();
        asked.add_millis(begun.elapsed());
        let begun = Instant::now();
        let mut watched = until_started(&background, &id).await;
        started.add_millis(begun.elapsed());
        watched.until(1).await;
        first.add_millis(begun.elapsed());
        while watched.next().await.unwrap() {}
        all.add_millis(begun.elapsed());
        assert_eq!(watched.last().state(), AnalysisState::Succeeded);
    }
    let times = [attached, asked, alone, started, first, all];
    print!("{}", table("ms", &times));
}

async fn until_started(background: &Background, capture: &str) -> Watched {
    loop {
        let list = background.list(ListAnalysesRequest {
            capture_id: capture.to_owned(),
            ..Default::default()
        });
        if let Some(analysis) = list.await.unwrap().analyses.first() {
            return background.watch(&analysis.analysis_id, 0).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// From the call until it is answered, and until the analyzer takes another one.
async fn cancellations() {
    let pair = Pair::with(Setup {
        analyzer: Some(|config| config.analyses_max = Some(1)),
        ..Setup::default()
    })
    .await;
    let capture = synth::varied(LONG_BYTES);
    pair.caller().store("c", &capture, 1 << 20).await;
    let background = pair.background();
    println!("\n{ROUNDS} cancellations");
    let mut probe = Series::new("the probe alone");
    let mut answered = Series::new("until CancelAnalysis is answered");
    let mut idle = Series::new("until the analyzer takes another");
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        until_idle(&pair).await;
        probe.add_millis(begun.elapsed());
        let id = background.start(wanted("c")).await.unwrap().analysis_id;
        let mut watched = background.watch(&id, 0).await.unwrap();
        watched.until(1).await;
        let begun = Instant::now();
        let cancel = async {
            background.cancel(&id).await.unwrap();
            answered.add_millis(begun.elapsed());
        };
        let taken = async {
            until_idle(&pair).await;
            idle.add_millis(begun.elapsed());
        };
        tokio::join!(cancel, taken);
    }
    print!("{}", table("ms", &[probe, answered, idle]));
}

/// Asks until the only place is free.
async fn until_idle(pair: &Pair) {
    let caller = pair.analyzer_caller();
    let small = inline(recordings::bytes("icmp.pcap"));
    while caller.analyze(small.clone()).await.is_err() {}
}
