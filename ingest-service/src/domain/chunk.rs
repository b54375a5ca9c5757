//! A chunk as it comes in, checked before anything is kept.

use bytes::Bytes;

use super::{capture::Declared, error::Error, id::ChunkIndex};

/// What a client sent.
#[derive(Clone, Debug)]
pub struct IncomingChunk {
    pub index: ChunkIndex,
    /// Pins no buffer much larger than itself.
    pub data: Bytes,
    /// What the client says the CRC32C of `data` is.
    pub crc32c: Option<u32>,
}

/// A chunk of a legal size, at a legal place, with its checksum.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub index: ChunkIndex,
    pub data: Bytes,
    pub bytes: u32,
    pub crc32c: u32,
}

/// Bounds of every capture.
#[derive(Clone, Copy, Debug)]
pub struct ChunkLimits {
    pub chunk_bytes_max: u32,
    pub chunks_max: u32,
}

impl IncomingChunk {
    /// Checks what can be told without the catalog.
    ///
    /// # Errors
    /// [`Error::ChunkSize`], [`Error::IndexOutOfRange`] or [`Error::Checksum`].
    pub fn check(self, declared: &Declared, limits: ChunkLimits) -> Result<Chunk, Error> {
        let Self {
            index,
            data,
            crc32c,
        } = self;
        let size = |why| Err(Error::ChunkSize { index, why });
        let count = declared.chunk_count.unwrap_or(limits.chunks_max);
        if index.0 >= count {
            return Err(Error::IndexOutOfRange { index, count });
        }
        let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
        if bytes == 0 {
            return size("a chunk has at least one byte".to_owned());
        }
        let bytes_max = limits.chunk_bytes_max;
        if bytes > bytes_max {
            return size(format!("{bytes} bytes, at most {bytes_max} are allowed"));
        }
        if let Some(chunk_bytes) = declared.chunk_bytes {
            let may_be_last = declared.chunk_count.is_none_or(|n| index.0 + 1 == n);
            if bytes > chunk_bytes || (bytes < chunk_bytes && !may_be_last) {
                return size(format!("{bytes} bytes, declared were {chunk_bytes}"));
            }
        }
        let computed = ::crc32c::crc32c(&data);
        if crc32c.is_some_and(|said| said != computed) {
            return Err(Error::Checksum { index });
        }
        Ok(Chunk {
            index,
            data,
            bytes,
            crc32c: computed,
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(index: u32, data: &'static [u8], crc32c: Option<u32>, expected: &Expect) {
        let declared = Declared {
            chunk_count: Some(3),
            chunk_bytes: Some(4),
            ..Declared::default()
        };
        let limits = ChunkLimits {
            chunk_bytes_max: 6,
            chunks_max: 10,
        };
        let chunk = IncomingChunk {
            index: ChunkIndex(index),
            data: Bytes::from_static(data),
            crc32c,
        };
        let told = match chunk.check(&declared, limits) {
            Ok(chunk) => format!("{} bytes", chunk.bytes),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn a_chunk_keeps_to_what_was_declared() {
        check(0, b"abcd", None, &expect!["4 bytes"]);
        check(2, b"a", None, &expect!["1 bytes"]);
        check(
            0,
            b"abc",
            None,
            &expect!["chunk 0: 3 bytes, declared were 4"],
        );
        check(
            2,
            b"abcde",
            None,
            &expect!["chunk 2: 5 bytes, declared were 4"],
        );
        check(
            2,
            b"abcdefg",
            None,
            &expect!["chunk 2: 7 bytes, at most 6 are allowed"],
        );
        check(
            1,
            b"",
            None,
            &expect!["chunk 1: a chunk has at least one byte"],
        );
        check(
            3,
            b"abcd",
            None,
            &expect!["chunk 3 is beyond the last, 2 of 3"],
        );
        check(1, b"abcd", Some(0x92c8_0a31), &expect!["4 bytes"]);
        check(
            1,
            b"abcd",
            Some(1),
            &expect!["chunk 1 does not have its checksum"],
        );
    }
}
