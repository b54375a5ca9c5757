//! Runs the analysis core alone on capture files, for profiling and for looking at records:
//!
//! ```text
//! cargo run --release -p analyzer-service --example analyze_file -- [-r] [-0] FILE…
//! ```
//!
//! Prints one line of the summary for each file; with `-r` its records and hierarchy
//! too; with `-0` flows never time out.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::{env, fs::File, ops::ControlFlow};

use analyzer_service::{
    analysis::{Event, Options, Sink, analyze},
    record::{Body, Progress, Record, Summary},
};
use tikv_jemallocator::Jemalloc;

/// As analyzer-service has it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

struct Printer {
    with_records: bool,
    flows_by_protocol: std::collections::BTreeMap<u8, u64>,
}

impl Sink for Printer {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::CaptureInfo(info) if self.with_records => println!("{info:?}"),
            Event::CaptureInfo(_) => {}
            Event::Records(records) => {
                for record in &records {
                    self.record(record);
                }
            }
            Event::Summary(summary) => self.summary(&summary),
        }
        ControlFlow::Continue(())
    }

    fn poll(&mut self, _progress: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Printer {
    fn record(&mut self, record: &Record) {
        if let (Body::Flow(flow), Some(of)) = (&record.body, record.flow)
            && flow.part == 1
            && !flow.interim
        {
            *self.flows_by_protocol.entry(of.ip_protocol).or_default() += 1;
        }
        if self.with_records {
            println!("{record:?}");
        }
    }

    fn summary(&self, summary: &Summary) {
        println!(
            "packets={} captured={} wire={} first={:?} last={:?} ordered={} verdict={:?} flows={} \
             by_protocol={:?} records={:?} blocks={:?} links={:?} dropped={:?}",
            summary.packets,
            summary.captured_bytes,
            summary.wire_bytes,
            summary.first_packet_time.map(|time| time.0),
            summary.last_packet_time.map(|time| time.0),
            summary.time_ordered,
            summary.verdict,
            summary.flows,
            self.flows_by_protocol,
            summary.records_by_kind,
            summary.blocks_by_type,
            summary.packets_by_link_type,
            summary.dropped,
        );
        if self.with_records {
            for count in &summary.protocol_hierarchy {
                println!("{} {} {}", count.path, count.packets, count.bytes);
            }
        }
    }
}

fn main() -> anyhow::Result<()> {
    let (flags, files): (Vec<String>, Vec<String>) = env::args()
        .skip(1)
        .partition(|argument| argument.starts_with('-'));
    let mut options = Options::default();
    if flags.iter().any(|flag| flag == "-0") {
        options.idle_timeout = None;
    }
    for file in files {
        let mut printer = Printer {
            with_records: flags.iter().any(|flag| flag == "-r"),
            flows_by_protocol: std::collections::BTreeMap::default(),
        };
        println!("file={file}");
        if let Err(error) = analyze(File::open(&file)?, &options, &mut printer) {
            println!("error={error:?}");
        }
    }
    Ok(())
}
