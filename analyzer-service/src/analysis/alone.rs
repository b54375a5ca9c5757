//! An analysis on one thread: each packet is worked on when it is read.

use std::{
    io::Read,
    ops::{ControlFlow, Range},
};

use super::{
    Event, Halt, Sink, going,
    reading::Reading,
    seen::{Ending, Found, Item, Layers, Place, Seen, Simple, Taker},
    steps::{Steps, StepsLeft},
    working::Working,
};
use crate::{capture::Packet, record::CaptureInfo};

/// Works on all that is read.
pub(super) fn run<R: Read>(
    reading: &mut Reading<R>,
    working: &mut Working,
    sink: &mut dyn Sink,
) -> Result<(), Halt> {
    let mut alone = Alone {
        working,
        sink,
        steps: Steps::default(),
        stored_bytes: None,
        went: ControlFlow::Continue(()),
    };
    reading.reader.read_short();
    // Ends: each turn reads some of the capture.
    while reading.verdict.is_none() {
        reading.read_some(&mut alone)?;
        going(alone.went)?;
        reading.renew_buffer();
    }
    Ok(())
}

/// Hands each item to the working half.
struct Alone<'a> {
    working: &'a mut Working,
    sink: &'a mut dyn Sink,
    /// Of the item that comes next.
    steps: Steps,
    stored_bytes: Option<u64>,
    /// Whether the sink wants more.
    went: ControlFlow<()>,
}

impl Alone<'_> {
    #[inline]
    fn found(&mut self, place: &Place, found: Found<'_>) {
        if self.went.is_break() {
            return;
        }
        let item = Item {
            next_offset: place.next_offset,
            stored_bytes: self.stored_bytes.unwrap_or(place.next_offset),
            found,
        };
        self.went = if self.steps.is_empty() {
            // The usual one: nothing has to be cleared behind it.
            self.working.item(&item, &mut StepsLeft::none(), self.sink)
        } else {
            self.working.item(&item, &mut self.steps.take(), self.sink)
        };
    }
}

impl Taker for Alone<'_> {
    /// Some 32 KiB of records: what is written for them is still in the nearest cache when it
    /// is read.
    const OVER_MAX: usize = 64;

    fn begin(&mut self, stored_bytes: Option<u64>) {
        self.stored_bytes = stored_bytes;
    }

    fn steps(&mut self) -> &mut Steps {
        &mut self.steps
    }

    fn wants_info(&self) -> bool {
        true
    }

    fn info(&mut self, info: CaptureInfo) {
        self.went = self.sink.event(Event::CaptureInfo(info));
    }

    fn other(&mut self, place: &Place) {
        self.found(place, Found::Other);
    }

    #[inline]
    fn packet(
        &mut self,
        place: &Place,
        packet: &Packet<'_>,
        _data: Range<usize>,
        simple: Option<Simple<'_>>,
    ) {
        let layers = match simple {
            Some(simple) => Layers::Simple(simple),
            None => Layers::Odd(*packet),
        };
        let seen = Seen {
            stamp: place.stamp,
            has_time: packet.time.is_some(),
            bad_time: packet.bad_time,
            wire_bytes: packet.wire_bytes,
            layers,
        };
        self.found(place, Found::Packet(seen));
    }

    fn over(&mut self, place: &Place, ending: Ending) -> bool {
        let found = if ending.is_capture_end {
            Found::End
        } else {
            Found::Sweep
        };
        self.found(place, found);
        self.went.is_continue()
    }

    fn is_done(&self) -> bool {
        self.went.is_break()
    }
}
