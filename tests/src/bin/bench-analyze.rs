//! Packets analyzed per second of CPU time, beside `tcpdump -w /dev/null` and
//! `capinfos -c` over the same file, in turns.
//!
//!     cargo run --release -p weir-tests --bin bench-analyze [FILE]
//!
//! Without a file: the project's recordings again and again with other
//! addresses, 350 MB.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    fs::File,
    io::Read,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use analyzer_service::{
    analysis::{Event, Options, Sink, analyze},
    record::{Progress, Summary},
};
use mimalloc::MiMalloc;
use weir_tests::{
    bench::{Series, cpu, table},
    synth,
};

/// As the services have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const FILE_BYTES: usize = 350_000_000;

/// What a call does with the events, without the wire.
#[derive(Default)]
struct Count {
    records: usize,
    summary: Option<Summary>,
}

impl Sink for Count {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::CaptureInfo(_) => {}
            Event::Records(records) => self.records += records.len(),
            Event::Summary(summary) => self.summary = Some(*summary),
        }
        ControlFlow::Continue(())
    }

    fn poll(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

fn analyze_file(path: &str) -> Count {
    let mut count = Count::default();
    analyze(File::open(path).unwrap(), &Options::default(), &mut count).unwrap();
    count
}

fn main() {
    if let Some(path) = std::env::args_os().nth(1) {
        return compare("the file given", &PathBuf::from(path));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("varied.pcap");
    let sessions = |name: &str| synth::SESSIONS.contains(&name);
    std::fs::write(&path, synth::varied_of(FILE_BYTES, sessions)).unwrap();
    compare("sessions: HTTP, TLS, DNS, SSH", &path);
    std::fs::write(&path, synth::varied(FILE_BYTES)).unwrap();
    compare("all recordings, half of the flows a port scan's", &path);
}

fn compare(what: &str, path: &Path) {
    let rounds = std::env::var("WEIR_BENCH_ROUNDS").map_or(5, |n| n.parse().unwrap());
    let path = path.to_str().unwrap();
    // Into the page cache, for all alike.
    let bytes = std::io::copy(&mut File::open(path).unwrap(), &mut std::io::sink()).unwrap();
    let warm = analyze_file(path);
    let summary = warm.summary.unwrap();
    println!(
        "{what}: {} MB, {} packets, {} flows, {} records, dropped {:?}, {rounds} rounds in turns",
        bytes / 1_000_000,
        summary.packets,
        summary.flows,
        warm.records,
        summary.dropped
    );
    let mut tcpdump = Series::new("tcpdump -r FILE -w /dev/null");
    let mut capinfos = Series::new("capinfos -c FILE");
    let mut weir = Series::new("analysis, all records");
    let mut read = Series::new("reading the file alone");
    for _ in 0..rounds {
        let dump = ["-r", path, "-w", "/dev/null"];
        tcpdump.add(seconds(cpu::of_program("tcpdump", &dump)));
        weir.add(seconds(cpu::of(|| analyze_file(path)).1));
        capinfos.add(seconds(cpu::of_program("capinfos", &["-c", path])));
        read.add(seconds(cpu::of(|| read_file(path)).1));
    }
    let all = [tcpdump, weir.clone(), capinfos, read];
    print!("{}", table("CPU s", &all));
    println!(
        "{:.0} packets per CPU second",
        f64::from(u32::try_from(summary.packets).unwrap()) / weir.median()
    );
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn read_file(path: &str) {
    let mut file = File::open(path).unwrap();
    let mut buffer = vec![0; 1 << 20];
    while file.read(&mut buffer).unwrap() > 0 {}
}
