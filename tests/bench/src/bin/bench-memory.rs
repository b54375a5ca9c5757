//! What an analysis takes of memory at most: by flows that live at once, and by the length of
//! the capture. Captures are made while they are read.
//!
//!     cargo run --release -p weir-bench --bin bench-memory
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{io::Read, num::NonZeroUsize, ops::ControlFlow, time::Duration};

use analyzer_service::{
    analysis::{Event, Options, Sink, analyze},
    record::Progress,
};
use clap::Parser as _;
use tikv_jemallocator::Jemalloc;
use weir_bench::{
    measure::{MEASURE, cost, measure},
    traffic::{Traffic, asked, silent},
};

/// As analyzer-service has it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// First argument of the process that analyzes: what is made, how much of it, the idle timeout
/// in seconds (zero for none), and threads.
const ANALYZE: &str = "--analyze";

/// More than any capture here has at once.
const FLOWS_MAX: usize = 1 << 23;

/// The bound: so much, and so much for each flow that lives.
const BASE_MIB: f64 = 64.0;
const FLOW_BYTES: f64 = 1_000.0;

/// Of captures of different length: both have as many flows at once from some seconds on.
const IDLE_SECONDS: &str = "10";

#[derive(clap::Parser, Debug)]
struct Arguments {
    /// At once.
    #[arg(long, default_value_t = 2_000_000)]
    flows: u32,
    /// Of a capture in which that many flows of all protocols live at once.
    #[arg(long, default_value_t = 10_000_000_000)]
    mixed_bytes: u64,
    /// Of the longer of two captures with as many flows at once, a hundred times the other.
    #[arg(long, default_value_t = 10_000_000_000)]
    bytes: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some(MEASURE) => println!("{}", measure(&arguments[2..])),
        Some(ANALYZE) => analyze_made(&arguments[2..]),
        _ => bench(&Arguments::parse()),
    }
}

fn bench(arguments: &Arguments) {
    let Arguments {
        flows,
        mixed_bytes,
        bytes,
    } = arguments;
    println!("| capture | threads | flows | peak, MiB | bound, MiB | bytes a flow beyond 64 MiB |");
    println!("|---|---|---|---|---|---|");
    let live = [
        ("silent", u64::from(*flows), "UDP of no protocol, all alive"),
        (
            "asked",
            u64::from(*flows),
            "DNS, question and answer, all alive",
        ),
        ("dense", *mixed_bytes, "all protocols, all alive"),
    ];
    for (what, amount, name) in live {
        for threads in ["1", "2"] {
            let (peak, flows) = peak(what, amount, "0", threads);
            let bound = BASE_MIB + flows * FLOW_BYTES / f64::from(1 << 20);
            let each = (peak - BASE_MIB) * f64::from(1 << 20) / flows;
            println!("| {name} | {threads} | {flows:.0} | {peak:.0} | {bound:.0} | {each:.0} |");
        }
    }
    println!("\n| capture, flows idle after {IDLE_SECONDS} s | threads | flows | peak, MiB |");
    println!("|---|---|---|---|");
    for amount in [bytes / 100, *bytes] {
        for threads in ["1", "2"] {
            let (peak, flows) = peak("dense", amount, IDLE_SECONDS, threads);
            let megabytes = amount / 1_000_000;
            println!("| {megabytes} MB | {threads} | {flows:.0} | {peak:.1} |");
        }
    }
}

/// In MiB, and how many flows there were.
fn peak(what: &str, amount: u64, idle_seconds: &str, threads: &str) -> (f64, f64) {
    let this = std::env::current_exe().unwrap();
    let (this, amount) = (this.to_str().unwrap(), amount.to_string());
    let command = [this, ANALYZE, what, &amount, idle_seconds, threads].map(str::to_owned);
    let cost = cost(&command, None);
    let flows = cost.text.trim().parse().unwrap();
    (cost.peak_mib, flows)
}

fn analyze_made(arguments: &[String]) {
    let [what, amount, idle_seconds, threads] = arguments else {
        panic!("what, amount, timeout and threads");
    };
    let amount: u64 = amount.parse().unwrap();
    let flows = || u32::try_from(amount).unwrap();
    let idle_seconds: u64 = idle_seconds.parse().unwrap();
    let options = Options {
        idle_timeout: (idle_seconds > 0).then(|| Duration::from_secs(idle_seconds)),
        flows_max: FLOWS_MAX,
        threads: threads.parse::<NonZeroUsize>().unwrap(),
        ..Options::default()
    };
    let input: Box<dyn Read> = match what.as_str() {
        "silent" => Box::new(silent(flows())),
        "asked" => Box::new(asked(flows())),
        _ => Box::new(Traffic::Dense.read(amount)),
    };
    analyze(input, &options, &mut Last).unwrap();
}

/// Looks at the summary alone.
struct Last;

impl Sink for Last {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        if let Event::Summary(summary) = event {
            assert_eq!(summary.dropped.evicted_flows, 0);
            println!("{}", summary.flows);
        }
        ControlFlow::Continue(())
    }

    fn poll(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
