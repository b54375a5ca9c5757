//! An analysis' row, read and written.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use super::super::{
    super::{CatalogError, InstanceId},
    row::{bytes, number, required, uid},
    session::{Row, Session, Statement, sql},
};
use crate::domain::{
    analysis::{Analysis, AnalysisId, AnalysisState, Failure, Found},
    time::Timestamp,
};

/// How much of it is read: what it has told may be large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// Without what it has told.
    Bare,
    /// Without the summary.
    Listed,
    Whole,
}

/// Of table `analyses`, as `c`.
pub(super) fn select<'a>(columns: Columns) -> Statement<'a> {
    let found = match columns {
        Columns::Bare => "",
        Columns::Listed => ", c.capture_info, c.progress",
        Columns::Whole => ", c.capture_info, c.progress, c.summary",
    };
    sql(format!(
        "SELECT c.id, c.request_id, c.capture, c.capture_id, c.labels, c.options, \
         c.max_duration_us, c.state, c.attempts, c.failures, c.records, c.parts, \
         c.failure_reason, c.failure_message, c.created_us, c.started_us, c.ended_us, \
         c.traceparent{found} FROM analyses c "
    ))
}

pub(super) async fn one<S: Session>(
    db: &mut S,
    question: Statement<'_>,
    columns: Columns,
) -> Result<Option<Analysis>, CatalogError> {
    let found = question.optional(db).await?;
    found.map(|found| read(&found, columns)).transpose()
}

pub(super) fn read(row: &impl Row, columns: Columns) -> Result<Analysis, CatalogError> {
    let labels: BTreeMap<String, String> = serde_json::from_str(row.text("labels")?)
        .map_err(|_| CatalogError::Inconsistent("labels"))?;
    let capture_id = row.text("capture_id")?.parse();
    Ok(Analysis {
        id: AnalysisId::from_bytes(bytes(row, "id")?),
        capture: uid(row, "capture")?,
        capture_id: capture_id.map_err(|_| CatalogError::Inconsistent("capture id"))?,
        labels,
        request_id: filled(row, "request_id")?,
        options: message(row, "options")?.unwrap_or_default(),
        max_duration: number(row, "max_duration_us")?.map(Duration::from_micros),
        state: state(required(row, "state")?)?,
        attempts: required(row, "attempts")?,
        failures: required(row, "failures")?,
        records: required(row, "records")?,
        parts: required(row, "parts")?,
        failure: match filled(row, "failure_reason")? {
            None => None,
            Some(reason) => Some(Failure {
                reason,
                message: row.text("failure_message")?.to_owned(),
            }),
        },
        created: Timestamp(required(row, "created_us")?),
        started: number(row, "started_us")?.map(Timestamp),
        ended: number(row, "ended_us")?.map(Timestamp),
        traceparent: filled(row, "traceparent")?,
        found: found(row, columns)?,
    })
}

fn found(row: &impl Row, columns: Columns) -> Result<Found, CatalogError> {
    if columns == Columns::Bare {
        return Ok(Found::default());
    }
    Ok(Found {
        capture_info: message(row, "capture_info")?,
        progress: message(row, "progress")?,
        summary: match columns {
            Columns::Whole => message(row, "summary")?,
            Columns::Bare | Columns::Listed => None,
        },
    })
}

fn message(row: &impl Row, column: &str) -> Result<Option<Bytes>, CatalogError> {
    Ok(row.bytes(column)?.map(Bytes::copy_from_slice))
}

