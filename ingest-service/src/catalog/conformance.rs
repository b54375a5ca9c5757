//! What every catalog does, as a suite that panics where one does not. A
//! backend's tests run it on an empty catalog.

mod analyses;
mod deliveries;
mod events;
mod folding;
pub(crate) mod index;
mod keeping;
mod leads;
mod lifecycle;
mod lists;
mod sharing;
mod slots;

use std::time::Duration;

use super::{Catalog, CommitRules, Committed, SegmentCommit, Times};
use crate::domain::{
    capture::{Capture, ChunkRecord, Declared, SlotOutcome, Spec},
    id::{Blake3, ChunkIndex, SegmentId, Sha256, Uid},
    time::Timestamp,
};

pub(crate) async fn suite(catalog: &dyn Catalog) {
    slots::suite(catalog).await;
    lifecycle::suite(catalog).await;
    folding::suite(catalog).await;
    sharing::suite(catalog).await;
    keeping::suite(catalog).await;
    analyses::suite(catalog).await;
    lists::suite(catalog).await;
    deliveries::suite(catalog).await;
    leads::suite(catalog).await;
    events::suite(catalog).await;
}

pub(crate) const NOW: Timestamp = Timestamp(1_000_000_000);
pub(crate) const KEPT: Duration = Duration::from_secs(60);
pub(crate) const CAPTURE_BYTES_MAX: u64 = 1000;

pub(crate) const OPEN_MAX: u32 = 100_000;

pub(crate) fn times() -> Times {
    Times {
        now: NOW,
        expires: NOW.plus(KEPT),
        retained_until: None,
    }
}

pub(crate) fn rules() -> CommitRules {
    CommitRules {
        at: times(),
        capture_bytes_max: CAPTURE_BYTES_MAX,
    }
}

pub(crate) fn spec(id: &str, declared: Declared) -> Spec {
    Spec {
        id: Some(id.parse().unwrap()),
        declared,
        ..Spec::default()
    }
}

pub(crate) async fn create(catalog: &dyn Catalog, id: &str, declared: Declared) -> Capture {
    let spec = spec(id, declared);
    catalog.create(&spec, times(), OPEN_MAX).await.unwrap()
}

pub(crate) fn of_count(chunk_count: u32) -> Declared {
    Declared {
        chunk_count: Some(chunk_count),
        ..Declared::default()
    }
}

/// A segment of these chunks, one behind the other.
pub(crate) fn segment(capture: Uid, chunks: &[(u32, &[u8])]) -> SegmentCommit {
    let mut offset = 0;
    let mut records = Vec::new();
    for (index, data) in chunks {
        let bytes = u32::try_from(data.len()).unwrap();
        records.push(ChunkRecord {
            index: ChunkIndex(*index),
            bytes,
            crc32c: crc32c::crc32c(data),
            blake3: Blake3::of(data),
            offset,
        });
        offset += bytes;
    }
    SegmentCommit {
        capture,
        segment: SegmentId::generate(capture),
        bytes: offset.into(),
        chunks: records,
        digest: None,
        traceparent: None,
    }
}

pub(crate) async fn commit(catalog: &dyn Catalog, segment: SegmentCommit) -> Committed {
    let mut all = catalog.commit(&[segment], rules()).await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[track_caller]
pub(crate) fn slots_of(committed: Committed) -> (Vec<SlotOutcome>, Capture) {
    match committed {
        Committed::Slots { outcomes, capture } => (outcomes, *capture),
        other => panic!("not committed: {other:?}"),
    }
}

pub(crate) fn sha(data: &[u8]) -> Option<Sha256> {
    Some(Sha256::of(data))
}

/// A capture of three chunks of which 0 and 2 are there.
pub(crate) async fn store_two_of_three(catalog: &dyn Catalog, id: &str) -> Capture {
    let capture = create(catalog, id, of_count(3)).await;
    let two = segment(capture.uid, &[(0, b"aa"), (2, b"c")]);
    let (outcomes, capture) = slots_of(commit(catalog, two).await);
    assert_eq!(outcomes, [SlotOutcome::Stored, SlotOutcome::Stored]);
    capture
}
