//! Frames that hold nothing of the content, before, between and behind those of zstd (RFC 8878,
//! section 3.1.2) and LZ4: pzstd begins its files with one.

use std::{
    io::{self, Read},
    ops::RangeInclusive,
};

use super::stored::MAGIC_BYTES;

const MAGICS: RangeInclusive<u32> = 0x184d_2a50..=0x184d_2a5f;

/// Whether such a frame begins with these bytes.
pub(super) fn is_magic(magic: [u8; MAGIC_BYTES]) -> bool {
    MAGICS.contains(&u32::from_le_bytes(magic))
}

/// Reads what is behind the magic. Answers how many bytes that was, or None where the input ends
/// before, and in a frame with more than `content_max` bytes.
///
/// # Errors
/// The input's own, other than `Interrupted`.
pub(super) fn skip(input: &mut impl Read, content_max: u64) -> io::Result<Option<u64>> {
    let mut length = [0; 4];
    if let Err(error) = input.read_exact(&mut length) {
        let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
        return if is_cut { Ok(None) } else { Err(error) };
    }
    let n_bytes = u64::from(u32::from_le_bytes(length));
    let mut content = input.take(n_bytes.min(content_max));
    let n_read = io::copy(&mut content, &mut io::sink())?;
    Ok((n_read == n_bytes).then_some(4 + n_bytes))
}
