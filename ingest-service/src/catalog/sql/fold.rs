//! Rows of sealed captures become manifests, and are shared.
//!
//! A fold locks the capture's row, then segments, as [`super::commit`] does.

use super::{
    super::{CatalogError, Fold, Folding},
    row,
    session::{Session, sql},
};
use crate::domain::{
    capture::{Capture, Spec, State, StoredManifest},
    id::{Sha256, Uid},
    shape::Shape,
};

/// Captures of one digest that are looked at: they differ in how they are split.
const CANDIDATES_MAX: u32 = 8;

pub(super) async fn unfolded<S: Session>(
    db: &mut S,
    sha256: Option<Sha256>,
    after: Option<Uid>,
    limit: u32,
) -> Result<Vec<Capture>, CatalogError> {
    let after: &[u8] = after.as_ref().map_or(&[], |uid| uid.as_bytes());
    let mut unfolded = row::select_captures::<S>()
        // The second term lets the index of the unfolded ones be used.
        .push("WHERE c.state = 2 AND c.folded < 2 AND c.folded = 0 AND c.uid > ")
        .push_bind(after);
    let sha256 = sha256.map(|sha256| sha256.0);
    if let Some(sha256) = &sha256 {
        unfolded = unfolded.push(" AND c.whole_sha256 = ").push_bind(sha256);
    }
    let rows = unfolded
        .push(" ORDER BY c.uid LIMIT ")
        .push_bind(limit)
        .all(db)
        .await?;
    rows.iter().map(row::read).collect()
}

pub(super) async fn fold(
    db: &mut impl Session,
    folds: &[Fold],
) -> Result<Vec<Folding>, CatalogError> {
    let mut uids: Vec<Uid> = folds.iter().map(|fold| fold.uid).collect();
    uids.sort_unstable();
    uids.dedup();
    let captures = row::lock_all(db, &uids).await?;
    let mut done = Vec::with_capacity(folds.len());
    for fold in folds {
        done.push(match captures.get(&fold.uid) {
            Some(capture) if capture.state == State::Sealed && capture.manifest.is_none() => {
                fold_one(db, fold).await?
            }
            Some(_) | None => Folding::NotNeeded,
        });
    }
    Ok(done)
}

/// The rows of its segments go at once: from now on a sweeper asks the manifest.
async fn fold_one(db: &mut impl Session, fold: &Fold) -> Result<Folding, CatalogError> {
    let (inline, object, objects) = match &fold.manifest {
        StoredManifest::Inline(bytes) => (Some(&**bytes), None, fold.segments),
        StoredManifest::Object(object) => (None, Some(object), fold.segments.saturating_add(1)),
    };
    if let Some(object) = object {
        let entered = sql("INSERT INTO segments (id, state, uid, bytes, at_us) \
             VALUES ($1, 1, $2, $3, $4) ON CONFLICT (id) DO NOTHING")
        .bind(object.segment.as_bytes())
        .bind(fold.uid.as_bytes())
        .bind(object.bytes.cast_signed())
        .bind(fold.now.0)
        .execute(&mut *db)
        .await?;
        if entered == 0 {
            return Ok(Folding::Condemned);
        }
    }
    sql("DELETE FROM segments WHERE uid = $1 AND state = 1")
        .bind(fold.uid.as_bytes())
        .execute(&mut *db)
        .await?;
    let folded = sql(
        "UPDATE captures SET folded = 1, manifest = $1, manifest_object = $2, \
         manifest_bytes = $3, manifest_blake3 = $4, objects = $5, uniform_bytes = $6, \
         last_bytes = $7 WHERE uid = $8 AND folded = 0",
    )
    .bind(inline)
    .bind(object.map(|object| object.segment.as_bytes()))
    .bind(object.map(|object| object.bytes.cast_signed()))
    .bind(object.map(|object| &object.blake3.0))
    .bind(objects)
    .bind(fold.shape.uniform)
    .bind(fold.shape.last)
    .bind(fold.uid.as_bytes())
    .execute(db)
    .await?;
    if folded != 1 {
        return Err(CatalogError::Inconsistent("rows that stay were folded"));
    }
    Ok(Folding::Folded)
}

