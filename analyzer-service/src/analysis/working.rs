//! The back half of an analysis: the packets of a block, one after the other, to records.

use std::ops::ControlFlow;

use super::{
    Options, POLL_BYTES, Sink,
    block::Block,
    packets::Packets,
    seen::{Found, Item},
    steps::StepsLeft,
};
use crate::record::Progress;

pub(super) struct Working {
    pub(super) packets: Packets,
    /// Byte at which the sink was polled last.
    polled_at: u64,
}

impl Working {
    pub(super) fn new(options: Options) -> Self {
        Self {
            packets: Packets::new(options),
            polled_at: 0,
        }
    }

    /// The next block, of which the steps are taken; behind the last one all that waits ends.
    pub(super) fn block(&mut self, block: &mut Block, sink: &mut dyn Sink) -> ControlFlow<()> {
        let (items, mut steps) = block.open();
        for item in items {
            self.item(&item, &mut steps, sink)?;
        }
        ControlFlow::Continue(())
    }

    /// The next item, of which the steps come next.
    #[inline]
    pub(super) fn item(
        &mut self,
        item: &Item<'_>,
        steps: &mut StepsLeft<'_>,
        sink: &mut dyn Sink,
    ) -> ControlFlow<()> {
        let Item {
            next_offset,
            stored_bytes,
            ref found,
        } = *item;
        let mut is_due = next_offset - self.polled_at >= POLL_BYTES;
        match found {
            Found::Other => {}
            Found::Packet(seen) => {
                self.packets.packet(seen, steps, sink)?;
                is_due &= !self.packets.is_sweep_due();
            }
            Found::Sweep => is_due = self.packets.sweep(steps, sink)?,
            Found::End => {
                self.packets.end(steps, sink)?;
                is_due = false;
            }
        }
        if is_due {
            self.polled_at = next_offset;
            self.poll(stored_bytes, sink)?;
        }
        ControlFlow::Continue(())
    }

    fn poll(&mut self, bytes_read: u64, sink: &mut dyn Sink) -> ControlFlow<()> {
        self.packets.hand_out(sink)?;
        self.packets.progress = Progress {
            bytes_read,
            packets: self.packets.n_packets,
            capture_time: self.packets.capture_time(),
        };
        sink.poll(&self.packets.progress)
    }
}
