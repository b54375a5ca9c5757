//! Upload throughput over a round trip of 50 ms, one call and four on one
//! connection, beside a server that drops the bytes over the same link, and
//! both without the link, in turns.
//!
//!     cargo run --release -p weir-bench --bin bench-upload-far
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use mimalloc::MiMalloc;
use weir_bench::{
    Series, proxy, sink, table,
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

const MIB: usize = 1 << 20;
/// In all, of 1 MiB.
const CHUNKS: u32 = 256;
const ROUND_TRIP: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() {
    let rounds = std::env::var("WEIR_BENCH_ROUNDS").map_or(5, |n| n.parse().unwrap());
    let data = Bytes::from(noise(64 * MIB, 1));
    println!("{CHUNKS} MiB in chunks of 1 MiB, {rounds} rounds in turns");
    let mut series = Vec::new();
    for server in ["UploadCapture", "bytes dropped"] {
        for link in ["near", "50 ms"] {
            for calls in [1, 4] {
                series.push(Series::new(&format!("{server}, {link}, calls: {calls}")));
            }
        }
    }
    for _ in 0..rounds {
        let mut values = Vec::new();
        let pair = Pair::start().await;
        let sink = sink::start().await;
        for (n, near) in [pair.ingest.address, sink.address].into_iter().enumerate() {
            let far = proxy::start(near, ROUND_TRIP).await;
            for address in [near, far] {
                for calls in [1, 4] {
                    let prefix = format!("{n}-{}-{calls}", address.port());
                    values.push(rate(address, &prefix, &data, calls).await);
                }
            }
        }
        for (series, value) in series.iter_mut().zip(values) {
            series.add(value);
        }
    }
    print!("{}", table("MiB/s", &series));
}

async fn rate(address: SocketAddr, prefix: &str, data: &Bytes, calls: u32) -> f64 {
    let caller = Caller::new(channel(address));
    // The connection is not what is measured.
    caller.get("nothing").await.unwrap_err();
    let uploads = (0..calls).map(|n| {
        let messages = messages(&format!("{prefix}-{n}"), data, MIB, CHUNKS / calls);
        upload(&caller, messages)
    });
    let (done, took) = seconds(futures::future::try_join_all(uploads)).await;
    done.unwrap();
    f64::from(CHUNKS) / took
}
