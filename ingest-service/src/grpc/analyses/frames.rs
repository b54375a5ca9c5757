//! Records as they are stored: messages, each behind its length.

use bytes::{Buf as _, Bytes, BytesMut};
use prost::{DecodeError, Message as _};
use weir_shared::proto::analyzer::v1::AnalysisRecord;

use crate::domain::analyses::Records;

/// `None`: there are no records.
pub(super) fn frame(records: &[AnalysisRecord]) -> Option<Records> {
    let (first, last) = (records.first()?, records.last()?);
    let bytes = records.iter().map(|record| {
        let bytes = record.encoded_len();
        bytes + prost::length_delimiter_len(bytes)
    });
    let mut framed = BytesMut::with_capacity(bytes.sum());
    for record in records {
        // The buffer grows: there is always room.
        record.encode_length_delimited(&mut framed).ok();
    }
    Some(Records {
        first: first.sequence,
        last: last.sequence,
        framed: vec![framed.freeze()],
    })
}

/// Reads one after the other.
#[derive(Debug)]
pub(in crate::grpc) struct Frames {
    rest: Bytes,
}

impl Frames {
    pub(in crate::grpc) fn of(records: Records) -> Self {
        let mut framed = records.framed;
        let rest = match framed.len() {
            1 => framed.remove(0),
            _ => framed.concat().into(),
        };
        Self { rest }
    }
}

impl Iterator for Frames {
    type Item = Result<AnalysisRecord, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.rest.has_remaining() {
            return None;
        }
        let record = AnalysisRecord::decode_length_delimited(&mut self.rest);
        if record.is_err() {
            self.rest.clear();
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_framed() {
        let record = |sequence: u64| AnalysisRecord {
            sequence,
            community_id: "x".repeat(usize::try_from(sequence * 100).unwrap()),
            ..AnalysisRecord::default()
        };
        let records: Vec<_> = (3..6).map(record).collect();
        assert_eq!(frame(&[]), None);
        let framed = frame(&records).unwrap();
        assert_eq!((framed.first, framed.last), (3, 5));
        let read: Result<Vec<_>, _> = Frames::of(framed.clone()).collect();
        assert_eq!(read.unwrap(), records);

        // A message may go on in the next piece.
        let whole = framed.framed[0].clone();
        let pieces = Records {
            framed: vec![whole.slice(..100), whole.slice(100..)],
            ..framed
        };
        assert_eq!(Frames::of(pieces).count(), 3);
        let cut = Records {
            framed: vec![whole.slice(..whole.len() - 1)],
            first: 3,
            last: 5,
        };
        let read: Vec<_> = Frames::of(cut).collect();
        assert_eq!(read.len(), 3);
        assert!(read[2].is_err(), "{:?}", read[2]);
    }
}
