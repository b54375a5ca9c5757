//! Captures begin and go.

use sqlx::SqliteConnection;

use super::{
    super::{CatalogError, Times},
    row, seal,
};
use crate::domain::{
    capture::{Capture, SizeFacts, Spec},
    id::{CaptureId, ChunkIndex, Uid},
    time::Timestamp,
};

pub(super) async fn create(
    db: &mut SqliteConnection,
    spec: &Spec,
    at: Times,
) -> Result<Capture, CatalogError> {
    let there = match &spec.id {
        Some(id) => row::by_id(db, id).await?,
        None => None,
    };
    let mut capture = match there {
        Some(capture) => capture,
        None => {
            let capture = Capture::begin(Uid::generate(), spec.clone(), at.now, at.expires);
            row::insert(db, &capture).await?;
            capture
        }
    };
    let sizes = match capture.late_chunk_bytes(spec) {
        Some(chunk_bytes) => Some(size_facts(db, capture.uid, chunk_bytes).await?),
        None => None,
    };
    capture.declare(spec, sizes)?;
    seal::seal_if_complete(db, &mut capture, None, at.now).await?;
    row::update(db, &capture).await?;
    Ok(capture)
}

async fn size_facts(
    db: &mut SqliteConnection,
    uid: Uid,
    chunk_bytes: u32,
) -> Result<SizeFacts, CatalogError> {
    let facts = sqlx::query(
        "SELECT coalesce(max(bytes), 0) AS largest, count(*) FILTER (WHERE bytes <> ?2) AS others, \
         max(idx) FILTER (WHERE bytes <> ?2) AS other FROM chunks WHERE uid = ?1",
    )
    .bind(&uid.as_bytes()[..])
    .bind(chunk_bytes)
    .fetch_one(db)
    .await?;
    Ok(SizeFacts {
        largest: row::required(&facts, "largest")?,
        others: row::required(&facts, "others")?,
        other: row::number(&facts, "other")?.map(ChunkIndex),
    })
}

pub(super) async fn delete(
    db: &mut SqliteConnection,
    id: &CaptureId,
    now: Timestamp,
) -> Result<Option<Uid>, CatalogError> {
    let found = sqlx::query("SELECT uid FROM captures WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(&mut *db)
        .await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let uid = row::uid(&found, "uid")?;
    remove(db, uid, now).await?;
    Ok(Some(uid))
}

pub(super) async fn expire(
    db: &mut SqliteConnection,
    now: Timestamp,
) -> Result<Option<Uid>, CatalogError> {
    // The second term lets SQLite use the index of the unsealed ones.
    let sql = "SELECT uid FROM captures WHERE state = 1 AND state <> 2 AND expires_us < ? LIMIT 1";
    let found = sqlx::query(sql)
        .bind(now.0)
        .fetch_optional(&mut *db)
        .await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let uid = row::uid(&found, "uid")?;
    remove(db, uid, now).await?;
    Ok(Some(uid))
}

/// Chunk rows and labels go with the row they refer to.
async fn remove(db: &mut SqliteConnection, uid: Uid, now: Timestamp) -> Result<(), CatalogError> {
    sqlx::query("UPDATE segments SET state = 2, at_us = ? WHERE uid = ? AND state = 1")
        .bind(now.0)
        .bind(&uid.as_bytes()[..])
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM captures WHERE uid = ?")
        .bind(&uid.as_bytes()[..])
        .execute(db)
        .await?;
    Ok(())
}
