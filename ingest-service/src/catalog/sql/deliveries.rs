//! Who has still to see which event.
//!
//! A turn locks the rows of its subscribers first, ordered by name: so two
//! services never give one event to a handler twice, nor hand one out twice.

use super::{
    super::{
        Attempt, Backlog, CatalogError, Delivery, Finished, InstanceId, Outcome, Subscriber, Turn,
        Turned,
    },
    events, instances, row,
    session::{Row, Session, sql},
};
use crate::domain::{
    event::{Position, kind},
    time::Timestamp,
};

/// Events that one turn gives to one handler at most: the next turn goes on.
const EVENTS_PER_TURN: u32 = 500;

pub(super) async fn turn<S: Session>(db: &mut S, turn: &Turn) -> Result<Turned, CatalogError> {
    let mut subscribers: Vec<&Subscriber> = turn.subscribers.iter().collect();
    subscribers.sort_unstable_by_key(|subscriber| subscriber.handler);
    let mut positions = Vec::with_capacity(subscribers.len());
    for subscriber in &subscribers {
        positions.push(lock(db, subscriber.handler).await?);
    }
    for finished in &turn.finished {
        finish(db, turn, finished).await?;
    }
    let mut turned = Turned::default();
    for (subscriber, position) in subscribers.into_iter().zip(positions) {
        turned.is_behind |= distribute(db, subscriber, position, turn.now).await?;
        if subscriber.room > 0 {
            claim(db, subscriber, turn, &mut turned.deliveries).await?;
        }
    }
    Ok(turned)
}

/// The position of a subscription, which stays locked.
pub(super) async fn lock<S: Session>(db: &mut S, handler: &str) -> Result<Position, CatalogError> {
    let locked = || {
        let found = sql("SELECT c.position FROM subscriptions c WHERE c.handler = $1");
        found.and(S::DIALECT.for_update).bind(handler.to_owned())
    };
    if let Some(found) = locked().optional(db).await? {
        return Ok(Position(row::required(&found, "position")?));
    }
    sql("INSERT INTO subscriptions (handler, position) VALUES ($1, 0) ON CONFLICT DO NOTHING")
        .bind(handler)
        .execute(&mut *db)
        .await?;
    match locked().optional(db).await? {
        Some(found) => Ok(Position(row::required(&found, "position")?)),
        None => Err(CatalogError::Inconsistent("a subscription is gone")),
    }
}

pub(super) async fn advance<S: Session>(
    db: &mut S,
    handler: &str,
    to: Position,
) -> Result<Position, CatalogError> {
    let position = lock(db, handler).await?;
    if to <= position {
        return Ok(position);
    }
    move_to(db, handler, to).await?;
    Ok(to)
}

async fn move_to(db: &mut impl Session, handler: &str, to: Position) -> Result<(), CatalogError> {
    sql("UPDATE subscriptions SET position = $1 WHERE handler = $2")
        .bind(to.0.cast_signed())
        .bind(handler)
        .execute(db)
        .await?;
    Ok(())
}

/// Only what this instance still holds: a lease that was lost is another's.
async fn finish(
    db: &mut impl Session,
    turn: &Turn,
    finished: &Finished,
) -> Result<(), CatalogError> {
    const HELD: &str = "WHERE handler = $1 AND position = $2 AND owner = $3 AND state = 2";
    let held = |text: String| {
        sql(text)
            .bind(finished.handler)
            .bind(finished.position.0.cast_signed())
            .bind(turn.instance.as_bytes())
    };
    let statement = match &finished.outcome {
        Outcome::Done => held(format!("DELETE FROM deliveries {HELD}")),
        Outcome::Again { at, history } => held(format!(
            "UPDATE deliveries SET state = 1, owner = NULL, due_us = $4, history = $5 {HELD}"
        ))
        .bind(at.0)
        .bind(encode(history)),
        Outcome::Dead { history } => held(format!(
            "UPDATE deliveries SET state = 3, owner = NULL, due_us = $4, history = $5 {HELD}"
        ))
        .bind(turn.now.0)
        .bind(encode(history)),
        Outcome::Released { at } => held(format!(
            "UPDATE deliveries SET state = 1, owner = NULL, due_us = $4, attempts = attempts - 1 {HELD}"
        ))
        .bind(at.0),
    };
    statement.execute(db).await?;
    Ok(())
}

