//! Captures that are indexed, and what of them is found.

use uuid::Uuid;

use super::text;
use crate::{
    catalog::{
        CatalogError,
        sql::{
            row,
            session::{Row as _, Session, sql},
        },
    },
    domain::{
        analysis::AnalysisId,
        id::Uid,
        index::{IndexedCapture, Run, Written, words::Text},
    },
};

/// A number that nobody else has: 62 bits by chance.
fn by_chance() -> i64 {
    (Uuid::new_v4().as_u64_pair().0 >> 2).cast_signed()
}

pub(super) async fn begin(db: &mut impl Session, capture: Uid) -> Result<Run, CatalogError> {
    let run = by_chance();
    sql("INSERT INTO index_runs (run, capture) VALUES ($1, $2)")
        .bind(run)
        .bind(capture.as_bytes())
        .execute(db)
        .await?;
    Ok(Run(run))
}

pub(super) async fn publish<S: Session>(
    db: &mut S,
    capture: &IndexedCapture,
    written: Option<Written>,
    text: &Text,
) -> Result<(), CatalogError> {
    if let Some(written) = &written {
        check_whole(db, written).await?;
    }
    // Words alone never take the place of records.
    let there = match written {
        Some(_) => {
            "DO UPDATE SET capture_id = excluded.capture_id, file_name = excluded.file_name, \
             analysis = excluded.analysis, run = excluded.run \
             WHERE index_captures.analysis IS NOT DISTINCT FROM $7"
        }
        None => "DO NOTHING",
    };
    let insert = sql(format!(
        "INSERT INTO index_captures (id, capture, capture_id, file_name, analysis, run) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (capture) {there} RETURNING id"
    ))
    .bind(by_chance())
    .bind(capture.uid.as_bytes())
    .bind(capture.id.as_str())
    .bind(&*capture.file_name)
    .bind(written.as_ref().map(|w| w.analysis.as_bytes()))
    .bind(written.as_ref().map(|w| w.run.0));
    let insert = match &written {
        Some(written) => insert.bind(written.instead_of.as_ref().map(AnalysisId::as_bytes)),
        None => insert,
    };
    let Some(published) = insert.optional(db).await? else {
        return match written {
            Some(_) => Err(CatalogError::Unavailable(Box::new(CameBetween))),
            None => Ok(()),
        };
    };
    text::replace(db, row::required(&published, "id")?, text).await
}

pub(super) async fn publish_words<S: Session>(
    db: &mut S,
    captures: &[(IndexedCapture, Text)],
) -> Result<(), CatalogError> {
    // In one order, so that no two transactions wait for each other.
    let mut captures: Vec<_> = captures.iter().collect();
    captures.sort_unstable_by_key(|(capture, _)| *capture.uid.as_bytes());
    for (capture, text) in captures {
        publish(db, capture, None, text).await?;
    }
    Ok(())
}

/// Another run removes what this one has written, once it is found itself.
async fn check_whole(db: &mut impl Session, written: &Written) -> Result<(), CatalogError> {
    let counted = sql("SELECT count(*) AS records FROM index_records WHERE run = $1");
    let counted = counted.bind(written.run.0).optional(db).await?;
    let there: u64 = counted.map_or(Ok(0), |counted| row::required(&counted, "records"))?;
    match there == written.records {
        true => Ok(()),
        false => Err(CatalogError::Unavailable(Box::new(CameBetween))),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the capture was indexed by another run meanwhile")]
struct CameBetween;

pub(super) async fn indexed(
    db: &mut impl Session,
    capture: Uid,
) -> Result<Option<Option<AnalysisId>>, CatalogError> {
    let found = sql("SELECT analysis FROM index_captures WHERE capture = $1");
    let Some(found) = found.bind(capture.as_bytes()).optional(db).await? else {
        return Ok(None);
    };
    let analysis = match found.bytes("analysis")? {
        Some(_) => Some(AnalysisId::from_bytes(row::bytes(&found, "analysis")?)),
        None => None,
    };
    Ok(Some(analysis))
}

pub(super) async fn forget<S: Session>(db: &mut S, captures: &[Uid]) -> Result<(), CatalogError> {
    // In one order, as when they are published.
    let mut captures: Vec<_> = captures.iter().map(Uid::as_bytes).collect();
    captures.sort_unstable();
    for capture in captures {
        let gone = sql("DELETE FROM index_captures WHERE capture = $1 RETURNING id");
        if let Some(gone) = gone.bind(capture).optional(db).await? {
            text::remove(db, row::required(&gone, "id")?).await?;
        }
    }
    Ok(())
}

pub(super) async fn is_whole(db: &mut impl Session) -> Result<bool, CatalogError> {
    let found = sql("SELECT is_whole FROM index_state").optional(db).await?;
    let whole: i64 = found.map_or(Ok(0), |found| row::required(&found, "is_whole"))?;
    Ok(whole != 0)
}

pub(super) async fn set_whole(db: &mut impl Session) -> Result<(), CatalogError> {
    sql("UPDATE index_state SET is_whole = 1")
        .execute(db)
        .await?;
    Ok(())
}
