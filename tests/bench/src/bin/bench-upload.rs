//! Durable upload of 1 GiB in chunks of 1 MiB: one call, and four calls that
//! share one capture over four connections; beside `dd conv=fdatasync` on the
//! same file system and beside a server that drops the bytes, in turns.
//!
//!     cargo run --release -p weir-bench --bin bench-upload
//!     TMPDIR=/mnt/disk WEIR_BENCH_ROUNDS=9 cargo run …
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{net::SocketAddr, path::Path, process::Command, time::Instant};

use bytes::Bytes;
use futures::future::try_join_all;
use mimalloc::MiMalloc;
use weir_bench::{Series, sink, table, upload::seconds};
use weir_shared::proto::ingest::v1::{
    CaptureSpec, Chunk, UploadCaptureRequest, upload_capture_request::Message,
};
use weir_tests::{
    caller::{Caller, channel},
    messages::{message, open_with, spec},
    pair::Pair,
    random::noise,
};

/// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const MIB: usize = 1 << 20;
const CHUNKS: u32 = 1024;

/// What an upload may take: the larger of so many times dd's time…
const OF_DD: f64 = 1.3;
/// …and the time in which the dropping server takes this share of the bytes.
const OF_SINK: f64 = 0.7;

#[tokio::main]
async fn main() {
    let rounds = std::env::var("WEIR_BENCH_ROUNDS").map_or(5, |n| n.parse().unwrap());
    let data = Bytes::from(noise(64 * MIB, 1));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("source"), &data).unwrap();
    println!(
        "{CHUNKS} MiB in chunks of 1 MiB, {rounds} rounds in turns, below {}",
        directory.path().display()
    );
    let mut dd = Series::new("dd conv=fdatasync");
    let connections = [1, 4];
    let series =
        |name: &str| connections.map(|n| Series::new(&format!("{name}, connections: {n}")));
    let mut weir = series("UploadCapture, durable");
    let mut bare = series("tonic, bytes dropped");
    for _ in 0..rounds {
        nix::unistd::sync();
        dd.add(rate(dd_seconds(directory.path())));
        for (series, n) in weir.iter_mut().zip(connections) {
            // What the round before leaves to be written is not this one's.
            nix::unistd::sync();
            series.add(rate(weir_seconds(&data, n).await));
        }
        for (series, n) in bare.iter_mut().zip(connections) {
            let sink = sink::start().await;
            series.add(rate(upload_seconds(sink.address, &data, n).await));
        }
    }
    let mut all = vec![dd.clone()];
    all.extend(weir.iter().chain(&bare).cloned());
    print!("{}", table("MiB/s", &all));
    for (weir, bare) in weir.iter().zip(&bare) {
        let of_dd = dd.median() / weir.median();
        let of_sink = weir.median() / bare.median();
        let is_met = of_dd <= OF_DD || of_sink >= OF_SINK;
        println!(
            "{}: {of_dd:.2} times dd's time, {of_sink:.2} of the sink's rate; at most {OF_DD} or at least {OF_SINK}: {}",
            weir.name,
            if is_met { "met" } else { "MISSED" }
        );
    }
}

fn rate(seconds: f64) -> f64 {
    f64::from(CHUNKS) / seconds
}

fn dd_seconds(directory: &Path) -> f64 {
    // Sixteen times the same 64 MiB, as the upload sends: read from the page cache.
    let begun = Instant::now();
    let script = "for i in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do cat source; done \
                  | dd of=dd bs=1M iflag=fullblock conv=fdatasync status=none";
    let done = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .status();
    assert!(done.unwrap().success());
    let seconds = begun.elapsed().as_secs_f64();
    std::fs::remove_file(directory.join("dd")).unwrap();
    seconds
}

async fn weir_seconds(data: &Bytes, connections: u32) -> f64 {
    let pair = Pair::start().await;
    let seconds = upload_seconds(pair.ingest.address, data, connections).await;
    let capture = pair.caller().get("bench").await.unwrap();
    assert!(capture.seal_time.is_some(), "{capture:?}");
    assert_eq!(capture.bytes_durable, u64::from(CHUNKS) << 20);
    seconds
}

/// Each connection carries every so many-th chunk; the declared count seals.
async fn upload_seconds(address: SocketAddr, data: &Bytes, connections: u32) -> f64 {
    let mut callers = Vec::new();
    for _ in 0..connections {
        let caller = Caller::new(channel(address));
        // The connection is not what is measured.
        caller.get("nothing").await.unwrap_err();
        callers.push(caller);
    }
    let uploads = (0..).zip(&callers).map(|(n, caller)| {
        let indexes = (n..CHUNKS).step_by(connections as usize);
        let declared = open_with(CaptureSpec {
            chunk_count: Some(CHUNKS),
            ..spec("bench")
        });
        let messages = std::iter::once(declared)
            .chain(indexes.map(|index| chunk(data, index)))
            .collect();
        caller.upload(messages)
    });
    let (done, took) = seconds(try_join_all(uploads)).await;
    done.unwrap();
    took
}

fn chunk(data: &Bytes, index: u32) -> UploadCaptureRequest {
    let at = (index as usize % (data.len() / MIB)) * MIB;
    message(Message::Chunk(Chunk {
        index,
        data: data.slice(at..at + MIB),
        crc32c: None,
    }))
}
