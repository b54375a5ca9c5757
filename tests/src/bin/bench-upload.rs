//! Upload throughput of one call, beside `dd conv=fdatasync` on the same file
//! system and beside a server that drops the bytes, in turns.
//!
//!     cargo run --release -p weir-tests --bin bench-upload
//!     TMPDIR=/mnt/disk WEIR_BENCH_ROUNDS=9 cargo run …
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{path::Path, process::Command, time::Instant};

use bytes::Bytes;
use mimalloc::MiMalloc;
use weir_shared::proto::ingest::v1::{
    Chunk, UploadCaptureRequest, upload_capture_request::Message,
};
use weir_tests::{
    bench::{Series, sink, table},
    caller::{Caller, channel},
    messages::{finish, message, open},
    pair::Pair,
    random::noise,
};

/// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const MIB: usize = 1 << 20;
const CHUNKS: u32 = 1024;

#[tokio::main]
async fn main() {
    let rounds = std::env::var("WEIR_BENCH_ROUNDS").map_or(5, |n| n.parse().unwrap());
    let data = Bytes::from(noise(64 * MIB, 1));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("source"), &data).unwrap();
    println!(
        "{CHUNKS} MiB in chunks of 1 MiB, one call, {rounds} rounds in turns, below {}",
        directory.path().display()
    );
    let mut dd = Series::new("dd conv=fdatasync");
    let mut weir = Series::new("UploadCapture, durable");
    let mut bare = Series::new("tonic, bytes dropped");
    for _ in 0..rounds {
        dd.add(rate(dd_seconds(directory.path())));
        weir.add(rate(weir_seconds(&data).await));
        bare.add(rate(sink_seconds(&data).await));
    }
    print!("{}", table("MiB/s", &[dd.clone(), weir.clone(), bare]));
    println!("time beside dd: {:.2} times", dd.median() / weir.median());
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

async fn weir_seconds(data: &Bytes) -> f64 {
    let pair = Pair::start().await;
    let seconds = upload_seconds(&pair.caller(), data).await;
    let capture = pair.caller().get("bench").await.unwrap();
    assert_eq!(capture.bytes_durable, u64::from(CHUNKS) << 20);
    seconds
}

async fn sink_seconds(data: &Bytes) -> f64 {
    let sink = sink::start().await;
    upload_seconds(&Caller::new(channel(sink.address)), data).await
}

async fn upload_seconds(caller: &Caller, data: &Bytes) -> f64 {
    let parts = data.len() / MIB;
    let data = data.clone();
    let chunks = (0..CHUNKS).map(move |index| {
        let at = (index as usize % parts) * MIB;
        message(Message::Chunk(Chunk {
            index,
            data: data.slice(at..at + MIB),
            crc32c: None,
        }))
    });
    let messages: Vec<UploadCaptureRequest> = std::iter::once(open("bench"))
        .chain(chunks)
        .chain([finish(CHUNKS)])
        .collect();
    let begun = Instant::now();
    caller.upload(messages).await.unwrap();
    begun.elapsed().as_secs_f64()
}
