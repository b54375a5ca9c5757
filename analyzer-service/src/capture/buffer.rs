//! Bytes of the input that are not parsed yet, in one piece.

use std::io::{self, ErrorKind, Read};

/// One read of this size costs little beside parsing what it brings.
const FIRST_BYTES: usize = 256 << 10;

/// A window on the input. Grows only when it is full of bytes that were read,
/// so a length field alone never makes it allocate.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Position in the input of `start`.
    offset: u64,
    at_end: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            bytes: vec![0; FIRST_BYTES],
            start: 0,
            end: 0,
            offset: 0,
            at_end: false,
        }
    }

    pub(super) fn input(&self) -> &R {
        &self.input
    }

    /// All bytes at hand.
    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Position in the input of the first byte of [`Self::data`].
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Drops the first `n_bytes`, at most all.
    pub(super) fn consume(&mut self, n_bytes: usize) {
        let n_bytes = n_bytes.min(self.end - self.start);
        self.start += n_bytes;
        self.offset += n_bytes as u64;
    }

    /// Reads until `n_bytes` are at hand or the input ends; says whether they are.
    ///
    /// # Errors
    /// The input's own, other than `Interrupted`.
    #[inline]
    pub(super) fn need(&mut self, n_bytes: usize) -> io::Result<bool> {
        // Nearly always, and worth no call.
        if self.end - self.start >= n_bytes {
            return Ok(true);
        }
        self.read_for(n_bytes)
    }

    #[cold]
    fn read_for(&mut self, n_bytes: usize) -> io::Result<bool> {
        while self.end - self.start < n_bytes {
            if self.at_end {
                return Ok(false);
            }
            self.read_more(n_bytes)?;
        }
        Ok(true)
    }

    fn read_more(&mut self, n_bytes: usize) -> io::Result<()> {
        if self.start + n_bytes > self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            self.bytes.resize(2 * self.bytes.len(), 0);
        }
        match self.input.read(&mut self.bytes[self.end..]) {
            Ok(0) => self.at_end = true,
            // A reader that claims more than it was given room for is wrong: believe the room.
            Ok(n_read) => self.end = (self.end + n_read).min(self.bytes.len()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
