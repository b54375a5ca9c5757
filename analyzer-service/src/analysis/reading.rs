//! The front half of an analysis: packets out of a capture, decoded and counted in their flows,
//! in blocks that another thread may work on while the next one is read.

use std::io::{self, Read};

use super::{
    Options, POLL_BYTES, POLL_PACKETS,
    block::Block,
    seen::{Ending, Place, Taker},
    tracking::{Endings, Tracker},
};
use crate::{
    capture::{CaptureReader, Item},
    decode,
    record::{CaptureInfo, Dropped, Interface, Verdict},
    summary::Traffic,
};

/// Reads, and counts what no dissector has to be asked for.
pub(super) struct Reading<R: Read> {
    pub(super) reader: CaptureReader<R>,
    pub(super) traffic: Traffic,
    tracker: Tracker,
    info: Info,
    /// Flows that are over and in no block yet.
    left: Option<Endings>,
    /// For the next read, when no block has it.
    spare: Vec<u8>,
    /// Once the capture is over.
    pub(super) verdict: Option<Verdict>,
}

#[derive(Clone, Debug, PartialEq)]
enum Info {
    /// The interfaces of a pcapng file come right behind its header: wait for them.
    ToCome,
    Due(CaptureInfo),
    Taken,
}

impl<R: Read> Reading<R> {
    pub(super) fn new(reader: CaptureReader<R>, options: &Options) -> Self {
        Self {
            reader,
            traffic: Traffic::default(),
            tracker: Tracker::new(options),
            info: Info::ToCome,
            left: None,
            spare: Vec::new(),
            verdict: None,
        }
    }

    pub(super) fn n_flows(&self) -> u64 {
        self.tracker.n_flows()
    }

    /// What this half dropped.
    pub(super) fn dropped(&self) -> Dropped {
        self.tracker.dropped()
    }

    /// The next block, in the place of one that is done with.
    pub(super) fn next(&mut self, mut block: Block) -> io::Result<Block> {
        block.clear();
        if let Some(ending) = self.left.take() {
            self.end(&mut block, ending);
            return Ok(block);
        }
        self.read_some(&mut block)?;
        let spare = block.spare();
        block.hold(self.reader.take_buffer(spare));
        Ok(block)
    }

    /// Gives `taker` all that can be had with one read, or less when it takes no more.
    pub(super) fn read_some(&mut self, taker: &mut impl Taker) -> io::Result<()> {
        // What comes first may have to be read.
        let mut item = Some(self.reader.advance()?);
        taker.begin(self.reader.compressed_bytes());
        while let Some(next) = item {
            self.tell(&next);
            if taker.wants_info()
                && let Some(info) = self.info()
            {
                taker.info(info);
            }
            self.give(taker, next);
            if self.verdict.is_some() || self.left.is_some() || taker.is_done() {
                break;
            }
            item = self.reader.advance_at_hand()?;
        }
        Ok(())
    }

    /// Goes on in another buffer, as behind a block: so the same is read at once.
    pub(super) fn renew_buffer(&mut self) {
        let spare = std::mem::take(&mut self.spare);
        self.spare = self.reader.take_buffer(spare);
    }

    /// What is known of the capture in front of its first packet; once.
    pub(super) fn info(&mut self) -> Option<CaptureInfo> {
        match std::mem::replace(&mut self.info, Info::Taken) {
            Info::Due(info) => Some(info),
            other => {
                self.info = other;
                None
            }
        }
    }

    fn tell(&mut self, item: &Item) {
        // However long the headers are, it comes when records may.
        let waits = *item == Item::Header && self.reader.next_offset() < POLL_BYTES;
        if self.info != Info::ToCome || waits {
            return;
        }
        // Packets are counted in the summary only.
        let interfaces = self.reader.interfaces().iter().cloned();
        let interfaces = interfaces.map(|interface| Interface {
            packets: 0,
            ..interface
        });
        self.info = Info::Due(CaptureInfo {
            format: self.reader.format(),
            compression: self.reader.compression(),
            interfaces: interfaces.collect(),
        });
    }

    /// The current item.
    #[inline]
    fn give(&mut self, taker: &mut impl Taker, item: Item) {
        let next_offset = self.reader.next_offset();
        if let Item::End(verdict) = item {
            self.verdict = Some(verdict);
            let ending = self.tracker.end();
            return self.end(taker, ending);
        }
        let Some((packet, data)) = self.reader.packet_in_buffer() else {
            let stamp = self.tracker.stamp();
            return taker.other(&Place { stamp, next_offset });
        };
        let number = self.reader.packet_number();
        let (traffic, steps) = (&mut self.traffic, taker.steps());
        let simple = match decode::usual(&packet) {
            Some(usual) => self.tracker.usual(&packet, &usual, number, traffic, steps),
            None => self.tracker.packet(&packet, number, traffic, steps),
        };
        let stamp = self.tracker.stamp();
        taker.packet(&Place { stamp, next_offset }, &packet, data, simple);
        // Those that are analyzed: so a filter gives what the filtered file would give.
        if self.tracker.n_packets().is_multiple_of(POLL_PACKETS) {
            let ending = self.tracker.sweep();
            self.end(taker, ending);
        }
    }

    /// Has flows end, as many as are taken now.
    fn end<T: Taker>(&mut self, taker: &mut T, mut endings: Endings) {
        let (stamp, next_offset) = (self.tracker.stamp(), self.reader.next_offset());
        let place = Place { stamp, next_offset };
        // Ends: each turn has fewer flows left.
        loop {
            let is_all = self.tracker.go_on(&mut endings, T::OVER_MAX, taker.steps());
            let is_capture_end = endings.is_capture_end();
            let takes_more = taker.over(
                &place,
                Ending {
                    is_capture_end,
                    is_all,
                },
            );
            if is_all {
                return;
            }
            if !takes_more {
                self.left = Some(endings);
                return;
            }
        }
    }
}
