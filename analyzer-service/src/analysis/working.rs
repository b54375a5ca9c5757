//! The back half of an analysis: the packets of a block, one after the other, to records.

use std::ops::ControlFlow;

use super::{
    Options, POLL_BYTES, POLL_PACKETS, Sink,
    packets::Packets,
    reading::{Block, Taken, Worked},
};
use crate::{decode::Frame, record::Progress};

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

    /// The next block; behind the last one all that waits ends.
    pub(super) fn block(&mut self, block: &Block, sink: &mut dyn Sink) -> ControlFlow<()> {
        for item in block.items() {
            let Worked {
                next_offset,
                stored_bytes,
                packet,
            } = item;
            let is_packet = packet.is_some();
            if let Some(taken) = packet {
                let mut frame = Frame::default();
                taken.decode(&mut frame);
                let Taken { packet, number, .. } = taken;
                self.packets.packet(&packet, &frame, number, sink)?;
            }
            let packets_due = is_packet && self.packets.n_packets.is_multiple_of(POLL_PACKETS);
            if packets_due || next_offset - self.polled_at >= POLL_BYTES {
                self.polled_at = next_offset;
                self.poll(stored_bytes, sink)?;
            }
        }
        if block.is_last {
            self.packets.end(sink)?;
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
