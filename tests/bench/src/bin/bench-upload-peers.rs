//! The same objects durable (or not) in Weir and in stores that others run, each
//! a process of its own on a directory of its own, beside `dd conv=fdatasync`:
//! 1 GiB on one connection, and in 64 objects over four. All is read back and
//! compared; and what each syncs before it says OK is asked of the kernel.
//!
//!     bash .ci/run minio_install peers_install
//!     cargo run --release -p weir-bench --bin bench-upload-peers
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
    time::Instant,
};

use bytes::Bytes;
use futures::future::join_all;
use mimalloc::MiMalloc;
use weir_bench::{
    Series,
    peers::{Object, Peer, SERVICE, Syncs, of_dd, serve_as},
    upload::seconds,
};
use weir_tests::random::noise;

/// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const MIB: usize = 1 << 20;
/// For each connection, when there are four.
const OBJECTS: usize = 16;

/// The objects of each connection.
type Shares = Vec<Vec<Object>>;

#[tokio::main]
async fn main() -> ExitCode {
    if let Ok(name) = std::env::var(SERVICE) {
        return serve_as(&name).await;
    }
    let variable = |name, or| std::env::var(name).map_or(or, |n| n.parse().unwrap());
    let rounds = variable("WEIR_BENCH_ROUNDS", 5);
    let mib = variable("WEIR_BENCH_MIB", 1024);
    let directory = tempfile::tempdir().unwrap();
    let data = Bytes::from(noise(mib * MIB, 1));
    let source = directory.path().join("source");
    std::fs::write(&source, &data).unwrap();
    println!(
        "{mib} MiB, {rounds} rounds in turns, below {}",
        directory.path().display()
    );
    let mut synced = vec![of_dd(&folder(directory.path()))];
    for peer in Peer::ALL {
        synced.push(syncs(peer, directory.path(), &data).await);
    }
    for (what, connections, objects) in [
        ("one object on one connection", 1, 1),
        ("64 objects over four connections", 4, OBJECTS),
    ] {
        let shares = shares(&data, connections, objects);
        let mut all = vec![Series::new("dd conv=fdatasync")];
        all.extend(Peer::ALL.map(|peer| Series::new(peer.name())));
        for round in 0..rounds {
            // Who comes after whom changes.
            for turn in 0..all.len() {
                let at = (turn + round) % all.len();
                let folder = folder(directory.path());
                settle();
                let seconds = match at.checked_sub(1) {
                    None => dd_seconds(&source, &folder, mib, connections, objects),
                    Some(peer) => peer_seconds(Peer::ALL[peer], &folder, &shares).await,
                };
                all[at].add(mib as f64 / seconds);
                std::fs::remove_dir_all(folder).unwrap();
            }
        }
        println!("\n{mib} MiB as {what}");
        print_table(&all, &synced);
    }
    ExitCode::SUCCESS
}

/// One that is new, for one contestant.
fn folder(above: &Path) -> PathBuf {
    tempfile::tempdir_in(above).unwrap().keep()
}

/// What one leaves to be written later is not the next one's to wait for.
fn settle() {
    nix::unistd::sync();
}

fn shares(data: &Bytes, connections: usize, objects: usize) -> Shares {
    let bytes = data.len() / (connections * objects);
    let object = |n: usize| {
        let part = data.slice(n * bytes..(n + 1) * bytes);
        Object::new(format!("object-{n}"), part)
    };
    (0..connections)
        .map(|c| (0..objects).map(|n| object(c * objects + n)).collect())
        .collect()
}

async fn peer_seconds(peer: Peer, folder: &Path, shares: &Shares) -> f64 {
    let server = peer.start(folder, None).await;
    let mut connections = Vec::new();
    for (n, _) in shares.iter().enumerate() {
        let mut connection = server.connect().await;
        // The connection is not what is measured.
        connection.put(&small(n)).await;
        connections.push(connection);
    }
    let puts = connections
        .iter_mut()
        .zip(shares)
        .map(async |(connection, share)| {
            for object in share {
                connection.put(object).await;
            }
        });
    let (_, took) = seconds(join_all(puts)).await;
    for (connection, share) in connections.iter_mut().zip(shares) {
        for object in share {
            object.check(connection.get(object).await);
        }
    }
    server.stop().await;
    took
}

/// Another for each connection: a store of contents takes no object twice.
fn small(n: usize) -> Object {
    Object::new(format!("small-{n}"), Bytes::from(noise(1024, n as u64)))
}

/// What is synced for the second object of a connection: what is done once is done.
async fn syncs(peer: Peer, above: &Path, data: &Bytes) -> Syncs {
    let folder = folder(above);
    let trace = folder.join("trace");
    let server = peer.start(&folder, Some(&trace)).await;
    let mut connection = server.connect().await;
    connection.put(&small(0)).await;
    let before = std::fs::read(&trace).unwrap().len();
    let object = Object::new(
        "traced".to_owned(),
        data.slice(..data.len() / (4 * OBJECTS)),
    );
    connection.put(&object).await;
    let trace = std::fs::read(&trace).unwrap();
    let syncs = Syncs::of(&String::from_utf8_lossy(&trace[before..]));
    server.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
    syncs
}

/// As many files, by as many programs at a time.
fn dd_seconds(source: &Path, folder: &Path, mib: usize, connections: usize, objects: usize) -> f64 {
    let kib = mib * 1024 / (connections * objects);
    let begun = Instant::now();
    thread::scope(|scope| {
        for c in 0..connections {
            scope.spawn(move || {
                for n in c * objects..(c + 1) * objects {
                    dd(source, &folder.join(n.to_string()), n * kib, kib);
                }
            });
        }
    });
    begun.elapsed().as_secs_f64()
}

fn dd(source: &Path, file: &Path, from_kib: usize, kib: usize) {
    let done = Command::new("dd")
        .arg(format!("if={}", source.display()))
        .arg(format!("of={}", file.display()))
        .arg(format!("skip={from_kib}K"))
        .arg(format!("count={kib}K"))
        .args(["bs=1M", "iflag=skip_bytes,count_bytes"])
        .args(["conv=fdatasync", "status=none"])
        .status();
    assert!(done.unwrap().success());
}

fn print_table(all: &[Series], synced: &[Syncs]) {
    println!(
        "{:22} {:>7} {:>7} {:>7} {:>9}  synced before its OK, for one object",
        "MiB/s", "median", "least", "most", "dd's time"
    );
    for (series, synced) in all.iter().zip(synced) {
        println!(
            "{:22} {:>7.0} {:>7.0} {:>7.0} {:>9.2}  {synced}",
            series.name,
            series.median(),
            series.quantile(0.0),
            series.quantile(1.0),
            all[0].median() / series.median(),
        );
    }
}
