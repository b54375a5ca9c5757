//! The table of segments, as the sweeper uses it.

use super::{
    super::{CatalogError, StoredSegment},
    contents, row,
    session::{Row as _, Session, sql},
};
use crate::domain::{
    id::{SegmentId, Uid},
    time::Timestamp,
};

/// Nothing is locked or written for segments that a commit has entered, which
/// are nearly all that a sweeper asks for. A swept one whose object is there
/// again (a put that came late) goes again.
pub(super) async fn condemn_orphans<S: Session>(
    db: &mut S,
    segments: &[SegmentId],
    now: Timestamp,
) -> Result<(), CatalogError> {
    if segments.is_empty() {
        return Ok(());
    }
    let folded = contents::lock_folded(db, segments).await?;
    let mut segments: Vec<_> = segments.to_vec();
    segments.retain(|segment| !folded.contains(&segment.owner()));
    if segments.is_empty() {
        return Ok(());
    }
    segments.sort_unstable();
    let ids = || segments.iter().map(SegmentId::as_bytes);
    let owners: Vec<Uid> = segments.iter().map(SegmentId::owner).collect();
    let rows = segments.iter().zip(&owners).map(|(segment, owner)| {
        [
            segment.as_bytes().into(),
            2_i64.into(),
            owner.as_bytes().into(),
            now.0.into(),
        ]
    });
    sql("INSERT INTO segments (id, state, uid, at_us)")
        .push_rows(rows)
        .push(" ON CONFLICT (id) DO NOTHING")
        .execute(db)
        .await?;
    let again = sql("SELECT c.id FROM segments c WHERE c.state = 3 AND c.id IN ")
        .push_list(ids())
        .push(" ORDER BY c.id")
        .push(S::DIALECT.for_update)
        .all(db)
        .await?;
    for found in again {
        let id: [u8; 16] = row::bytes(&found, "id")?;
        sql("UPDATE segments SET state = 2 WHERE id = $1")
            .bind(&id)
            .execute(db)
            .await?;
    }
    Ok(())
}

pub(super) async fn condemned(
    db: &mut impl Session,
    after: Option<SegmentId>,
    limit: u32,
) -> Result<Vec<SegmentId>, CatalogError> {
    // No bytes at all are before all others.
    let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_bytes());
    // The second term lets SQLite use the index of the dead ones.
    let rows = sql(
        "SELECT id, uid FROM segments WHERE state = 2 AND state <> 1 AND id > $1 \
         ORDER BY id LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .all(db)
    .await?;
    rows.iter()
        .map(|found| {
            // Orphans of before keys had owners have none here either.
            let owner = match found.bytes("uid")? {
                Some(_) => row::uid(found, "uid")?,
                None => Uid::NOBODY,
            };
            Ok(SegmentId::from_bytes(owner, row::bytes(found, "id")?))
        })
        .collect()
}

pub(super) async fn of_capture(
    db: &mut impl Session,
    uid: Uid,
    after: Option<SegmentId>,
    limit: u32,
) -> Result<Vec<StoredSegment>, CatalogError> {
    let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_bytes());
    let rows = sql(
        "SELECT id, bytes FROM segments WHERE uid = $1 AND state = 1 AND id > $2 \
         ORDER BY id LIMIT $3",
    )
    .bind(uid.as_bytes())
    .bind(after)
    .bind(limit)
    .all(db)
    .await?;
    rows.iter()
        .map(|found| {
            Ok(StoredSegment {
                segment: SegmentId::from_bytes(uid, row::bytes(found, "id")?),
                bytes: row::required(found, "bytes")?,
            })
        })
        .collect()
}

pub(super) async fn swept(
    db: &mut impl Session,
    segments: &[SegmentId],
) -> Result<(), CatalogError> {
    let mut segments = segments.to_vec();
    segments.sort_unstable();
    for segment in segments {
        sql("UPDATE segments SET state = 3 WHERE id = $1 AND state = 2")
            .bind(segment.as_bytes())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Those that another sweeper is about to forget are left to it.
pub(super) async fn forget_swept<S: Session>(
    db: &mut S,
    before: Timestamp,
) -> Result<(), CatalogError> {
    let old = "DELETE FROM segments WHERE state = 3 AND id IN \
               (SELECT c.id FROM segments c WHERE c.state = 3 AND c.at_us < $1";
    sql(old)
        .and(S::DIALECT.for_update_of_free)
        .and(")")
        .bind(before.0)
        .execute(&mut *db)
        .await?;
    sql("DELETE FROM gone_contents WHERE at_us < $1")
        .bind(before.0)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn is_known(
    db: &mut impl Session,
    segment: SegmentId,
) -> Result<bool, CatalogError> {
    let found = sql("SELECT 1 FROM segments WHERE id = $1").bind(segment.as_bytes());
    Ok(found.optional(db).await?.is_some())
}
