//! Background analyses: queued, claimed, recorded, and removed with their capture.
//!
//! Locks: the capture first, then its analyses by id, then segments.

mod previews;
mod queue;
mod results;
mod row;

use std::time::Duration;

use super::{
    super::{Active, AnalysisQuery, CatalogError, Claim, Lease, Recorded, Step},
    events, instances,
    row::required,
    session::{Session, Statement, sql},
};
use crate::domain::{
    analysis::{Analysis, AnalysisId, AnalysisState, End},
    event::NewEvent,
    id::Uid,
    time::Timestamp,
};

use row::Columns::{Bare, Listed, Whole};

pub(super) use previews::{find as preview, record as record_preview};
pub(super) use queue::queue;
pub(super) use results::parts;

pub(super) async fn by_id<S: Session>(
    db: &mut S,
    id: AnalysisId,
) -> Result<Option<Analysis>, CatalogError> {
    let found = row::select(Whole).and("WHERE c.id = $1");
    row::one(db, found.bind(id.as_bytes()), Whole).await
}

pub(super) async fn list<S: Session>(
    db: &mut S,
    query: &AnalysisQuery,
) -> Result<Vec<Analysis>, CatalogError> {
    let mut listed = row::select(Listed).push("WHERE c.state > 0");
    if let Some(after) = &query.after {
        listed = listed.push(" AND c.id < ").push_bind(after.as_bytes());
    }
    if let Some(capture) = &query.capture {
        listed = listed
            .push(" AND c.capture = ")
            .push_bind(capture.as_bytes());
    }
    if let Some(state) = query.state {
        listed = listed
            .push(" AND c.state = ")
            .push_bind(row::state_code(state));
    }
    let rows = listed
        .push(" ORDER BY c.id DESC LIMIT ")
        .push_bind(query.limit)
        .all(db)
        .await?;
    rows.iter().map(|found| row::read(found, Listed)).collect()
}

/// Of one that is over nothing changes.
pub(super) async fn cancel<S: Session>(
    db: &mut S,
    id: AnalysisId,
    now: Timestamp,
) -> Result<Option<Analysis>, CatalogError> {
    let found = row::select(Whole)
        .and("WHERE c.id = $1")
        .and(S::DIALECT.for_update);
    let Some(mut analysis) = row::one(db, found.bind(id.as_bytes()), Whole).await? else {
        return Ok(None);
    };
    if analysis.cancel(now) {
        row::update(db, &analysis, None).await?;
        events::append(db, &[told(&analysis)], now).await?;
    }
    Ok(Some(analysis))
}

/// Those that somebody else is about to claim are left to it.
pub(super) async fn claim<S: Session>(
    db: &mut S,
    wanted: &Claim,
    now: Timestamp,
) -> Result<Vec<Analysis>, CatalogError> {
    let rows = claimable::<S>(row::select(Bare), wanted)
        .push(" ORDER BY c.id LIMIT ")
        .push_bind(wanted.limit)
        .push(S::DIALECT.for_update_of_free)
        .all(db)
        .await?;
    let (mut begun, mut events) = (Vec::new(), Vec::new());
    for found in &rows {
        let mut analysis = row::read(found, Bare)?;
        analysis.claim(now);
        let is_running = analysis.state == AnalysisState::Running;
        row::update(db, &analysis, is_running.then_some(wanted.owner)).await?;
        events.push(told(&analysis));
        if is_running {
            begun.push(analysis);
        }
    }
    events::append(db, &events, now).await?;
    Ok(begun)
}

/// Of analyses `c`, what waits and may begin, or whose runner is gone.
fn claimable<'a, S: Session>(question: Statement<'a>, claim: &'a Claim) -> Statement<'a> {
    let (now, gone) = (S::DIALECT.now_us, instances::owner_is_gone::<S>());
    // The first term lets the index of the active ones be used.
    let mut question = question
        .push(&format!(
            "WHERE c.state < 3 AND ((c.state = 1 AND c.due_us <= {now}) \
             OR (c.state = 2 AND ({gone} OR (c.owner = "
        ))
        .push_bind(claim.owner.as_bytes());
    if !claim.running.is_empty() {
        question = question
            .push(" AND c.id NOT IN ")
            .push_list(claim.running.iter().map(AnalysisId::as_bytes));
    }
    question.push("))))")
}

