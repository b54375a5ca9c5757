//! Events from the catalog's log to a consumer of RabbitMQ: how many a second
//! when many wait, and how long one takes when none does.
//!
//!     python tests/foreign/rabbitmq.py cargo run --release -p weir-bench --bin bench-events
//!     WEIR_BENCH_EVENTS=100000 WEIR_BENCH_ROUNDS=1 …
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    collections::HashSet,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, future::join, stream};
use mimalloc::MiMalloc;
use weir_bench::{Series, latencies, rounds, table, upload::seconds};
use weir_shared::{proto::ingest::v1::CreateCaptureRequest, serve::service_main};
use weir_tests::{
    caller::Caller,
    messages::spec,
    process::Process,
    rabbit::{self, Queue, variable},
};

/// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Says that this process is to be the service.
const SERVICE: &str = "WEIR_BENCH_SERVICE";

const ROUNDS: usize = 3;
const EVENTS: usize = 20_000;
/// Calls that create captures at once.
const CALLS: usize = 64;
/// One after the other, with nothing else to do.
const SINGLE: usize = 100;

const QUEUE: &str = "bench-events";

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::var_os(SERVICE).is_some() {
        return service_main::<ingest_service::Config>().await;
    }
    let count = match std::env::var("WEIR_BENCH_EVENTS") {
        Ok(count) => count.parse().unwrap(),
        Err(_) => EVENTS,
    };
    let rounds = rounds(ROUNDS);
    let directory = tempfile::tempdir().unwrap();
    println!(
        "{rounds} rounds of {count} events, below {}",
        directory.path().display()
    );
    let broker = variable(rabbit::URL);
    let to_broker = [("WEIR_BROKER", &*broker)];
    let mut queue = Queue::bound(QUEUE, &["weir.capture.created.v1"]).await;
    // What came twice counts once.
    let (mut seen, mut made) = (HashSet::new(), 0);
    let mut written = Series::new("written with their changes");
    let mut drained = Series::new("from the log to the consumer");
    let mut both = Series::new("written and consumed meanwhile");
    let mut latency = Series::new("from the answer to the consumer");
    for _ in 0..rounds {
        let service = start(directory.path(), &[]).await;
        let caller = service.caller();
        let all = create(&caller, made..made + count);
        written.add(per_second(count, seconds(all).await.1));
        made += count;
        assert!(service.terminate().await.0.success());

        let service = start(directory.path(), &to_broker).await;
        consume(&mut queue, &mut seen, made - count + 1).await;
        let rest = consume(&mut queue, &mut seen, made);
        drained.add(per_second(count - 1, seconds(rest).await.1));

        // With the writing of them, and everything else, at once.
        let caller = service.caller();
        let create = create(&caller, made..made + count);
        made += count;
        let all = join(create, consume(&mut queue, &mut seen, made));
        both.add(per_second(count, seconds(all).await.1));

        for _ in 0..SINGLE {
            create_one(&caller, made).await;
            made += 1;
            let begun = Instant::now();
            consume(&mut queue, &mut seen, made).await;
            latency.add_millis(begun.elapsed());
            // Until nothing is on its way.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(service.terminate().await.0.success());
    }
    print!("{}", table("events/s", &[written, drained, both]));
    print!("{}", latencies("ms", &[latency]));
    ExitCode::SUCCESS
}

/// Takes events until there are so many.
async fn consume(queue: &mut Queue, seen: &mut HashSet<String>, until: usize) {
    while seen.len() < until {
        seen.insert(queue.next().await.attribute("id"));
    }
}

async fn start(directory: &Path, further: &[(&str, &str)]) -> Process {
    let program = std::env::current_exe().unwrap();
    let mut environment = vec![
        (SERVICE, "1"),
        ("RUST_LOG", "warn,ingest_service=info"),
        ("WEIR_OPEN_CAPTURES_MAX", "10000000"),
    ];
    environment.extend(further);
    let nobody = ([127, 0, 0, 1], 1).into();
    let program = program.to_str().unwrap();
    Process::ingest(program, directory, nobody, &environment).await
}

async fn create(caller: &Caller, range: std::ops::Range<usize>) {
    let created = stream::iter(range).map(|n| create_one(caller, n));
    created
        .buffer_unordered(CALLS)
        .for_each(async |()| {})
        .await;
}

async fn create_one(caller: &Caller, n: usize) {
    let request = CreateCaptureRequest {
        spec: Some(spec(&format!("c-{n}"))),
    };
    caller.rpc.clone().create_capture(request).await.unwrap();
}

#[allow(clippy::cast_precision_loss, reason = "at most some millions")]
fn per_second(count: usize, took: f64) -> f64 {
    count as f64 / took
}
