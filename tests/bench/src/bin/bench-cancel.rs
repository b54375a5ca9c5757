//! Time from a caller's cancellation, or from its deadline, until the analyzer
//! has stopped: its place is free again, as the store's reads and a probe show. Of one that
//! runs alone, and of a hundred at once.
//!
//!     cargo run --release -p weir-bench --bin bench-cancel
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use tikv_jemallocator::Jemalloc;
use tokio::{
    runtime::{Handle, Runtime},
    task::JoinHandle,
};
use tokio_util::task::TaskTracker;
use weir_bench::{Series, table};
use weir_shared::{
    limits::SEGMENT_BYTES_MAX,
    proto::analyzer::v1::{AnalyzeRequest, Extent, StoredCapture, analyze_request::Source},
};
use weir_tests::{
    analysis::{AnalyzerCaller, inline},
    gate::Gate,
    pair::{Pair, Setup},
    recordings, synth,
};

/// As analyzer-service has it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const ROUNDS: usize = 60;

/// Analyses at once; as many places are there.
const CROWD: usize = 100;

/// In which all of them are cancelled.
const CROWD_ROUNDS: usize = 20;

/// After it those that nobody reads wait for their callers, each behind its first extents.
const SETTLE: Duration = Duration::from_secs(2);
const SETTLE_ONE: Duration = Duration::from_millis(100);

/// Long enough that every analysis is under way when it comes.
const DEADLINE: Duration = Duration::from_millis(50);

/// An analysis of this takes several times the deadline.
const CAPTURE_BYTES: usize = 600_000_000;

fn main() {
    let capture = synth::varied(CAPTURE_BYTES);
    let [services, clients, probes] = std::array::from_fn(|_| Runtime::new().unwrap());
    services.block_on(async {
        alone(&capture).await;
        crowd(&capture, &clients, &probes).await;
    });
}

/// One at a time.
async fn alone(capture: &[u8]) {
    let pair = Pair::with(Setup {
        analyzer: Some(|config| config.analyses_max = Some(1)),
        ..Setup::default()
    })
    .await;
    pair.caller().store("c", capture, 1 << 20).await;
    let stored = stored(&pair, capture).await;
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

/// A hundred at once on all cores, the analyzer asked directly: one of them is cancelled, and all
/// of them are.
async fn crowd(capture: &[u8], clients: &Runtime, probes: &Runtime) {
    let gate = Gate::opened();
    let pair = Pair::with(Setup {
        analyzer: Some(|config| config.analyses_max = Some(CROWD)),
        analyzer_gate: Some(gate.clone()),
        ..Setup::default()
    })
    .await;
    let stored = stored(&pair, capture).await;
    let (caller, probe) = (Client::new(&pair, clients), Client::new(&pair, probes));
    println!("\n{CROWD} analyses at once, one thread each; {ROUNDS} rounds, {CROWD_ROUNDS} of all");
    let mut all = Vec::new();
    for (is_read, name) in [(false, "nobody reads"), (true, "all are read")] {
        let mut one = Series::new(&format!("one cancelled, {name}"));
        let mut running = begin(&caller, &stored, is_read).await;
        tokio::time::sleep(SETTLE).await;
        for _ in 0..ROUNDS {
            // Another one each time: it has run for a while.
            drop(running.remove(0));
            let begun = Instant::now();
            probe.until_accepted().await;
            one.add_millis(begun.elapsed());
            running.push(until_accepted(&caller, &stored, is_read).await);
            tokio::time::sleep(SETTLE_ONE).await;
        }
        drop(running);
        let mut every = Series::new(&format!("all cancelled, {name}"));
        let mut idle = Series::new("as many begun where nothing ran");
        for _ in 0..CROWD_ROUNDS {
            let running = begin(&caller, &stored, is_read).await;
            tokio::time::sleep(SETTLE).await;
            // Those that take their places wait there, and compute nothing.
            gate.close();
            let begun = Instant::now();
            drop(running);
            let waiting = begin(&caller, &stored, false).await;
            every.add_millis(begun.elapsed());
            drop(waiting);
            gate.until_waiting(0).await;
            let begun = Instant::now();
            drop(begin(&caller, &stored, false).await);
            idle.add_millis(begun.elapsed());
            gate.until_waiting(0).await;
            gate.open();
        }
        all.extend([one, every, idle]);
    }
    print!("{}", table("ms", &all));
}

/// Has its connection and its tasks on threads of its own, as a client in another process has.
struct Client {
    analyzer: AnalyzerCaller,
    runtime: Handle,
}

impl Client {
    fn new(pair: &Pair, runtime: &Runtime) -> Self {
        let _entered = runtime.enter();
        Self {
            analyzer: pair.analyzer_caller(),
            runtime: runtime.handle().clone(),
        }
    }

    /// Asks until there is a place. What it begins there has to wait for its turn to compute,
    /// and is dropped.
    async fn until_accepted(&self) {
        let analyzer = self.analyzer.clone();
        let asked = async move {
            let small = inline(recordings::bytes("icmp.pcap"));
            while analyzer.begin(small.clone(), None).await.is_err() {}
        };
        self.runtime.spawn(asked).await.unwrap();
    }
}

/// Cancels its analysis when it is dropped.
struct Reader(JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// As many as there are places for.
async fn begin(caller: &Client, stored: &AnalyzeRequest, is_read: bool) -> Vec<Reader> {
    join_all((0..CROWD).map(|_| until_accepted(caller, stored, is_read))).await
}

/// Begins one as soon as there is a place. Who does not read it leaves it waiting.
async fn until_accepted(caller: &Client, stored: &AnalyzeRequest, is_read: bool) -> Reader {
    loop {
        if let Ok(mut answer) = caller.analyzer.begin(stored.clone(), None).await {
            let read = async move {
                while is_read && matches!(answer.message().await, Ok(Some(_))) {}
                // Held until the reader is dropped.
                std::future::pending::<()>().await;
            };
            return Reader(TaskTracker::new().spawn_on(read, &caller.runtime));
        }
    }
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