pub(super) async fn keep_rows(db: &mut impl Session, uid: Uid) -> Result<(), CatalogError> {
    sql("UPDATE captures SET folded = 3 WHERE uid = $1 AND state = 2 AND folded = 0")
        .bind(uid.as_bytes())
        .execute(db)
        .await?;
    Ok(())
}

/// One that another service is at is left to it.
pub(super) async fn drop_rows<S: Session>(db: &mut S, limit: u32) -> Result<bool, CatalogError> {
    let folded = sql(
        "SELECT c.uid FROM captures c WHERE c.state = 2 AND c.folded < 2 \
         AND c.folded = 1 ORDER BY c.uid LIMIT 1",
    )
    .and(S::DIALECT.for_update_of_free);
    let Some(folded) = folded.optional(db).await? else {
        return Ok(false);
    };
    let uid = row::uid(&folded, "uid")?;
    let dropped = sql("DELETE FROM chunks WHERE uid = $1 AND idx IN \
         (SELECT idx FROM chunks WHERE uid = $1 ORDER BY idx LIMIT $2)")
    .bind(uid.as_bytes())
    .bind(limit)
    .execute(&mut *db)
    .await?;
    if dropped < u64::from(limit) {
        sql("UPDATE captures SET folded = 2 WHERE uid = $1")
            .bind(uid.as_bytes())
            .execute(db)
            .await?;
    }
    Ok(true)
}

/// A folded capture whose contents are what is declared, locked: it stays
/// until the transaction is over.
pub(super) async fn find_shared<S: Session>(
    db: &mut S,
    spec: &Spec,
) -> Result<Option<Capture>, CatalogError> {
    let Some(sha256) = &spec.declared.sha256 else {
        return Ok(None);
    };
    let found = row::select_captures::<S>()
        .and("WHERE c.state = 2 AND c.whole_sha256 = $1 AND c.folded IN (1, 2) ")
        .and("ORDER BY c.uid LIMIT $2")
        .bind(&sha256.0)
        .bind(CANDIDATES_MAX)
        .all(db)
        .await?;
    for candidate in &found {
        let candidate = row::read(candidate)?;
        if candidate.may_be_shared_as(spec)
            && let Some(locked) = row::lock(db, candidate.uid).await?
        {
            return Ok(Some(locked));
        }
    }
    Ok(None)
}

/// A new capture's row takes what that of another says of its contents.
pub(super) async fn share(
    db: &mut impl Session,
    uid: Uid,
    source: Uid,
) -> Result<(), CatalogError> {
    let columns = "manifest, manifest_object, manifest_bytes, manifest_blake3, objects, \
                   uniform_bytes, last_bytes";
    let taken = sql(format!(
        "UPDATE captures SET (folded, {columns}) = \
         (SELECT 2, {columns} FROM captures WHERE uid = $1) WHERE uid = $2"
    ));
    let taken = taken.bind(source.as_bytes()).bind(uid.as_bytes());
    if taken.execute(db).await? != 1 {
        return Err(CatalogError::Inconsistent("a new capture is gone"));
    }
    Ok(())
}

/// Number and lengths of the chunks of a folded capture.
pub(super) async fn shape(
    db: &mut impl Session,
    uid: Uid,
) -> Result<Option<(u32, Shape)>, CatalogError> {
    let found = sql(
        "SELECT chunks_durable, uniform_bytes, last_bytes FROM captures \
         WHERE uid = $1 AND folded IN (1, 2)",
    );
    let Some(found) = found.bind(uid.as_bytes()).optional(db).await? else {
        return Ok(None);
    };
    let shape = Shape {
        uniform: row::number(&found, "uniform_bytes")?,
        last: row::required(&found, "last_bytes")?,
    };
    Ok(Some((row::required(&found, "chunks_durable")?, shape)))
}
