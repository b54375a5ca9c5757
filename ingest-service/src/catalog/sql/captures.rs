//! Captures begin and go.

use super::{
    super::{CatalogError, Times},
    analyses, contents, events, fold, row, seal,
    session::{Session, sql},
};
use crate::domain::{
    capture::{Capture, Refusal, SizeFacts, Spec, State},
    event::{CaptureFacts, Fact},
    id::{CaptureId, ChunkIndex, Uid},
    time::Timestamp,
};

/// Times that a creation finds its id taken by a capture that is gone when it
/// looks. Twice needs two deletions within microseconds.
const ID_TAKEN_MAX: u32 = 4;

pub(super) async fn create(
    db: &mut impl Session,
    spec: &Spec,
    at: Times,
    open_max: u32,
) -> Result<Capture, CatalogError> {
    let (mut capture, before) = begin_or_lock(db, spec, at, open_max).await?;
    let sizes = match capture.late_chunk_bytes(spec) {
        Some(chunk_bytes) => Some(size_facts(db, capture.uid, chunk_bytes).await?),
        None => None,
    };
    capture.declare(spec, sizes)?;
    seal::seal_if_complete(db, &mut capture, None, at).await?;
    row::update(db, &capture).await?;
    let told = events::of_capture(before, &capture);
    events::append(db, &told, at.now).await?;
    Ok(capture)
}

/// Two that begin the same id at once: one inserts it, and the other waits
/// for that and then finds it. With the state that it had before.
async fn begin_or_lock(
    db: &mut impl Session,
    spec: &Spec,
    at: Times,
    open_max: u32,
) -> Result<(Capture, Option<State>), CatalogError> {
    for _ in 0..ID_TAKEN_MAX {
        if let Some(id) = &spec.id
            && let Some(there) = row::lock_by_id(db, id).await?
        {
            let before = there.state;
            return Ok((there, Some(before)));
        }
        if let Some(shared) = fold::find_shared(db, spec).await? {
            let capture = Capture::begin_shared(Uid::generate(), spec.clone(), &shared, at);
            if row::insert(db, &capture).await? {
                fold::share(db, capture.uid, shared.uid).await?;
                return Ok((capture, None));
            }
            continue;
        }
        if open(db, open_max).await? >= open_max {
            return Err(Refusal::TooManyOpen { open_max }.into());
        }
        let capture = Capture::begin(Uid::generate(), spec.clone(), at.now, at.expires);
        if row::insert(db, &capture).await? {
            return Ok((capture, None));
        }
    }
    Err(CatalogError::Unavailable(Box::new(IdTaken)))
}

/// How many are unsealed, or `max` when there are more.
async fn open(db: &mut impl Session, max: u32) -> Result<u32, CatalogError> {
    let counted = sql("SELECT count(*) AS captures FROM \
         (SELECT 1 FROM captures WHERE state <> 2 LIMIT $1) AS unsealed");
    let counted = counted.bind(max).optional(db).await?;
    counted.map_or(Ok(0), |counted| row::required(&counted, "captures"))
}

#[derive(Debug, thiserror::Error)]
#[error("the capture's id was taken and freed again and again")]
struct IdTaken;

async fn size_facts(
    db: &mut impl Session,
    uid: Uid,
    chunk_bytes: u32,
) -> Result<SizeFacts, CatalogError> {
    if let Some((chunks, shape)) = fold::shape(db, uid).await? {
        return Ok(shape.size_facts(chunks, chunk_bytes));
    }
    let facts = sql(
        "SELECT coalesce(max(bytes), 0) AS largest, count(*) FILTER (WHERE bytes <> $2) AS others, \
         max(idx) FILTER (WHERE bytes <> $2) AS other FROM chunks WHERE uid = $1",
    );
    let facts = facts.bind(uid.as_bytes()).bind(chunk_bytes);
    let Some(facts) = facts.optional(db).await? else {
        return Ok(SizeFacts::default());
    };
    Ok(SizeFacts {
        largest: row::required(&facts, "largest")?,
        others: row::required(&facts, "others")?,
        other: row::number(&facts, "other")?.map(ChunkIndex),
    })
}

pub(super) async fn delete<S: Session>(
    db: &mut S,
    id: &CaptureId,
    now: Timestamp,
) -> Result<Option<Uid>, CatalogError> {
    let Some(capture) = row::lock_by_id(db, id).await? else {
        return Ok(None);
    };
    remove(db, &capture, Fact::CaptureDeleted, now).await?;
    Ok(Some(capture.uid))
}

/// One that somebody else has locked is being used: its time slides.
pub(super) async fn expire<S: Session>(
    db: &mut S,
    now: Timestamp,
) -> Result<Option<Uid>, CatalogError> {
    for expired in [
        // The second term lets SQLite use the index of the unsealed ones.
        "WHERE c.state = 1 AND c.state <> 2 AND c.expires_us < $1 LIMIT 1",
        "WHERE c.state = 2 AND c.retained_until_us < $1 LIMIT 1",
    ] {
        let found = row::select_captures::<S>().and(expired);
        let found = found.and(S::DIALECT.for_update_of_free);
        if let Some(found) = found.bind(now.0).optional(db).await? {
            let capture = row::read(&found)?;
            remove(db, &capture, Fact::CaptureExpired, now).await?;
            return Ok(Some(capture.uid));
        }
    }
    Ok(None)
}

/// Chunk rows and labels go with the row they refer to.
async fn remove<S: Session>(
    db: &mut S,
    capture: &Capture,
    fact: impl Fn(CaptureFacts) -> Fact,
    now: Timestamp,
) -> Result<(), CatalogError> {
    let uid = capture.uid;
    let mut told = analyses::remove_of(db, uid, now).await?;
    sql("UPDATE segments SET state = 2, at_us = $1 WHERE uid = $2 AND state = 1")
        .bind(now.0)
        .bind(uid.as_bytes())
        .execute(&mut *db)
        .await?;
    sql("DELETE FROM captures WHERE uid = $1")
        .bind(uid.as_bytes())
        .execute(&mut *db)
        .await?;
    contents::gone_if_unused(db, capture.content, now).await?;
    told.push(events::about(capture, fact));
    events::append(db, &told, now).await
}
