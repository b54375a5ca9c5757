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
    /// Nothing is read now.
    holds: bool,
    /// While nothing was to be read, something was needed.
    is_dry: bool,
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
            holds: false,
            is_dry: false,
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

    /// Where [`Self::data`] begins in the buffer.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Whether nothing is read from now on: what needs more than is at hand fails, and
    /// [`Self::is_dry`] says so.
    pub(super) fn hold(&mut self, holds: bool) {
        self.holds = holds;
        self.is_dry = false;
    }

    pub(super) fn is_dry(&self) -> bool {
        self.is_dry
    }

    /// Gives the buffer away, and goes on in `next` with what was not consumed.
    pub(super) fn take(&mut self, mut next: Vec<u8>) -> Vec<u8> {
        let rest = self.data();
        let n_bytes = rest.len().max(FIRST_BYTES);
        if next.len() < n_bytes {
            next.resize(n_bytes, 0);
        }
        next[..rest.len()].copy_from_slice(rest);
        (self.start, self.end) = (0, rest.len());
        std::mem::replace(&mut self.bytes, next)
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
            if self.holds {
                self.is_dry = true;
                return Err(ErrorKind::WouldBlock.into());
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
