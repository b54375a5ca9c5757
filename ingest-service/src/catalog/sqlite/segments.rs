//! The table of segments, as the sweeper uses it.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{super::CatalogError, row};
use crate::domain::{id::SegmentId, time::Timestamp};

pub(super) async fn condemn_orphans(
    db: &mut SqliteConnection,
    segments: &[SegmentId],
    now: Timestamp,
) -> Result<(), CatalogError> {
    if segments.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO segments (id, state, at_us) ");
    query.push_values(segments, |mut values, segment| {
        values
            .push_bind(&segment.as_bytes()[..])
            .push_bind(2)
            .push_bind(now.0);
    });
    // One that a commit or an earlier sweep has entered stays what it is; a
    // swept one whose object is there again (a put that came late) goes again.
    query.push(" ON CONFLICT (id) DO UPDATE SET state = 2 WHERE state = 3");
    // One of as many shapes as segments: not to be cached.
    query.build().persistent(false).execute(db).await?;
    Ok(())
}

pub(super) async fn condemned(
    db: &mut SqliteConnection,
    after: Option<SegmentId>,
    limit: u32,
) -> Result<Vec<SegmentId>, CatalogError> {
    // The second term lets SQLite use the index of the dead ones. An empty
    // blob is before all others.
    let sql = "SELECT id FROM segments WHERE state = 2 AND state <> 1 AND id > ? \
               ORDER BY id LIMIT ?";
    let rows = sqlx::query(sql)
        .bind(after.map_or(Vec::new(), |id| id.as_bytes().to_vec()))
        .bind(limit)
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|found| Ok(SegmentId::from_bytes(row::bytes(found, "id")?)))
        .collect()
}

pub(super) async fn swept(
    db: &mut SqliteConnection,
    segments: &[SegmentId],
) -> Result<(), CatalogError> {
    for segment in segments {
        sqlx::query("UPDATE segments SET state = 3 WHERE id = ? AND state = 2")
            .bind(&segment.as_bytes()[..])
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

pub(super) async fn forget_swept(
    db: &mut SqliteConnection,
    before: Timestamp,
) -> Result<(), CatalogError> {
    sqlx::query("DELETE FROM segments WHERE state = 3 AND at_us < ?")
        .bind(before.0)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn is_known(
    db: &mut SqliteConnection,
    segment: SegmentId,
) -> Result<bool, CatalogError> {
    let found = sqlx::query("SELECT 1 FROM segments WHERE id = ?")
        .bind(&segment.as_bytes()[..])
        .fetch_optional(db)
        .await?;
    Ok(found.is_some())
}