fn filled(row: &impl Row, column: &str) -> Result<Option<String>, CatalogError> {
    let text = row.text(column)?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// False when somebody else has just taken the request's id.
pub(super) async fn insert(db: &mut impl Session, a: &Analysis) -> Result<bool, CatalogError> {
    // Text and maps with keys of text: nothing that can fail.
    let labels = serde_json::to_string(&a.labels).unwrap_or_default();
    let done = sql(
        "INSERT INTO analyses (id, request_id, capture, capture_id, labels, options, \
         max_duration_us, state, attempts, failures, due_us, records, parts, failure_reason, \
         failure_message, created_us, traceparent) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, 0, 0, '', '', $9, $10) \
         ON CONFLICT DO NOTHING",
    )
    .bind(a.id.as_bytes())
    .bind(a.request_id.as_deref().unwrap_or(""))
    .bind(a.capture.as_bytes())
    .bind(a.capture_id.as_str())
    .bind(labels)
    .bind(&*a.options)
    .bind(a.max_duration.map(micros))
    .bind(state_code(a.state))
    .bind(a.created.0)
    .bind(a.traceparent.as_deref().unwrap_or(""))
    .execute(db)
    .await?;
    Ok(done == 1)
}

/// Writes all that changes but for what it has told. Its owner: who runs it now.
pub(super) async fn update(
    db: &mut impl Session,
    a: &Analysis,
    owner: Option<InstanceId>,
) -> Result<(), CatalogError> {
    let failure = a.failure.as_ref();
    let done = sql(
        "UPDATE analyses SET state = $1, owner = $2, attempts = $3, failures = $4, \
         records = $5, parts = $6, failure_reason = $7, failure_message = $8, started_us = $9, \
         ended_us = $10 WHERE id = $11",
    )
    .bind(state_code(a.state))
    .bind(owner.as_ref().map(InstanceId::as_bytes))
    .bind(a.attempts)
    .bind(a.failures)
    .bind(a.records.cast_signed())
    .bind(a.parts)
    .bind(failure.map_or("", |failure| &failure.reason))
    .bind(failure.map_or("", |failure| &failure.message))
    .bind(a.started.map(|at| at.0))
    .bind(a.ended.map(|at| at.0))
    .bind(a.id.as_bytes())
    .execute(db)
    .await?;
    if done != 1 {
        return Err(CatalogError::Inconsistent("a locked analysis is gone"));
    }
    Ok(())
}

/// Writes what it has told since.
pub(super) async fn update_found(
    db: &mut impl Session,
    id: AnalysisId,
    found: &Found,
) -> Result<(), CatalogError> {
    if *found == Found::default() {
        return Ok(());
    }
    sql(
        "UPDATE analyses SET capture_info = coalesce($1, capture_info), \
         progress = coalesce($2, progress), summary = coalesce($3, summary) WHERE id = $4",
    )
    .bind(found.capture_info.as_deref())
    .bind(found.progress.as_deref())
    .bind(found.summary.as_deref())
    .bind(id.as_bytes())
    .execute(db)
    .await?;
    Ok(())
}

/// A queued one does not begin before so long from now on.
pub(super) async fn postpone<S: Session>(
    db: &mut S,
    id: AnalysisId,
    pause: Duration,
) -> Result<(), CatalogError> {
    let now = S::DIALECT.now_us;
    sql(format!(
        "UPDATE analyses SET due_us = {now} + $1 WHERE id = $2"
    ))
    .bind(micros(pause))
    .bind(id.as_bytes())
    .execute(db)
    .await?;
    Ok(())
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn state_code(state: AnalysisState) -> i64 {
    match state {
        AnalysisState::Queued => 1,
        AnalysisState::Running => 2,
        AnalysisState::Succeeded => 3,
        AnalysisState::Failed => 4,
        AnalysisState::Cancelled => 5,
    }
}

fn state(code: i64) -> Result<AnalysisState, CatalogError> {
    match code {
        1 => Ok(AnalysisState::Queued),
        2 => Ok(AnalysisState::Running),
        3 => Ok(AnalysisState::Succeeded),
        4 => Ok(AnalysisState::Failed),
        5 => Ok(AnalysisState::Cancelled),
        _ => Err(CatalogError::Inconsistent("state of an analysis")),
    }
}
