//! The bytes as they are stored, for a decoder that hides what happens to them.

use std::io::{self, ErrorKind, Read};

use super::skippable;

/// What tells one format from the other.
pub(super) const MAGIC_BYTES: usize = 4;

/// Counts what a decoder reads, keeps the input's own error, and stops a decoder that
/// reads and reads and gives nothing.
pub(super) struct Stored<R> {
    /// None: nothing is stored.
    input: Option<R>,
    head: Head,
    /// Of the head, given again.
    n_given: usize,
    n_bytes: u64,
    /// Read since the decoder gave something.
    n_silent: u64,
    n_silent_max: u64,
    is_at_end: bool,
    /// Gives as much as is asked for, however little the input gives at once.
    fills: bool,
    error: Option<io::Error>,
}

/// The first bytes, as many as there are.
#[derive(Clone, Copy, Default)]
struct Head {
    bytes: [u8; MAGIC_BYTES],
    n_bytes: usize,
}

impl Head {
    fn read(input: &mut impl Read) -> io::Result<Self> {
        let mut head = Self::default();
        while let Some(rest) = head.bytes.get_mut(head.n_bytes..)
            && !rest.is_empty()
        {
            match input.read(rest) {
                Ok(0) => break,
                Ok(n_read) => head.n_bytes = (head.n_bytes + n_read).min(MAGIC_BYTES),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(head)
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.n_bytes).unwrap_or_default()
    }

    fn whole(&self) -> Option<[u8; MAGIC_BYTES]> {
        (self.n_bytes == MAGIC_BYTES).then_some(self.bytes)
    }
}

impl<R: Read> Stored<R> {
    /// Reads the first bytes, to give them again: behind frames that are to be skipped, if one of
    /// `behind_skipped` is there.
    ///
    /// # Errors
    /// The input's own.
    pub(super) fn new(
        mut input: R,
        behind_skipped: &[[u8; MAGIC_BYTES]],
        n_silent_max: u64,
    ) -> io::Result<Self> {
        let mut n_skipped = 0;
        let first = Head::read(&mut input)?;
        let mut head = first;
        // Ends: each round takes bytes, and too many of them are skipped in none.
        while let Some(n_most) = n_silent_max.checked_sub(n_skipped)
            && head.whole().is_some_and(skippable::is_magic)
            && let Some(n_bytes) = skippable::skip(&mut input, n_most)?
        {
            n_skipped += MAGIC_BYTES as u64 + n_bytes;
            head = Head::read(&mut input)?;
        }
        if n_skipped > 0
            && !head
                .whole()
                .is_some_and(|magic| behind_skipped.contains(&magic))
        {
            head = first;
        }
        Ok(Self {
            input: Some(input),
            head,
            n_bytes: n_skipped,
            n_silent_max,
            ..Self::nothing()
        })
    }

    /// Holds nothing: stands where the bytes were taken from.
    pub(super) fn nothing() -> Self {
        Self {
            input: None,
            head: Head::default(),
            n_given: 0,
            n_bytes: 0,
            n_silent: 0,
            n_silent_max: 0,
            is_at_end: false,
            fills: false,
            error: None,
        }
    }

    pub(super) fn head(&self) -> &[u8] {
        self.head.bytes()
    }

    pub(super) fn allow_silence(&mut self, n_bytes: u64) {
        self.n_silent_max = n_bytes;
    }

    /// What a decoder gives in front of damage depends on how much it was given at once: let
    /// that not depend on the input.
    pub(super) fn fill_reads(&mut self) {
        self.fills = true;
    }

    /// The decoder is asked for more.
    pub(super) fn begin(&mut self) {
        self.n_silent = 0;
        self.is_at_end = false;
    }

    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// The decoder found the end of the input since it was asked last.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    pub(super) fn is_silent(&self) -> bool {
        self.n_silent > self.n_silent_max
    }

    /// What the input failed with.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }
}

impl<R: Read> Stored<R> {
    /// The head again, then the input. What fails behind other bytes fails at the next read.
    fn read_input(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.error.is_some() {
            return Err(ErrorKind::Other.into());
        }
        let mut head = self.head.bytes().get(self.n_given..).unwrap_or_default();
        let mut n_read = head.read(buffer)?;
        self.n_given += n_read;
        while n_read < buffer.len() && (n_read == 0 || self.fills) {
            let read = self
                .input
                .as_mut()
                .map_or(Ok(0), |input| input.read(&mut buffer[n_read..]));
            match read {
                Ok(0) => break,
                Ok(more) => n_read = (n_read + more).min(buffer.len()),
                // Decoders lose what they had read of a header.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.error = Some(error);
                    return if n_read > 0 {
                        Ok(n_read)
                    } else {
                        Err(kind.into())
                    };
                }
            }
        }
        Ok(n_read)
    }
}

impl<R: Read> Read for Stored<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.read_input(buffer)?;
        self.n_bytes += n_read as u64;
        self.n_silent += n_read as u64;
        self.is_at_end = n_read == 0;
        if self.is_silent() {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(n_read)
    }
}
