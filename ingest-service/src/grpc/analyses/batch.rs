//! Records as WatchAnalysis tells them: those of a stored part, which are never decoded.

use bytes::{Buf as _, BufMut, Bytes};
use prost::encoding::{
    WireType::LengthDelimited, decode_varint, encode_key, encode_varint, encoded_len_varint,
    key_len,
};

use crate::domain::analyses::Records;

/// Bytes of records in one message, but for a record that is longer: clients take
/// 4 MiB, and what was gathered for an object may be more.
const BATCH_BYTES: usize = 256 << 10;

/// Field of `WatchAnalysisResponse` that is a `RecordBatch`, and that one's field of records.
const RECORDS: u32 = 2;
const RECORD: u32 = 1;

/// A `WatchAnalysisResponse` with records.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// Each behind its length.
    framed: Bytes,
    records: usize,
}

/// What is stored is no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored records end inside of one")]
pub(super) struct Cut;

impl Batch {
    /// Records of one part after a sequence, in messages that every client takes.
    ///
    /// # Errors
    /// [`Cut`]
    pub(super) fn all(records: Records, after: u64) -> Result<Vec<Self>, Cut> {
        let mut rest = match <[Bytes; 1]>::try_from(records.framed) {
            Ok([whole]) => whole,
            Err(pieces) => pieces.concat().into(),
        };
        // Sequences follow one another.
        for _ in records.first..=after.min(records.last) {
            let bytes = first_bytes(&rest)?;
            rest.advance(bytes);
        }
        let mut batches = Vec::new();
        while rest.has_remaining() {
            let (mut bytes, mut records) = (first_bytes(&rest)?, 1);
            while bytes < rest.len() {
                let more = first_bytes(&rest[bytes..])?;
                if bytes + more > BATCH_BYTES {
                    break;
                }
                bytes += more;
                records += 1;
            }
            let framed = rest.split_to(bytes);
            batches.push(Self { framed, records });
        }
        Ok(batches)
    }

    fn batch_bytes(&self) -> usize {
        self.framed.len() + self.records * key_len(RECORD)
    }

    /// Bytes of the message.
    pub(super) fn length(&self) -> usize {
        let batch = self.batch_bytes();
        key_len(RECORDS) + encoded_len_varint(batch as u64) + batch
    }

    /// Writes the message.
    pub(super) fn write(mut self, to: &mut impl BufMut) {
        encode_key(RECORDS, LengthDelimited, to);
        encode_varint(self.batch_bytes() as u64, to);
        // They were all read before.
        while let Ok(bytes @ 1..) = first_bytes(&self.framed) {
            encode_key(RECORD, LengthDelimited, to);
            to.put_slice(&self.framed[..bytes]);
            self.framed.advance(bytes);
        }
    }
}

/// Of the first record, with the length in front of it.
fn first_bytes(framed: &[u8]) -> Result<usize, Cut> {
    let mut rest = framed;
    let bytes = decode_varint(&mut rest).map_err(|_| Cut)?;
    match usize::try_from(bytes) {
        Ok(bytes) if bytes <= rest.len() => Ok(framed.len() - rest.len() + bytes),
        _ => Err(Cut),
    }
}

#[cfg(test)]
mod tests;
