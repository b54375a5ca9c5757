//! Peak memory of the service, a process of its own, while 1,000 uploads over 8
//! connections send as much as they may, all at once.
//!
//!     cargo run --release -p weir-tests --bin bench-upload-many
//!     WEIR_BENCH_CHUNK_BYTES=1048576 WEIR_STAGING_BYTES=67108864 cargo run …
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{process::ExitCode, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use mimalloc::MiMalloc;
use tokio::sync::Barrier;
use weir_shared::{proto::ingest::v1::CaptureState, serve::service_main};
use weir_tests::{
    bench::upload::{messages, seconds},
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
/// What a sensor with little to tell sends at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Says that this process is to be the service.
const SERVICE: &str = "WEIR_BENCH_SERVICE";

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::var_os(SERVICE).is_some() {
        return service_main::<ingest_service::Config>().await;
    }
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
    let chunk_bytes = std::env::var("WEIR_BENCH_CHUNK_BYTES");
    let chunk_bytes = chunk_bytes.map_or(CHUNK_BYTES, |n| n.parse().unwrap());
    let data = Bytes::from(noise(16 * MIB, 1));
    let all_open = Arc::new(Barrier::new(UPLOADS));
    let uploads = (0..UPLOADS).map(|n| {
        let caller = &callers[n % CONNECTIONS];
        let all_open = Arc::clone(&all_open);
        upload(caller, format!("c{n}"), &data, chunk_bytes, all_open)
    });
    let (_, took) = seconds(futures::future::join_all(uploads)).await;
    let peak = service.peak_memory_bytes();
    println!(
        "{UPLOADS} uploads of 2 MiB at once over {CONNECTIONS} connections, chunks of {} KiB, below {}",
        chunk_bytes >> 10,
        directory.path().display()
    );
    println!(
        "peak resident memory of the service: {} MiB ({} MiB before)",
        peak >> 20,
        idle >> 20
    );
    let mib = UPLOADS * UPLOAD_BYTES / MIB;
    println!("{mib} MiB durable in {took:.1} s");
    ExitCode::SUCCESS
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