/// Events behind its position become deliveries. True: there may be more.
async fn distribute(
    db: &mut impl Session,
    subscriber: &Subscriber,
    position: Position,
    now: Timestamp,
) -> Result<bool, CatalogError> {
    let found = sql(
        "SELECT e.position, e.kind, e.capture FROM events e WHERE e.position > $1 \
                     ORDER BY e.position LIMIT $2",
    )
    .bind(position.0.cast_signed())
    .bind(EVENTS_PER_TURN)
    .all(db)
    .await?;
    let Some(last) = found.last() else {
        return Ok(false);
    };
    let last = Position(row::required(last, "position")?);
    let mut rows = Vec::new();
    for event in &found {
        if subscriber
            .families
            .contains(&kind::family(event.text("kind")?))
        {
            let capture: [u8; 16] = row::bytes(event, "capture")?;
            rows.push((row::required::<i64>(event, "position")?, capture));
        }
    }
    if !rows.is_empty() {
        let rows = rows.iter().map(|(position, capture)| {
            [
                subscriber.handler.into(),
                (*position).into(),
                capture.into(),
                1_i64.into(),
                0_i64.into(),
                now.0.into(),
                "[]".into(),
            ]
        });
        sql(
            "INSERT INTO deliveries (handler, position, capture, state, attempts, due_us, history)",
        )
        .push_rows(rows)
        .execute(&mut *db)
        .await?;
    }
    move_to(db, subscriber.handler, last).await?;
    Ok(found.len() == EVENTS_PER_TURN as usize)
}

/// Those whose turn it is become this instance's.
async fn claim<S: Session>(
    db: &mut S,
    subscriber: &Subscriber,
    turn: &Turn,
    deliveries: &mut Vec<Delivery>,
) -> Result<(), CatalogError> {
    let mut due = sql(format!(
        "SELECT {}, c.attempts, c.history FROM deliveries c JOIN events e ON e.position = c.position \
         WHERE c.handler = $1 AND c.state <> 3 AND ((c.state = 1 AND c.due_us <= $2) \
         OR (c.state = 2 AND ({} OR (c.owner = $3",
        events::COLUMNS,
        instances::owner_is_gone::<S>(),
    ))
    .bind(subscriber.handler)
    .bind(turn.now.0)
    .bind(turn.instance.as_bytes());
    if !subscriber.held.is_empty() {
        let held = subscriber.held.iter().map(|held| held.0.cast_signed());
        due = due.push(" AND c.position NOT IN ").push_list(held);
    }
    let rows = due
        .push(
            ")))) AND NOT EXISTS (SELECT 1 FROM deliveries b WHERE b.handler = c.handler \
             AND b.capture = c.capture AND b.state <> 3 AND b.position < c.position) \
             ORDER BY c.position LIMIT ",
        )
        .push_bind(subscriber.room)
        .all(db)
        .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let begin = deliveries.len();
    for found in &rows {
        deliveries.push(Delivery {
            handler: subscriber.handler.to_owned(),
            event: events::read(found)?,
            attempt: row::required::<u32>(found, "attempts")?.saturating_add(1),
            history: decode(found.text("history")?),
        });
    }
    let positions = deliveries[begin..].iter();
    take(
        db,
        subscriber,
        turn.instance,
        positions.map(|d| d.event.position),
    )
    .await
}

async fn take(
    db: &mut impl Session,
    subscriber: &Subscriber,
    instance: InstanceId,
    positions: impl Iterator<Item = Position>,
) -> Result<(), CatalogError> {
    sql("UPDATE deliveries SET state = 2, owner = $1, attempts = attempts + 1 WHERE handler = $2 AND position IN ")
        .bind(instance.as_bytes())
        .bind(subscriber.handler)
        .push_list(positions.map(|position| position.0.cast_signed()))
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn backlog(db: &mut impl Session) -> Result<Vec<Backlog>, CatalogError> {
    let rows = sql(
        "SELECT s.handler, (SELECT c.last FROM event_clock c) - s.position AS ahead, \
         (SELECT e.at_us FROM events e WHERE e.position = coalesce(\
         (SELECT min(d.position) FROM deliveries d WHERE d.handler = s.handler AND d.state <> 3), \
         (SELECT min(n.position) FROM events n WHERE n.position > s.position))) AS oldest, \
         (SELECT count(*) FROM deliveries d WHERE d.handler = s.handler AND d.state <> 3) AS waiting, \
         (SELECT count(*) FROM deliveries d WHERE d.handler = s.handler AND d.state = 3) AS dead \
         FROM subscriptions s ORDER BY s.handler",
    )
    .all(db)
    .await?;
    rows.iter()
        .map(|found| {
            Ok(Backlog {
                handler: found.text("handler")?.to_owned(),
                ahead: row::required(found, "ahead")?,
                oldest: row::number(found, "oldest")?.map(Timestamp),
                waiting: row::required(found, "waiting")?,
                dead: row::required(found, "dead")?,
            })
        })
        .collect()
}

pub(super) fn encode(history: &[Attempt]) -> String {
    // Text and numbers: nothing that can fail.
    serde_json::to_string(history).unwrap_or_else(|_| "[]".to_owned())
}

/// What makes no sense is no reason not to deliver.
pub(super) fn decode(history: &str) -> Vec<Attempt> {
    serde_json::from_str(history).unwrap_or_default()
}
