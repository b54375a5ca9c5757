//! Items of what was read already, and the buffer they lie in: for whoever works on them
//! while the next ones are read.

use std::{
    io::{self, Read},
    ops::Range,
};

use super::{CaptureReader, Item, Packet};

impl<R: Read> CaptureReader<R> {
    /// As [`Self::advance`] as long as that takes no reading; then none.
    ///
    /// # Errors
    /// None in practice: what reads fails in [`Self::advance`].
    pub fn advance_at_hand(&mut self) -> io::Result<Option<Item>> {
        self.window.hold(true);
        let item = self.advance();
        let is_dry = self.window.is_dry();
        self.window.hold(false);
        match is_dry {
            true => Ok(None),
            false => item.map(Some),
        }
    }

    /// Gives away the buffer that has the items so far, and goes on in `next`, whatever that
    /// holds.
    pub fn take_buffer(&mut self, next: Vec<u8>) -> Vec<u8> {
        self.current = None;
        self.window.consume(std::mem::take(&mut self.n_item));
        self.window.take(next)
    }

    /// As [`Self::packet`], with the place of its data in the buffer.
    #[must_use]
    pub fn packet_in_buffer(&self) -> Option<(Packet<'_>, Range<usize>)> {
        let (packet, (_, data)) = (self.packet()?, self.current.as_ref()?);
        let start = self.window.start();
        Some((packet, start + data.start..start + data.end))
    }
}
