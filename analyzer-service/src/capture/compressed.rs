//! Compressed captures: gzip (RFC 1952), zstd (RFC 8878) and LZ4 frames, known by their
//! first bytes. What they hold is read as it is decompressed, so that a small file that
//! grows large costs time and no memory; how much time is bounded too.
//!
//! Damage ends the capture where the good bytes end; [`Decompressed::failure`] says why.

mod lz4;
mod skippable;
mod stored;

use std::{
    fmt,
    io::{self, BufReader, ErrorKind, Read},
};

use flate2::bufread::MultiGzDecoder;

use self::{
    lz4::{FRAME_MAGIC as LZ4_MAGIC, Frames},
    stored::{MAGIC_BYTES, Stored},
};
use crate::record::{Compression, Stop, Verdict};

/// How many bytes may come of each stored one. A capture of the same packet again and
/// again, whose times differ, stays below a hundred; gzip can say 1,032 and zstd 30,000.
pub const EXPANSION_MAX: u64 = 1_000;

/// Bytes that may come of any file, however small.
pub const EXPANSION_FREE_BYTES: u64 = 16 << 20;

/// Bytes that come of one file, whatever its size: the largest capture there can be.
pub const DECOMPRESSED_BYTES_MAX: u64 = 1 << 40;

/// Stored bytes that may be read for nothing: empty members, frames that are to be
/// skipped. Soon over, since nobody is asked meanwhile whether the call still lives.
pub(super) const SILENT_BYTES_MAX: u64 = 1 << 20;

/// LZ4 gives a block when it has read all of it.
const LZ4_BLOCK_BYTES_MAX: u64 = 4 << 20;

/// What zstd may remember: 32 MiB, enough for its levels up to 20 without `--long`. It is
/// allocated at once, for each analysis.
pub(super) const ZSTD_WINDOW_LOG_MAX: u32 = 25;

/// Begins a zstd frame, as it stands in the file.
const ZSTD_MAGIC: [u8; MAGIC_BYTES] = [0x28, 0xb5, 0x2f, 0xfd];

/// Stored bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// Bytes that gzip and zstd are asked for at once. When they find damage, what they had ready
/// in that call is lost: so little (and up to 32 KiB that gzip looks ahead).
const PIECE_BYTES: usize = 8 << 10;

/// The bytes of a capture, out of what may be compressed.
pub(super) struct Decompressed<R: Read> {
    codec: Codec<R>,
    n_bytes: u64,
    ended: bool,
    failure: Option<Failure>,
}

/// Why a compressed capture ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Truncated(String),
    #[error("{0}")]
    Corrupt(String),
    #[error("{0}")]
    Limited(String),
}

enum Codec<R: Read> {
    None(Stored<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Stored<R>>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Stored<R>>>>),
    Lz4(Box<Frames<R>>),
}

impl<R: Read> Decompressed<R> {
    /// Reads as far as it takes to know the compression.
    ///
    /// # Errors
    /// The input's own.
    pub(super) fn new(input: R) -> io::Result<Self> {
        let mut stored = Stored::new(input, &[ZSTD_MAGIC, LZ4_MAGIC], SILENT_BYTES_MAX)?;
        let buffered = |mut stored: Stored<R>| {
            stored.fill_reads();
            BufReader::with_capacity(READ_BYTES, stored)
        };
        let codec = match stored.head() {
            [0x1f, 0x8b, ..] => Codec::Gzip(Box::new(MultiGzDecoder::new(buffered(stored)))),
            head if head == ZSTD_MAGIC => {
                let mut decoder = zstd::Decoder::with_buffer(buffered(stored))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Codec::Zstd(Box::new(decoder))
            }
            head if head == LZ4_MAGIC => {
                stored.allow_silence(SILENT_BYTES_MAX + LZ4_BLOCK_BYTES_MAX);
                Codec::Lz4(Box::new(Frames::new(buffered(stored))))
            }
            _ => {
                stored.allow_silence(u64::MAX);
                Codec::None(stored)
            }
        };
        Ok(Self {
            codec,
            n_bytes: 0,
            ended: false,
            failure: None,
        })
    }

