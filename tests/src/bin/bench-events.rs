//! Events from the catalog's log to a consumer of RabbitMQ: how many a second
//! when many wait, and how long one takes when none does.
//!
//!     python tests/foreign/rabbitmq.py cargo run --release -p weir-tests --bin bench-events
//!     WEIR_BENCH_EVENTS=100000 …
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    collections::HashSet,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use mimalloc::MiMalloc;
use weir_shared::{proto::ingest::v1::CreateCaptureRequest, serve::service_main};
use weir_tests::{
    bench::{Series, upload::seconds},
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

const EVENTS: usize = 20_000;
/// Calls that create captures at once.
const CALLS: usize = 64;
/// One after the other, with nothing else to do.
const SINGLE: usize = 300;

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
    let directory = tempfile::tempdir().unwrap();
    println!("{count} events, below {}", directory.path().display());

    let service = start(directory.path(), &[]).await;
    let ((), took) = seconds(create(&service.caller(), 0..count)).await;
    println!(
        "written with their changes:     {:>7.0}/s",
        per_second(count, took)
    );
    assert!(service.terminate().await.0.success());

    let mut queue = Queue::bound(QUEUE, &["weir.capture.created.v1"]).await;
    let broker = variable(rabbit::URL);
    let to_broker = [("WEIR_BROKER", &*broker)];
    let service = start(directory.path(), &to_broker).await;
    let mut seen = HashSet::new();
    seen.insert(queue.next().await.attribute("id"));
    let rest = async {
        while seen.len() < count {
            seen.insert(queue.next().await.attribute("id"));
        }
    };
    let ((), took) = seconds(rest).await;
    println!(
        "from the log to the consumer:   {:>7.0}/s",
        per_second(count, took)
    );

    // With the writing of them, and everything else, at once.
    let caller = service.caller();
    let all = 2 * count;
    let consumed = async {
        while seen.len() < all {
            seen.insert(queue.next().await.attribute("id"));
        }
    };
    let both = futures::future::join(create(&caller, count..all), consumed);
    let (_, took) = seconds(both).await;
    println!(
        "written and consumed meanwhile: {:>7.0}/s",
        per_second(count, took)
    );

    let mut latency = Series::new("latency");
    for n in all..all + SINGLE {
        create_one(&caller, n).await;
        let begun = Instant::now();
        queue.next().await;
        latency.add_millis(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!(
        "from the answer to the consumer: {:.1} ms, 99 % within {:.1} ms",
        latency.median(),
        latency.quantile(0.99)
    );
    assert!(service.terminate().await.0.success());
    ExitCode::SUCCESS
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
