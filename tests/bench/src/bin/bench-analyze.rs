//! What it costs to analyze a large capture, beside other programs that read the same file,
//! in turns: CPU and wall time, peak memory, time until the first result.
//!
//!     cargo run --release -p weir-bench --bin bench-analyze -- [FILE]
//!
//! Without a file it makes two of the project's recordings (`--bytes` each): a dense one, about
//! 12 packets a flow of DNS, HTTP, TLS and QUIC, and a bulk one, 200 packets a flow in full
//! frames. Programs that are not installed are left out, and named.
//!
//! With `--before PROGRAM` it runs that `bench-analyze` and itself in pairs instead.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    fs::File,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use analyzer_service::{
    analysis::{Event, Options, Sink, analyze},
    record::Progress,
};
use clap::Parser as _;
use tikv_jemallocator::Jemalloc;
use weir_bench::{
    Series,
    analyzers::{ALL, ANALYZE, Analyzer},
    measure::{Cost, MEASURE, measure},
    traffic::Traffic,
    versions,
};

/// As analyzer-service has it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// A program that takes longer runs once.
const SECONDS_MAX: f64 = 20.0;

#[derive(clap::Parser, Debug)]
struct Arguments {
    /// A capture; without one, two are made.
    file: Option<PathBuf>,
    /// Of each capture that is made.
    #[arg(long, default_value_t = 1_000_000_000)]
    bytes: u64,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Names of the programs to run, all by default.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where captures are made and kept; those of this size that are there are taken.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// This program as it was before: the two in pairs, and no others but tcpdump.
    #[arg(long)]
    before: Option<PathBuf>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some(MEASURE) => println!("{}", measure(&arguments[2..])),
        Some(ANALYZE) => analyze_file(&arguments[2], &arguments[3]),
        _ => bench(&Arguments::parse()),
    }
}

fn bench(arguments: &Arguments) {
    let temporary = tempfile::tempdir().unwrap();
    if let Some(file) = &arguments.file {
        return compare("the file given", file, temporary.path(), arguments);
    }
    let folder = arguments.folder.as_deref().unwrap_or(temporary.path());
    for traffic in [Traffic::Dense, Traffic::Bulk] {
        let name = traffic.name();
        let file = folder.join(format!("{name}-{}.pcap", arguments.bytes));
        if !file.exists() {
            traffic.write(&file, arguments.bytes);
        }
        compare(name, &file, temporary.path(), arguments);
        if arguments.folder.is_none() {
            std::fs::remove_file(&file).unwrap();
        }
    }
}

/// One program's runs.
struct Runs {
    analyzer: &'static Analyzer,
    program: PathBuf,
    cpu: Series,
    wall: Series,
    peak: Series,
    first: Series,
    last: Cost,
}

impl Runs {
    fn add(&mut self, cost: Cost) {
        self.cpu.add(cost.cpu);
        self.wall.add(cost.wall);
        self.peak.add(cost.peak_mib);
        if let Some(first) = cost.first {
            self.first.add(first);
        }
        self.last = cost;
    }
}

fn compare(what: &str, file: &Path, temporary: &Path, arguments: &Arguments) {
    let results = temporary.join("results");
    // Into the page cache, for all alike.
    let bytes = std::io::copy(&mut File::open(file).unwrap(), &mut std::io::sink()).unwrap();
    if let Some(before) = &arguments.before {
        let now = std::env::current_exe().unwrap();
        let (n, mega) = (arguments.rounds, bytes / 1_000_000);
        println!(
            "\n{what}, {mega} MB, medians of {n} rounds in turns with tcpdump; means of pairs\n"
        );
        print!("{}", versions::compare(file, &results, n, [before, &now]));
        return;
    }
    let mut all: Vec<Runs> = Vec::new();
    let wanted = |name| arguments.only.is_empty() || arguments.only.iter().any(|one| one == name);
    for analyzer in ALL.iter().filter(|analyzer| wanted(analyzer.name)) {
        let Some(program) = analyzer.program() else {
            println!("{} is not installed", analyzer.name);
            continue;
        };
        let last = analyzer.run(&program, file, &results);
        let series = || Series::new(analyzer.name);
        let mut runs = Runs {
            analyzer,
            program,
            cpu: series(),
            wall: series(),
            peak: series(),
            first: series(),
            last: last.clone(),
        };
        // The first run of the others is to warm up.
        if last.wall > SECONDS_MAX {
            runs.add(last);
        }
        all.push(runs);
    }
    for _ in 0..arguments.rounds {
        for runs in &mut all {
            if runs.last.wall <= SECONDS_MAX {
                let cost = runs.analyzer.run(&runs.program, file, &results);
                runs.add(cost);
            }
        }
    }
    let megabytes = bytes / 1_000_000;
    println!(
        "\n{what}, {megabytes} MB, medians of {} rounds in turns",
        arguments.rounds
    );
    print_table(&all);
}

/// In Markdown.
fn print_table(all: &[Runs]) {
    let Some(base) = all.first() else { return };
    println!(
        "\n| program | CPU, s | × | wall, s | × | peak, MiB | first result, s | what it computes |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for runs in all {
        let first = match runs.first.is_empty() {
            true => "none".to_owned(),
            false => format!("{:.3}", runs.first.median()),
        };
        let (cpu, wall) = (runs.cpu.median(), runs.wall.median());
        println!(
            "| `{}` | {cpu:.2} | {:.2} | {wall:.2} | {:.2} | {:.0} | {first} | {} |",
            runs.analyzer.line(),
            cpu / base.cpu.median(),
            wall / base.wall.median(),
            runs.peak.median(),
            runs.analyzer.result(&runs.last),
        );
    }
    println!();
    for runs in all {
        let of =
            |series: &Series| format!("{:.2} to {:.2}", series.quantile(0.0), series.quantile(1.0));
        println!(
            "{}: CPU {}, wall {}",
            runs.analyzer.name,
            of(&runs.cpu),
            of(&runs.wall)
        );
    }
}

/// What a call does with the events, without the wire.
#[derive(Default)]
struct Count {
    records: usize,
}

impl Sink for Count {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::CaptureInfo(_) => {}
            Event::Records(records) => {
                if self.records == 0 {
                    println!("first record");
                }
                self.records += records.len();
            }
            Event::Summary(summary) => println!(
                "packets: {} flows: {} records: {} dropped: {:?}",
                summary.packets, summary.flows, self.records, summary.dropped
            ),
        }
        ControlFlow::Continue(())
    }

    fn poll(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

fn analyze_file(path: &str, threads: &str) {
    let options = Options {
        threads: threads.parse().unwrap(),
        ..Options::default()
    };
    analyze(File::open(path).unwrap(), &options, &mut Count::default()).unwrap();
}
