//! Questions that change nothing.

use super::{
    super::{CatalogError, ListQuery, Slots, StoredChunk},
    row,
    session::{Session, sql},
};
use crate::domain::{
    capture::{Capture, StoredSlot},
    id::{Blake3, ChunkIndex, SegmentId, Uid},
    range::{IndexRange, Missing},
};

pub(super) async fn list<S: Session>(
    db: &mut S,
    query: &ListQuery,
) -> Result<Vec<Capture>, CatalogError> {
    let mut sql = row::select_captures::<S>().push("WHERE true");
    if let Some(after) = &query.after {
        sql = sql
            .push(" AND (c.created_us, c.uid) < (")
            .push_bind(after.created.0)
            .push(", ")
            .push_bind(after.uid.as_bytes())
            .push(")");
    }
    if let Some(from) = query.created_from {
        sql = sql.push(" AND c.created_us >= ").push_bind(from.0);
    }
    if let Some(before) = query.created_before {
        sql = sql.push(" AND c.created_us < ").push_bind(before.0);
    }
    if let Some(state) = query.state {
        sql = sql
            .push(" AND c.state = ")
            .push_bind(row::state_code(state));
    }
    for (name, value) in &query.labels {
        sql = sql
            .push(" AND EXISTS (SELECT 1 FROM capture_labels l WHERE l.uid = c.uid AND l.name = ")
            .push_bind(&**name)
            .push(" AND l.value = ")
            .push_bind(&**value)
            .push(")");
    }
    let newest_first = sql
        .push(" ORDER BY c.created_us DESC, c.uid DESC LIMIT ")
        .push_bind(query.limit);
    let rows = newest_first.all(db).await?;
    rows.iter().map(row::read).collect()
}

/// Rows of chunks that are still to be removed say nothing any more.
pub(super) async fn slots_or_folded<S: Session>(
    db: &mut S,
    uid: Uid,
    indexes: &[ChunkIndex],
) -> Result<Slots, CatalogError> {
    let taken = slots(db, uid, indexes).await?;
    // Asked last: a fold in between is seen, and rows are not taken for none.
    let folded = sql("SELECT 1 FROM captures WHERE uid = $1 AND folded IN (1, 2)");
    let folded = folded.bind(uid.as_bytes()).optional(db).await?;
    Ok(match folded {
        Some(_) => Slots::Folded,
        None => Slots::Taken(taken),
    })
}

pub(super) async fn slots<S: Session>(
    db: &mut S,
    uid: Uid,
    indexes: &[ChunkIndex],
) -> Result<Vec<(ChunkIndex, StoredSlot)>, CatalogError> {
    let rows = sql("SELECT idx, bytes, crc32c, blake3 FROM chunks WHERE uid = $1 AND idx IN ")
        .and(S::DIALECT.numbers_of_second)
        .bind(uid.as_bytes())
        .bind(json_array(indexes.iter().map(|index| index.0)))
        .all(db)
        .await?;
    rows.iter()
        .map(|found| {
            let slot = StoredSlot {
                bytes: row::required(found, "bytes")?,
                crc32c: row::required(found, "crc32c")?,
                blake3: Blake3(row::bytes(found, "blake3")?),
            };
            Ok((ChunkIndex(row::required(found, "idx")?), slot))
        })
        .collect()
}

fn json_array(numbers: impl Iterator<Item = u32>) -> String {
    let numbers: Vec<_> = numbers.map(|n| n.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

pub(super) async fn sealing(db: &mut impl Session) -> Result<Vec<Uid>, CatalogError> {
    let rows = sql("SELECT uid FROM captures WHERE state = 3")
        .all(db)
        .await?;
    rows.iter().map(|found| row::uid(found, "uid")).collect()
}

/// Gaps before each durable chunk, and the one behind the last.
pub(super) async fn missing(
    db: &mut impl Session,
    uid: Uid,
    count: Option<u32>,
    ranges_max: usize,
) -> Result<Option<(Capture, Missing)>, CatalogError> {
    let Some(capture) = row::by_uid(db, uid).await? else {
        return Ok(None);
    };
    let expected = count.unwrap_or_else(|| capture.expected_chunks());
    let mut missing = Missing {
        chunks: expected.saturating_sub(capture.progress.chunks),
        ..Missing::default()
    };
    if missing.chunks == 0 {
        return Ok(Some((capture, missing)));
    }
    let mut add = |first: u32, end: u32| {
        let Some(last) = end.checked_sub(1) else {
            return;
        };
        let Some(range) = IndexRange::new(ChunkIndex(first), ChunkIndex(last)) else {
            return;
        };
        if missing.ranges.len() < ranges_max {
            missing.ranges.push(range);
        } else {
            missing.truncated = true;
        }
    };
    let after_highest = capture.progress.highest.map_or(0, |h| h.0 + 1);
    if capture.progress.chunks < after_highest {
        for gap in gaps(db, uid, ranges_max.saturating_add(1)).await? {
            add(gap.0, gap.1);
        }
    }
    add(after_highest, expected);
    Ok(Some((capture, missing)))
}

/// Pairs of a gap's first index and the durable index behind it.
async fn gaps(
    db: &mut impl Session,
    uid: Uid,
    limit: usize,
) -> Result<Vec<(u32, u32)>, CatalogError> {
    let rows = sql("SELECT previous + 1 AS first, idx FROM (SELECT idx, \
         lag(idx, 1, CAST(-1 AS BIGINT)) OVER (ORDER BY idx) AS previous FROM chunks \
         WHERE uid = $1) AS pairs WHERE idx > previous + 1 ORDER BY idx LIMIT $2")
    .bind(uid.as_bytes())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .all(db)
    .await?;
    rows.iter()
        .map(|gap| Ok((row::required(gap, "first")?, row::required(gap, "idx")?)))
        .collect()
}

pub(super) async fn chunks(
    db: &mut impl Session,
    uid: Uid,
    from: ChunkIndex,
    limit: u32,
) -> Result<Vec<StoredChunk>, CatalogError> {
    let rows = sql(
        "SELECT idx, bytes, crc32c, segment, \"offset\" FROM chunks \
         WHERE uid = $1 AND idx >= $2 ORDER BY idx LIMIT $3",
    )
    .bind(uid.as_bytes())
    .bind(from.0)
    .bind(limit)
    .all(db)
    .await?;
    rows.iter()
        .map(|found| {
            Ok(StoredChunk {
                index: ChunkIndex(row::required(found, "idx")?),
                bytes: row::required(found, "bytes")?,
                crc32c: row::required(found, "crc32c")?,
                segment: SegmentId::from_bytes(uid, row::bytes(found, "segment")?),
                offset: row::required(found, "offset")?,
            })
        })
        .collect()
}
