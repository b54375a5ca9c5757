//! 2,000 captures of 64 KiB, 16 at a time on one connection, durable one by
//! one; beside the same as files, each synced with its directory entry, and
//! beside a server that drops the bytes, in turns.
//!
//!     cargo run --release -p weir-bench --bin bench-upload-small
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    thread,
    time::Instant,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use mimalloc::MiMalloc;
use weir_bench::{
    Series, sink, table,
    upload::{messages, seconds, upload},
};
use weir_tests::{
    caller::{Caller, channel},
    pair::Pair,
    random::noise,
};

/// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const CAPTURES: u32 = 2_000;
const CAPTURE_BYTES: usize = 64 << 10;
const AT_ONCE: usize = 16;

#[tokio::main]
async fn main() {
    let rounds = std::env::var("WEIR_BENCH_ROUNDS").map_or(5, |n| n.parse().unwrap());
    let data = Bytes::from(noise(CAPTURE_BYTES, 1));
    let directory = tempfile::tempdir().unwrap();
    println!(
        "{CAPTURES} captures of 64 KiB, {AT_ONCE} at a time, {rounds} rounds in turns, below {}",
        directory.path().display()
    );
    let mut files = Series::new("files, each synced");
    let mut weir = Series::new("UploadCapture, durable");
    let mut bare = Series::new("tonic, bytes dropped");
    for _ in 0..rounds {
        files.add(rate(files_seconds(directory.path(), &data)));
        let pair = Pair::start().await;
        weir.add(rate(calls_seconds(&pair.caller(), &data).await));
        let sink = sink::start().await;
        let caller = Caller::new(channel(sink.address));
        bare.add(rate(calls_seconds(&caller, &data).await));
    }
    print!("{}", table("captures/s", &[files, weir, bare]));
}

fn rate(seconds: f64) -> f64 {
    f64::from(CAPTURES) / seconds
}

async fn calls_seconds(caller: &Caller, data: &Bytes) -> f64 {
    let calls = stream::iter(0..CAPTURES).for_each_concurrent(AT_ONCE, async |n| {
        let messages = messages(&format!("c{n}"), data, CAPTURE_BYTES, 1);
        upload(caller, messages).await.unwrap();
    });
    seconds(calls).await.1
}

fn files_seconds(directory: &Path, data: &Bytes) -> f64 {
    let directory = directory.join("files");
    fs::create_dir(&directory).unwrap();
    let begun = Instant::now();
    thread::scope(|scope| {
        for first in 0..AT_ONCE {
            let directory = &directory;
            scope.spawn(move || {
                for n in (first..CAPTURES as usize).step_by(AT_ONCE) {
                    let mut file = File::create(directory.join(n.to_string())).unwrap();
                    file.write_all(data).unwrap();
                    file.sync_all().unwrap();
                    File::open(directory).unwrap().sync_all().unwrap();
                }
            });
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    fs::remove_dir_all(directory).unwrap();
    seconds
}
