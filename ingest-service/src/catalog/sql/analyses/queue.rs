//! Analyses are asked for.

use super::{
    super::{
        super::{CatalogError, QueueLimits, Queued},
        events,
        row::{self as captures, required},
        session::{Session, sql},
    },
    row::{self, Columns::Whole},
    told,
};
use crate::domain::{
    analysis::{Analysis, AnalysisId, AnalysisState, Found, NewAnalysis},
    capture::{Capture, State},
    id::Uid,
    time::Timestamp,
};

/// The capture's lock makes two requests for the same capture wait for each
/// other; those of one id for several meet at the index of ids.
pub(in crate::catalog::sql) async fn queue<S: Session>(
    db: &mut S,
    new: &NewAnalysis,
    limits: QueueLimits,
    now: Timestamp,
) -> Result<Queued, CatalogError> {
    let locked = captures::lock_by_id(db, &new.capture_id).await?;
    let Some(capture) = locked.filter(|c| new.capture.is_none_or(|uid| uid == c.uid)) else {
        return Ok(Queued::CaptureUnknown);
    };
    match capture.state {
        State::Sealed => {}
        State::Receiving | State::Sealing => return Ok(Queued::CaptureNotSealed),
    }
    if let Some(there) = requested_before(db, &capture, new).await? {
        return Ok(there);
    }
    if waiting(db, limits.waiting_max).await? >= limits.waiting_max {
        return Ok(Queued::TooManyWait);
    }
    let kept_max = limits.of_capture_max;
    if of_capture(db, capture.uid, kept_max).await? >= kept_max {
        return Ok(Queued::TooManyOfCapture);
    }
    let analysis = begin(&capture, new, now);
    if !row::insert(db, &analysis).await? {
        return match requested_before(db, &capture, new).await? {
            Some(there) => Ok(there),
            None => Err(CatalogError::Unavailable(Box::new(IdTaken))),
        };
    }
    events::append(db, &[told(&analysis)], now).await?;
    Ok(Queued::New(Box::new(analysis)))
}

#[derive(Debug, thiserror::Error)]
#[error("the request's id was taken and freed at once")]
struct IdTaken;

async fn requested_before<S: Session>(
    db: &mut S,
    capture: &Capture,
    new: &NewAnalysis,
) -> Result<Option<Queued>, CatalogError> {
    let Some(request_id) = &new.request_id else {
        return Ok(None);
    };
    let found = row::select(Whole).and("WHERE c.request_id = $1 AND c.request_id <> ''");
    let Some(there) = row::one(db, found.bind(&**request_id), Whole).await? else {
        return Ok(None);
    };
    Ok(Some(match there.is_asked_for(capture.uid, new) {
        Ok(()) => Queued::There(Box::new(there)),
        Err(differs) => Queued::Differs(differs),
    }))
}

/// Those that wait: how many there are, or `max` when there are more.
async fn waiting(db: &mut impl Session, max: u32) -> Result<u32, CatalogError> {
    // The second term lets the index of the active ones be used.
    let counted = sql("SELECT count(*) AS analyses FROM \
         (SELECT 1 FROM analyses WHERE state = 1 AND state < 3 LIMIT $1) AS waiting");
    let counted = counted.bind(max).optional(db).await?;
    counted.map_or(Ok(0), |counted| required(&counted, "analyses"))
}

/// The same of those of a capture.
async fn of_capture(db: &mut impl Session, uid: Uid, max: u32) -> Result<u32, CatalogError> {
    let counted = sql("SELECT count(*) AS analyses FROM \
         (SELECT 1 FROM analyses WHERE capture = $1 LIMIT $2) AS of_capture");
    let counted = counted.bind(uid.as_bytes()).bind(max).optional(db).await?;
    counted.map_or(Ok(0), |counted| required(&counted, "analyses"))
}

fn begin(capture: &Capture, new: &NewAnalysis, now: Timestamp) -> Analysis {
    Analysis {
        id: AnalysisId::generate(),
        capture: capture.uid,
        capture_id: capture.id.clone(),
        labels: capture.labels.clone(),
        request_id: new.request_id.clone(),
        options: new.options.clone(),
        max_duration: new.max_duration,
        state: AnalysisState::Queued,
        attempts: 0,
        failures: 0,
        records: 0,
        parts: 0,
        failure: None,
        created: now,
        started: None,
        ended: None,
        traceparent: weir_shared::traceparent::current(),
        found: Found::default(),
    }
}
