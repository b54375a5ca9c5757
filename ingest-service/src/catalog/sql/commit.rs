//! Chunks of durable segments take their slots.
//!
//! Locks are taken in one order by whoever changes something: captures by uid,
//! then segments by id, then chunks of the captures that are locked. So no two
//! transactions wait for each other.

use std::collections::{HashMap, HashSet};

use super::{
    super::{CatalogError, CommitRules, Committed, SegmentCommit},
    events, read, row, seal,
    session::{Session, Value, sql},
};
use crate::domain::{
    capture::{Capture, ChunkRecord, SlotOutcome},
    id::{ChunkIndex, SegmentId, Uid},
};

/// Rows in one INSERT: seven values each stay far below the 32,766 that SQLite
/// takes and the 65,535 of PostgreSQL.
const ROWS_PER_INSERT: usize = 1_000;

pub(super) async fn apply(
    db: &mut impl Session,
    segments: &[SegmentCommit],
    rules: CommitRules,
) -> Result<Vec<Committed>, CatalogError> {
    let mut uids: Vec<Uid> = segments.iter().map(|segment| segment.capture).collect();
    uids.sort_unstable();
    uids.dedup();
    let mut captures = row::lock_all(db, &uids).await?;
    let entered = enter(db, segments, &captures, rules).await?;

    let mut committed = Vec::with_capacity(segments.len());
    let (mut losers, mut told) = (Vec::new(), Vec::new());
    for segment in segments {
        committed.push(match captures.get_mut(&segment.capture) {
            None => Committed::CaptureGone,
            Some(capture) if capture.manifest.is_some() => Committed::Folded,
            Some(_) if !entered.contains(&segment.segment) => Committed::Condemned,
            Some(capture) => {
                let before = capture.state;
                let outcomes = take_slots(db, capture, segment, rules).await?;
                for mut event in events::of_capture(Some(before), capture) {
                    // This transaction is of many calls.
                    event.traceparent.clone_from(&segment.traceparent);
                    told.push(event);
                }
                if !outcomes.contains(&SlotOutcome::Stored) {
                    losers.push(segment.segment);
                }
                Committed::Slots {
                    outcomes,
                    capture: Box::new(capture.clone()),
                }
            }
        });
    }
    condemn(db, &losers).await?;
    events::append(db, &told, rules.at.now).await?;
    Ok(committed)
}

/// Gives those of which the id was free. One that is taken was condemned.
async fn enter(
    db: &mut impl Session,
    segments: &[SegmentCommit],
    captures: &HashMap<Uid, Capture>,
    rules: CommitRules,
) -> Result<HashSet<SegmentId>, CatalogError> {
    let held = segments.iter();
    let mut held: Vec<_> = held
        .filter(|segment| captures.get(&segment.capture).is_some_and(has_rows))
        .collect();
    if held.is_empty() {
        return Ok(HashSet::new());
    }
    held.sort_unstable_by_key(|segment| segment.segment);
    let rows = held.iter().map(|segment| {
        [
            segment.segment.as_bytes().into(),
            1_i64.into(),
            segment.capture.as_bytes().into(),
            segment.bytes.cast_signed().into(),
            rules.at.now.0.into(),
        ]
    });
    let entered = sql("INSERT INTO segments (id, state, uid, bytes, at_us)")
        .push_rows(rows)
        .push(" ON CONFLICT (id) DO NOTHING RETURNING id")
        .all(db)
        .await?;
    let entered: Result<HashSet<[u8; 16]>, _> = entered
        .iter()
        .map(|found| row::bytes(found, "id"))
        .collect();
    let entered = entered?;
    let ids = segments.iter().map(|segment| segment.segment);
    Ok(ids.filter(|id| entered.contains(id.as_bytes())).collect())
}

fn has_rows(capture: &Capture) -> bool {
    capture.manifest.is_none()
}

async fn take_slots(
    db: &mut impl Session,
    capture: &mut Capture,
    segment: &SegmentCommit,
    rules: CommitRules,
) -> Result<Vec<SlotOutcome>, CatalogError> {
    let indexes: Vec<ChunkIndex> = segment.chunks.iter().map(|c| c.index).collect();
    let taken: HashMap<_, _> = read::slots(db, capture.uid, &indexes)
        .await?
        .into_iter()
        .collect();
    let outcomes = capture.admit(&segment.chunks, &taken, rules.capture_bytes_max);
    let stored: Vec<&ChunkRecord> = segment
        .chunks
        .iter()
        .zip(&outcomes)
        .filter_map(|(chunk, outcome)| (*outcome == SlotOutcome::Stored).then_some(chunk))
        .collect();
    if stored.is_empty() {
        return Ok(outcomes);
    }
    for rows in stored.chunks(ROWS_PER_INSERT) {
        insert_chunks(db, segment, rows).await?;
    }
    capture.expires = rules.at.expires;
    let digest = segment
        .digest
        .filter(|_| outcomes.iter().all(is_in_its_slot));
    seal::seal_if_complete(db, capture, digest, rules.at).await?;
    row::update(db, capture).await?;
    Ok(outcomes)
}

/// Whether the slot holds the bytes that were sent.
fn is_in_its_slot(outcome: &SlotOutcome) -> bool {
    match outcome {
        SlotOutcome::Stored | SlotOutcome::Duplicate => true,
        SlotOutcome::Conflict(_)
        | SlotOutcome::OutOfRange { .. }
        | SlotOutcome::WrongSize { .. }
        | SlotOutcome::CaptureTooLarge { .. } => false,
    }
}

async fn insert_chunks(
    db: &mut impl Session,
    segment: &SegmentCommit,
    chunks: &[&ChunkRecord],
) -> Result<(), CatalogError> {
    let rows = chunks.iter().map(|chunk| -> [Value<'_>; 7] {
        [
            segment.capture.as_bytes().into(),
            chunk.index.0.into(),
            chunk.bytes.into(),
            chunk.crc32c.into(),
            (&chunk.blake3.0).into(),
            segment.segment.as_bytes().into(),
            chunk.offset.into(),
        ]
    });
    let done = sql("INSERT INTO chunks (uid, idx, bytes, crc32c, blake3, segment, \"offset\")")
        .push_rows(rows)
        .push(" ON CONFLICT (uid, idx) DO NOTHING")
        .execute(db)
        .await?;
    if done != chunks.len() as u64 {
        return Err(CatalogError::Inconsistent(
            "a slot was taken under the lock",
        ));
    }
    Ok(())
}

/// A segment of which no chunk got its slot may go at once.
async fn condemn(db: &mut impl Session, segments: &[SegmentId]) -> Result<(), CatalogError> {
    if segments.is_empty() {
        return Ok(());
    }
    sql("UPDATE segments SET state = 2 WHERE id IN ")
        .push_list(segments.iter().map(SegmentId::as_bytes))
        .execute(db)
        .await?;
    Ok(())
}
