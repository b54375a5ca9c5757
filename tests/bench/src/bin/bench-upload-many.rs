//! Peak memory of the service, a process of its own, while 1,000 uploads over 8
//! connections send as much as they may, all at once: for three sizes of chunks.
//!
//!     cargo run --release -p weir-bench --bin bench-upload-many
//!     WEIR_BENCH_CHUNK_BYTES=2097152 WEIR_STAGING_BYTES=67108864 cargo run …
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{process::ExitCode, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use mimalloc::MiMalloc;
use tokio::sync::Barrier;
use weir_bench::upload::{messages, seconds};
use weir_shared::{proto::ingest::v1::CaptureState, serve::service_main};
use weir_tests::{
    caller::{Caller, channel},
    process::Process,
    random::noise,
};

/// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const MIB: usize = 1 << 20;
const CONNECTIONS: usize = 8;
const UPLOADS: usize = 1_000;
const UPLOAD_BYTES: usize = 2 * MIB;
/// What a sensor with little to tell sends at a time, and what is recommended.
const CHUNK_BYTES: [usize; 3] = [64 << 10, 256 << 10, 1 << 20];

/// Says that this process is to be the service.
const SERVICE: &str = "WEIR_BENCH_SERVICE";

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::var_os(SERVICE).is_some() {
        return service_main::<ingest_service::Config>().await;
    }
    let chunk_bytes = match std::env::var("WEIR_BENCH_CHUNK_BYTES") {
        Ok(bytes) => vec![bytes.parse().unwrap()],
        Err(_) => CHUNK_BYTES.to_vec(),
    };
    let below = std::env::temp_dir();
    println!(
        "{UPLOADS} uploads of {} MiB at once over {CONNECTIONS} connections, below {}",
        UPLOAD_BYTES / MIB,
        below.display()
    );
    println!(
        "{:>10} {:>15} {:>10} {:>10}",
        "chunks", "peak resident", "before", "durable"
    );
    let data = Bytes::from(noise(16 * MIB, 1));
    for chunk_bytes in chunk_bytes {
        let Measured { idle, peak, took } = measure(&data, chunk_bytes).await;
        println!(
            "{:>6} KiB {:>11} MiB {:>6} MiB {:>4.0} MiB/s",
            chunk_bytes >> 10,
            peak >> 20,
            idle >> 20,
            mib_per_second(took),
        );
    }
    ExitCode::SUCCESS
}

struct Measured {
    /// Resident memory of the service before and at its most, bytes.
    idle: u64,
    peak: u64,
    /// All uploads, seconds.
    took: f64,
}

#[allow(clippy::cast_precision_loss, reason = "2,000")]
fn mib_per_second(took: f64) -> f64 {
    (UPLOADS * UPLOAD_BYTES / MIB) as f64 / took
}

/// With a service of its own.
async fn measure(data: &Bytes, chunk_bytes: usize) -> Measured {
    let directory = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let nobody = ([127, 0, 0, 1], 1).into();
    let environment = [(SERVICE, "1")];
    let service = Process::ingest(
        program.to_str().unwrap(),
        directory.path(),
        nobody,
        &environment,
    );
    let service = service.await;
    let idle = service.peak_memory_bytes();
    let callers: Vec<_> = (0..CONNECTIONS)
        .map(|_| Caller::new(channel(service.address)))
        .collect();
    let all_open = Arc::new(Barrier::new(UPLOADS));
    let uploads = (0..UPLOADS).map(|n| {
        let caller = &callers[n % CONNECTIONS];
        let all_open = Arc::clone(&all_open);
        upload(caller, format!("c{n}"), data, chunk_bytes, all_open)
    });
    let (_, took) = seconds(futures::future::join_all(uploads)).await;
    let peak = service.peak_memory_bytes();
    Measured { idle, peak, took }
}

/// No upload sends a chunk before all are open.
async fn upload(
    caller: &Caller,
    id: String,
    data: &Bytes,
    chunk_bytes: usize,
    all_open: Arc<Barrier>,
) {
    let chunks = u32::try_from(UPLOAD_BYTES / chunk_bytes).unwrap();
    let mut messages = messages(&id, data, chunk_bytes, chunks);
    let first = messages.next().unwrap();
    let opened = stream::once(async move { first });
    let rest = stream::once(async move {
        all_open.wait().await;
        stream::iter(messages)
    });
    let stream = opened.chain(rest.flatten());
    let answer = caller.rpc.clone().upload_capture(stream).await.unwrap();
    let capture = answer.into_inner().capture.unwrap();
    assert_eq!(capture.state(), CaptureState::Sealed);
}
