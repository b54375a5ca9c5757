use prost::Message as _;
use weir_shared::proto::{
    analyzer::v1::{AnalysisRecord, RecordBatch},
    ingest::v1::{WatchAnalysisResponse, watch_analysis_response::Event},
};

use super::*;
use crate::grpc::analyses::frames::frame;

fn record(sequence: u64, bytes: usize) -> AnalysisRecord {
    AnalysisRecord {
        sequence,
        community_id: "x".repeat(bytes),
        ..AnalysisRecord::default()
    }
}

/// Batches are as those that are encoded from what they hold.
#[track_caller]
fn check(records: Records, after: u64, wanted: &[&[AnalysisRecord]]) {
    let batches = Batch::all(records, after).unwrap();
    let told = batches.into_iter().map(|batch| {
        let (length, mut written) = (batch.length(), Vec::new());
        batch.write(&mut written);
        assert_eq!(written.len(), length);
        written
    });
    let wanted = wanted.iter().map(|records| {
        let records = records.to_vec();
        let event = Some(Event::Records(RecordBatch { records }));
        WatchAnalysisResponse { event }.encode_to_vec()
    });
    assert!(told.eq(wanted), "after {after}");
}

#[test]
fn what_is_stored_is_told_as_a_message() {
    let small: Vec<_> = (3..7)
        .map(|n| record(n, 50 * usize::from(n == 5)))
        .collect();
    let framed = frame(&small).unwrap();
    check(framed.clone(), 0, &[&small]);
    check(framed.clone(), 2, &[&small]);
    check(framed.clone(), 4, &[&small[2..]]);
    check(framed.clone(), 6, &[]);
    check(framed.clone(), 9, &[]);
    let whole = framed.framed[0].clone();
    let pieces = Records {
        framed: vec![whole.slice(..20), whole.slice(20..)],
        ..framed
    };
    check(pieces, 3, &[&small[1..]]);
}

#[test]
fn messages_are_what_every_client_takes() {
    let large: Vec<_> = [10, 100_000, 150_000, 20_000, 1 << 20, 5]
        .into_iter()
        .zip(1..)
        .map(|(bytes, n)| record(n, bytes))
        .collect();
    let (one, two, three) = (&large[..3], &large[3..4], &large[4..5]);
    check(frame(&large).unwrap(), 0, &[one, two, three, &large[5..]]);
    check(frame(&large).unwrap(), 4, &[three, &large[5..]]);
}

#[test]
fn what_is_cut_is_an_error() {
    let framed = frame(&[record(1, 9), record(2, 200)]).unwrap();
    let whole = framed.framed[0].clone();
    for bytes in 1..whole.len() {
        let cut = Records {
            framed: vec![whole.slice(..bytes)],
            ..framed
        };
        let is_first = bytes == first_bytes(&whole).unwrap();
        assert_eq!(Batch::all(cut, 0).is_ok(), is_first, "{bytes}");
    }
    let lies = Records {
        framed: vec![Bytes::from_static(&[0xff; 12])],
        first: 1,
        last: 1,
    };
    assert_eq!(Batch::all(lies.clone(), 0).unwrap_err(), Cut);
    assert_eq!(Batch::all(lies, 1).unwrap_err(), Cut);
}
