//! The log of events: written with the changes that they tell of.

use super::{
    super::{CatalogError, EventPage},
    row,
    session::{Row, Session, sql},
};
use crate::domain::{
    capture::{Capture, State},
    event::{CaptureFacts, Event, EventId, Fact, NewEvent, Position},
    id::CaptureId,
    time::Timestamp,
};

/// Rows in one INSERT: eight values each stay below what both databases take.
const ROWS_PER_INSERT: usize = 1_000;

/// Writes what a transaction has done. It must be the last thing that the
/// transaction does: from here on no other can write events until it is over,
/// which is what keeps positions in the order of commits. Nothing that is locked
/// after it could be waited for by somebody who holds it.
pub(super) async fn append(
    db: &mut impl Session,
    events: &[NewEvent],
    now: Timestamp,
) -> Result<(), CatalogError> {
    if events.is_empty() {
        return Ok(());
    }
    let count = u32::try_from(events.len())
        .map_err(|_| CatalogError::Inconsistent("more events than a transaction can have"))?;
    let taken = sql("UPDATE event_clock SET last = last + $1 RETURNING last").bind(count);
    let Some(taken) = taken.optional(db).await? else {
        return Err(CatalogError::Inconsistent("the clock of events is missing"));
    };
    let last: u64 = row::required(&taken, "last")?;
    let first = last - u64::from(count) + 1;
    let ids: Vec<EventId> = events.iter().map(|_| EventId::generate()).collect();
    let rows: Vec<_> = events.iter().zip(&ids).zip(first..).collect();
    for rows in rows.chunks(ROWS_PER_INSERT) {
        let rows = rows.iter().map(|((event, id), position)| {
            [
                position.cast_signed().into(),
                id.as_bytes().into(),
                event.fact.kind().into(),
                event.capture.as_bytes().into(),
                event.capture_id.as_str().into(),
                now.0.into(),
                event.traceparent.as_deref().unwrap_or("").into(),
                event.fact.encode().into(),
            ]
        });
        sql("INSERT INTO events (position, id, kind, capture, capture_id, at_us, traceparent, data)")
            .push_rows(rows)
            .execute(db)
            .await?;
    }
    Ok(())
}

/// What is to be told of a capture that was in the state `before`, or was not there.
pub(super) fn of_capture(before: Option<State>, capture: &Capture) -> Vec<NewEvent> {
    let mut events = Vec::new();
    if before.is_none() {
        events.push(about(capture, Fact::CaptureCreated));
    }
    if before != Some(State::Sealed) && capture.state == State::Sealed {
        events.push(about(capture, Fact::CaptureSealed));
    }
    events
}

/// An event of the current call.
pub(super) fn about(capture: &Capture, fact: impl Fn(CaptureFacts) -> Fact) -> NewEvent {
    NewEvent {
        fact: fact(CaptureFacts::of(capture)),
        capture: capture.uid,
        capture_id: capture.id.clone(),
        traceparent: weir_shared::traceparent::current(),
    }
}

pub(super) const COLUMNS: &str =
    "e.position, e.id, e.kind, e.capture, e.capture_id, e.at_us, e.traceparent, e.data";

/// Up to `limit` events after a position, in order.
pub(super) async fn after(
    db: &mut impl Session,
    after: Position,
    limit: u32,
) -> Result<EventPage, CatalogError> {
    let rows = sql(format!(
        "SELECT {COLUMNS} FROM events e WHERE e.position > $1 ORDER BY e.position LIMIT $2"
    ));
    let rows = rows.bind(after.0.cast_signed()).bind(limit).all(db).await?;
    let events: Result<Vec<Event>, CatalogError> = rows.iter().map(read).collect();
    let events = events?;
    // Asked for after the events: what was forgotten meanwhile is told as well.
    let span = sql(
        "SELECT c.last, coalesce((SELECT min(position) FROM events), c.last + 1) AS oldest \
                    FROM event_clock c",
    );
    let Some(span) = span.optional(db).await? else {
        return Err(CatalogError::Inconsistent("the clock of events is missing"));
    };
    Ok(EventPage {
        events,
        oldest: Position(row::required(&span, "oldest")?),
        last: Position(row::required(&span, "last")?),
    })
}

pub(super) async fn by_id(
    db: &mut impl Session,
    id: EventId,
) -> Result<Option<Event>, CatalogError> {
    let found = sql(format!("SELECT {COLUMNS} FROM events e WHERE e.id = $1"));
    let found = found.bind(id.as_bytes()).optional(db).await?;
    found.as_ref().map(read).transpose()
}

pub(super) fn read(row: &impl Row) -> Result<Event, CatalogError> {
    let capture_id: CaptureId = row
        .text("capture_id")?
        .parse()
        .map_err(|_| CatalogError::Inconsistent("capture id"))?;
    let traceparent = row.text("traceparent")?;
    Ok(Event {
        position: Position(row::required(row, "position")?),
        id: EventId::from_bytes(row::bytes(row, "id")?),
        kind: row.text("kind")?.to_owned(),
        capture: row::uid(row, "capture")?,
        capture_id,
        at: Timestamp(row::required(row, "at_us")?),
        traceparent: (!traceparent.is_empty()).then(|| traceparent.to_owned()),
        data: row.text("data")?.to_owned(),
    })
}

/// Forgets up to `limit` events of before a time that none of these handlers
/// has still to see. False: there are none.
pub(super) async fn forget(
    db: &mut impl Session,
    before: Timestamp,
    handlers: &[&str],
    limit: u32,
) -> Result<bool, CatalogError> {
    let mut behind = sql(
        "DELETE FROM events WHERE position IN (SELECT e.position FROM events e \
         WHERE e.at_us < $1 \
         AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.position = e.position)",
    )
    .bind(before.0);
    if !handlers.is_empty() {
        behind = behind
            .push(
                " AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.position < e.position \
                 AND s.handler IN ",
            )
            .push_list(handlers.iter().copied())
            .push(")");
    }
    let done = behind
        .push(" ORDER BY e.position LIMIT ")
        .push_bind(limit)
        .push(")")
        .execute(db)
        .await?;
    Ok(done > 0)
}
