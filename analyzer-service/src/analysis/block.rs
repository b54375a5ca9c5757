//! A part of a capture with what is known of its packets: what goes from the reading half of an
//! analysis to the working one, which may be another thread's.

mod entry;

use std::ops::Range;

use self::entry::{Entry, Marks, What, what, within};
use super::{
    seen::{Ending, Item, Place, Simple, Taker},
    steps::{Steps, StepsLeft},
};
use crate::{capture::Packet, decode::Path};

/// Paths of simple packets in one block; what comes behind is another block's.
const PATHS_MAX: usize = 1 << 16;

/// Of those, the latest ones that a packet's path is compared with: captures have a handful.
const PATHS_COMPARED: usize = 32;

/// What was read at once, as the capture has it, and what there is in it.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Of the simple packets in it, some of them several times where there are many.
    paths: Vec<Path>,
    steps: Steps,
    /// Taken from a compressed file when this was read.
    stored_bytes: Option<u64>,
    /// The analysis is over behind it.
    pub(super) is_last: bool,
}

impl Block {
    /// Forgets what is in it, but for the buffer.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.paths.clear();
        self.steps.clear();
        self.is_last = false;
    }

    /// The buffer for what is read behind it, whatever it holds.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// All items so far are in these bytes.
    pub(super) fn hold(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }

    /// What it holds in memory, bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.len() + self.steps.held_bytes()
    }

    fn push(&mut self, place: &Place, what: What) {
        self.entries.push(Entry {
            time: place.stamp.time,
            number: place.stamp.number,
            next_offset: place.next_offset,
            wire_bytes: 0,
            data: 0..0,
            flow: 0,
            what,
            path: 0,
            marks: Marks::default(),
        });
    }

    /// The place of the path among the block's.
    #[inline]
    fn path(&mut self, path: Path) -> u16 {
        let first = self.paths.len().saturating_sub(PATHS_COMPARED);
        let known = self.paths[first..].iter().position(|known| *known == path);
        let at = known.map_or(self.paths.len(), |at| first + at);
        if known.is_none() {
            self.paths.push(path);
        }
        // Fits: a block with that many takes no more.
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    /// What there is in it, in order, and what became of flows meanwhile.
    pub(super) fn open(&mut self) -> (impl Iterator<Item = Item<'_>>, StepsLeft<'_>) {
        let Self {
            bytes,
            entries,
            paths,
            steps,
            stored_bytes,
            ..
        } = self;
        let items = entries.iter().map(|entry| Item {
            next_offset: entry.next_offset,
            stored_bytes: stored_bytes.unwrap_or(entry.next_offset),
            found: entry.found(bytes, paths),
        });
        (items, steps.take())
    }
}

impl Taker for Block {
    /// Some half a MiB of records.
    const OVER_MAX: usize = 1_024;

    fn begin(&mut self, stored_bytes: Option<u64>) {
        self.stored_bytes = stored_bytes;
    }

    fn steps(&mut self) -> &mut Steps {
        &mut self.steps
    }

    fn other(&mut self, place: &Place) {
        self.push(place, What::Other);
    }

    #[inline]
    fn packet(
        &mut self,
        place: &Place,
        packet: &Packet<'_>,
        data: Range<usize>,
        simple: Option<Simple<'_>>,
    ) {
        let (what, flow, data, path, has_steps) = match simple {
            None => {
                let link_type = packet.link_type;
                (What::Odd { link_type }, 0, data, 0, false)
            }
            Some(simple) => {
                let path = self.path(simple.path);
                let (what, flow, payload) = what(simple.shown);
                let data = within(data.start, packet.data, payload);
                (what, flow, data, path, simple.has_steps)
            }
        };
        let at = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.entries.push(Entry {
            time: place.stamp.time,
            number: place.stamp.number,
            next_offset: place.next_offset,
            wire_bytes: packet.wire_bytes,
            data: at(data.start)..at(data.end),
            flow,
            what,
            path,
            marks: Marks::of(packet, has_steps),
        });
    }

    fn over(&mut self, place: &Place, ending: Ending) -> bool {
        let Ending {
            is_capture_end,
            is_all,
        } = ending;
        self.is_last = is_capture_end && is_all;
        let what = if is_capture_end {
            What::End
        } else {
            What::Sweep
        };
        self.push(place, what);
        // The rest is another block's.
        false
    }

    fn is_done(&self) -> bool {
        self.paths.len() >= PATHS_MAX
    }
}