pub(super) async fn active<S: Session>(db: &mut S, claim: &Claim) -> Result<Active, CatalogError> {
    let question = sql("SELECT count(*) FILTER (WHERE c.state = 1) AS queued, \
         count(*) FILTER (WHERE c.state = 2) AS running, \
         (SELECT count(*) FROM (SELECT 1 FROM analyses c ");
    let counted = claimable::<S>(question, claim)
        .push(" LIMIT 1) AS one) AS claimable FROM analyses c WHERE c.state < 3")
        .optional(db)
        .await?;
    let Some(counted) = counted else {
        return Ok(Active::default());
    };
    Ok(Active {
        queued: required(&counted, "queued")?,
        running: required(&counted, "running")?,
        claimable: required::<i64>(&counted, "claimable")? > 0,
    })
}

pub(super) async fn record<S: Session>(
    db: &mut S,
    lease: Lease,
    step: &Step,
    now: Timestamp,
) -> Result<Recorded, CatalogError> {
    let held = row::select(Bare)
        .and("WHERE c.id = $1 AND c.state = 2 AND c.owner = $2 AND c.attempts = $3")
        .and(S::DIALECT.for_update)
        .bind(lease.analysis.as_bytes())
        .bind(lease.owner.as_bytes())
        .bind(lease.attempt);
    let Some(mut analysis) = row::one(db, held, Bare).await? else {
        return Ok(Recorded::Lost);
    };
    if let Some(part) = &step.part {
        if part.first != analysis.records + 1 || part.last < part.first {
            return Err(CatalogError::Inconsistent("results with a gap"));
        }
        if !results::enter(db, lease.analysis, part, now).await? {
            return Ok(Recorded::Condemned);
        }
        analysis.stored(part);
    }
    row::update_found(db, lease.analysis, &step.found).await?;
    let Some(end) = step.end.clone() else {
        if step.part.is_some() {
            row::update(db, &analysis, Some(lease.owner)).await?;
        }
        return Ok(Recorded::Recorded);
    };
    let pause = match end {
        End::Again { after, .. } | End::Full { after, .. } => after,
        End::Succeeded | End::Failed(_) | End::Released => Duration::ZERO,
    };
    analysis.end(end, now);
    row::update(db, &analysis, None).await?;
    if !analysis.state.is_over() {
        row::postpone(db, lease.analysis, pause).await?;
    }
    events::append(db, &[told(&analysis)], now).await?;
    Ok(Recorded::Recorded)
}

/// With their capture, whose row is locked. What is to be told of it: those that
/// were not over have come to an end.
pub(super) async fn remove_of<S: Session>(
    db: &mut S,
    capture: Uid,
    now: Timestamp,
) -> Result<Vec<NewEvent>, CatalogError> {
    let rows = row::select(Bare)
        .and("WHERE c.capture = $1 ORDER BY c.id")
        .and(S::DIALECT.for_update)
        .bind(capture.as_bytes())
        .all(db)
        .await?;
    let mut events = Vec::new();
    for found in &rows {
        let mut analysis = row::read(found, Bare)?;
        if analysis.cancel(now) {
            events.push(told(&analysis));
        }
        results::condemn_all(db, analysis.id, now).await?;
    }
    sql("DELETE FROM analyses WHERE capture = $1")
        .bind(capture.as_bytes())
        .execute(db)
        .await?;
    Ok(events)
}

/// The event of what it has come to.
fn told(analysis: &Analysis) -> NewEvent {
    let current = weir_shared::traceparent::current();
    NewEvent {
        fact: analysis.fact(),
        capture: analysis.capture,
        capture_id: analysis.capture_id.clone(),
        traceparent: current.or_else(|| analysis.traceparent.clone()),
    }
}
