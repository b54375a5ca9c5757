//! Chunks of durable segments take their slots.

use std::collections::HashMap;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{
    super::{CatalogError, CommitRules, Committed, SegmentCommit},
    read, row, seal,
};
use crate::domain::{
    capture::{ChunkRecord, SlotOutcome},
    id::ChunkIndex,
};

/// Rows in one INSERT: seven values each stay far below SQLite's 32,766.
const ROWS_PER_INSERT: usize = 1_000;

pub(super) async fn apply(
    db: &mut SqliteConnection,
    segments: &[SegmentCommit],
    rules: CommitRules,
) -> Result<Vec<Committed>, CatalogError> {
    let mut committed = Vec::with_capacity(segments.len());
    for segment in segments {
        committed.push(apply_one(db, segment, rules).await?);
    }
    Ok(committed)
}

async fn apply_one(
    db: &mut SqliteConnection,
    segment: &SegmentCommit,
    rules: CommitRules,
) -> Result<Committed, CatalogError> {
    let Some(mut capture) = row::by_uid(db, segment.capture).await? else {
        return Ok(Committed::CaptureGone);
    };
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
    if !enter_segment(db, segment, !stored.is_empty(), rules).await? {
        return Ok(Committed::Condemned);
    }
    if !stored.is_empty() {
        for rows in stored.chunks(ROWS_PER_INSERT) {
            insert_chunks(db, segment, rows).await?;
        }
        capture.expires = rules.expires;
        let digest = segment
            .digest
            .filter(|_| outcomes.iter().all(is_in_its_slot));
        seal::seal_if_complete(db, &mut capture, digest, rules.now).await?;
        row::update(db, &capture).await?;
    }
    Ok(Committed::Slots {
        outcomes,
        capture: Box::new(capture),
    })
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

/// False when the id is taken: it was condemned. A segment of which no chunk
/// got its slot is condemned at once.
async fn enter_segment(
    db: &mut SqliteConnection,
    segment: &SegmentCommit,
    is_live: bool,
    rules: CommitRules,
) -> Result<bool, CatalogError> {
    let done = sqlx::query(
        "INSERT INTO segments (id, state, uid, bytes, at_us) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&segment.segment.as_bytes()[..])
    .bind(if is_live { 1 } else { 2 })
    .bind(&segment.capture.as_bytes()[..])
    .bind(segment.bytes.cast_signed())
    .bind(rules.now.0)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn insert_chunks(
    db: &mut SqliteConnection,
    segment: &SegmentCommit,
    chunks: &[&ChunkRecord],
) -> Result<(), CatalogError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO chunks (uid, idx, bytes, crc32c, blake3, segment, offset) ",
    );
    query.push_values(chunks, |mut values, chunk| {
        values
            .push_bind(&segment.capture.as_bytes()[..])
            .push_bind(chunk.index.0)
            .push_bind(chunk.bytes)
            .push_bind(chunk.crc32c)
            .push_bind(&chunk.blake3.0[..])
            .push_bind(&segment.segment.as_bytes()[..])
            .push_bind(chunk.offset);
    });
    query.push(" ON CONFLICT (uid, idx) DO NOTHING");
    // One of 1,000 shapes: not to be cached.
    let query = query.build().persistent(false);
    let done = query.execute(db).await?;
    if done.rows_affected() != chunks.len() as u64 {
        return Err(CatalogError::Inconsistent(
            "a slot was taken under the lock",
        ));
    }
    Ok(())
}
