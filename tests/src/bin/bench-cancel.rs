//! Time from a caller's cancellation, or from its deadline, until the analyzer
//! has stopped: its place is free again, as the store's reads and a probe show.
//!
//!     cargo run --release -p weir-tests --bin bench-cancel
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use mimalloc::MiMalloc;
use weir_shared::{
    limits::SEGMENT_BYTES_MAX,
    proto::analyzer::v1::{AnalyzeRequest, Extent, StoredCapture, analyze_request::Source},
};
use weir_tests::{
    analysis::inline,
    bench::{Series, table},
    pair::{Pair, Setup},
    recordings, synth,
};

/// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const ROUNDS: usize = 60;

/// Long enough that every analysis is under way when it comes.
const DEADLINE: Duration = Duration::from_millis(50);

/// An analysis of this takes several times the deadline.
const CAPTURE_BYTES: usize = 600_000_000;

#[tokio::main]
async fn main() {
    let pair = Pair::with(Setup {
        analyzer: Some(|config| config.analyses_max = Some(1)),
        ..Setup::default()
    })
    .await;
    let capture = synth::varied(CAPTURE_BYTES);
    pair.caller().store("c", &capture, 1 << 20).await;
    let stored = stored(&pair, &capture).await;
    println!("{ROUNDS} rounds each; until the analyzer takes another analysis");
    let mut probe = Series::new("the probe alone");
    let mut cancel = Series::new("cancel, through both services");
    let mut direct = Series::new("cancel, analyzer directly");
    let mut deadline = Series::new("deadline, through both services");
    let mut deadline_direct = Series::new("deadline, analyzer directly");
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        until_idle(&pair).await;
        probe.add_millis(begun.elapsed());

        let mut answer = pair.caller().begin_analysis("c", None).await.unwrap();
        answer.message().await.unwrap();
        let begun = Instant::now();
        drop(answer);
        until_idle(&pair).await;
        cancel.add_millis(begun.elapsed());

        let caller = pair.analyzer_caller();
        let mut answer = caller.begin(stored.clone(), None).await.unwrap();
        answer.message().await.unwrap();
        let begun = Instant::now();
        drop(answer);
        until_idle(&pair).await;
        direct.add_millis(begun.elapsed());

        let begun = Instant::now();
        let answer = pair.caller().begin_analysis("c", Some(DEADLINE)).await;
        let mut answer = answer.unwrap();
        while let Ok(Some(_)) = answer.message().await {}
        until_idle(&pair).await;
        deadline.add_millis(begun.elapsed().saturating_sub(DEADLINE));

        let begun = Instant::now();
        let mut answer = caller.begin(stored.clone(), Some(DEADLINE)).await.unwrap();
        while let Ok(Some(_)) = answer.message().await {}
        until_idle(&pair).await;
        deadline_direct.add_millis(begun.elapsed().saturating_sub(DEADLINE));
    }
    let all = [probe, cancel, direct, deadline, deadline_direct];
    print!("{}", table("ms", &all));
}

/// The same capture as objects of the store, for calls of the analyzer itself.
async fn stored(pair: &Pair, capture: &[u8]) -> AnalyzeRequest {
    let mut extents = Vec::new();
    for part in capture.chunks(usize::try_from(SEGMENT_BYTES_MAX).unwrap()) {
        let object = format!("bench/{}", extents.len());
        let body = vec![Bytes::copy_from_slice(part)];
        let key = object.parse().unwrap();
        pair.store().put(&key, body).await.unwrap();
        extents.push(Extent {
            object,
            offset: 0,
            length: part.len() as u64,
            crc32c: crc32c::crc32c(part),
        });
    }
    AnalyzeRequest {
        source: Some(Source::Stored(StoredCapture {
            capture_id: "c".into(),
            extents,
        })),
        options: None,
    }
}

/// Asks until the only place is free.
async fn until_idle(pair: &Pair) {
    let caller = pair.analyzer_caller();
    let small = inline(recordings::bytes("icmp.pcap"));
    while caller.analyze(small.clone()).await.is_err() {}
}
