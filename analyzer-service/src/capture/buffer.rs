//! Bytes of the input that are not parsed yet, in one piece.

use std::io::{self, ErrorKind, Read};

/// One read of this size costs little beside parsing what it brings.
const READ_BYTES: usize = 256 << 10;

/// One of this size costs a little more, and what it brings takes less of the nearer caches.
const SHORT_READ_BYTES: usize = 128 << 10;

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
    /// Bytes of a buffer, unless what is left needs more.
    n_room: usize,
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
            bytes: vec![0; READ_BYTES],
            start: 0,
            end: 0,
            offset: 0,
            n_room: READ_BYTES,
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

    /// Reads less at once from the next buffer on.
    pub(super) fn read_short(&mut self) {
        self.n_room = SHORT_READ_BYTES;
    }

    /// Gives the buffer away, and goes on in `next` with what was not consumed.
    pub(super) fn take(&mut self, mut next: Vec<u8>) -> Vec<u8> {
        let rest = self.data();
        next.resize(rest.len().max(self.n_room), 0);
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
            // Records are long here: the next ones need not grow again.
            self.n_room = self.n_room.max(self.bytes.len().min(READ_BYTES));
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

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 3 << 20;

    /// Takes records of these lengths in turns, each in a buffer of its own.
    #[track_caller]
    fn check(lengths: &[usize], is_short: bool) {
        let input: Vec<u8> = (0..BYTES).map(|at| (at % 251).to_le_bytes()[0]).collect();
        let mut window = Window::new(&input[..]);
        if is_short {
            window.read_short();
        }
        let (mut rest, mut spare) = (&input[..], Vec::new());
        for length in lengths.iter().cycle() {
            if !window.need(*length).unwrap() {
                break;
            }
            let (record, behind) = rest.split_at(*length);
            assert!(window.data().starts_with(record), "{lengths:?}");
            window.consume(*length);
            spare = window.take(spare);
            rest = behind;
        }
        assert_eq!(window.data(), rest, "{lengths:?}");
        // What was read at once last is what the longest record makes it, and no more.
        let longest = lengths.iter().copied().max().unwrap_or_default();
        assert!(window.bytes.len() <= 2 * longest.max(READ_BYTES));
        if is_short && longest <= SHORT_READ_BYTES {
            assert_eq!(window.bytes.len(), SHORT_READ_BYTES, "{lengths:?}");
        }
    }

    #[test]
    fn records_come_whole_however_long_and_however_little_is_read() {
        for lengths in [
            &[3 << 10][..],
            &[100 << 10],
            &[130 << 10, 7],
            &[SHORT_READ_BYTES],
            &[SHORT_READ_BYTES + 1, 1],
            &[400 << 10, 60, 1],
            &[READ_BYTES, READ_BYTES + 1],
            &[1 << 20, 5],
        ] {
            for is_short in [false, true] {
                check(lengths, is_short);
            }
        }
    }
}
