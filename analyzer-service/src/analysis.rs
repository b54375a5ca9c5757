//! One analysis, from the bytes of a capture to records: the driver of the core. Sync,
//! and total: no capture makes it fail. Its clock is the capture's.

mod ahead;
mod alone;
mod batch;
mod block;
mod closing;
mod detection;
mod ending;
mod findings;
mod followed;
mod located;
mod nested;
mod packets;
mod reading;
mod seen;
mod steps;
mod tracking;
mod working;

use std::{
    io::{self, Read},
    num::{NonZeroU64, NonZeroUsize},
    ops::ControlFlow,
    thread,
    time::Duration,
};

use self::{block::Block, reading::Reading, working::Working};
use crate::{
    capture::{CaptureReader, Failure, OpenError},
    filter::Filter,
    record::{CaptureInfo, KindSet, Progress, Record, Summary, Verdict},
    summary::Ending,
};

/// [`Sink::poll`] is called at least every so many packets, well below a
/// millisecond's worth or so. Time-outs of flows are looked at just as often.
pub const POLL_PACKETS: u64 = 1_024;
/// ... and at least every so many bytes of capture.
pub const POLL_BYTES: u64 = 1 << 20;

/// Capture time without a packet after which a flow ends, unless told otherwise.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// Flows in the table at once, unless told otherwise: about 230 MiB, and a quarter of a KiB
/// more for each that a dissector reads.
pub const FLOWS_MAX: usize = 1 << 19;

/// What an analysis is asked for. Without a duration there is no such limit.
#[derive(Clone, Debug)]
pub struct Options {
    /// Records to hand out; dissectors that make no other kind are skipped, unless findings
    /// are among them, which rest on what all of them say.
    pub kinds: KindSet,
    pub idle_timeout: Option<Duration>,
    /// Capture time after which a long flow is cut.
    pub active_timeout: Option<Duration>,
    /// Capture time between updates of a long flow.
    pub interim_interval: Option<Duration>,
    /// Packets that do not pass are not there: neither flows nor the summary count them.
    /// Only the numbers of the others are still those of the capture.
    pub filter: Option<Filter>,
    /// Stop after so many packets that pass.
    pub packet_limit: Option<NonZeroU64>,
    /// Flows in the table at once; the oldest make room for more.
    pub flows_max: usize,
    /// That it may run on; what it says does not depend on them. More than two are two.
    pub threads: NonZeroUsize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kinds: KindSet::all(),
            idle_timeout: Some(IDLE_TIMEOUT),
            active_timeout: None,
            interim_interval: None,
            filter: None,
            packet_limit: None,
            flows_max: FLOWS_MAX,
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// What an analysis says: the capture's info first, its summary last, batches of
/// records between them.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    CaptureInfo(CaptureInfo),
    /// Never empty, and bounded in number and size.
    Records(Vec<Record>),
    Summary(Box<Summary>),
}

/// Where the events go. `Break` stops the analysis at once.
pub trait Sink {
    /// Takes the next event; may wait.
    fn event(&mut self, event: Event) -> ControlFlow<()>;

    /// Called every [`POLL_PACKETS`] packets or [`POLL_BYTES`] bytes, whichever comes first,
    /// and while many flows end at once.
    /// The sink looks here whether anybody still listens, and decides by its own
    /// clock whether to tell the progress: the core has none. Records of all packets
    /// before were handed out.
    fn poll(&mut self, progress: &Progress) -> ControlFlow<()>;
}

/// Why there is no analysis, or not all of one.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    #[error("not a pcap or pcapng file")]
    NotACapture,
    /// Compressed, and its first bytes can't be had.
    #[error("not a pcap or pcapng file, as far as it can be decompressed: {0}")]
    Compressed(Failure),
    /// The input failed: the error is its own.
    #[error("read the capture")]
    Read(#[source] io::Error),
}

/// Analyzes the capture that `input` gives, to its end or to where it makes no sense any
/// more: that is no error, but the verdict of its summary. Returns early, without a
/// summary, when `sink` breaks.
///
/// The same bytes and options give the same events, however `input` splits its reads.
///
/// # Errors
/// [`AnalysisError::NotACapture`] before the first event; [`AnalysisError::Read`] any time.
pub fn analyze(
    mut input: impl Read,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), AnalysisError> {
    analyze_any(&mut input, options, sink)
}

/// Not of the input's type: so it is built once, here, with the profile that this crate has.
fn analyze_any(
    input: &mut dyn Read,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), AnalysisError> {
    let mut reader = CaptureReader::open(input).map_err(|error| match error {
        OpenError::NotACapture => AnalysisError::NotACapture,
        OpenError::Compressed(failure) => AnalysisError::Compressed(failure),
        OpenError::Read(error) => AnalysisError::Read(error),
    })?;
    if let Some(filter) = &options.filter {
        reader.filter(filter.clone());
    }
    if let Some(limit) = options.packet_limit {
        reader.limit_packets(limit.get());
    }
    let reading = Reading::new(reader, options);
    match run(
        reading,
        Working::new(options.clone()),
        options.threads,
        sink,
    ) {
        Ok(()) | Err(Halt::Broken) => Ok(()),
        Err(Halt::Failed(error)) => Err(AnalysisError::Read(error)),
    }
}

/// Why an analysis ends without a summary.
enum Halt {
    /// The sink wants no more.
    Broken,
    Failed(io::Error),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

fn run<R: Read>(
    mut reading: Reading<R>,
    mut working: Working,
    threads: NonZeroUsize,
    sink: &mut dyn Sink,
) -> Result<(), Halt> {
    if threads == NonZeroUsize::MIN {
        alone::run(&mut reading, &mut working, sink)?;
        return finish(reading, working, sink);
    }
    let mut block = Block::default();
    // What fits one block is soon done, and not worth a thread.
    let mut is_first = true;
    loop {
        block = reading.next(block)?;
        if let Some(info) = reading.info() {
            going(sink.event(Event::CaptureInfo(info)))?;
        }
        if !is_first && !block.is_last {
            working = ahead::run(&mut reading, working, block, sink)?;
            break;
        }
        going(working.block(&mut block, sink))?;
        if block.is_last {
            break;
        }
        is_first = false;
    }
    finish(reading, working, sink)
}

fn finish<R: Read>(
    reading: Reading<R>,
    Working { packets, .. }: Working,
    sink: &mut dyn Sink,
) -> Result<(), Halt> {
    let (flows, dropped) = (reading.n_flows(), packets.dropped(reading.dropped()));
    let Reading {
        reader,
        traffic,
        verdict,
        ..
    } = reading;
    let ending = Ending {
        // There always is one behind the last block.
        verdict: verdict.unwrap_or(Verdict::Complete),
        flows,
        records_by_kind: packets.records_by_kind(),
        dropped,
        interfaces: reader.interfaces().to_vec(),
        blocks_by_type: reader.blocks_by_type(),
    };
    let summary = packets.into_summary(traffic, ending);
    going(sink.event(Event::Summary(Box::new(summary))))
}

fn going(flow: ControlFlow<()>) -> Result<(), Halt> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Halt::Broken),
    }
}

#[cfg(test)]
mod tests;
