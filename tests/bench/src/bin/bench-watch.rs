//! What many watchers cost: WatchEvents of 10,000 events and WatchAnalysis of 50,000 records
//! by a hundred clients, each on a connection of its own, as they come and again from the
//! beginning.
//!
//! The service is a process of its own, whose CPU time and memory are told. The clients count
//! what they get and decode none of it.
//!
//!     cargo run --release -p weir-bench --bin bench-watch
//!     WEIR_BENCH_ROUNDS=1 cargo run …
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{net::SocketAddr, process::ExitCode, time::Instant};

use bytes::Bytes;
use futures::{
    StreamExt as _,
    future::{join, join_all},
    stream,
};
use mimalloc::MiMalloc;
use tonic::{Streaming, transport::Channel};
use weir_bench::{Series, raw, records, rounds};
use weir_shared::{
    proto::ingest::v1::{CreateCaptureRequest, WatchAnalysisRequest, WatchEventsRequest},
    serve::service_main,
};
use weir_tests::{
    background::wanted,
    caller::{Caller, channel},
    messages::spec,
    process::Process,
};

/// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Says that this process is to be the service.
const SERVICE: &str = "WEIR_BENCH_SERVICE";

const ROUNDS: usize = 3;
const WATCHERS: [usize; 4] = [0, 1, 10, 100];

const EVENTS: usize = 10_000;
/// Calls that make them at once.
const CALLS: usize = 64;

const RECORDS: usize = 50_000;

const WATCH_EVENTS: &str = "/weir.ingest.v1.EventsService/WatchEvents";
const WATCH_ANALYSIS: &str = "/weir.ingest.v1.AnalysesService/WatchAnalysis";

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::var_os(SERVICE).is_some() {
        return service_main::<ingest_service::Config>().await;
    }
    let rounds = rounds(ROUNDS);
    println!("{EVENTS} events, {rounds} rounds");
    heading();
    for watchers in WATCHERS {
        events(rounds, watchers).await;
    }
    println!("\nan analysis of {RECORDS} records, {rounds} rounds");
    heading();
    for watchers in &WATCHERS[1..] {
        analyses(rounds, *watchers).await;
    }
    ExitCode::SUCCESS
}

fn heading() {
    println!(
        "{:24} {:>10} {:>10} {:>12} {:>10} {:>10}",
        "watchers", "live, s", "CPU, s", "replayed, s", "CPU, s", "peak, MiB"
    );
}

/// Of several rounds: wall and CPU time of what is seen live and of what is seen again.
#[derive(Debug)]
struct Costs([Series; 4]);

impl Costs {
    fn new() -> Self {
        Self([(); 4].map(|()| Series::new("")))
    }

    /// Adds what it takes, at this place.
    async fn measure(&mut self, at: usize, service: &Process, work: impl Future<Output = ()>) {
        let (begun, before) = (Instant::now(), service.cpu_seconds());
        work.await;
        self.0[at].add(begun.elapsed().as_secs_f64());
        self.0[at + 1].add(service.cpu_seconds() - before);
    }

    #[allow(clippy::cast_precision_loss, reason = "some GiB")]
    fn print(&self, watchers: usize, service: &Process) {
        let [live, live_cpu, again, again_cpu] = self.0.each_ref().map(Series::median);
        let peak = service.peak_memory_bytes() as f64 / f64::from(1 << 20);
        println!(
            "{watchers:<24} {live:>10.2} {live_cpu:>10.2} {again:>12.2} {again_cpu:>10.2} {peak:>10.0}"
        );
    }
}

async fn events(rounds: usize, watchers: usize) {
    let directory = tempfile::tempdir().unwrap();
    let service = start(&directory, ([127, 0, 0, 1], 1).into()).await;
    let connections = connections(service.address, watchers);
    let mut costs = Costs::new();
    for round in 0..rounds {
        let live = watch_events(&connections, "now").await;
        let made = create(service.caller(), round * EVENTS..(round + 1) * EVENTS);
        let all = join(made, join_all(live.into_iter().map(see_events)));
        costs.measure(0, &service, async { drop(all.await) }).await;
        // Its own round only: cursors are positions.
        let again = watch_events(&connections, &(round * EVENTS).to_string()).await;
        let all = join_all(again.into_iter().map(see_events));
        costs.measure(2, &service, async { drop(all.await) }).await;
    }
    costs.print(watchers, &service);
    assert!(service.terminate().await.0.success());
}

async fn watch_events(connections: &[Channel], cursor: &str) -> Vec<Streaming<Bytes>> {
    let request = WatchEventsRequest {
        cursor: cursor.to_owned(),
        ..WatchEventsRequest::default()
    };
    let watches = connections
        .iter()
        .map(|channel| raw::stream(channel, WATCH_EVENTS, &request));
    let begun = join_all(watches).await;
    begun.into_iter().map(Result::unwrap).collect()
}

async fn see_events(mut answers: Streaming<Bytes>) {
    let mut seen = 0;
    while seen < EVENTS {
        let message = answers.message().await.unwrap().unwrap();
        seen += raw::fields(message, 1).0;
    }
}

async fn create(caller: Caller, range: std::ops::Range<usize>) {
    let created = stream::iter(range).map(|n| {
        let request = CreateCaptureRequest {
            spec: Some(spec(&format!("c-{n}"))),
        };
        let mut rpc = caller.rpc.clone();
        async move { rpc.create_capture(request).await.unwrap() }
    });
    created.buffer_unordered(CALLS).for_each(async |_| {}).await;
}

async fn analyses(rounds: usize, watchers: usize) {
    let directory = tempfile::tempdir().unwrap();
    let analyzer = records::start().await;
    let service = start(&directory, analyzer.address).await;
    let id = format!("c1-{RECORDS}");
    service.caller().store(&id, b"x", 1).await;
    let connections = connections(service.address, watchers);
    let background = service.background();
    let mut costs = Costs::new();
    for _ in 0..rounds {
        let started = background.start(wanted(&id)).await.unwrap().analysis_id;
        let all = see_analysis(&connections, &started);
        costs.measure(0, &service, all).await;
        let all = see_analysis(&connections, &started);
        costs.measure(2, &service, all).await;
    }
    costs.print(watchers, &service);
    assert!(service.terminate().await.0.success());
}

async fn see_analysis(connections: &[Channel], id: &str) {
    let request = WatchAnalysisRequest {
        analysis_id: id.to_owned(),
        after_sequence: 0,
    };
    let all = connections.iter().map(async |channel| {
        let mut answers = raw::stream(channel, WATCH_ANALYSIS, &request)
            .await
            .unwrap();
        let mut seen = 0;
        while let Some(message) = answers.message().await.unwrap() {
            let (_, batch) = raw::fields(message, 2);
            seen += raw::fields(batch, 1).0;
        }
        assert_eq!(seen, RECORDS);
    });
    join_all(all).await;
}

fn connections(address: SocketAddr, watchers: usize) -> Vec<Channel> {
    (0..watchers).map(|_| channel(address)).collect()
}

async fn start(directory: &tempfile::TempDir, analyzer: SocketAddr) -> Process {
    let program = std::env::current_exe().unwrap();
    let environment = [
        (SERVICE, "1"),
        ("RUST_LOG", "warn,ingest_service=info"),
        ("WEIR_OPEN_CAPTURES_MAX", "10000000"),
    ];
    let program = program.to_str().unwrap();
    Process::ingest(program, directory.path(), analyzer, &environment).await
}
