//! What captures have written, and who has it: the column `content` of captures.

use std::collections::{HashMap, HashSet};

use super::{
    super::{CatalogError, Content},
    row,
    session::{Session, sql},
};
use crate::domain::{
    id::{SegmentId, Uid},
    time::Timestamp,
};

/// A folded one is told by the first of the captures that share it.
pub(super) async fn of<S: Session>(
    db: &mut S,
    owners: &[Uid],
) -> Result<Vec<(Uid, Content)>, CatalogError> {
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    let ids = || owners.iter().map(Uid::as_bytes);
    // First those that are gone: that is for ever, and what is unknown after it
    // was not there before either.
    let gone = sql("SELECT content FROM gone_contents WHERE content IN ")
        .push_list(ids())
        .all(db)
        .await?;
    let mut contents = HashMap::new();
    for found in &gone {
        contents.insert(row::uid(found, "content")?, Content::Gone);
    }
    let captures = row::select_captures::<S>()
        .push("WHERE c.content IN ")
        .push_list(ids())
        .push(" ORDER BY c.uid DESC")
        .all(db)
        .await?;
    for found in &captures {
        let capture = row::read(found)?;
        let content = match capture.manifest {
            None => Content::Rows,
            Some(_) => Content::Folded {
                objects: row::required(found, "objects")?,
                capture: Box::new(capture),
            },
        };
        contents.insert(row::uid(found, "content")?, content);
    }
    let analyses = sql("SELECT id FROM analyses WHERE id IN ")
        .push_list(ids())
        .all(db)
        .await?;
    for found in &analyses {
        contents.insert(row::uid(found, "id")?, Content::Rows);
    }
    Ok(contents.into_iter().collect())
}

/// Locks the captures that own these segments against a fold, and tells which
/// are folded: a segment of the others has its row, or is nobody's.
pub(super) async fn lock_folded<S: Session>(
    db: &mut S,
    segments: &[SegmentId],
) -> Result<HashSet<Uid>, CatalogError> {
    let mut owners: Vec<Uid> = segments.iter().map(SegmentId::owner).collect();
    owners.sort_unstable();
    owners.dedup();
    let locked = sql("SELECT c.uid, c.folded FROM captures c WHERE c.uid IN ")
        .push_list(owners.iter().map(Uid::as_bytes))
        .push(" ORDER BY c.uid")
        .push(S::DIALECT.for_share)
        .all(db)
        .await?;
    // The capture that wrote it may be gone, and others share its contents.
    let shared = sql("SELECT content FROM captures WHERE folded IN (1, 2) AND content IN ")
        .push_list(owners.iter().map(Uid::as_bytes))
        .all(db)
        .await?;
    let mut folded = HashSet::new();
    for found in &locked {
        if matches!(row::required::<i64>(found, "folded")?, 1 | 2) {
            folded.insert(row::uid(found, "uid")?);
        }
    }
    for found in &shared {
        folded.insert(row::uid(found, "content")?);
    }
    Ok(folded)
}

/// After the removal of a capture that had it. Two that are removed at one
/// moment may each leave it to the other: then it is unknown, and goes by its age.
pub(super) async fn gone_if_unused(
    db: &mut impl Session,
    content: Uid,
    now: Timestamp,
) -> Result<(), CatalogError> {
    let used = sql("SELECT 1 FROM captures WHERE content = $1 LIMIT 1");
    if used.bind(content.as_bytes()).optional(db).await?.is_some() {
        return Ok(());
    }
    gone(db, content, now).await
}

/// Nobody has it, and nobody will have it again.
pub(super) async fn gone(
    db: &mut impl Session,
    content: Uid,
    now: Timestamp,
) -> Result<(), CatalogError> {
    sql("INSERT INTO gone_contents (content, at_us) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(content.as_bytes())
        .bind(now.0)
        .execute(db)
        .await?;
    Ok(())
}
