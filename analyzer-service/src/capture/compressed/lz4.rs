//! LZ4 frames, one after the other ("LZ4 Frame Format Description" 1.6.4).

use std::{
    io::{self, BufRead as _, BufReader, Cursor, ErrorKind, Read},
    mem,
};

use lz4_flex::frame::FrameDecoder;

use super::{
    skippable,
    stored::{MAGIC_BYTES, Stored},
};

/// Begins a frame, as it stands in the file.
pub(super) const FRAME_MAGIC: [u8; MAGIC_BYTES] = [0x04, 0x22, 0x4d, 0x18];

/// Begins a frame as they were before they had a format: it says nowhere where it ends.
const LEGACY_MAGIC: [u8; MAGIC_BYTES] = [0x02, 0x21, 0x4c, 0x18];

/// What is in all frames of a file.
pub(super) struct Frames<R: Read> {
    /// Of this frame alone: with debug assertions, a decoder of `lz4_flex` 0.14 panics at a
    /// frame whose blocks are smaller than those of one before it.
    frame: FrameDecoder<Source<R>>,
}

/// The bytes of a file, of which the next few were looked at.
struct Source<R> {
    seen: Cursor<[u8; MAGIC_BYTES]>,
    rest: BufReader<Stored<R>>,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(input: BufReader<Stored<R>>) -> Self {
        let source = Source {
            seen: seen_all(),
            rest: input,
        };
        Self {
            frame: FrameDecoder::new(source),
        }
    }

    pub(super) fn stored(&self) -> &Stored<R> {
        self.frame.get_ref().rest.get_ref()
    }

    pub(super) fn stored_mut(&mut self) -> &mut Stored<R> {
        self.frame.get_mut().rest.get_mut()
    }

    /// Goes on behind a frame, or behind a block that holds nothing: the decoder tells them by
    /// the same. What begins a frame cannot begin a block, whose length it would be: false when
    /// there is nothing more.
    fn go_on(&mut self) -> io::Result<bool> {
        loop {
            let source = self.frame.get_mut();
            if source.rest.fill_buf()?.is_empty() {
                return Ok(false);
            }
            let mut magic = [0; MAGIC_BYTES];
            source.rest.read_exact(&mut magic)?;
            if skippable::is_magic(magic) {
                // As long as it likes: bytes for nothing are counted below.
                if skippable::skip(&mut source.rest, u64::MAX)?.is_none() {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                continue;
            }
            if magic == LEGACY_MAGIC {
                let because = "a frame of the legacy format";
                return Err(io::Error::new(ErrorKind::InvalidData, because));
            }
            source.seen = Cursor::new(magic);
            if magic == FRAME_MAGIC {
                let nothing = Source {
                    seen: seen_all(),
                    rest: BufReader::with_capacity(0, Stored::nothing()),
                };
                self.frame = FrameDecoder::new(mem::replace(source, nothing));
            }
            return Ok(true);
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Ends: every round takes bytes, and too many of them for nothing are an error.
        loop {
            let n_read = self.frame.read(buffer)?;
            if n_read > 0 {
                return Ok(n_read);
            }
            // The decoder says no more where the file ends inside of a frame.
            if self.stored().is_at_end() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if !self.go_on()? {
                return Ok(0);
            }
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.seen.read(buffer)? {
            0 => self.rest.read(buffer),
            n_read => Ok(n_read),
        }
    }
}

/// Bytes that were looked at and are read.
fn seen_all() -> Cursor<[u8; MAGIC_BYTES]> {
    let mut seen = Cursor::new([0; MAGIC_BYTES]);
    seen.set_position(MAGIC_BYTES as u64);
    seen
}
