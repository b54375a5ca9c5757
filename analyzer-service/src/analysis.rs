//! One analysis, from the bytes of a capture to records: the driver of the core. Sync,
//! and total: no capture makes it fail. Its clock is the capture's.

mod batch;
mod closing;
mod detection;
mod dissection;
mod findings;
mod located;
mod nested;
mod packets;

use std::{
    io::{self, Read},
    num::NonZeroU64,
    ops::ControlFlow,
    time::Duration,
};

use self::packets::Packets;
use crate::{
    capture::{CaptureReader, Failure, Item, OpenError},
    filter::Filter,
    record::{CaptureInfo, Dropped, KindSet, Progress, Record, Summary, Verdict},
    summary::Ending,
};

/// [`Sink::poll`] is called at least every so many packets, well below a
/// millisecond's worth or so. Time-outs of flows are looked at just as often.
pub const POLL_PACKETS: u64 = 1_024;
/// ... and at least every so many bytes of capture.
pub const POLL_BYTES: u64 = 1 << 20;

/// Capture time without a packet after which a flow ends, unless told otherwise.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// Flows in the table at once, unless told otherwise: about 230 MiB, and a KiB more for
/// each that a dissector reads.
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
    input: impl Read,
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
    let analysis = Analysis {
        reader,
        packets: Packets::new(options.clone()),
        info_sent: false,
        polled_at: 0,
        sink,
    };
    match analysis.run() {
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

struct Analysis<'s, R: Read> {
    reader: CaptureReader<R>,
    packets: Packets,
    info_sent: bool,
    /// Byte at which the sink was polled last.
    polled_at: u64,
    sink: &'s mut dyn Sink,
}

impl<R: Read> Analysis<'_, R> {
    fn run(mut self) -> Result<(), Halt> {
        loop {
            let item = self.reader.advance()?;
            // The interfaces of a pcapng file come right behind its header: wait for them.
            if item != Item::Header && !self.info_sent {
                self.info()?;
            }
            match item {
                Item::Header | Item::Other => {}
                Item::Packet => {
                    let number = self.reader.packet_number();
                    if let Some(packet) = self.reader.packet() {
                        let flow = self.packets.packet(&packet, number, self.sink);
                        going(flow)?;
                    }
                }
                Item::End(verdict) => return self.finish(verdict),
            }
            let n_packets = self.packets.n_packets;
            let packets_due = item == Item::Packet && n_packets.is_multiple_of(POLL_PACKETS);
            if packets_due || self.reader.next_offset() - self.polled_at >= POLL_BYTES {
                self.poll()?;
            }
        }
    }

    fn info(&mut self) -> Result<(), Halt> {
        self.info_sent = true;
        let info = CaptureInfo {
            format: self.reader.format(),
            compression: self.reader.compression(),
            interfaces: self.reader.interfaces().to_vec(),
        };
        // Packets are counted in the summary only.
        let interfaces = info.interfaces.into_iter();
        let interfaces = interfaces.map(|interface| crate::record::Interface {
            packets: 0,
            ..interface
        });
        going(self.sink.event(Event::CaptureInfo(CaptureInfo {
            interfaces: interfaces.collect(),
            ..info
        })))
    }

    fn poll(&mut self) -> Result<(), Halt> {
        // First of all, however long the headers are.
        if !self.info_sent {
            self.info()?;
        }
        self.polled_at = self.reader.next_offset();
        going(self.packets.hand_out(self.sink))?;
        self.packets.progress = Progress {
            bytes_read: self.reader.stored_bytes(),
            packets: self.packets.n_packets,
            capture_time: self.packets.capture_time(),
        };
        going(self.sink.poll(&self.packets.progress))
    }

    fn finish(mut self, verdict: Verdict) -> Result<(), Halt> {
        going(self.packets.end(self.sink))?;
        let records_by_kind = self.packets.records_by_kind();
        let dropped: Dropped = self.packets.dropped();
        let flows = self.packets.n_flows();
        let summary = self.packets.into_summary(Ending {
            verdict,
            flows,
            records_by_kind,
            dropped,
            interfaces: self.reader.interfaces().to_vec(),
            blocks_by_type: self.reader.blocks_by_type(),
        });
        going(self.sink.event(Event::Summary(Box::new(summary))))
    }
}

fn going(flow: ControlFlow<()>) -> Result<(), Halt> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Halt::Broken),
    }
}

#[cfg(test)]
mod tests;
