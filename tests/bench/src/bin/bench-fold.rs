//! What a capture of 100,000 chunks costs the catalog before and after it is
//! folded, and how long it takes to open it, also when its chunks came
//! interleaved from ten writers. Chunks are small: only their number matters.
//!
//!     cargo run --release -p weir-bench --bin bench-fold
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{path::Path, time::Duration};

use bytes::Bytes;
use futures::future::join_all;
use mimalloc::MiMalloc;
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use weir_bench::upload::{seconds, upload};
use weir_shared::proto::ingest::v1::{GetServerInfoRequest, SealCaptureRequest};
use weir_tests::{
    caller::Caller,
    messages::{chunk, open},
    pair::Pair,
    random::noise,
};

/// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const CHUNKS: u32 = 100_000;
const CHUNK_BYTES: usize = 64;
/// Questions whose median is told.
const QUESTIONS: usize = 21;

#[tokio::main]
async fn main() {
    println!("captures of {CHUNKS} chunks; times are medians of {QUESTIONS}, in milliseconds\n");
    println!(
        "{:>8} {:>15} {:>13} {:>9} {:>9} {:>11} {:>11} {:>11} {:>11}",
        "writers",
        "catalog, rows",
        "folded",
        "its row",
        "manifest",
        "GetCapture",
        "read cold",
        "read warm",
        "ServerInfo"
    );
    for writers in [1, 10] {
        measure(writers).await;
    }
}

async fn measure(writers: u32) {
    let mut pair = Pair::start().await;
    let empty = catalog_bytes(pair.directory()).await;
    send(&pair.caller(), writers).await;
    let rows = catalog_bytes(pair.directory()).await - empty;
    let request = SealCaptureRequest {
        capture_id: "c".to_owned(),
        chunk_count: Some(CHUNKS),
        ..SealCaptureRequest::default()
    };
    pair.caller().seal(request).await.unwrap();
    let manifest = loop {
        if let Some(bytes) = folded(pair.directory()).await {
            break bytes;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let folded = catalog_bytes(pair.directory()).await - empty;
    let row = row_bytes(pair.directory()).await;
    let last = u64::from(CHUNKS) * CHUNK_BYTES as u64 - 1;
    let mut cold = Vec::new();
    for _ in 0..5 {
        pair = pair.restart().await;
        let caller = pair.caller();
        caller.get("c").await.unwrap();
        cold.push(seconds(caller.read("c", last, 1)).await.1);
    }
    let caller = pair.caller();
    let get = median(QUESTIONS, async || seconds(caller.get("c")).await.1).await;
    let warm = median(QUESTIONS, async || {
        seconds(caller.read("c", last, 1)).await.1
    })
    .await;
    let info = median(QUESTIONS, async || {
        let mut rpc = caller.rpc.clone();
        seconds(rpc.get_server_info(GetServerInfoRequest {}))
            .await
            .1
    });
    println!(
        "{writers:>8} {rows:>13} B {folded:>11} B {row:>7} B {manifest:>7} B {:>11.2} {:>11.2} {:>11.2} {:>11.2}",
        get * 1e3,
        middle(cold) * 1e3,
        warm * 1e3,
        info.await * 1e3
    );
}

/// Each writer sends every so manieth chunk.
async fn send(caller: &Caller, writers: u32) {
    let data = Bytes::from(noise(CHUNK_BYTES, 1));
    let calls = (0..writers).map(|first| {
        let data = data.clone();
        let indexes = (first..CHUNKS).step_by(writers as usize);
        let chunks = indexes.map(move |index| chunk(index, &data));
        upload(caller, std::iter::once(open("c")).chain(chunks))
    });
    for done in join_all(calls).await {
        done.unwrap();
    }
}

async fn connect(directory: &Path) -> SqliteConnection {
    let url = format!("sqlite://{}/catalog.db", directory.display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// Of the catalog without its free pages.
async fn catalog_bytes(directory: &Path) -> u64 {
    let copy = directory.join("copy.db");
    let mut db = connect(directory).await;
    let vacuum = format!("VACUUM INTO '{}'", copy.display());
    db.execute(sqlx::AssertSqlSafe(vacuum)).await.unwrap();
    let bytes = std::fs::metadata(&copy).unwrap().len();
    std::fs::remove_file(copy).unwrap();
    bytes
}

/// Bytes of its manifest, once it is folded and its rows are gone.
async fn folded(directory: &Path) -> Option<i64> {
    let asked = "SELECT coalesce(manifest_bytes, length(manifest)) FROM captures WHERE folded = 2";
    let mut db = connect(directory).await;
    sqlx::query_scalar(asked)
        .fetch_optional(&mut db)
        .await
        .unwrap()
}

/// Bytes of all values of the only capture's row.
async fn row_bytes(directory: &Path) -> i64 {
    let mut db = connect(directory).await;
    let columns = "SELECT name FROM pragma_table_info('captures')";
    let columns: Vec<String> = sqlx::query_scalar(columns)
        .fetch_all(&mut db)
        .await
        .unwrap();
    let lengths = columns
        .iter()
        .map(|name| format!("coalesce(length(CAST({name} AS BLOB)), 0)"));
    let sum = lengths.collect::<Vec<_>>().join(" + ");
    let asked = format!("SELECT {sum} FROM captures");
    let asked = sqlx::query_scalar(sqlx::AssertSqlSafe(asked));
    asked.fetch_one(&mut db).await.unwrap()
}

async fn median(times: usize, mut one: impl AsyncFnMut() -> f64) -> f64 {
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        all.push(one().await);
    }
    middle(all)
}

fn middle(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