    #[must_use]
    pub(super) fn compression(&self) -> Compression {
        match &self.codec {
            Codec::None(_) => Compression::None,
            Codec::Gzip(_) => Compression::Gzip,
            Codec::Zstd(_) => Compression::Zstd,
            Codec::Lz4(_) => Compression::Lz4,
        }
    }

    /// Bytes taken from the input.
    #[must_use]
    pub(super) fn stored_bytes(&self) -> u64 {
        self.stored().n_bytes()
    }

    /// Why the bytes ended, once they have, unless it is where they should end.
    #[must_use]
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn stored(&self) -> &Stored<R> {
        match &self.codec {
            Codec::None(stored) => stored,
            Codec::Gzip(decoder) => decoder.get_ref().get_ref(),
            Codec::Zstd(decoder) => decoder.get_ref().get_ref(),
            Codec::Lz4(frames) => frames.stored(),
        }
    }

    fn stored_mut(&mut self) -> &mut Stored<R> {
        match &mut self.codec {
            Codec::None(stored) => stored,
            Codec::Gzip(decoder) => decoder.get_mut().get_mut(),
            Codec::Zstd(decoder) => decoder.get_mut().get_mut(),
            Codec::Lz4(frames) => frames.stored_mut(),
        }
    }

    /// What went wrong: the input's own error, or the end of the capture.
    fn fail(&mut self, error: &io::Error) -> io::Result<usize> {
        let name = self.compression().to_string();
        let stored = self.stored_mut();
        if let Some(own) = stored.take_error() {
            return Err(own);
        }
        self.failure = Some(if stored.is_silent() {
            Failure::Limited(format!("{name}: too many bytes that hold nothing"))
        } else if error.kind() == ErrorKind::UnexpectedEof {
            Failure::Truncated(format!("{name}: the file ends early"))
        } else if error.to_string().contains("too much memory") {
            let mib = (1 << ZSTD_WINDOW_LOG_MAX) >> 20;
            Failure::Limited(format!("{name}: it takes a window of more than {mib} MiB"))
        } else {
            Failure::Corrupt(format!("{name}: {error}"))
        });
        Ok(0)
    }

    /// The verdict on a capture whose bytes ended here.
    pub(super) fn judge(&self, verdict: Verdict, at_byte: u64) -> Verdict {
        let (Some(failure), Verdict::Complete | Verdict::Truncated(_)) = (&self.failure, &verdict)
        else {
            return verdict;
        };
        let stop = |because: &String| Stop {
            at_byte,
            because: because.clone(),
        };
        match failure {
            Failure::Truncated(because) => Verdict::Truncated(stop(because)),
            Failure::Corrupt(because) => Verdict::Corrupt(stop(because)),
            Failure::Limited(because) => Verdict::Limited(stop(because)),
        }
    }

    fn is_too_much(&self) -> bool {
        let free = EXPANSION_FREE_BYTES;
        let most = self
            .stored_bytes()
            .saturating_mul(EXPANSION_MAX)
            .saturating_add(free);
        self.n_bytes > most.min(DECOMPRESSED_BYTES_MAX)
    }
}

impl<R: Read> fmt::Debug for Decompressed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressed")
            .field("compression", &self.compression())
            .field("n_bytes", &self.n_bytes)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        self.stored_mut().begin();
        let n_piece = buffer.len().min(PIECE_BYTES);
        let read = match &mut self.codec {
            Codec::None(stored) => match stored.read(buffer) {
                Ok(n_read) => return Ok(n_read),
                Err(error) => Err(error),
            },
            Codec::Gzip(decoder) => decoder.read(&mut buffer[..n_piece]),
            Codec::Zstd(decoder) => decoder.read(&mut buffer[..n_piece]),
            Codec::Lz4(frames) => frames.read(buffer),
        };
        let n_read = match read {
            Err(error) => self.fail(&error)?,
            Ok(n_read) => n_read,
        };
        self.n_bytes += n_read as u64;
        self.ended = n_read == 0;
        if self.is_too_much() {
            self.ended = true;
            let name = self.compression();
            self.failure = Some(Failure::Limited(format!(
                "{name}: {} bytes of {} stored ones",
                self.n_bytes,
                self.stored_bytes()
            )));
        }
        Ok(n_read)
    }
}

#[cfg(test)]
mod tests;
