//! Deliveries that were given up.

use super::{
    super::{CatalogError, DeadFate, DeadLetter, DeadPlace},
    deliveries, events, row,
    session::{Row, Session, Statement, sql},
};
use crate::domain::{
    event::{EventId, Position},
    time::Timestamp,
};

fn select<'a>() -> Statement<'a> {
    sql(format!(
        "SELECT {}, c.handler, c.attempts, c.due_us, c.history \
         FROM deliveries c JOIN events e ON e.position = c.position WHERE c.state = 3",
        events::COLUMNS
    ))
}

pub(super) async fn list(
    db: &mut impl Session,
    handler: Option<&str>,
    after: Option<&DeadPlace>,
    limit: u32,
) -> Result<Vec<DeadLetter>, CatalogError> {
    let mut rows = select();
    if let Some(handler) = handler {
        rows = rows.push(" AND c.handler = ").push_bind(handler);
    }
    if let Some(after) = after {
        rows = rows
            .push(" AND (c.position, c.handler) > ")
            .push("(")
            .push_bind(after.position.0.cast_signed())
            .push(", ")
            .push_bind(&*after.handler)
            .push(")");
    }
    let rows = rows
        .push(" ORDER BY c.position, c.handler LIMIT ")
        .push_bind(limit)
        .all(db)
        .await?;
    rows.iter().map(read).collect()
}

pub(super) async fn one(
    db: &mut impl Session,
    handler: &str,
    event: EventId,
) -> Result<Option<DeadLetter>, CatalogError> {
    let found = select().and(" AND c.handler = $1 AND e.id = $2");
    let found = found.bind(handler).bind(event.as_bytes()).optional(db);
    found.await?.as_ref().map(read).transpose()
}

fn read(found: &impl Row) -> Result<DeadLetter, CatalogError> {
    Ok(DeadLetter {
        handler: found.text("handler")?.to_owned(),
        event: events::read(found)?,
        attempts: row::required(found, "attempts")?,
        at: Timestamp(row::required(found, "due_us")?),
        history: deliveries::decode(found.text("history")?),
    })
}

pub(super) async fn settle(
    db: &mut impl Session,
    handler: &str,
    events: &[EventId],
    fate: DeadFate,
    now: Timestamp,
) -> Result<u64, CatalogError> {
    let statement = match fate {
        DeadFate::Redriven => sql(
            "UPDATE deliveries SET state = 1, attempts = 0, due_us = $2, \
             history = '[]' WHERE handler = $1 AND state = 3",
        )
        .bind(handler)
        .bind(now.0),
        DeadFate::Dropped => {
            sql("DELETE FROM deliveries WHERE handler = $1 AND state = 3").bind(handler)
        }
    };
    let statement = match events {
        [] => statement,
        events => statement
            .push(" AND position IN (SELECT position FROM events WHERE id IN ")
            .push_list(events.iter().map(EventId::as_bytes))
            .push(")"),
    };
    statement.execute(db).await
}

/// Up to `limit` of those that were given up before a time. False: there are none.
pub(super) async fn forget(
    db: &mut impl Session,
    before: Timestamp,
    limit: u32,
) -> Result<bool, CatalogError> {
    let old: Vec<(String, Position)> = sql(
        "SELECT c.handler, c.position FROM deliveries c WHERE c.state = 3 AND c.due_us < $1 LIMIT $2",
    )
    .bind(before.0)
    .bind(limit)
    .all(&mut *db)
    .await?
    .iter()
    .map(|found| {
        let position = Position(row::required(found, "position")?);
        Ok((found.text("handler")?.to_owned(), position))
    })
    .collect::<Result<_, CatalogError>>()?;
    for (handler, position) in &old {
        sql("DELETE FROM deliveries WHERE handler = $1 AND position = $2 AND state = 3")
            .bind(&**handler)
            .bind(position.0.cast_signed())
            .execute(&mut *db)
            .await?;
    }
    Ok(!old.is_empty())
}
