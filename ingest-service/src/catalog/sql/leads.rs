//! Which instance does what only one at a time may do: the owner of a
//! subscription, while it is alive.

use super::{
    super::{CatalogError, InstanceId},
    deliveries, instances, row,
    session::{Session, sql},
};
use crate::domain::event::Position;

pub(super) async fn lead<S: Session>(
    db: &mut S,
    handler: &str,
    instance: InstanceId,
    to: Position,
) -> Result<Option<Position>, CatalogError> {
    // A statement of its own: the next one sees what was committed before the lock.
    deliveries::lock(db, handler).await?;
    let led = sql(format!(
        "UPDATE subscriptions AS c SET owner = $1, \
         position = CASE WHEN c.position < $2 THEN $2 ELSE c.position END \
         WHERE c.handler = $3 AND (c.owner = $1 OR {}) RETURNING position",
        instances::owner_is_gone::<S>(),
    ))
    .bind(instance.as_bytes())
    .bind(to.0.cast_signed())
    .bind(handler)
    .optional(db)
    .await?;
    led.map(|led| row::required(&led, "position").map(Position))
        .transpose()
}

pub(super) async fn cede(
    db: &mut impl Session,
    handler: &str,
    instance: InstanceId,
) -> Result<(), CatalogError> {
    sql("UPDATE subscriptions SET owner = NULL WHERE handler = $1 AND owner = $2")
        .bind(handler)
        .bind(instance.as_bytes())
        .execute(db)
        .await?;
    Ok(())
}
