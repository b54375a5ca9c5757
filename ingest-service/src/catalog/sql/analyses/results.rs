//! The objects that results are in.

use super::super::{
    super::CatalogError,
    contents,
    row::{bytes, required},
    session::{Session, sql},
};
use crate::domain::{
    analysis::{AnalysisId, Part},
    id::SegmentId,
    time::Timestamp,
};

/// False: its object was condemned, and nothing was done.
pub(super) async fn enter(
    db: &mut impl Session,
    id: AnalysisId,
    part: &Part,
    now: Timestamp,
) -> Result<bool, CatalogError> {
    let entered = sql("INSERT INTO segments (id, state, uid, bytes, at_us) \
         VALUES ($1, 1, $2, $3, $4) ON CONFLICT (id) DO NOTHING")
    .bind(part.segment.as_bytes())
    .bind(id.as_bytes())
    .bind(part.bytes.cast_signed())
    .bind(now.0)
    .execute(&mut *db)
    .await?;
    if entered == 0 {
        return Ok(false);
    }
    sql(
        "INSERT INTO analysis_parts (analysis, last, first, segment, bytes, raw_bytes) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.as_bytes())
    .bind(part.last.cast_signed())
    .bind(part.first.cast_signed())
    .bind(part.segment.as_bytes())
    .bind(part.bytes.cast_signed())
    .bind(part.raw_bytes.cast_signed())
    .execute(db)
    .await?;
    Ok(true)
}

pub(in crate::catalog::sql) async fn parts(
    db: &mut impl Session,
    id: AnalysisId,
    after: u64,
    limit: u32,
) -> Result<Vec<Part>, CatalogError> {
    // No sequence is above what a column can hold.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = sql(
        "SELECT last, first, segment, bytes, raw_bytes FROM analysis_parts \
         WHERE analysis = $1 AND last > $2 ORDER BY last LIMIT $3",
    )
    .bind(id.as_bytes())
    .bind(after)
    .bind(limit)
    .all(db)
    .await?;
    rows.iter()
        .map(|found| {
            Ok(Part {
                first: required(found, "first")?,
                last: required(found, "last")?,
                segment: SegmentId::from_bytes(id.as_owner(), bytes(found, "segment")?),
                bytes: required(found, "bytes")?,
                raw_bytes: required(found, "raw_bytes")?,
            })
        })
        .collect()
}

/// The analysis is removed, and its row is locked.
pub(super) async fn condemn_all(
    db: &mut impl Session,
    id: AnalysisId,
    now: Timestamp,
) -> Result<(), CatalogError> {
    sql("UPDATE segments SET state = 2, at_us = $1 WHERE uid = $2 AND state = 1")
        .bind(now.0)
        .bind(id.as_bytes())
        .execute(&mut *db)
        .await?;
    // What its runner puts from now on goes at once.
    contents::gone(db, id.as_owner(), now).await
}
