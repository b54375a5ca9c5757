//! What a client sends again when ingest-service is killed (SIGKILL) at half of
//! an upload of 1 GiB by `weir upload`: that command goes on by itself, or is
//! killed too and another one resumes.
//!
//! Fails when something durable is sent again.
//!
//!     cargo build --release
//!     cargo run --release -p weir-bench --bin bench-upload-kill
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use ingest_service::catalog;
use tokio::process::{Child, Command};
use weir_bench::{Series, relay::Relay, table};
use weir_shared::proto::ingest::v1::{CaptureState, WatchCaptureRequest};
use weir_tests::{caller::Caller, process::Process, random::noise, until::within};

const MIB: u64 = 1 << 20;
const ID: &str = "killed";
/// What `weir upload` cuts a file into, by the service's recommendation.
const CHUNK_BYTES: u64 = MIB;
/// Neither more than this may be on its way and not durable…
const WINDOW_BYTES: u64 = 16 * MIB;
/// …nor more than what comes in this time.
const WINDOW_SECONDS: f64 = 2.0;
/// Where the programs lie, if not beside this one.
const PROGRAMS: &str = "WEIR_BIN";

#[tokio::main]
async fn main() {
    let variable = |name, or| std::env::var(name).map_or(or, |n| n.parse().unwrap());
    let rounds = variable("WEIR_BENCH_ROUNDS", 5);
    let mib = variable("WEIR_BENCH_MIB", 1024);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("capture");
    let data = noise(usize::try_from(mib * MIB).unwrap(), 1);
    std::fs::write(&file, &data).unwrap();
    let crc = crc32c::crc32c(&data);
    drop(data);
    println!(
        "{mib} MiB in chunks of 1 MiB, {rounds} rounds, below {}",
        directory.path().display()
    );
    for resume in [Resume::SameCommand, Resume::AnotherCommand] {
        let mut again = Series::new("sent again");
        let mut chunks = Series::new("sent again, chunks begun");
        let mut worth = Series::new("two seconds' worth");
        for round in 0..rounds {
            let folder = directory.path().join(format!("{resume:?}-{round}"));
            std::fs::create_dir(&folder).unwrap();
            let told = run(&file, mib * MIB, crc, &folder, resume).await;
            let doubled_bytes = told.sent_although_durable_bytes();
            assert_eq!(doubled_bytes, 0, "durable, and sent again: {told:?}");
            again.add(in_mib(told.sent_again_bytes()));
            chunks.add(told.chunks_again() as f64);
            worth.add(WINDOW_SECONDS * told.bytes_per_second / MIB as f64);
            std::fs::remove_dir_all(&folder).unwrap();
        }
        println!("{}", resume.sentence());
        print!("{}", table("MiB", &[again.clone(), worth.clone()]));
        print!("{}", table("count", &[chunks]));
        let is_met = again.quantile(1.0) <= in_mib(WINDOW_BYTES).min(worth.quantile(0.0));
        println!(
            "at most {} MiB and what comes in {WINDOW_SECONDS} s: {}\n",
            WINDOW_BYTES / MIB,
            if is_met { "met" } else { "MISSED" }
        );
    }
}

/// Who sends the rest.
#[derive(Clone, Copy, Debug)]
enum Resume {
    SameCommand,
    AnotherCommand,
}

impl Resume {
    fn sentence(self) -> &'static str {
        match self {
            Self::SameCommand => "the service is killed; `weir upload` goes on by itself",
            Self::AnotherCommand => "both are killed; a second `weir upload` resumes",
        }
    }
}

/// One kill, in bytes as the link counted them.
#[derive(Debug)]
struct Told {
    file_bytes: u64,
    /// Sent before the kill.
    sent_before: u64,
    /// What the catalog has of that.
    durable: u64,
    /// Sent after it.
    sent_after: u64,
    /// Durable, before the kill.
    bytes_per_second: f64,
}

impl Told {
    fn sent_again_bytes(&self) -> u64 {
        (self.sent_before + self.sent_after).saturating_sub(self.file_bytes)
    }

    /// Those of which some byte was on its way already.
    fn chunks_again(&self) -> u64 {
        (self.sent_before - self.durable).div_ceil(CHUNK_BYTES)
    }

    fn sent_although_durable_bytes(&self) -> u64 {
        let missing = self.file_bytes - self.durable;
        // Less than a chunk is what the transport adds.
        let over = self.sent_after.saturating_sub(missing);
        over / CHUNK_BYTES * CHUNK_BYTES
    }
}

async fn run(file: &Path, file_bytes: u64, crc: u32, folder: &Path, resume: Resume) -> Told {
    let program = program("ingest-service");
    let nobody = ([127, 0, 0, 1], 9).into();
    let start = || Process::ingest(program.to_str().unwrap(), folder, nobody, &[]);

    let service = start().await;
    let relay = Relay::start(service.address).await;
    let begun = Instant::now();
    let mut upload = weir_upload(file, &relay);
    until_durable(&service.caller(), file_bytes / 2).await;
    let took = begun.elapsed().as_secs_f64();
    service.kill().await;
    if let Resume::AnotherCommand = resume {
        upload.kill().await.unwrap();
    }
    let durable = durable_bytes(folder).await;
    // The client's connection is gone: what it sends from now on is a new call's.
    let sent_before = relay.sent_bytes();

    let service = start().await;
    relay.retarget(service.address);
    if let Resume::AnotherCommand = resume {
        upload = weir_upload(file, &relay);
    }
    let ended = within("the upload's end", upload.wait()).await.unwrap();
    assert!(ended.success(), "weir upload: {ended}");
    let sealed = service.caller().get(ID).await.unwrap();
    assert_eq!(sealed.state(), CaptureState::Sealed);
    assert_eq!(
        (sealed.bytes_durable, sealed.crc32c),
        (file_bytes, Some(crc))
    );
    service.kill().await;
    Told {
        file_bytes,
        sent_before,
        durable,
        sent_after: relay.sent_bytes() - sent_before,
        bytes_per_second: durable as f64 / took,
    }
}

/// The real programs.
fn program(name: &str) -> PathBuf {
    let program = match std::env::var_os(PROGRAMS) {
        Some(folder) => Path::new(&folder).join(name),
        None => std::env::current_exe().unwrap().with_file_name(name),
    };
    assert!(
        program.exists(),
        "{} is not there: cargo build --release",
        program.display()
    );
    program
}

fn weir_upload(file: &Path, relay: &Relay) -> Child {
    Command::new(program("weir"))
        .args(["upload", "--id", ID, "--endpoint"])
        .arg(format!("http://{}", relay.address))
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Returns once so much is durable.
async fn until_durable(caller: &Caller, bytes: u64) {
    let request = WatchCaptureRequest {
        capture_id: ID.to_owned(),
    };
    let created = async || caller.get(ID).await.ok();
    weir_tests::until::until("a capture", created).await;
    let watched = caller.rpc.clone().watch_capture(request).await;
    let mut states = watched.unwrap().into_inner();
    while let Some(state) = states.message().await.unwrap() {
        if state.capture.is_some_and(|now| now.bytes_durable >= bytes) {
            return;
        }
    }
    panic!("sealed before it could be killed");
}

/// As the catalog has it that the kill left behind.
async fn durable_bytes(folder: &Path) -> u64 {
    let url = weir_tests::catalog::url(folder).await;
    let catalog = catalog::open(&url).await.unwrap();
    let capture = catalog.by_id(&ID.parse().unwrap()).await.unwrap();
    capture.unwrap().progress.bytes
}

fn in_mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}
